"""View -> Vega-Lite specifications, built and validated by Altair; nothing here computes a number.

Specifications carry no colours but CSS variables (``var(--accent)``): the page's theme, its toggle and print reach into
the charts without drawing them again. Names that come from data are data, never field names or expressions. Curves
share one specification per family and bring only their points. base.py is the theme; forest.py, squares.py, shots.py,
bands.py and fitting.py are the forms.
"""

from __future__ import annotations

from typing import Final

from vlmeval.report.charts import fitting, shots
from vlmeval.report.charts.base import CONFIG, Spec, quickly
from vlmeval.report.charts.board import board_charts
from vlmeval.report.charts.examined import examined_charts, examined_families
from vlmeval.report.charts.forest import ROW_HEIGHT, Item, forest
from vlmeval.report.charts.methods import method_charts, method_families
from vlmeval.report.charts.squares import (
    CELL_HEIGHT,
    CURVE_HEIGHT,
    confusion,
    curve,
)
from vlmeval.report.charts.truth import truth_charts
from vlmeval.report.lookup import View
from vlmeval.report.strata import leading_metric
from vlmeval.report.text import lower_first

__all__ = ["CONFIG", "board_charts", "build_charts", "families", "side_by_side_charts"]
CONFUSION_LIMIT: Final = 30


@quickly
def build_charts(view: View) -> dict[str, Spec]:
    """Return the page's charts by id (what ``data-chart`` names), each with the height to keep free for it."""
    charts: dict[str, Spec] = {}
    _for_whom(view, charts)
    _fitted(view, charts)
    for name, found, zero in _shot_sets(view["few_shot"]):
        _panels(name, found, charts, zero=zero)
    _classes(view, charts)
    for group in [*view["tones"], *view["groups"]]:
        _group(group, charts)
    _tone_gaps(view["tones"], charts)
    _tone_sources(view["tone_sources"], charts)
    _curves(view, charts)
    matrix = view["confusion"]
    if matrix and len(matrix["names"]) <= CONFUSION_LIMIT:
        charts["confusion"] = {"height": CELL_HEIGHT * len(matrix["names"]) + 130, "spec": confusion(matrix)}
    return charts | method_charts(view) | examined_charts(view) | truth_charts(view["truth"])


@quickly
def families(view: View) -> dict[str, Spec]:
    """Return the specifications that many charts share; each chart brings its points or its datasets."""
    made = {"roc": curve("roc"), "pr": curve("pr")} | method_families(view) | examined_families(view)
    for name, found, zero in _shot_sets(view["few_shot"]):
        panels = [panel for regime in found["regimes"] for panel in regime["panels"]]
        positions, title = view["few_shot"]["positions"], found["metric"]["short"]
        made[name] = shots.family(positions, panels, title, small=_is_small(name), zero=zero)
    return made


def _shot_sets(few_shot: View | None) -> list[tuple[str, View, bool]]:
    """Return the sets of few-shot panels by the name that their charts begin with, and whether they show gaps."""
    if few_shot is None:
        return []
    sets = [(f"shots-metric-{i}", found, False) for i, found in enumerate(few_shot["metrics"])]
    if few_shot["classes"]:
        sets.append(("shots-class", few_shot["classes"], False))
    for i, tone in enumerate(few_shot["tones"]):
        sets.append((f"shots-tone-{i}", tone, False))
        if tone["gap"]:
            sets.append((f"shots-gap-{i}", tone["gap"], True))
    return sets


def _is_small(name: str) -> bool:
    return name.startswith(("shots-class", "shots-tone"))


def _panels(name: str, found: View, charts: dict[str, Spec], *, zero: bool) -> None:
    height = shots.SMALL if _is_small(name) else shots.LARGE
    for regime in found["regimes"]:
        for i, panel in enumerate(regime["panels"]):
            if panel["reason"] is None:
                rows = shots.datasets(panel, zero=zero)
                charts[f"{name}-{regime['id']}-{i}"] = {"family": name, "height": height, "datasets": rows}


def _for_whom(view: View, charts: dict[str, Spec]) -> None:
    for i, source in enumerate(view["for_whom"]):
        if any(line["gap"] is not None and line["gap"]["value"] is not None for line in source["rows"]):
            items = [Item(line["name"], line["gap"], not line["headline"]) for line in source["rows"]]
            charts[f"gap-{i}"] = _forest(items, f"Gap in {lower_first(source['metric']['short'])}", 0.0)


def _fitted(view: View, charts: dict[str, Spec]) -> None:
    for i, method in enumerate(view["fitted"]):
        found = method["choice"]
        if found and sum(r["score"] is not None for r in found["rows"]) > 1:
            charts[f"choice-{i}"] = {"height": fitting.CHOICE_HEIGHT, "spec": fitting.choice(found)}
        if method["training"]:
            charts[f"loss-{i}"] = {"height": fitting.LOSS_HEIGHT, "spec": fitting.loss(method["training"])}


