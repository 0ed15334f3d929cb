"""Charts in the unit square: ROC and precision-recall curves, confusion matrix."""

from __future__ import annotations

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
CELL_HEIGHT, CURVE_HEIGHT = 32, 190


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
    kinds = ["read", "target", "used"]
    shapes = alt.Shape("k:N", scale=alt.Scale(domain=kinds, range=["square", "diamond", "circle"]), legend=None)
    fill = alt.Fill("k:N", scale=alt.Scale(domain=kinds, range=[PAPER, "var(--v1)", ACCENT]), legend=None)
    stroke = alt.Stroke("k:N", scale=alt.Scale(domain=kinds, range=[ACCENT, PAPER, PAPER]), legend=None)
    marks = alt.Chart(alt.NamedData("marks")).mark_point(size=72, strokeWidth=1.5, opacity=1)
    points = marks.encode(x=x, y=y, shape=shapes, fill=fill, stroke=stroke, tooltip="t:N")
    return finish(alt.layer(chance.encode(x=x, y=y), line, points).properties(height=CURVE_HEIGHT))


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
