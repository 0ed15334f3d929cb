"""The forms of the prompt pages: heat maps of differences, levels beside each other, and strips of single wordings.

Differences are blue where they speak for the row (or the set in the column) and orange where against it, as deep as
they are large; what cannot be told from no difference is pale, whatever its size, and what is clear has a frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from vlmeval.report.charts.base import ACCENT, DASH, INK, LINE, MUTED, NAME_OF, PAPER, Spec, finish, inline, rounded
from vlmeval.report.charts.forest import fine_ticks
from vlmeval.report.charts.shots import COLOURS, KEYS, SHAPES
from vlmeval.report.lookup import View
from vlmeval.report.text import interval, number, signed

HEAT_ROW, STRIP_ROW, LEVEL_ROW, LEVEL_GAP = 28, 34, 13, 12
FOR, AGAINST = "var(--v0)", "var(--v1)"
FAINT, DEEP = 0.1, (0.12, 0.43)
"""How deep the fill is at most: no deeper than what text in the page's ink is read on, light or dark."""


class Field(NamedTuple):
    """One cell of a heat map: a difference, whether it is clear, what its tooltip says."""

    row: int
    column: int
    value: float | None
    clear: bool
    told: str


def heat(rows: Sequence[str], columns: Sequence[str], fields: Sequence[Field], *, lower: bool = False) -> Spec:
    """Return a heat map of differences; ``lower``: lower is better."""
    import altair as alt

    largest = max((abs(f.value) for f in fields if f.value is not None), default=0.0) or 1.0
    values = [_heat_row(f, largest) for f in fields]
    places = [str(i) for i in range(max(len(rows), len(columns)))]
    names = [*rows, *columns]
    x_name = f"names[toNumber(datum.value) + {len(rows)}]"
    y = alt.Y("r:N", scale=alt.Scale(domain=places[: len(rows)]), sort=None, title=None)
    y = y.axis(domain=False, ticks=False, grid=False, labelExpr=NAME_OF)
    x = alt.X("c:N", scale=alt.Scale(domain=places[: len(columns)]), sort=None, title=None)
    x = x.axis(domain=False, ticks=False, grid=False, orient="top", labelExpr=x_name, labelAngle=-40, labelLimit=190)
    base = alt.Chart(inline(values)).encode(x=x, y=y, tooltip="t:N")
    colour = alt.condition("datum.d > 0" if lower else "datum.d < 0", alt.value(AGAINST), alt.value(FOR))
    depth = alt.FillOpacity("o:Q", scale=alt.Scale(domain=[0, 1], range=[0, 1]), legend=None)
    frame = alt.condition("datum.m", alt.value(INK), alt.value(LINE))
    ink = alt.condition("datum.m", alt.value(INK), alt.value(MUTED))
    layers = [
        base.mark_rect(strokeWidth=1, cornerRadius=1).encode(fill=colour, fillOpacity=depth, stroke=frame),
        base.mark_text(fontSize=11).encode(text="s:N", color=ink),
    ]
    spec = finish(alt.layer(*layers).properties(height=alt.Step(HEAT_ROW)), steps=True, names=names)
    return spec | {"padding": {"left": 2, "top": 2, "bottom": 2, "right": 80}}


def _heat_row(field: Field, largest: float) -> Spec:
    if field.value is None:
        return {"r": str(field.row), "c": str(field.column), "d": 0, "o": 0, "m": False, "s": "–", "t": field.told}
    share = math.sqrt(abs(field.value) / largest)  # small differences are seen beside a very large one
    depth = DEEP[0] + DEEP[1] * share if field.clear else FAINT * share
    return {
        "r": str(field.row), "c": str(field.column), "d": rounded(field.value), "m": field.clear,
        "o": rounded(depth), "s": signed(field.value), "t": field.told,
    }  # fmt: skip


class Mark(NamedTuple):
    """One point of ``dodged``: its row, its level's place, a difference, and whether it is clear."""

    row: int
    level: int
    cell: View
    clear: bool


