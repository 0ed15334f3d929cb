"""How probes were fitted: a criterion over the grid of a hyperparameter, and a net's loss by epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from vlmeval.report.charts.base import ACCENT, DASH, MUTED, PAPER, Spec, finish, inline, rounded
from vlmeval.report.lookup import View

CHOICE_HEIGHT: Final = 200
LOSS_HEIGHT: Final = 220
MOST_LABELS, MOST_POWERS = 8, 5


def choice(view: View) -> Spec:
    """Return the criterion over the grid, evenly on the log scale; the chosen value is solid and has a line."""
    import altair as alt

    known = [r for r in view["rows"] if r["score"] is not None]
    rows = [
        {"x": rounded(math.log10(r["value"])), "v": rounded(r["score"]), "h": not r["chosen"],
         "t": f"{view['parameter']} = {r['value']:g}: {r['score']:.4f}"}
        for r in known
    ]  # fmt: skip
    places = [rounded(math.log10(r["value"])) for r in view["rows"]]
    shown = _ticks([r["value"] for r in view["rows"]])
    labels = " : ".join(f"datum.value == {x} ? '{label}'" for x, label in shown)
    room = max(0.1, 0.04 * (places[-1] - places[0]))
    across = alt.Scale(domain=[places[0] - room, places[-1] + room], nice=False)
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


def _ticks(values: Sequence[float]) -> list[tuple[float, str]]:
    """Return where the log axis is labelled: at every whole number (k), else at powers of ten (C)."""
    if all(value == int(value) for value in values) and len(values) <= MOST_LABELS:
        return [(rounded(math.log10(value)), f"{value:g}") for value in values]
    low, high = math.ceil(math.log10(values[0]) - 1e-9), math.floor(math.log10(values[-1]) + 1e-9)
    if low >= high:
        return [(rounded(math.log10(value)), f"{value:.3g}") for value in (values[0], values[-1])]
    step = math.ceil((high - low) / MOST_POWERS)
    return [(float(power), f"{10.0**power:g}") for power in range(low, high + 1, step)]


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
    x = alt.X("e:Q", title="Epoch", scale=alt.Scale(zero=False, nice=False)).axis(
        tickMinStep=1, tickCount=8, grid=False, format="d"
    )
    y = alt.Y("v:Q", title="Loss", scale=alt.Scale(zero=False)).axis(tickCount=4)
    colour = alt.Color("k:N", scale=alt.Scale(domain=["train", "val"], range=[MUTED, ACCENT]), legend=None)
    dash = alt.StrokeDash("k:N", scale=alt.Scale(domain=["train", "val"], range=[DASH, [1, 0]]), legend=None)
    line = alt.Chart(inline(rows)).mark_line(strokeWidth=1.3, opacity=0.9)
    return finish(line.encode(x=x, y=y, color=colour, strokeDash=dash, detail="s:N").properties(height=LOSS_HEIGHT))