def _classes(view: View, charts: dict[str, Spec]) -> None:
    table = view["classes"]
    for i, metric in enumerate(table["metrics"]):
        if metric["id"] == "auroc":
            items = [_class_item(line, line["cells"][i], None) for line in table["rows"]]
            charts["classes-auroc"] = _forest(items, metric["short"], 0.5)
        elif metric["id"] == "average-precision":
            items = [_class_item(line, line["cells"][i], line["prevalence"]) for line in table["rows"]]
            charts["classes-average-precision"] = _forest(items, metric["short"])


def _class_item(line: View, cell: View | None, chance: float | None) -> Item:
    return Item(line["name"], cell, cell is not None and cell["greyed"], chance)


def _group(group: View, charts: dict[str, Spec]) -> None:
    """Draw a group's first two metrics over all classes, and its first two over the classes of every level."""
    for same in (False, True):
        found = [(i, m) for i, m in enumerate(group["metrics"]) if m["standardised"] == same]
        for i, metric in found[:2]:
            charts[f"group-{group['id']}-{i}"] = _levels(metric)


def _levels(metric: View) -> Spec:
    everyone = metric["overall"]
    items = [Item("Everyone", everyone)] if everyone else []
    levels = [lv for lv in metric["levels"] if lv["cell"] is not None]
    for level in sorted(levels, key=lambda lv: bool(lv["missing"])):
        label = f"{level['name']} (n = {level['cell']['n_units']:,})"
        items.append(Item(label, level["cell"], level["missing"] or level["cell"]["greyed"]))
    reference = everyone["value"] if everyone else None
    title = ", ".join(t for t in (metric["metric"]["short"], metric["averaged"]) if t)
    return _forest(items, title, metric["chance"], reference)


def _tone_gaps(tones: list[View], charts: dict[str, Spec]) -> None:
    """Draw each source's gap between the last and the first level, by the metric its levels are compared by."""
    items, titles = [], []
    for tone in tones:
        metric = None if tone["unavailable"] is not None else leading_metric(tone)
        gap = None if metric is None else next((g["cell"] for g in metric["gaps"] if g["id"] == "last-first"), None)
        if metric is not None and gap is not None:
            items.append(Item(tone["name"], gap, tone["estimated"] or gap["greyed"]))
            titles.append(metric["metric"]["short"])
    if any(item.cell is not None and item.cell["value"] is not None for item in items):
        title = f"Gap in {lower_first(titles[0])}" if len(set(titles)) == 1 else "Gap"
        spec = forest(items, title, 0.0, fine=True)
        charts["tone-gaps"] = {"height": ROW_HEIGHT * len(items) + 44, "spec": spec}


def _tone_sources(sources: View | None, charts: dict[str, Spec]) -> None:
    """Draw the first metric position by position, one line a source: what is beside each other is not the same."""
    found = None if sources is None or not sources["several"] else sources["sources"]
    if found is None or found["metric"] is None:
        return
    items = [
        Item(
            level["name"] if row["estimated"] else f"{level['name']}, {row['short']}",
            level["cell"],
            level["cell"]["greyed"] or row["estimated"],
        )
        for i in range(len(found["columns"]))
        for row in found["rows"]
        if (level := row["levels"][i]) is not None and level["cell"] is not None
    ]
    overall = found["overall"]
    charts["tone-sources"] = _forest(items, found["metric"]["short"], None, overall and overall["value"])


def _forest(items: list[Item], title: str, chance: float | None = None, reference: float | None = None) -> Spec:
    return {"height": ROW_HEIGHT * len(items) + 44, "spec": forest(items, title, chance, reference)}


@quickly
def side_by_side_charts(view: View) -> dict[str, Spec]:
    """Return one forest plot a metric, one line a method and run, for runs side by side."""
    charts: dict[str, Spec] = {}
    for i, metric in enumerate(view["metrics"][:2]):
        items = [
            Item(f"{line['name']}, {run['label']}", line["cells"][r][i], run["loud"])
            for line in view["rows"]
            for r, run in enumerate(view["runs"])
            if line["cells"][r][i] is not None
        ]
        charts[f"side-{i}"] = _forest(items, metric["short"])
    return charts


def _curves(view: View, charts: dict[str, Spec]) -> None:
    for i, line in enumerate(view["curves"]["classes"]):
        if line["roc"] is not None:
            charts[f"roc-{i}"] = {
                "family": "roc",
                "height": CURVE_HEIGHT,
                "points": line["roc"]["points"],
                "marks": _marks(line, "roc"),
            }
            charts[f"pr-{i}"] = {
                "family": "pr",
                "height": CURVE_HEIGHT,
                "points": line["pr"]["points"],
                "chance": line["pr"]["chance"],
                "marks": _marks(line, "pr"),
            }


def _marks(line: View, kind: str) -> list[Spec]:
    """Return the decisions that are drawn on a curve: where they lie, how they look, what they say."""
    return [{"x": m[kind][0], "y": m[kind][1], "k": m["kind"], "t": m["told"]} for m in line["marks"] if m[kind]]
