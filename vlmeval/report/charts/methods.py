"""Charts that hold several methods: all of them on one axis a metric, and the leading ones class by class."""

from __future__ import annotations

from typing import Final

from vlmeval.report.charts import multiples
from vlmeval.report.charts.base import Spec, without_shared_end
from vlmeval.report.charts.forest import Item
from vlmeval.report.charts.panel import Dot, Line, panel
from vlmeval.report.lookup import View

MOST_METHODS: Final = 40
PANELS: Final = "multiples"


def method_charts(view: View) -> dict[str, Spec]:
    """Return the panels of the section that compares methods, and one small panel a class."""
    return _side(view) | _classes(view["multiples"])


def method_families(view: View) -> dict[str, Spec]:
    """Return the specification that the small panels share."""
    return {} if view["multiples"] is None else {PANELS: multiples.family(view["multiples"])}


def _side(view: View) -> dict[str, Spec]:
    compared, shots = view["comparison"], view["few_shot"]
    together = shots is not None and shots["level"] == view["level"]
    if len(compared["rows"]) < 2 and not together:
        return {}
    made = {}
    names = method_labels(compared["rows"])
    for i, metric in enumerate(compared["metrics"]):
        rows = list(zip(names, compared["rows"], strict=True))[:MOST_METHODS]
        items = [Item(name, line["cells"][i], not line["headline"]) for name, line in rows]
        lines = _few_shot(shots, metric["id"]) if together else []
        made[f"comparison-{i}"] = panel(items, lines, metric["short"], compared["zero_shot"][i], metric["chance"])
    return made


def _few_shot(shots: View, metric: str) -> list[Line]:
    """Return one line a number of shots, of the first way of drawing examples."""
    found = next((s for s in shots["metrics"] if s["metric"]["id"] == metric), None)
    if found is None or not found["regimes"]:
        return []
    curves = found["regimes"][0]["panels"][0]["lines"]
    made = []
    for i, position in enumerate(shots["positions"]):
        cells = [(line, line["points"][i]["cell"]) for line in curves]
        dots = [Dot(line["key"], line["variant"], c) for line, c in cells if c is not None and c["value"] is not None]
        label = position["label"]
        words = "all data" if label == "all" else "1 shot" if label == "1" else f"{label} shots"
        if dots:
            made.append(Line(words, dots))
    return made


def _classes(found: View | None) -> dict[str, Spec]:
    if found is None:
        return {}
    tall = multiples.height(found)
    return {
        f"{PANELS}-{i}": {"family": PANELS, "height": tall, "datasets": multiples.datasets(found, one)}
        for i, one in enumerate(found["panels"])
        if one["reason"] is None
    }


def method_labels(lines: list[View]) -> list[str]:
    """Return the methods' names for an axis; the words that all prompt sets end in are left out."""
    titles = [line["prompt_set"] for line in lines if line["prompt_set"]]
    short = dict(zip(titles, without_shared_end(titles), strict=True))
    return [
        line["name"].replace(line["prompt_set"], short[line["prompt_set"]])
        if line["prompt_set"]
        else line["label"] or line["name"]
        for line in lines
    ]
