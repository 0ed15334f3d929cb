"""Charts of calibration and selective use: which lines stand in which chart, and under which name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from vlmeval.report.charts import bands
from vlmeval.report.charts.base import Spec
from vlmeval.report.charts.forest import ROW_HEIGHT, Item, forest
from vlmeval.report.lookup import View

Panel = tuple[str, str, Sequence[View], bool]
KINDS: Final = tuple(bands.KINDS)


def examined_charts(view: View) -> dict[str, Spec]:
    """Return the charts of calibration, selective prediction, conformal sets and decision curves by id."""
    charts: dict[str, Spec] = {}
    for name, kind, lines, small in _panels(view):
        height = bands.SMALL if small else bands.LARGE
        family = f"bands-{kind}-{'small' if small else 'large'}"
        charts[name] = {"family": family, "height": height, "datasets": bands.datasets(kind, lines)}
    for i, tone in enumerate(view["conformal"]["tones"]):
        items = _coverages(tone["rows"])
        if items:
            promised = view["conformal"]["promised"]
            spec = forest(items, "Share of sets with the truth", promised)
            charts[f"conformal-{i}"] = {"height": ROW_HEIGHT * len(items) + 44, "spec": spec}
    return charts


def examined_families(view: View) -> dict[str, Spec]:
    """Return the specifications that these charts share: one a kind and size, its axes holding all of the kind."""
    panels = list(_panels(view))
    made = {}
    for kind in KINDS:
        own = [lines for _, k, lines, _ in panels if k == kind]
        for small in sorted({size for _, k, _, size in panels if k == kind}):
            name = f"bands-{kind}-{'small' if small else 'large'}"
            made[name] = bands.family(kind, own, small=small)
    return made


def _panels(view: View) -> Iterator[Panel]:
    """Yield every chart with lines: its id, kind, lines, and whether it is small."""
    if view["calibration"]["lines"]:
        yield "reliability", "reliability", view["calibration"]["lines"], False
    for i, tone in enumerate(view["calibration"]["tones"]):
        for j, panel in enumerate(tone["panels"]):
            yield f"reliability-{i}-{j}", "reliability", panel["lines"], True
    if view["selective"]["lines"]:
        yield "risk", "risk", view["selective"]["lines"], False
    for i, tone in enumerate(view["selective"]["tones"]):
        if tone["lines"]:
            yield f"risk-{i}", "risk", tone["lines"], True
    for i, panel in enumerate(view["operating"]["decision"]["panels"]):
        if panel["lines"]:
            yield f"decision-{i}", "decision", panel["lines"], True


def _coverages(rows: Sequence[View]) -> list[Item]:
    """Return two lines a level: solid with one threshold for everyone, hollow with its own."""
    items = []
    for row in rows:
        for name, cells in (("one threshold", row["one"]), ("own threshold", row["own"])):
            cell = cells["coverage"]
            if cell is not None and cell["value"] is not None:
                items.append(Item(f"{row['name']}, {name}", cell, name == "own threshold"))
    return items
