"""View -> Vega-Lite specifications, built and validated by Altair; nothing here computes a number.

Specifications carry no colours but CSS variables (``var(--accent)``): the page's theme, its toggle and print reach into
the charts without drawing them again. Names that come from data are data, never field names or expressions. Curves share
one specification per family; each brings only its points.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from vlmeval.report.lookup import View
from vlmeval.report.text import interval, one_line

Spec = dict[str, Any]
ACCENT, INK, MUTED, PAPER, LINE = "var(--accent)", "var(--ink)", "var(--muted)", "var(--paper)", "var(--line)"
FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
LABEL_LIMIT: Final = 60
CONFUSION_LIMIT: Final = 30

CONFIG: Final[Spec] = {
    "background": None,
    "font": FONT,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 8,
        "gridColor": LINE,
        "domainColor": "var(--line-strong)",
        "tickColor": "var(--line-strong)",
        "labelPadding": 6,
    },
    "axisY": {"labelColor": INK},
    "text": {"color": INK, "fontSize": 12},
}


class Item(NamedTuple):
    """One line of a forest plot: a label, a cell, whether it is drawn hollow, and its own chance mark."""

    label: str
    cell: View | None
    hollow: bool = False
    chance: float | None = None


def build_charts(view: View) -> dict[str, Spec]:
    """Return the page's charts by id (what ``data-chart`` names), and under ``families`` the shared specifications."""
    charts: dict[str, Spec] = {}
    _comparison(view, charts)
    _classes(view, charts)
    for group in [*view["tones"], *view["groups"]]:
        _group(group, charts)
    _curves(view, charts)
    if view["confusion"] and len(view["confusion"]["names"]) <= CONFUSION_LIMIT:
        charts["confusion"] = {"spec": confusion(view["confusion"])}
    if view["reliability"]["bins"]:
        charts["reliability"] = {"spec": reliability(view["reliability"]["bins"])}
        charts["reliability-counts"] = {"spec": bin_counts(view["reliability"]["bins"])}
    return charts


def families() -> dict[str, Spec]:
    """Return the specifications that many charts share; each chart brings its points as [x, y] pairs."""
    return {"roc": curve("1 − specificity", "Sensitivity", diagonal=True), "pr": curve("Recall", "Precision")}


def _comparison(view: View, charts: dict[str, Spec]) -> None:
    compared = view["comparison"]
    if len(compared["rows"]) < 2:
        return
    for i, metric in enumerate(compared["metrics"]):
        items = [
            Item(line["name"] + (" (headline)" if line["headline"] else ""), line["cells"][i], not line["headline"])
            for line in compared["rows"]
        ]
        charts[f"comparison-{i}"] = {"spec": forest(items, metric["name"], metric.get("chance"))}


def _classes(view: View, charts: dict[str, Spec]) -> None:
    table = view["classes"]
    for i, metric in enumerate(table["metrics"]):
        if metric["id"] not in ("auroc", "average_precision"):
            continue
        own = metric["id"] == "average_precision"
        items = [
            Item(
                line["name"],
                line["cells"][i],
                bool((line["cells"][i] or {}).get("greyed")),
                line["prevalence"] if own else None,
            )  # noqa: E501
            for line in table["rows"]
        ]
        charts[f"classes-{metric['id']}"] = {"spec": forest(items, metric["name"], None if own else 0.5)}


def _group(group: View, charts: dict[str, Spec]) -> None:
    for i, metric in enumerate(group["metrics"][:2]):
        items = [Item("Everyone", metric["overall"])]
        levels = [lv for lv in metric["levels"] if lv["cell"] is not None]
        for level in sorted(levels, key=lambda lv: bool(lv["missing"])):
            label = f"{level['name']}  (n = {level['cell']['n_units']:,})"
            items.append(Item(label, level["cell"], level["missing"] or level["cell"]["greyed"]))
        charts[f"group-{group['id']}-{i}"] = {
            "spec": forest(items, metric["metric"]["name"], metric["metric"].get("chance"))
        }  # noqa: E501


