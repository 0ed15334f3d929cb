"""All numbers of one method at one level: predictions in, estimates and metric rows out.

The order of the rows is fixed: all samples together first, then each available group attribute level by level, then
its class-standardised averages and its gaps. Look in `classwise.py` and `overall.py` for the metrics, `cells.py` for
suppression, `seeds.py` for methods of several seeds, `estimates.py` for averages, `intervals.py` for intervals,
`gaps.py` for differences between groups, `differences.py` for differences between methods.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from vlmeval.records import Benchmark, GroupSpec, MetricRow, Predictions
from vlmeval.stats.cells import Cell, levels, whole
from vlmeval.stats.estimates import Counted, Estimate, estimates_of
from vlmeval.stats.groups.fairness import decision_gaps
from vlmeval.stats.groups.gaps import BY_CLASS, gaps, standardised
from vlmeval.stats.groups.group_test import tested
from vlmeval.stats.metrics.registry import Metric, all_metrics, metric_info
from vlmeval.stats.metrics.views import Viewed
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.results import Estimates
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import Columns, Ranked, cell_sums
from vlmeval.stats.table import Floats, View

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
    permutations: int = 0,
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
    permutations
        Of the tests of no difference between the levels of a group (see `group_test.py`); 0 for no tests.

    Raises
    ------
    DataError
        For predictions that cannot be used, or are not seeds of one method.
    UnknownNameError
        For a metric that the task does not have.
    """
    seeds = Seeds.of(predictions, benchmark, resamples)
    wanted = None if metrics is None else {metric_info(m, benchmark.task).id for m in metrics}
    chosen = tuple(m for m in all_metrics(benchmark.task) if wanted is None or m.id in wanted)
    asked = Asked(seeds, chosen, by_name=metrics is not None)
    found = asked.everything(groups=groups, classes=classes)
    if permutations:
        found = tested(found, seeds, lambda own, some: Asked(own, some, by_name=True).count, permutations)
    return Estimates(tuple(found), seeds)


@dataclass(frozen=True)
class Asked:
    """The metrics that are asked for, of one method."""

    seeds: Seeds
    metrics: tuple[Metric, ...]
    by_name: bool = False

    @cached_property
    def columns(self) -> list[dict[Columns, Floats]]:
        """By seed: what makes them -> row columns to sum."""
        needed = {m.columns: None for m in self.metrics if m.columns and self.seeds.missing(m) is None}
        return [{make: make(table) for make in needed} for table in self.seeds.tables]

    @cached_property
    def views(self) -> dict[View, Viewed]:
        """The views that metrics are of, where they can be had."""
        needed = {m.view: None for m in self.metrics if m.view and self.seeds.missing(m) is None}
        return {view: Viewed.of(self.seeds, view) for view in needed}

    def of_groups(self) -> Asked:
        """Keep what is reported by group: all that was asked for by name, else what metrics say themselves."""
        table = self.seeds.table
        kept = [m for m in self.metrics if m.by_group != "none" and not (m.unavailable and m.unavailable(table))]
        return self if self.by_name else replace(self, metrics=tuple(kept))

    def everything(self, *, groups: Groups, classes: bool) -> list[Estimate]:
        """Return every estimate: of all samples together, then group by group."""
        table = self.seeds.table
        found = self.cell(self.count(whole(table)), classes=classes)
        grouped = self.of_groups()
        for group in table.benchmark.available_groups if groups != "none" else ():
            if group.id in table.groups:
                found += grouped.group(group, classes=classes and groups == "full" and group.crossed is None)
        return found

    def count(self, cell: Cell) -> Counted:
        """Sum up a cell in every draw of every seed."""
        views = {
            view: self._count(viewed.seeds, viewed.cell(cell), [m for m in self.metrics if m.view is view])
            for view, viewed in self.views.items()
        }
        return replace(self._count(self.seeds, cell, [m for m in self.metrics if m.view is None]), views=views)

    def _count(self, seeds: Seeds, cell: Cell, metrics: Sequence[Metric]) -> Counted:
        needed = {m.ranks for m in metrics} - {None}
        ranked = cell.supported & ~seeds.unscored & bool(needed)
        asked = Ranked(ranked, "precision-mass" in needed, seeds.drawn, "points" in needed)
        columns = self.columns if seeds is self.seeds else [{}] * len(seeds.tables)
        return Counted(cell, seeds, cell_sums(seeds.tables, cell.rows, asked, columns))

    def cell(self, counted: Counted, *, classes: bool) -> list[Estimate]:
        """Estimate every metric in a cell, and of single classes where that is asked for and reported."""
        whole_ = counted.cell.group is None or self.by_name
        return [
            e
            for m in self.metrics
            for e in estimates_of(m, counted, classes=classes and m.by_class and (whole_ or m.by_group == "full"))
        ]

    def group(self, group: GroupSpec, *, classes: bool) -> list[Estimate]:
        """Estimate every metric in each level of a group attribute, then the gaps between the levels."""
        counted = [self.count(cell) for cell in levels(self.seeds.table, group)]
        by_level = [self.cell(one, classes=classes) for one in counted]
        out = [e for estimates in by_level for e in estimates]
        compared = [i for i, one in enumerate(counted) if not one.cell.missing]
        if not compared:
            return out
        counted, by_level = [counted[i] for i in compared], [by_level[i] for i in compared]
        for metric in self.metrics:
            if metric.gaps:
                out += _gaps(metric, group, counted, by_level)
        return out + (decision_gaps(counted, by_level) if classes else [])


def _gaps(
    metric: Metric, group: GroupSpec, counted: Sequence[Counted], by_level: Sequence[Sequence[Estimate]]
) -> list[Estimate]:
    """Gaps of a metric between levels: of its average, of that over common classes, and of single classes."""
    own = [e for estimates in by_level for e in estimates if e.metric == metric.id]
    out = gaps(metric, group, [e for e in own if e.averaging in ("macro", "overall")])
    if metric.standardised:
        common = standardised(metric, counted)
        out += common + gaps(metric, group, common)
    if metric.id in BY_CLASS:
        by_class: dict[str | None, list[Estimate]] = {}
        for e in own:
            if e.averaging == "class":
                by_class.setdefault(e.class_id, []).append(e)
        out += [gap for levels_ in by_class.values() for gap in gaps(metric, group, levels_)]
    return out
