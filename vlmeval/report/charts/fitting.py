"""How probes were fitted: a criterion over the grid of a hyperparameter, and a net's loss by epoch."""

from __future__ import annotations

import math
from typing import Final

from vlmeval.report.charts.base import ACCENT, DASH, MUTED, PAPER, Spec, finish, inline, rounded
from vlmeval.report.lookup import View

CHOICE_HEIGHT: Final = 200
LOSS_HEIGHT: Final = 220
LABELS: Final = 7


def choice(view: View) -> Spec:
    """Return the criterion over the grid, evenly on the log scale; the chosen value is solid and has a line."""
    import altair as alt

    known = [r for r in view["rows"] if r["score"] is not None]
    rows = [
        {"x": rounded(math.log10(r["value"])), "v": rounded(r["score"]), "h": not r["chosen"],
         "t": f"{view['parameter']} = {r['value']:g}: {r['score']:.4f}"}
        for r in known
    ]  # fmt: skip
    places = [(rounded(math.log10(r["value"])), f"{r['value']:g}") for r in view["rows"]]
    every = max(1, math.ceil(len(places) / LABELS))
    shown = places[::every]
    labels = " : ".join(f"datum.value == {x} ? '{label}'" for x, label in shown)
    ends = [places[0][0], places[-1][0]]
    room = max(0.1, 0.04 * (ends[1] - ends[0]))
    across = alt.Scale(domain=[ends[0] - room, ends[1] + room], nice=False)
    x = alt.X("x:Q", title=f"{view['parameter']} (log scale)", scale=across).axis(
        values=[x for x, _ in shown], labelExpr=f"{labels} : ''", grid=False, labelOverlap=False
    )
    y = alt.Y("v:Q", title=view["criterion"], scale=alt.Scale(zero=False, nice=True)).axis(tickCount=4)
    base = alt.Chart(inline(rows)).encode(x=x, y=y)
    fill = alt.condition("datum.h", alt.value(PAPER), alt.value(ACCENT))
    layers = [
        alt.Chart(inline([r for r in rows if not r["h"]])).mark_rule(color=ACCENT, opacity=0.35).encode(x=x),
        base.mark_line(color=ACCENT, strokeWidth=2),
        base.mark_point(size=70, stroke=ACCENT, strokeWidth=2, opacity=1).encode(fill=fill, tooltip="t:N"),
    ]
    return finish(alt.layer(*layers).properties(height=CHOICE_HEIGHT))


def loss(view: View) -> Spec:
    """Return the loss by epoch, a thin line a seed: training dashed, validation solid."""
    import altair as alt

    rows = [
        {"e": epoch + 1, "v": rounded(value), "s": f"{kind}{line['seed']}", "k": kind}
        for line in view["lines"]
        for kind in ("train", "val")
        for epoch, value in enumerate(line[kind])
        if math.isfinite(value)
    ]
    x = alt.X("e:Q", title="Epoch", scale=alt.Scale(zero=False, nice=False)).axis(tickMinStep=1, grid=False, format="d")
    y = alt.Y("v:Q", title="Loss", scale=alt.Scale(zero=False)).axis(tickCount=4)
    colour = alt.Color("k:N", scale=alt.Scale(domain=["train", "val"], range=[MUTED, ACCENT]), legend=None)
    dash = alt.StrokeDash("k:N", scale=alt.Scale(domain=["train", "val"], range=[DASH, [1, 0]]), legend=None)
    line = alt.Chart(inline(rows)).mark_line(strokeWidth=1.3, opacity=0.9)
    return finish(line.encode(x=x, y=y, color=colour, strokeDash=dash, detail="s:N").properties(height=LOSS_HEIGHT))
