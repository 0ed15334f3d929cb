"""Lines with bands: reliability, error against the share answered, net benefit. One specification a kind.

A chart of a kind brings its rows (`datasets`): points of every line, told apart by colour, dash and (reliability)
marker, and the line of reference: the diagonal, or nothing gained.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vlmeval.report.charts.base import DASH, MUTED, PAPER, Spec, finish, rounded
from vlmeval.report.charts.shots import COLOURS, DASHES, KEYS, SHAPES
from vlmeval.report.lookup import View
from vlmeval.report.text import interval, percent

LARGE, SMALL = 250, 210
STEPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)
MOST_TICKS: Final = 6
SURE: Final = 0.2


@dataclass(frozen=True)
class Kind:
    """What the axes of one kind of chart say."""

    x: str
    y: str
    x_ends: tuple[float, float] = (0.0, 1.0)
    unit_square: bool = False


KINDS: Final = {
    "reliability": Kind("Mean probability of the bin", "Share of positives", unit_square=True),
    "risk": Kind("Share answered", "Error among them"),
    "decision": Kind("Threshold probability", "Net benefit", (0.0, 0.5)),
}


def family(kind: str, panels: Iterable[Sequence[View]], *, small: bool) -> Spec:
    """Return the specification that charts of a kind share; the y axis holds every line of every panel."""
    import altair as alt

    axes = KINDS[kind]
    held = list(axes.x_ends) if axes.unit_square else _held(kind, panels)
    ends = _ticks(min(held), max(held))
    across = alt.Scale(domain=list(axes.x_ends), nice=False)
    x_ticks = [round(axes.x_ends[1] * i / 5, 2) for i in range(6)]
    x = alt.X("x:Q", title=axes.x, scale=across).axis(values=x_ticks, format=".1f", grid=False)
    scale = alt.Scale(domain=[ends[0], ends[-1]], nice=False, zero=False)
    digits = 1 if all(abs(t * 10 - round(t * 10)) < 1e-9 for t in ends) else 2

    def y(field: str) -> Any:
        return alt.Y(f"{field}:Q", title=axes.y, scale=scale).axis(values=ends, format=f".{digits}f")

    colours = alt.Scale(domain=KEYS, range=COLOURS)
    base = alt.Chart(alt.NamedData("points")).encode(x=x)
    reference = alt.Chart(alt.NamedData("reference")).mark_line(color=MUTED, strokeDash=DASH, strokeWidth=1.5)
    fill = alt.Fill("k:N", scale=colours, legend=None)
    stroke = alt.Stroke("k:N", scale=colours, legend=None)
    dash = alt.StrokeDash("k:N", scale=alt.Scale(domain=KEYS, range=DASHES), legend=None)
    line = base.mark_line(strokeWidth=2.2 if not small else 2, clip=True)
    layers = [
        reference.encode(x=x, y=y("y")),
        base.mark_area(opacity=0.1, clip=True).encode(y=y("lo"), y2="hi:Q", fill=fill, detail="k:N"),
        line.encode(y=y("y"), color=alt.Color("k:N", scale=colours, legend=None), strokeDash=dash),
    ]
    if axes.unit_square:
        shape = alt.Shape("k:N", scale=alt.Scale(domain=KEYS, range=SHAPES), legend=None)
        points = base.mark_point(size=34 if small else 55, strokeWidth=1.7, fill=PAPER, opacity=1)
        layers.append(points.encode(y=y("y"), stroke=stroke, shape=shape, tooltip="t:N"))
    else:
        hidden = base.mark_point(size=60, opacity=0, clip=True)
        layers.append(hidden.encode(y=y("y"), tooltip="t:N"))
    return finish(alt.layer(*layers).properties(height=SMALL if small else LARGE))


def datasets(kind: str, lines: Sequence[View]) -> Spec:
    """Return the rows of one chart."""
    first, last = KINDS[kind].x_ends
    reference = {
        "reliability": [{"x": 0, "y": 0}, {"x": 1, "y": 1}],
        "decision": [{"x": first, "y": 0}, {"x": last, "y": 0}],
        "risk": [],
    }[kind]
    return {"points": [row for one in lines for row in _rows(kind, one)], "reference": reference}


def _rows(kind: str, one: View) -> list[Spec]:
    made = []
    for x, y, low, high in one["points"]:
        at = percent(x, 0) if kind != "reliability" else f"{x:.2f}"
        tip = f"{one['name']}, {at}: {interval({'value': y, 'low': low, 'high': high})}"
        made.append(
            {"k": str(one["key"]), "x": rounded(x), "y": rounded(y), "lo": rounded(low), "hi": rounded(high), "t": tip}
        )
    return made


def _held(kind: str, panels: Iterable[Sequence[View]]) -> list[float]:
    """Return the numbers that the y axis has to hold: of net benefit what is below 0 to a third only.

    The most confident few have bands that would flatten all the rest: they are cut off.
    """
    points = [p for lines in panels for one in lines for p in one["points"] if kind != "risk" or p[0] >= SURE]
    if not points:
        return [0.0, 1.0]
    highest, lowest = max(p[3] for p in points), min(p[2] for p in points)
    return [max(lowest, -highest / 3), highest] if kind == "decision" else [0.0, highest]


def _ticks(low: float, high: float) -> list[float]:
    """Return ticks at round steps whose ends hold both."""
    import math

    width = max(high - low, 0.01)
    step = next((s for s in STEPS if width / s <= MOST_TICKS - 1), STEPS[-1])
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(t * step, 4) for t in range(first, max(last, first + 1) + 1)]
