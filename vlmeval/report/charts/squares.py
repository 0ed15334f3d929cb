"""Charts in the unit square: ROC and precision-recall curves, confusion matrix, reliability diagram."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

from vlmeval.report.charts.base import (
    ACCENT,
    DASH,
    INK,
    LINE,
    MUTED,
    NAME_OF,
    PAPER,
    Spec,
    distinct,
    finish,
    inline,
    rounded,
)
from vlmeval.report.lookup import View

CELL_TEXT_LIMIT = 12
FEW = 20
CELL_HEIGHT, CURVE_HEIGHT, RELIABILITY_HEIGHT, COUNTS_HEIGHT = 32, 190, 320, 100


@cache
def curve(kind: Literal["roc", "pr"]) -> Spec:
    """Return the specification shared by all curves of a kind; its data sets ``points`` and ``chance`` come later."""
    import altair as alt

    titles = {"roc": ("1 − specificity", "Sensitivity"), "pr": ("Recall", "Precision")}[kind]
    # The points of a precision-recall curve are those of average precision, a sum of steps; in between is nothing.
    shape: Literal["linear", "step-before"] = "linear" if kind == "roc" else "step-before"
    unit = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X("x:Q", title=titles[0], scale=unit).axis(values=[0, 0.5, 1], format=".1f")
    y = alt.Y("y:Q", title=titles[1], scale=unit).axis(values=[0, 0.5, 1], format=".1f")
    chance = alt.Chart(alt.NamedData("chance")).mark_line(color=MUTED, strokeDash=DASH, strokeWidth=1.5)
    base = alt.Chart(alt.NamedData("points")).encode(x=x, y=y, order="i:Q")
    line = base.mark_line(color=ACCENT, strokeWidth=2, interpolate=shape)
    return finish(alt.layer(chance.encode(x=x, y=y), line).properties(height=CURVE_HEIGHT))


def confusion(matrix: View) -> Spec:
    """Return the row-normalised confusion matrix: darker is more of that true class, counts on the cells."""
    import altair as alt

    names = distinct(matrix["names"])
    values = []
    for i, (counts, total) in enumerate(zip(matrix["counts"], matrix["totals"], strict=True)):
        for j, count in enumerate(counts):
            share = count / total if total else 0.0
            tip = f"{names[i]} called {names[j]}: {count} of {total}"
            values.append(
                {"r": str(i), "c": str(j), "s": rounded(share), "p": f"{share:.0%}" if count else "", "t": tip}
            )
    domain = alt.Scale(domain=[str(i) for i in range(len(names))])
    y = alt.Y("r:N", scale=domain, sort=None, title="True class").axis(
        domain=False, ticks=False, labelExpr=NAME_OF, labelLimit=170
    )
    x = alt.X("c:N", scale=domain, sort=None, title="Called").axis(
        domain=False, ticks=False, orient="top", labelExpr=NAME_OF, labelAngle=-40, labelLimit=130
    )
    base = alt.Chart(inline(values)).encode(x=x, y=y, tooltip="t:N")
    depth = alt.FillOpacity("s:Q", scale=alt.Scale(domain=[0, 1], range=[0.0, 1.0]), legend=None)
    cells = base.mark_rect(color=ACCENT, stroke=LINE, strokeWidth=1).encode(fillOpacity=depth)
    ink = alt.condition("datum.s > 0.6", alt.value("var(--on-accent)"), alt.value(INK))
    layers = (
        [cells] if len(names) > CELL_TEXT_LIMIT else [cells, base.mark_text(fontSize=11).encode(text="p:N", color=ink)]
    )
    # The slanted names of the last columns reach beyond the last column.
    spec = finish(alt.layer(*layers).properties(height=alt.Step(CELL_HEIGHT)), steps=True, names=names)
    return spec | {"padding": {"left": 2, "top": 2, "bottom": 2, "right": 70}}


def reliability(bins: Sequence[View]) -> Spec:
    """Return the reliability diagram: observed share against mean score per bin, larger where more samples are."""
    import altair as alt

    unit = alt.Scale(domain=[0, 1], nice=False)
    values = [
        {"x": b["confidence"], "y": b["observed"], "n": b["n"], "h": b["n"] < FEW, "t": f"{b['n']:,} in this bin"}
        for b in bins
        if b["n"]
    ]
    ticks = [0, 0.2, 0.4, 0.6, 0.8, 1]
    x = alt.X("x:Q", title="Mean score in the bin", scale=unit).axis(values=ticks, format=".1f")
    y = alt.Y("y:Q", title="Observed share", scale=unit).axis(values=ticks, format=".1f")
    ends = inline([{"x": 0, "y": 0}, {"x": 1, "y": 1}])
    diagonal = alt.Chart(ends).mark_line(color=MUTED, strokeDash=DASH, strokeWidth=1.5).encode(x=x, y=y)
    size = alt.Size("n:Q", scale=alt.Scale(type="sqrt", range=[30, 260]), legend=None)
    fill = alt.condition("datum.h", alt.value(PAPER), alt.value(ACCENT))
    points = alt.Chart(inline(values)).mark_point(stroke=ACCENT, strokeWidth=2, opacity=0.9)
    drawn = points.encode(x=x, y=y, size=size, fill=fill, tooltip="t:N")
    return finish(alt.layer(diagonal, drawn).properties(height=RELIABILITY_HEIGHT))


def bin_counts(bins: Sequence[View]) -> Spec:
    """Return how many samples fall into each bin of the reliability diagram."""
    import altair as alt

    values = [{"a": b["from"], "b": b["to"], "z": 0, "n": b["n"]} for b in bins]
    x = alt.X("a:Q", title="Score", scale=alt.Scale(domain=[0, 1], nice=False)).axis(values=[0, 0.5, 1], format=".1f")
    chart = alt.Chart(inline(values)).mark_rect(color=ACCENT, opacity=0.5, stroke=PAPER, strokeWidth=1)
    y = alt.Y("n:Q", title="Samples").axis(tickCount=2, format="~s")
    return finish(chart.encode(x=x, x2="b:Q", y=y, y2="z:Q").properties(height=COUNTS_HEIGHT))
