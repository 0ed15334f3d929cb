"""Few-shot curves: a metric against shots, one line with its band a variant, zero-shot as a level with its band.

One specification serves all panels of a set (`family`), so that they share their axes; a panel brings its rows
(`datasets`). Variants differ in colour, dash and marker alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from vlmeval.report.charts.base import INK, MUTED, PAPER, Spec, finish, rounded
from vlmeval.report.lookup import View
from vlmeval.report.text import interval, signed, span

LARGE, SMALL = 250, 200
COLOURS: Final = ["var(--v0)", "var(--v1)", "var(--v2)", "var(--v3)"]
DASHES: Final = [[1, 0], [7, 3], [2, 3], [9, 3, 2, 3]]
SHAPES: Final = ["circle", "square", "triangle-up", "diamond"]
KEYS: Final = ["0", "1", "2", "3"]
MOST_TICKS: Final = 6
STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def family(positions: Sequence[View], panels: Sequence[View], title: str, *, small: bool, zero: bool = False) -> Spec:
    """Return the specification that panels share; ``zero``: the number is a difference, with a line at no difference.

    The datasets ``points``, ``zero-shot`` and ``full`` come with each panel.
    """
    places = tuple((float(p["x"]), str(p["label"])) for p in positions)
    return _specification(places, tuple(_ends(panels, zero=zero)), title, small, zero)


@cache
def _specification(
    places: tuple[tuple[float, str], ...], marks: tuple[float, ...], title: str, small: bool, zero: bool
) -> Spec:
    """Return the specification for these numbers of shots and these ticks; nobody changes it."""
    import altair as alt

    xs, ends = [x for x, _ in places], list(marks)
    room = 0.25 if len(xs) > 1 else 1.0
    labels = " : ".join(f"datum.value == {x} ? '{label}'" for x, label in places)
    across = alt.Scale(domain=[min(xs) - room, max(xs) + room], nice=False)
    x = alt.X("x:Q", title="Shots", scale=across).axis(
        values=xs, labelExpr=f"{labels} : ''", grid=False, labelOverlap=False, labelFontSize=11 if small else 12
    )
    scale = alt.Scale(domain=[ends[0], ends[-1]], nice=False, zero=False)
    digits = 1 if all(abs(t * 10 - round(t * 10)) < 1e-9 for t in ends) else 2

    def y(field: str) -> Any:
        return alt.Y(f"{field}:Q", title=None if small else title, scale=scale).axis(values=ends, format=f".{digits}f")

    layers = _levels(y, zero=zero)
    base = alt.Chart(alt.NamedData("points")).encode(x=x)
    colour = alt.Color("k:N", scale=alt.Scale(domain=KEYS, range=COLOURS), legend=None)
    fill = alt.Fill("k:N", scale=alt.Scale(domain=KEYS, range=COLOURS), legend=None)
    layers.append(base.mark_area(opacity=0.1).encode(y=y("lo"), y2="hi:Q", fill=fill, detail="k:N"))
    line = base.mark_line(strokeWidth=2 if small else 2.5)
    dash = alt.StrokeDash("k:N", scale=alt.Scale(domain=KEYS, range=DASHES), legend=None)
    layers.append(line.encode(y=y("v"), color=colour, strokeDash=dash))
    shape = alt.Shape("k:N", scale=alt.Scale(domain=KEYS, range=SHAPES), legend=None)
    stroke = alt.Stroke("k:N", scale=alt.Scale(domain=KEYS, range=COLOURS), legend=None)
    points = base.mark_point(size=28 if small else 62, strokeWidth=1.5 if small else 2, fill=PAPER, opacity=1)
    layers.append(points.encode(y=y("v"), stroke=stroke, shape=shape, tooltip="t:N"))
    return finish(alt.layer(*layers).properties(height=SMALL if small else LARGE))


def _levels(y: Any, *, zero: bool) -> list[Any]:
    """Return what does not depend on shots: zero-shot with its band, the probe on all data, no difference."""
    import altair as alt

    base, full = alt.Chart(alt.NamedData("zero-shot")), alt.Chart(alt.NamedData("full"))
    layers = [base.mark_rect(fill=MUTED, opacity=0.13).encode(y=y("lo"), y2="hi:Q")]
    if zero:
        layers.append(alt.Chart(alt.NamedData("none")).mark_rule(color=MUTED, strokeWidth=1).encode(y=y("v")))
    layers.append(base.mark_rule(color=INK, strokeWidth=2).encode(y=y("v"), tooltip="t:N"))
    layers.append(full.mark_rule(color=MUTED, strokeWidth=1.5, strokeDash=[1, 3]).encode(y=y("v"), tooltip="t:N"))
    return layers


def datasets(panel: View, *, zero: bool = False) -> Spec:
    """Return the rows of one panel; points without a value are left out."""
    points = [
        {"k": str(line["key"]), "x": p["x"], **_bounds(p["cell"]), "t": _tip(line, p)}
        for line in panel["lines"]
        for p in line["points"]
        if p["cell"] is not None and p["cell"]["value"] is not None
    ]
    return {
        "points": points,
        "zero-shot": _level("Zero-shot", panel["zero_shot"]),
        "full": _level("Linear probe on all training data", panel["full"]),
        "none": [{"v": 0}] if zero else [],
    }


def _bounds(cell: View) -> Spec:
    value = cell["value"]
    low, high = cell["low"], cell["high"]
    return {
        "v": rounded(value),
        "lo": rounded(value if low is None else low),
        "hi": rounded(value if high is None else high),
    }


def _tip(line: View, point: View) -> str:
    shots = "1 shot" if point["shots"] == "1" else f"{point['shots']} shots"
    versus = point["versus"]
    more = f"; against zero-shot {signed(versus['value'])} ({span(versus)})" if versus and versus["value"] else ""
    return f"{line['variant']}, {shots}: {interval(point['cell'])}{more}"


def _level(name: str, cell: View | None) -> list[Spec]:
    if cell is None or cell["value"] is None:
        return []
    return [{**_bounds(cell), "t": f"{name}: {interval(cell)}"}]


def _ends(panels: Iterable[View], *, zero: bool) -> list[float]:
    """Return tick positions whose first and last hold every bound of every panel."""
    held = [0.0] if zero else []
    for panel in panels:
        rows = datasets(panel)
        held += [row[key] for name in ("points", "zero-shot", "full") for row in rows[name] for key in ("lo", "hi")]
    if not held:
        return [0.0, 0.5, 1.0]
    low, high = min(held), max(held)
    step = next((s for s in STEPS if (high - low) / s <= MOST_TICKS - 1), STEPS[-1])
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(t * step, 4) for t in range(first, max(last, first + 1) + 1)]
