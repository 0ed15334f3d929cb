"""All methods on one axis: a line a method, then a line a number of shots with every few-shot method on it.

Zero-shot's interval is a band through all of them, so that what is better or worse is seen at a glance. Rows have
heights of their own (a line of four few-shot methods needs more room), so y is in pixels and the axis names places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from vlmeval.report.charts.base import ACCENT, DASH, INK, MUTED, PAPER, Spec, distinct, finish, inline, rounded
from vlmeval.report.charts.forest import Item, fine_ticks
from vlmeval.report.charts.shots import COLOURS, KEYS, SHAPES
from vlmeval.report.lookup import View
from vlmeval.report.text import interval

ROW, STEP, ROOM, AXIS = 22, 9, 9, 46
NAMES_AT: Final = "names[indexof(places, datum.value)]"


class Dot(NamedTuple):
    """One few-shot method on a line: its key, the words of its tooltip, its cell."""

    key: int
    title: str
    cell: View


class Line(NamedTuple):
    """One line of few-shot methods: its label and what stands on it."""

    label: str
    dots: Sequence[Dot]


def panel(items: Sequence[Item], lines: Sequence[Line], title: str, band: View | None, chance: float | None) -> Spec:
    """Return the chart with its height; methods without a value keep their line."""
    import altair as alt

    names = distinct([item.label for item in items] + [line.label for line in lines])
    places, values, height = _placed(items, lines, names)
    held = [v[key] for v in values for key in ("lo", "hi")] + [v for v in (_low(band), _high(band)) if v is not None]
    near = chance is not None and bool(held) and min(held) - 0.25 <= chance
    ticks, digits = fine_ticks([*held, *([chance] if near and chance is not None else [])] or [0.0, 1.0])
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], nice=False)

    def x(field: str) -> Any:
        return alt.X(f"{field}:Q", title=title, scale=scale).axis(values=ticks, format=f".{digits}f", labelFlush=False)

    y = alt.Y("y:Q", title=None, scale=alt.Scale(domain=[height, 0], nice=False, zero=False))
    y = y.axis(
        values=places, labelExpr=NAMES_AT, domain=False, ticks=False, grid=False, minExtent=90, labelOverlap=False
    )
    base = alt.Chart(inline(values)).encode(y=y)
    colour = alt.Stroke("k:N", scale=alt.Scale(domain=["m", *KEYS], range=[ACCENT, *COLOURS]), legend=None)
    shape = alt.Shape("k:N", scale=alt.Scale(domain=["m", *KEYS], range=["circle", *SHAPES]), legend=None)
    fill = alt.condition("datum.h", alt.value(PAPER), alt.value(ACCENT))
    points = base.mark_point(size=58, strokeWidth=2, opacity=1)
    layers = _levels(x, band, chance if near else None)
    layers.append(base.mark_rule(strokeWidth=2, opacity=0.85).encode(x=x("lo"), x2="hi:Q", stroke=colour))
    layers.append(points.encode(x=x("v"), stroke=colour, shape=shape, fill=fill, tooltip="t:N"))
    silent = [{"y": places[i], "s": "too few to say"} for i, item in enumerate(items) if not _has(item.cell)]
    if silent:
        text = alt.Chart(inline(silent)).mark_text(align="left", color=MUTED, fontStyle="italic", fontSize=11)
        layers.append(text.encode(y=y, x=alt.value(8), text="s:N"))
    spec = finish(alt.layer(*layers).properties(height=height), steps=True, names=names)
    spec["params"].append({"name": "places", "value": places})
    return {"height": height + AXIS, "spec": spec}


def _levels(x: Any, band: View | None, chance: float | None) -> list[Any]:
    """Return zero-shot's band with its line, and the dashed line at guessing."""
    import altair as alt

    layers: list[Any] = []
    low, high = _low(band), _high(band)
    if band is not None and low is not None and high is not None:
        held = alt.Chart(inline([{"lo": low, "hi": high}])).mark_rect(fill=MUTED, opacity=0.13)
        layers.append(held.encode(x=x("lo"), x2="hi:Q"))
    if band is not None and band["value"] is not None:
        level = alt.Chart(inline([{"v": rounded(band["value"])}])).mark_rule(color=INK, strokeWidth=1, opacity=0.5)
        layers.append(level.encode(x=x("v")))
    if chance is not None:
        rule = alt.Chart(inline([{"v": rounded(chance)}])).mark_rule(color=MUTED, strokeDash=DASH, strokeWidth=1.5)
        layers.append(rule.encode(x=x("v")))
    return layers


def _placed(items: Sequence[Item], lines: Sequence[Line], names: Sequence[str]) -> tuple[list[float], list[Spec], int]:
    """Return where each name stands, the marks, and the height of all of it."""
    places, values, top = [], [], 0.0
    for name, item in zip(names, items, strict=False):
        places.append(top + ROW / 2)
        if item.cell is not None and item.cell["value"] is not None:
            values.append(_mark("m", places[-1], item.cell, f"{name}: {interval(item.cell)}", hollow=item.hollow))
        top += ROW
    for line in lines:
        tall = max(ROW, STEP * len(line.dots) + ROOM)
        places.append(top + tall / 2)
        first = places[-1] - STEP * (len(line.dots) - 1) / 2
        for i, dot in enumerate(line.dots):
            told = f"{dot.title}, {line.label}: {interval(dot.cell)}"
            values.append(_mark(str(dot.key), first + STEP * i, dot.cell, told, hollow=True))
        top += tall
    return places, values, int(top)


def _mark(key: str, place: float, cell: View, told: str, *, hollow: bool) -> Spec:
    value = cell["value"]
    low, high = (value if cell[end] is None else cell[end] for end in ("low", "high"))
    return {"k": key, "y": place, "v": rounded(value), "lo": rounded(low), "hi": rounded(high), "h": hollow, "t": told}


def _has(cell: View | None) -> bool:
    return cell is not None and cell["value"] is not None


def _low(band: View | None) -> float | None:
    return None if band is None or band["low"] is None else rounded(band["low"])


def _high(band: View | None) -> float | None:
    return None if band is None or band["high"] is None else rounded(band["high"])