def _curves(view: View, charts: dict[str, Spec]) -> None:
    for i, line in enumerate(view["curves"]["classes"]):
        if line["roc"] is not None:
            charts[f"roc-{i}"] = {"family": "roc", "points": line["roc"]["points"]}
            charts[f"pr-{i}"] = {"family": "pr", "points": line["pr"]["points"], "chance": line["pr"]["chance"]}


def forest(items: Sequence[Item], title: str, chance: float | None = None) -> Spec:
    """Return a forest plot: a point and its interval a line, hollow where told, a dashed line at chance."""
    import altair as alt

    labels = distinct([item.label for item in items])
    values = [_forest_row(label, item) for label, item in zip(labels, items, strict=True) if _has_value(item)]
    low, high = _range(
        [v[k] for v in values for k in ("lo", "hi", "ch") if v[k] is not None] + ([] if chance is None else [chance])
    )  # noqa: E501
    y = alt.Y("k:N", scale=alt.Scale(domain=labels), sort=None, title=None).axis(
        domain=False, ticks=False, grid=False, labelLimit=230, minExtent=90
    )
    x = alt.X("lo:Q", title=title, scale=alt.Scale(domain=[low, high], nice=False)).axis(format=".2f", tickCount=5)
    base = alt.Chart(alt.Data(values=values)).encode(y=y)
    layers: list[Any] = []
    if chance is not None:
        mark = alt.Chart(alt.Data(values=[{"c": chance}])).mark_rule(color=MUTED, strokeDash=[4, 4])
        layers.append(mark.encode(x=alt.X("c:Q", title=title), tooltip=alt.value("chance")))
    layers.append(base.mark_rule(color=ACCENT, strokeWidth=2).encode(x=x, x2="hi:Q"))
    fill = alt.condition("datum.h", alt.value(PAPER), alt.value(ACCENT))
    layers.append(
        base.mark_point(size=75, stroke=ACCENT, strokeWidth=2, opacity=1).encode(
            x=alt.X("v:Q", title=title), fill=fill, tooltip="t:N"
        )
    )  # noqa: E501
    if any(v["ch"] is not None for v in values):
        layers.append(base.mark_tick(color=MUTED, thickness=2, size=14).encode(x=alt.X("ch:Q", title=title)))
    return _finish(alt.layer(*layers).properties(width="container", height=alt.Step(28)))


def _has_value(item: Item) -> bool:
    return item.cell is not None and item.cell["value"] is not None


def _forest_row(label: str, item: Item) -> Spec:
    cell = item.cell or {}
    value = cell["value"]
    low = value if cell["low"] is None else cell["low"]
    high = value if cell["high"] is None else cell["high"]
    return {
        "k": label,
        "v": _round(value),
        "lo": _round(low),
        "hi": _round(high),
        "h": item.hollow,
        "ch": None if item.chance is None else _round(item.chance),
        "t": f"{label}: {interval(cell)}",
    }


def _range(numbers: Sequence[float]) -> tuple[float, float]:
    """Return axis limits on steps of 0.1 that hold all numbers."""
    if not numbers:
        return 0.0, 1.0
    low, high = math.floor(min(numbers) * 10 + 1e-9) / 10, math.ceil(max(numbers) * 10 - 1e-9) / 10
    return low, max(high, low + 0.1)


