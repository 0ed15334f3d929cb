"""Scatter plots of a leaderboard's table: the leading metric against the gap, the model's size, and the time it takes.

A point is a row of the table. The script of the page sets the parameters ``shown`` and ``chosen``, one truth value a
row, so that the plots follow filters and selection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from vlmeval.report.charts.base import (
    ACCENT,
    DASH,
    INK,
    LINE,
    MUTED,
    PAPER,
    Spec,
    distinct,
    finish,
    inline,
    quickly,
    rounded,
)
from vlmeval.report.charts.labels import placed
from vlmeval.report.lookup import View

HEIGHT: Final = 280
WIDTH: Final = 430
NAMED: Final = 12
WHISKERS: Final = 60
TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000)


class Against(NamedTuple):
    """What stands on the horizontal axis: its title and a row's value there, on a logarithmic scale or not."""

    title: str
    value: Callable[[View], float | None]
    logarithmic: bool


@quickly
def board_charts(view: View) -> dict[str, Spec]:
    """Return the plots of every table by ``TABLE--gap``, ``--size`` and ``--time``, where two rows differ in them."""
    made: dict[str, Spec] = {}
    for table in view["tables"]:
        for name, against in _axes(table).items():
            points = _points(table, against)
            if len({point["x"] for point in points}) > 1:
                spec = scatter(points, len(table["rows"]), against, table["metrics"][0]["short"])
                made[f"{table['id']}--{name}"] = {"height": HEIGHT, "spec": spec}
    return made


def _axes(table: View) -> Mapping[str, Against]:
    tone = table["tone"]

    def gap(row: View) -> float | None:
        found = row["tones"].get(tone["id"])
        return None if found is None or found["gap"] is None else found["gap"]["value"]

    return {
        "gap": Against(f"Tone gap ({tone['last']} minus {tone['first']})", gap, False),
        "size": Against("Parameters (millions)", lambda row: row["parameters_millions"], True),
        "time": Against("Seconds for 1,000 images", lambda row: row["throughput"]["seconds_per_1000"], True),
    }


def _points(table: View, against: Against) -> list[Spec]:
    lead, labels = table["metrics"][0]["id"], distinct([row["label"] for row in table["rows"]])
    made = []
    for i, row in enumerate(table["rows"]):
        x, cell = against.value(row), row["cells"][lead]
        if x is None or cell is None or cell["value"] is None or (against.logarithmic and x <= 0):
            continue
        low, high = (cell["value"] if cell[end] is None else cell[end] for end in ("low", "high"))
        made.append({"i": i, "x": rounded(x), "y": rounded(cell["value"]), "lo": rounded(low), "hi": rounded(high),
                     "h": row["rank"] is None, "n": labels[i]})  # fmt: skip
    return made


def scatter(points: Sequence[Spec], rows: int, against: Against, metric: str) -> Spec:
    """Return the plot: a point a row, hollow where it is not ranked, with the metric's interval where rows are few."""
    import altair as alt

    few = len(points) <= WHISKERS
    held = [p[end] for p in points for end in (("lo", "hi") if few else ("y",))]
    room = 0.05 * (max(held) - min(held)) or 0.05
    tall = (min(held) - room, max(held) + room)
    wide = _reach(against, [p["x"] for p in points])
    y_scale = alt.Scale(domain=[rounded(end) for end in tall], nice=False, zero=False)
    y = alt.Y("y:Q", title=metric, scale=y_scale).axis(format=".2f", tickCount=6)
    x = _x(against, wide)
    base = alt.Chart(inline(points)).transform_filter("shown[datum.i]").encode(x=x)
    layers: list[Any] = []
    if not against.logarithmic:
        zero = alt.Chart(inline([{"x": 0}])).mark_rule(color=MUTED, strokeDash=DASH, strokeWidth=1.5)
        layers.append(zero.encode(x=x))
    if few:
        whiskers = base.mark_rule(color=ACCENT, strokeWidth=1.5, opacity=0.35)
        layers.append(whiskers.encode(y=alt.Y("lo:Q", title=metric, scale=y_scale), y2="hi:Q"))
    fill = alt.condition("datum.h", alt.value(PAPER), alt.value(ACCENT))
    edge = alt.condition("chosen[datum.i]", alt.value(INK), alt.value(ACCENT))
    size = alt.condition("chosen[datum.i]", alt.value(190), alt.value(80 if few else 45))
    marks = base.mark_point(strokeWidth=2, opacity=1, cursor="pointer")
    layers.append(marks.encode(y=y, fill=fill, stroke=edge, size=size, tooltip="n:N"))
    if len(points) <= NAMED:
        layers += _names(points, (x, y), (_places(against, points, wide), tall))
    spec = finish(alt.layer(*layers).properties(height=HEIGHT))
    spec["params"] = [{"name": "shown", "value": [True] * rows}, {"name": "chosen", "value": [False] * rows}]
    return spec


def _names(points: Sequence[Spec], axes: tuple[Any, Any], where: tuple[list[float], tuple[float, float]]) -> list[Any]:
    """Return the names of few points as layers, one a side of the point that names go to."""
    import altair as alt

    across, (low, high) = where
    up = [(p["y"] - low) / (high - low) for p in points]
    sides = placed(list(zip(across, up, strict=True)), [p["n"] for p in points], (WIDTH, HEIGHT - 50))
    layers = []
    for side in dict.fromkeys(side for side in sides if side is not None):
        own = [point for point, at in zip(points, sides, strict=True) if at == side]
        chart = alt.Chart(inline(own)).transform_filter("shown[datum.i]").encode(x=axes[0], y=axes[1])
        look: Any = {"align": "left" if side[0] > 0 else "right", "dx": 9 * side[0], "dy": 7 * side[1], "fontSize": 11}
        layers.append(chart.mark_text(color=INK, baseline="middle", **look).encode(text="n:N"))
    return layers


def _places(against: Against, points: Sequence[Spec], wide: tuple[float, float]) -> list[float]:
    """Return where points lie across, as shares of the plot's width."""
    low, high = (math.log10(end) for end in wide) if against.logarithmic else wide
    values = [math.log10(p["x"]) if against.logarithmic else p["x"] for p in points]
    return [(value - low) / (high - low) for value in values]


def _reach(against: Against, values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the horizontal axis: room beside the points; a gap's holds zero."""
    if not against.logarithmic:
        low, high = min([*values, 0.0]), max([*values, 0.0])
        room = 0.08 * (high - low)
        return low - room, high + room
    first, last = math.log10(min(values)), math.log10(max(values))
    room = max(0.15, 0.12 * (last - first))
    return float(10 ** (first - room)), float(10 ** (last + room))


def _x(against: Against, wide: tuple[float, float]) -> Any:
    import altair as alt

    domain = [rounded(end) for end in wide]
    if not against.logarithmic:
        scale = alt.Scale(domain=domain, nice=False)
        return alt.X("x:Q", title=against.title, scale=scale).axis(format=".2f", tickCount=7, gridColor=LINE)
    ticks = [tick for tick in TICKS if domain[0] <= tick <= domain[1]]
    scale = alt.Scale(type="log", domain=domain, nice=False)
    return alt.X("x:Q", title=against.title, scale=scale).axis(values=ticks, format="~f", gridColor=LINE)
