"""The charts of a comparison: forest plots of differences by metric, class and level, with a line at no difference."""

from __future__ import annotations

from collections.abc import Sequence

from vlmeval.report.charts.base import Spec, quickly
from vlmeval.report.charts.forest import ROW_HEIGHT, Item, forest
from vlmeval.report.lookup import View
from vlmeval.report.text import lower_first

MOST_ROWS = 60


@quickly
def compare_charts(view: View) -> dict[str, Spec]:
    """Return the charts of a comparison's page by id."""
    charts: dict[str, Spec] = {}
    for i, pair in enumerate(view["pairs"]):
        verdicts = [v for v in pair["verdicts"] if v["number"] is not None]
        _add(charts, f"pair-{i}", [_item(v["metric"]["short"], v["number"]) for v in verdicts], "Difference")
        classes = pair["classes"]
        if classes["metrics"]:
            items = [_item(row["name"], row["cells"][0]) for row in classes["rows"]]
            _add(charts, f"pair-{i}-classes", items, _title(classes["metrics"][0]))
        for kind in ("tones", "groups"):
            for j, group in enumerate(pair[kind]):
                if group["unavailable"] is None:
                    _add(charts, f"pair-{i}-{kind}-{j}", _levels(group), _title(group["metrics"][0]))
    return charts


def _levels(group: View) -> list[Item]:
    items = [_item("Everyone", group["everyone"][0])]
    for row in sorted(group["rows"], key=lambda row: bool(row["missing"])):
        cell = row["cells"][0]
        items.append(_item(row["name"] if cell is None else f"{row['name']} (n = {cell['n_units']:,})", cell))
    return items


def _item(label: str, cell: View | None) -> Item:
    """Return a line whose point is solid where one side is clearly better, hollow elsewhere."""
    return Item(label, cell, cell is None or cell["better"] not in ("a", "b"))


def _title(metric: View) -> str:
    return f"Difference in {lower_first(metric['short'])}"


def _add(charts: dict[str, Spec], name: str, items: Sequence[Item], title: str) -> None:
    if items and len(items) <= MOST_ROWS and any(i.cell is not None and i.cell["value"] is not None for i in items):
        spec = forest(items, title, 0.0, fine=True)
        charts[name] = {"height": ROW_HEIGHT * len(items) + 44, "spec": spec}
