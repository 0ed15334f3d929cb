"""Charts of how sure the truth is: a metric under every truth, and one dermatologist beside the methods."""

from __future__ import annotations

from typing import Final

from vlmeval.report.charts.base import Spec
from vlmeval.report.charts.forest import ROW_HEIGHT, Item, forest
from vlmeval.report.lookup import View

MOST: Final = 2
EXTRA: Final = 44


def truth_charts(view: View) -> dict[str, Spec]:
    """Return the charts by id; ceilings are rows with an interval, and lines that cross all rows."""
    charts: dict[str, Spec] = {}
    for i, metric in enumerate(view["metrics"][:MOST]):
        items = [Item(line["name"], line["cells"][0], line["id"] != "card") for line in metric["rows"]]
        shown = [c for c in metric["ceilings"] if c["cell"]["value"] is not None]
        items += [Item(c["name"], c["cell"], True) for c in shown]
        lines = [c["cell"]["value"] for c in shown]
        spec = forest(items, metric["metric"]["short"], metric["metric"]["chance"], lines=lines)
        charts[f"truth-{i}"] = {"height": ROW_HEIGHT * len(items) + EXTRA, "spec": spec}
    same = view["same"]
    if same is not None:
        items = [Item(line["name"], line["weight"][0], line["reader"]) for line in same["rows"]]
        reader = same["rows"][0]["weight"][0]
        lines = [] if reader is None or reader["value"] is None else [reader["value"]]
        spec = forest(items, "Chance that the first answer is a dermatologist's", lines=lines)
        charts["truth-same"] = {"height": ROW_HEIGHT * len(items) + EXTRA, "spec": spec}
    return charts
