"""Forest plots: one line a row, a point with its 95 % interval, and what guessing reaches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from vlmeval.report.charts.base import ACCENT, DASH, INK, MUTED, NAME_OF, PAPER, Spec, distinct, finish, inline, rounded
from vlmeval.report.lookup import View
from vlmeval.report.text import interval

ROW_HEIGHT = 28


class Item(NamedTuple):
    """One line: a label, a cell, whether its point is drawn hollow, and its own chance mark."""

    label: str
    cell: View | None
    hollow: bool = False
    chance: float | None = None


def forest(
    items: Sequence[Item],
    title: str,
    chance: float | None = None,
    reference: float | None = None,
    *,
    fine: bool = False,
    lines: Sequence[float] = (),
) -> Spec:
    """Return a forest plot with a dashed line at chance and a thin one at a reference value (everyone together).

    ``fine``: of small differences, on a scale as narrow as they are. ``lines``: upright dotted ones, such as what a
    dermatologist reaches.

    Lines without a value keep their label, so that what is suppressed is seen to be missing.
    """
    import altair as alt

    labels = distinct([item.label for item in items])
    values = [_row(i, labels[i], item) for i, item in enumerate(items) if _has_value(item)]
    held = [*lines, *(v[key] for v in values for key in ("lo", "hi", "ch") if v[key] is not None)]
    ticks, digits = fine_ticks([*held, chance or 0.0]) if fine else (_ticks(held, chance), 1)
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], nice=False)
    x = {
        name: alt.X(f"{name}:Q", title=title, scale=scale).axis(values=ticks, format=f".{digits}f", labelFlush=False)
        for name in ("lo", "v", "ch", "c")
    }
    y = alt.Y("k:N", scale=alt.Scale(domain=[str(i) for i in range(len(labels))]), sort=None, title=None)
    y = y.axis(domain=False, ticks=False, grid=False, labelExpr=NAME_OF, minExtent=90)
    base = alt.Chart(inline(values)).encode(y=y)
    layers: list[Any] = []
    if reference is not None:
        layers.append(_upright(reference).mark_rule(color=ACCENT, opacity=0.35).encode(x=x["c"]))
    layers += [_upright(v).mark_rule(color=INK, strokeDash=[1, 3], strokeWidth=1.5).encode(x=x["c"]) for v in lines]
    if chance is not None:
        layers.append(_upright(chance).mark_rule(color=MUTED, strokeDash=DASH, strokeWidth=1.5).encode(x=x["c"]))
    if any(v["ch"] is not None for v in values):
        layers.append(base.mark_tick(color=MUTED, thickness=2, size=14).encode(x=x["ch"]))
    fill = alt.condition("datum.h", alt.value(PAPER), alt.value(ACCENT))
    layers.append(base.mark_rule(color=ACCENT, strokeWidth=2).encode(x=x["lo"], x2="hi:Q"))
    points = base.mark_point(size=75, stroke=ACCENT, strokeWidth=2, opacity=1)
    layers.append(points.encode(x=x["v"], fill=fill, tooltip="t:N"))
    silent = [{"k": str(i), "s": "too few to say"} for i, item in enumerate(items) if not _has_value(item)]
    if silent:
        text = alt.Chart(inline(silent)).mark_text(align="left", color=MUTED, fontStyle="italic", fontSize=11)
        layers.append(text.encode(y=y, x=alt.value(8), text="s:N"))
    return finish(alt.layer(*layers).properties(height=alt.Step(ROW_HEIGHT)), steps=True, names=labels)


def _upright(value: float) -> Any:
    import altair as alt

    return alt.Chart(inline([{"c": rounded(value)}]))


def _has_value(item: Item) -> bool:
    return item.cell is not None and item.cell["value"] is not None


def _row(position: int, label: str, item: Item) -> Spec:
    cell = item.cell or {}
    value = cell["value"]
    return {
        "k": str(position),
        "v": rounded(value),
        "lo": rounded(value if cell["low"] is None else cell["low"]),
        "hi": rounded(value if cell["high"] is None else cell["high"]),
        "h": item.hollow,
        "ch": None if item.chance is None else rounded(item.chance),
        "t": f"{label}: {interval(cell)}",
    }


def _ticks(numbers: Sequence[float], chance: float | None) -> list[float]:
    """Return tick positions at 0.1 or 0.2 whose ends hold all numbers and the chance line."""
    held = [*numbers] if chance is None else [*numbers, chance]
    if not held:
        return [0.0, 0.5, 1.0]
    low, high = math.floor(min(held) * 10 + 1e-9), math.ceil(max(held) * 10 - 1e-9)
    high = max(high, low + 1)
    if high - low > 5:
        low, high = low - low % 2, high + high % 2
        return [t / 10 for t in range(low, high + 1, 2)]
    return [t / 10 for t in range(low, high + 1)]


def fine_ticks(numbers: Sequence[float]) -> tuple[list[float], int]:
    """Return at most eight tick positions whose ends hold all numbers, and the digits that they need."""
    low, high = min(numbers), max(numbers)
    if high - low < 1e-3:
        low, high = low - 0.01, high + 0.01
    width = high - low
    steps = [(mantissa * 10.0**-digits, digits) for digits in range(4, 0, -1) for mantissa in (1, 2, 5)]
    step, digits = next((s for s in steps if width / s[0] <= 6), steps[-1])
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    return [round(i * step, digits + 1) for i in range(first, last + 1)], digits
