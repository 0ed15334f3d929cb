"""Gaps between the levels of a group, for the page: with interval, p, and whether chance could explain them.

In: the rows of a run. Out: what `strata.py` puts into its view of a group: cells of gaps, the differences of error
rates at the stored decision, and a table of the gaps of single classes.
"""

from __future__ import annotations

from typing import Final

from vlmeval.compare.verdicts import p_text
from vlmeval.records import ClassSpec, GroupSpec, MethodUsed, MetricRow, RunRecord
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.names import metric_view
from vlmeval.stats import metrics_between_levels

GAPS: Final = {
    "worst": "Worst level",
    "max-min": "Largest minus smallest",
    "last-first": "Last minus first level",
    "ratio": "Smallest over largest",
}
OF_CLASSES: Final = ("auroc", "sensitivity", "specificity")
WIDEST: Final = "max-min"
LEVEL: Final = 0.05


def gap_cell(row: MetricRow | None) -> View | None:
    """Return a gap as a cell, with its test in words where there was one: ``p = 0.003, adjusted 0.020``."""
    found = cell(row)
    if row is None or found is None:
        return None
    return found | {"test": _test(row), "chance": None if row.p_adjusted is None else row.p_adjusted > LEVEL}


def _test(row: MetricRow) -> str | None:
    if row.p is None:
        return None
    if row.p_adjusted is None:
        return p_text(row.p)
    return f"{p_text(row.p)}, adjusted {p_text(row.p_adjusted).removeprefix('p = ').removeprefix('p ')}"


def verdict(metrics: list[View], errors: list[View], classes: View | None) -> str | None:
    """Return in a sentence how many of a group's gaps chance hardly explains; None where nothing was tested."""
    cells = [gap["cell"] for metric in metrics for gap in metric["gaps"] if gap["id"] == WIDEST]
    cells += [error["cell"] for error in errors]
    cells += [found for row in (classes or {"rows": []})["rows"] for found in row["cells"]]
    tested = [found["chance"] for found in cells if found is not None and found["chance"] is not None]
    if not tested:
        return None
    clear, of = tested.count(False), f"the {len(tested)} gaps tested here"
    if len(tested) == 1:
        return "Chance hardly explains the gap." if clear else "Chance could explain the gap."
    return f"Chance hardly explains {clear} of {of}." if clear else f"Chance could explain every one of {of}."


def error_gaps(group: GroupSpec, rows: Rows, headline: MethodUsed, record: RunRecord) -> list[View]:
    """Return equal opportunity and equalised odds, averaged over the classes that every level has."""
    found = []
    for metric in metrics_between_levels(record.benchmark.task):
        row = rows.averaged(headline, metric.id, "macro-common", group.id, WIDEST)
        if row is not None:
            found.append({"metric": metric_view(metric.id, record.benchmark.task), "cell": gap_cell(row)})
    return found


def class_gaps(group: GroupSpec, rows: Rows, headline: MethodUsed, record: RunRecord) -> View | None:
    """Return the gaps of each class: a column a metric, or None where statistics computed none."""
    task, classes = record.benchmark.task, record.benchmark.classes
    metrics = (*OF_CLASSES, *(m.id for m in metrics_between_levels(task)[-1:]))
    by = {(c.id, m): rows.of_class(headline, m, c.id, group.id, WIDEST) for c in classes for m in metrics}
    shown = [m for m in metrics if any(by[c.id, m] is not None for c in classes)]
    if not any(row is not None and row.value is not None for row in by.values()):
        return None
    return {
        "metrics": [metric_view(m, task) for m in shown],
        "rows": [_class(c, [by[c.id, m] for m in shown]) for c in classes],
        "tested": any(row is not None and row.p is not None for row in by.values()),
    }


def _class(spec: ClassSpec, found: list[MetricRow | None]) -> View:
    known = [row for row in found if row is not None]
    units = max((row.n_units for row in known if row.value is not None), default=None)
    return {"id": spec.id, "name": spec.name, "n_units": units, "cells": [gap_cell(row) for row in found]}
