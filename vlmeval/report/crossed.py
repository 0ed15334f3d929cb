"""Crossed groups: one table a pair, the levels of one group down and of the other across, with counts in every cell.

In: a RunRecord whose card has crossed groups. Out: one view a crossed group. A combination with too few units has no
number; how many there are of these is said above the table.
"""

from __future__ import annotations

from vlmeval.records import GroupLevel, GroupSpec, MethodUsed, RunRecord
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.names import AVERAGING_NAMES, metric_view


def crossed_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> list[View]:
    """Return the crossed groups in the order they were asked for."""
    return [_crossed(g, g.crossed, record, rows, headline) for g in record.benchmark.groups if g.crossed is not None]


def _crossed(group: GroupSpec, pair: tuple[str, str], record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    first, second = (record.benchmark.group(name) for name in pair)
    metrics = [m for m in record.benchmark.headline_metrics if rows.average(headline, m) is not None]
    counts = record.data.group_units.get(group.id, {})
    return {
        "id": group.id,
        "name": group.name,
        "note": group.note,
        "estimated": group.estimated,
        "first": first.name,
        "second": second.name,
        "columns": [level.name for level in _answered(second)],
        "not_known": sum(n for level, n in counts.items() if level not in _products(first, second)),
        "tables": [_table(metric, group, (first, second), record, rows, headline) for metric in metrics],
    }


def _table(
    metric: str,
    group: GroupSpec,
    pair: tuple[GroupSpec, GroupSpec],
    record: RunRecord,
    rows: Rows,
    headline: MethodUsed,
) -> View:
    counts = record.data.group_units.get(group.id, {})
    lines: list[View] = []
    every: list[View | None] = []
    for a in _answered(pair[0]):
        cells: list[View] = []
        for b in _answered(pair[1]):
            level = f"{a.id}/{b.id}"
            found = cell(rows.average(headline, metric, group.id, level))
            cells.append({"cell": found, "n_units": counts.get(level, 0)})
            every.append(found)
        lines.append({"name": a.name, "cells": cells})
    leading = rows.average(headline, metric)
    return {
        "metric": metric_view(metric, record.benchmark.task),
        "averaged": AVERAGING_NAMES[leading.averaging] if leading else "",
        "rows": lines,
        "cells": len(every),
        "suppressed": sum(one is None or one["value"] is None for one in every),
    }


def _products(first: GroupSpec, second: GroupSpec) -> set[str]:
    return {f"{a.id}/{b.id}" for a in _answered(first) for b in _answered(second)}


def _answered(group: GroupSpec) -> list[GroupLevel]:
    return [level for level in group.levels if not level.missing]
