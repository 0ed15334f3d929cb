"""All numbers of one method at one level: predictions in, estimates and metric rows out.

The order of the rows is fixed: all samples together first, then each available group attribute level by level, then
its class-standardised averages and its gaps. Look in `classwise.py` and `overall.py` for the metrics, `cells.py` for
suppression, `seeds.py` for methods of several seeds, `estimates.py` for averages, `intervals.py` for intervals,
`gaps.py` for differences between groups, `differences.py` for differences between methods.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from vlmeval.records import Benchmark, GroupSpec, MetricRow, Predictions
from vlmeval.stats.cells import Cell, levels, whole
from vlmeval.stats.estimates import Counted, Estimate, estimates_of
from vlmeval.stats.gaps import gaps, standardised
from vlmeval.stats.registry import Metric, all_metrics, metric_info
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.results import Estimates
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import Ranked, cell_sums
from vlmeval.stats.table import Floats

Groups = Literal["none", "averages", "full"]


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
    return estimate((predictions,), benchmark, resamples, groups="full" if groups else "none").rows()


def estimate(
    predictions: Sequence[Predictions],
    benchmark: Benchmark,
    resamples: Resamples,
    *,
    metrics: Collection[str] | None = None,
    groups: Groups = "full",
    classes: bool = True,
) -> Estimates:
    """Estimate the metrics of one method at one level, over its seeds.

    Parameters
    ----------
    predictions
        One a seed; a single one for a method without seeds. All on the same rows with the same truth and groups.
        Values are means over seeds; draws resample units and seeds (see `seeds.py`).
    benchmark, resamples
        As of `summarise`.
    metrics
        Ids of the metrics to compute, all of the task if not given. What others need is not computed.
    groups
        ``none``; ``averages``: averages over classes, metrics over all classes and gaps, by group; ``full``: single
        classes by group too.
    classes
        Whether to estimate single classes at all.

    Raises
    ------
    DataError
        For predictions that cannot be used, or are not seeds of one method.
    UnknownNameError
        For a metric that the task does not have.
    """
    seeds = Seeds.of(predictions, benchmark, resamples)
    wanted = None if metrics is None else {metric_info(m, benchmark.task).id for m in metrics}
    asked = Asked(seeds, tuple(m for m in all_metrics(benchmark.task) if wanted is None or m.id in wanted))
    return Estimates(tuple(asked.everything(groups=groups, classes=classes)), seeds)


@dataclass(frozen=True)
class Asked:
    """The metrics that are asked for, of one method."""

    seeds: Seeds
    metrics: tuple[Metric, ...]

    @cached_property
    def columns(self) -> list[dict[str, Floats]]:
        """By seed: metric id -> row columns to sum."""
        needed = [m for m in self.metrics if m.columns and self.seeds.missing(m) is None]
        return [{m.id: m.columns(table) for m in needed if m.columns} for table in self.seeds.tables]

    def everything(self, *, groups: Groups, classes: bool) -> list[Estimate]:
        """Return every estimate: of all samples together, then group by group."""
        table = self.seeds.table
        found = self.cell(self.count(whole(table)), classes=classes)
        for group in table.benchmark.available_groups if groups != "none" else ():
            if group.id in table.groups:
                found += self.group(group, classes=classes and groups == "full")
        return found

    def count(self, cell: Cell) -> Counted:
        """Sum up a cell in every draw of every seed."""
        needed = {m.ranks for m in self.metrics} - {None}
        ranked = cell.supported & ~self.seeds.unscored & bool(needed)
        asked = Ranked(ranked, precision="precision-mass" in needed, drawn=self.seeds.drawn)
        return Counted(cell, self.seeds, cell_sums(self.seeds.tables, cell.rows, asked, self.columns))

    def cell(self, counted: Counted, *, classes: bool) -> list[Estimate]:
        return [e for metric in self.metrics for e in estimates_of(metric, counted, classes=classes)]

    def group(self, group: GroupSpec, *, classes: bool) -> list[Estimate]:
        counted = [self.count(cell) for cell in levels(self.seeds.table, group)]
        by_level = [self.cell(one, classes=classes) for one in counted]
        out = [e for estimates in by_level for e in estimates]
        compared = [
            e for one, estimates in zip(counted, by_level, strict=True) if not one.cell.missing for e in estimates
        ]
        for metric in self.metrics:
            if not metric.gaps or not compared:
                continue
            own = [e for e in compared if e.metric == metric.id and e.averaging in ("macro", "overall")]
            out += gaps(metric, group, own)
            if metric.standardised:
                common = standardised(metric, counted)
                out += common + gaps(metric, group, common)
        return out
