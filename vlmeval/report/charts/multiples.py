"""Small panels, one a class: a short line a method on the axis that all panels share. One specification for all."""

from __future__ import annotations

from typing import Any, Final

from vlmeval.report.charts.base import ACCENT, DASH, MUTED, PAPER, Spec, finish, rounded
from vlmeval.report.charts.forest import fine_ticks
from vlmeval.report.charts.shots import COLOURS, KEYS, SHAPES
from vlmeval.report.lookup import View
from vlmeval.report.text import interval

STEP, AXIS = 17, 34
MARKS: Final = ["m", *KEYS]


def family(found: View) -> Spec:
    """Return the specification of all panels; the datasets ``points`` and ``chance`` come with each."""
    import altair as alt

    count = len(found["methods"])
    held = [row[key] for one in found["panels"] for row in datasets(found, one)["points"] for key in ("lo", "hi")]
    ticks, digits = fine_ticks(held or [0.0, 1.0])
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], nice=False)
    shown = ticks[:: 2 if len(ticks) > 4 else 1]

    def x(field: str) -> Any:
        made = alt.X(f"{field}:Q", title=None, scale=scale)
        return made.axis(values=shown, format=f".{digits}f", labelFlush=False, labelFontSize=11)

    y = alt.Y("k:N", scale=alt.Scale(domain=MARKS[:count]), sort=None, title=None).axis(None)
    colour = alt.Stroke("k:N", scale=alt.Scale(domain=MARKS, range=[ACCENT, *COLOURS]), legend=None)
    shape = alt.Shape("k:N", scale=alt.Scale(domain=MARKS, range=["circle", *SHAPES]), legend=None)
    fill = alt.condition("datum.h", alt.value(PAPER), alt.value(ACCENT))
    base = alt.Chart(alt.NamedData("points")).encode(y=y)
    chance = alt.Chart(alt.NamedData("chance")).mark_rule(color=MUTED, strokeDash=DASH, strokeWidth=1.5, clip=True)
    points = base.mark_point(size=48, strokeWidth=2, opacity=1)
    layers = [
        chance.encode(x=x("v")),
        base.mark_rule(strokeWidth=2, opacity=0.85).encode(x=x("lo"), x2="hi:Q", stroke=colour),
        points.encode(x=x("v"), stroke=colour, shape=shape, fill=fill, tooltip="t:N"),
    ]
    return finish(alt.layer(*layers).properties(height=STEP * count + AXIS))


def height(found: View) -> int:
    """Return the height to keep free for a panel."""
    return STEP * len(found["methods"]) + AXIS


def datasets(found: View, one: View) -> Spec:
    """Return the rows of one class's panel."""
    points = []
    for method, cell in zip(found["methods"], one["cells"], strict=True):
        if cell is None or cell["value"] is None:
            continue
        low, high = (cell["value"] if cell[end] is None else cell[end] for end in ("low", "high"))
        points.append(
            {
                "k": MARKS[method["key"]],
                "v": rounded(cell["value"]),
                "lo": rounded(low),
                "hi": rounded(high),
                "h": method["key"] > 0 or cell["greyed"],
                "t": f"{method['name']}: {interval(cell)}",
            }
        )
    return {"points": points, "chance": [{"v": 0.5}] if found["guessing"] else []}
