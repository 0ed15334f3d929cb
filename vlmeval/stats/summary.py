"""All numbers of one method at one level: predictions in, metric rows out.

The order of the rows is fixed: all samples together first, then each available group attribute level by level, then
its class-standardised averages and its gaps. Look in `classwise.py` and `overall.py` for the metrics, `cells.py` for
suppression, `estimates.py` for averages and intervals, `gaps.py` for differences between groups.
"""

from __future__ import annotations

from vlmeval.records import Benchmark, GroupSpec, MetricRow, Predictions
from vlmeval.stats.cells import Cell, levels, whole
from vlmeval.stats.estimates import Estimate, estimates_of, rows_of
from vlmeval.stats.gaps import gaps, standardised
from vlmeval.stats.registry import Metric, all_metrics
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.sums import Sums, cell_sums
from vlmeval.stats.table import Floats, Table


def summarise(
    predictions: Predictions, benchmark: Benchmark, resamples: Resamples, *, groups: bool = True
) -> list[MetricRow]:
    """Compute every metric of the benchmark's task, overall and for each level of each available group attribute.

    Parameters
    ----------
    predictions
        Truth and scores of one method at one level. Rows of one unit are kept together by the bootstrap; at unit
        level rows are units. Group attributes that the predictions do not carry are left out.
    benchmark
        The card: task, classes, group levels.
    resamples
        Shared by everything that is to be compared; must cover the predictions' units.
    groups
        Whether to report groups.

    Returns
    -------
    list of MetricRow
        Rows without a value have a reason.

    Raises
    ------
    DataError
        For scores, labels, units or level codes that cannot be used (column and row are named).
    """
    table = Table.of(predictions, benchmark, resamples)
    metrics = all_metrics(benchmark.task)
    columns = {m.id: m.columns(table) for m in metrics if m.columns and m.missing(table) is None}
    cell = whole(table)
    rows = rows_of(_cell(table, metrics, cell, _sums(table, cell, columns)), table)
    for group in benchmark.available_groups if groups else ():
        if group.id in table.groups:
            rows += rows_of(_group(table, metrics, group, columns), table)
    return rows


def _sums(table: Table, cell: Cell, columns: dict[str, Floats]) -> Sums:
    return cell_sums(table, cell.rows, cell.supported, columns)


def _cell(table: Table, metrics: tuple[Metric, ...], cell: Cell, sums: Sums) -> list[Estimate]:
    return [e for metric in metrics for e in estimates_of(metric, table, cell, sums)]


def _group(table: Table, metrics: tuple[Metric, ...], group: GroupSpec, columns: dict[str, Floats]) -> list[Estimate]:
    cells = levels(table, group)
    sums = [_sums(table, cell, columns) for cell in cells]
    by_level = [_cell(table, metrics, cell, s) for cell, s in zip(cells, sums, strict=True)]
    out = [e for estimates in by_level for e in estimates]
    compared = [e for cell, estimates in zip(cells, by_level, strict=True) if not cell.missing for e in estimates]
    for metric in metrics:
        if not metric.gaps or not compared:
            continue
        own = [e for e in compared if e.metric == metric.id and e.averaging in ("macro", "overall")]
        out += gaps(metric, group, own)
        if metric.standardised:
            common = standardised(metric, table, cells, sums)
            out += common + gaps(metric, group, common)
    return out