def dodged(rows: Sequence[str], levels: Sequence[str], marks: Sequence[Mark], title: str) -> Spec:
    """Return differences with intervals, the levels of a group below each other in every row, told by colour and form.

    At most as many levels as there are keys (`KEYS`). Solid: clear.
    """
    import altair as alt

    values: list[Spec] = [
        {
            "k": str(m.row), "l": str(m.level), "v": rounded(m.cell["value"]), "h": not m.clear,
            "lo": rounded(_or(m.cell["low"], m.cell["value"])), "hi": rounded(_or(m.cell["high"], m.cell["value"])),
            "t": f"{levels[m.level]}: {signed(m.cell['value'])} ({interval(m.cell).partition('(')[2] or ')'}",
        }
        for m in marks
    ]  # fmt: skip
    ticks, digits = fine_ticks([0.0, *(v[key] for v in values for key in ("lo", "hi"))])
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], nice=False)

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", title=title, scale=scale).axis(values=ticks, format=f".{digits}f", labelFlush=False)

    keys = KEYS[: len(levels)]
    y = alt.Y(
        "k:N", scale=alt.Scale(domain=[str(i) for i in range(len(rows))], paddingInner=0.3), sort=None, title=None
    )
    y = y.axis(domain=False, ticks=False, grid=False, labelExpr=NAME_OF, minExtent=90)
    base = alt.Chart(inline(values)).encode(y=y, yOffset=alt.YOffset("l:N", scale=alt.Scale(domain=keys), sort=None))
    colours = alt.Scale(domain=KEYS, range=COLOURS)
    stroke = alt.Stroke("l:N", scale=colours, legend=None)
    fill = alt.condition("datum.h", alt.value(PAPER), alt.Fill("l:N", scale=colours, legend=None))
    shape = alt.Shape("l:N", scale=alt.Scale(domain=KEYS, range=SHAPES), legend=None)
    zero = alt.Chart(inline([{"c": 0}])).mark_rule(color=MUTED, strokeDash=DASH, strokeWidth=1.5).encode(x=x("c"))
    layers = [
        zero,
        base.mark_rule(strokeWidth=2, opacity=0.8).encode(x=x("lo"), x2="hi:Q", stroke=stroke),
        base.mark_point(size=50, strokeWidth=1.8, opacity=1)
        .encode(x=x("v"), stroke=stroke, fill=fill, shape=shape, tooltip="t:N"),
    ]  # fmt: skip
    step = alt.Step(dodged_row(len(levels)), **{"for": "position"})
    return finish(alt.layer(*layers).properties(height=step), steps=True, names=rows)


def dodged_row(levels: int) -> int:
    """Return the height of a row with so many levels."""
    return LEVEL_ROW * levels + LEVEL_GAP


class Strip(NamedTuple):
    """One row of ``strips``: single wordings as (label, value), their median, and the value of the whole set."""

    singles: Sequence[tuple[str, float]]
    median: float | None
    whole: float | None


def strips(rows: Sequence[str], found: Sequence[Strip], title: str, chance: float | None = None) -> Spec:
    """Return strips of points: a faint one a wording, a bar at the median, a diamond where the whole set lies."""
    import altair as alt

    thin = [strip.singles for strip in found]
    points: list[Spec] = [
        {"k": str(i), "v": rounded(v), "t": f"{label}: {number(v)}" if label else number(v)}
        for i, own in enumerate(thin)
        for label, v in own
    ]
    ends = [
        {"k": str(i), "v": rounded(min(v for _, v in own)), "w": rounded(max(v for _, v in own))}
        for i, own in enumerate(thin)
        if own
    ]
    medians: list[Spec] = [
        {"k": str(i), "v": rounded(s.median), "t": f"{rows[i]}: median {number(s.median)}"}
        for i, s in enumerate(found)
        if s.median is not None
    ]
    wholes: list[Spec] = [
        {"k": str(i), "v": rounded(s.whole), "t": f"{rows[i]}: all together {number(s.whole)}"}
        for i, s in enumerate(found) if s.whole is not None
    ]  # fmt: skip
    held = [p["v"] for p in (*points, *medians, *wholes)] or [0.0, 1.0]
    near = chance is not None and min(held) - 0.25 <= chance
    ticks, digits = fine_ticks([*held, *([chance] if near and chance is not None else [])])
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], nice=False)
    x = alt.X("v:Q", title=title, scale=scale).axis(values=ticks, format=f".{digits}f", labelFlush=False)
    y = alt.Y("k:N", scale=alt.Scale(domain=[str(i) for i in range(len(rows))]), sort=None, title=None)
    y = y.axis(domain=False, ticks=False, grid=False, labelExpr=NAME_OF, minExtent=90)

    def base(values: Sequence[Spec]) -> Any:
        return alt.Chart(inline(values)).encode(y=y, x=x)

    layers: list[Any] = []
    if near and chance is not None:
        line = alt.Chart(inline([{"v": rounded(chance)}])).mark_rule(color=MUTED, strokeDash=DASH, strokeWidth=1.5)
        layers.append(line.encode(x=x))
    layers += [
        base(ends).mark_rule(color=LINE, strokeWidth=6).encode(x2="w:Q"),
        base(points).mark_point(size=42, filled=True, color=ACCENT, opacity=0.38).encode(tooltip="t:N"),
        base(medians).mark_tick(color=INK, thickness=2.5, size=17).encode(tooltip="t:N"),
        base(wholes).mark_point(size=110, shape="diamond", fill=AGAINST, stroke=PAPER, strokeWidth=1, opacity=1)
        .encode(tooltip="t:N"),
    ]  # fmt: skip
    return finish(alt.layer(*layers).properties(height=alt.Step(STRIP_ROW)), steps=True, names=rows)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