def curve(x_title: str, y_title: str, *, diagonal: bool = False) -> Spec:
    """Return the shared specification of a curve in the unit square, its points in the data set ``points``."""
    import altair as alt

    unit = alt.Scale(domain=[0, 1], nice=False)
    ticks = [0, 0.5, 1]
    x = alt.X("x:Q", title=x_title, scale=unit).axis(values=ticks, format=".1f")
    y = alt.Y("y:Q", title=y_title, scale=unit).axis(values=ticks, format=".1f")
    data = alt.NamedData("points")
    chance = alt.Chart(alt.NamedData("chance")).mark_line(color=MUTED, strokeDash=[4, 4], strokeWidth=1.5)
    area = alt.Chart(data).mark_area(color=ACCENT, opacity=0.12).encode(x=x, y=y, order="i:Q")
    line = alt.Chart(data).mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y=y, order="i:Q")
    layers = [chance.encode(x=x, y=y), line] if not diagonal else [chance.encode(x=x, y=y), area, line]
    return _finish(alt.layer(*layers).properties(width="container", height=150))


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
                {"r": names[i], "c": names[j], "s": _round(share), "p": f"{share:.0%}" if count else "", "t": tip}
            )
    domain = alt.Scale(domain=names)
    y = alt.Y("r:N", scale=domain, sort=None, title="True class").axis(domain=False, ticks=False, labelLimit=170)
    x = alt.X("c:N", scale=domain, sort=None, title="Called").axis(
        domain=False, ticks=False, orient="top", labelAngle=-40, labelLimit=130
    )
    base = alt.Chart(alt.Data(values=values)).encode(x=x, y=y, tooltip="t:N")
    cells = base.mark_rect(color=ACCENT, stroke=LINE, strokeWidth=1).encode(
        fillOpacity=alt.FillOpacity("s:Q", scale=alt.Scale(domain=[0, 1], range=[0.0, 1.0]), legend=None)
    )
    ink = alt.condition("datum.s > 0.5", alt.value("var(--on-accent)"), alt.value(INK))
    layers = [cells] if len(names) > 12 else [cells, base.mark_text(fontSize=11).encode(text="p:N", color=ink)]
    return _finish(alt.layer(*layers).properties(width="container", height=alt.Step(32)))


def reliability(bins: Sequence[View]) -> Spec:
    """Return the reliability diagram: observed share against mean score per bin, the diagonal dashed."""
    import altair as alt

    unit = alt.Scale(domain=[0, 1], nice=False)
    values = [{"x": b["confidence"], "y": b["observed"], "t": f"{b['n']:,} in this bin"} for b in bins if b["n"]]
    x, y = alt.X("x:Q", title="Mean score in the bin", scale=unit), alt.Y("y:Q", title="Observed share", scale=unit)
    diagonal = alt.Chart(alt.Data(values=[{"x": 0, "y": 0}, {"x": 1, "y": 1}])).mark_line(
        color=MUTED, strokeDash=[4, 4], strokeWidth=1.5
    )
    base = alt.Chart(alt.Data(values=values)).encode(x=x, y=y)
    line = base.mark_line(color=ACCENT, strokeWidth=2)
    points = base.mark_point(color=ACCENT, fill=ACCENT, size=60, opacity=1).encode(tooltip="t:N")
    layers = alt.layer(diagonal.encode(x=x, y=y), line, points)
    return _finish(layers.properties(width="container", height=300))


def bin_counts(bins: Sequence[View]) -> Spec:
    """Return how many samples fall into each bin of the reliability diagram."""
    import altair as alt

    values = [{"a": b["from"], "b": b["to"], "n": b["n"]} for b in bins]
    x = alt.X("a:Q", title="Score", scale=alt.Scale(domain=[0, 1], nice=False))
    chart = alt.Chart(alt.Data(values=values)).mark_bar(color=ACCENT, opacity=0.55, stroke=PAPER, strokeWidth=1)
    encoded = chart.encode(x=x, x2="b:Q", y=alt.Y("n:Q", title="Count").axis(tickCount=3))
    return _finish(encoded.properties(width="container", height=90))


def distinct(labels: Sequence[str]) -> list[str]:
    """Return one-line labels short enough for an axis, made distinct by a number where two are the same."""
    seen: dict[str, int] = {}
    made = []
    for label in labels:
        short = one_line(label, LABEL_LIMIT)
        seen[short] = seen.get(short, 0) + 1
        made.append(short if seen[short] == 1 else f"{short} ({seen[short]})")
    return made


def _round(value: float) -> float:
    return round(float(value), 4)


def _finish(chart: Any) -> Spec:
    """Validate and return the bare specification: data in place, no schema address, no theme."""
    import altair as alt

    with alt.data_transformers.enable("default", consolidate_datasets=False):
        spec: Spec = chart.to_dict()
    spec.pop("config", None)
    spec.pop("$schema", None)
    return spec
