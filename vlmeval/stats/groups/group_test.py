"""The permutation test of "no difference between the levels of a group", for every largest difference of a method.

In: estimates of one method, the gaps between levels among them, and what they were counted from. Out: the same
estimates, where a gap ``max-min`` has its p-value and its p-value adjusted for the many gaps.

The hypothesis: given the truth, the scores of a unit do not depend on its level. Under it the levels of units alike in
truth may change places (`permutation.py`); p is the share of permutations, the sample's own among them, with a gap at
least as large, (1 + hits) / (1 + B) (Phipson & Smyth 2010), so that it never is 0 and the test never says "different"
too often. Levels that are missing, suppressed or without a value take no part and are not permuted, and the classes
that an average is over are the same in every permutation, because the number of units of each class in each level is.

A permutation is a resample in which each row counts once in one level and not at all in the others, so that the sums
of every permutation come from the same code as those of every draw of the bootstrap.

A family of tests, within which the false discovery rate is controlled (`multiplicity.py`), is all gaps of one method
at one level in one metric: all group attributes x all classes and averages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlmeval.stats.cells import Cell, levels
from vlmeval.stats.estimates import Counted, Estimate
from vlmeval.stats.groups.fairness import RATES, largest_range
from vlmeval.stats.groups.permutation import permuted
from vlmeval.stats.metrics.overall import nanmean
from vlmeval.stats.metrics.registry import Metric, metric_info
from vlmeval.stats.multiplicity import adjusted
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.table import Floats, Index, Table

ROUNDING = 1e-12
"""Sums of the same numbers in another order differ by less."""
Count = Callable[[Seeds, tuple[Metric, ...]], Callable[[Cell], Counted]]
"""How to count the cells of a method for some metrics."""
Values = dict[str, Floats]
"""Metric -> values in each level that takes part under each permutation, [L, 1 + B] or [L, 1 + B, K]."""


def tested(estimates: Sequence[Estimate], seeds: Seeds, count: Count, permutations: int) -> list[Estimate]:
    """Give every gap ``max-min`` that has a value its p-value, and then the adjusted one.

    Parameters
    ----------
    estimates
        Of one method at one level.
    seeds, count
        Where they are from. All seeds count in every permutation: the test is about the method as it was run.
    permutations
        How many.
    """
    out = list(estimates)
    together: dict[tuple[str, tuple[str | None, ...]], list[int]] = {}
    for i, e in enumerate(out):
        if e.level == "max-min" and e.reason is None and e.group is not None:
            together.setdefault((e.group, e.compared), []).append(i)
    for (group, compared), own in together.items():
        test = _Permutations(seeds, count, group, compared, permutations)
        values = test.values([out[i] for i in own])
        for i in own:
            out[i] = replace(out[i], p=p_value(test.gap(out[i], values)))
    families: dict[str, list[int]] = {}
    for own in together.values():
        for i in own:
            families.setdefault(out[i].metric, []).append(i)
    for own in families.values():
        for i, p in zip(own, adjusted([out[i].p for i in own]), strict=True):
            out[i] = replace(out[i], p_adjusted=p)
    return out


def p_value(gap: Floats) -> float:
    """Share of permutations [1 + B], the sample's own first, that have a gap at least as large as the sample.

    A permutation in which the gap is undefined counts as one that does.
    """
    return float((1 + (~(gap[1:] < gap[0] - ROUNDING)).sum()) / len(gap))


@dataclass(frozen=True)
class _Permutations:
    """The permutations of one group attribute among the levels that take part."""

    seeds: Seeds
    count: Count
    group: str
    compared: tuple[str | None, ...]
    permutations: int

    def values(self, gaps: Sequence[Estimate]) -> Values:
        """Return every metric that the gaps are of, in each level that takes part."""
        table = self.seeds.table
        group = table.benchmark.group(self.group)
        cells = [cell for cell in levels(table, group) if cell.level in self.compared]
        rows = np.any([cell.rows for cell in cells], axis=0)
        found = permuted(table, table.groups[self.group], rows, self.permutations, table.resamples.seed)
        names = dict.fromkeys(name for gap in gaps for name in RATES.get(gap.metric, (gap.metric,)))
        metrics = tuple(metric_info(name, table.benchmark.task) for name in names)
        out: dict[str, list[Floats]] = {name: [] for name in names}
        for cell in cells:
            code = [level.id for level in group.levels].index(str(cell.level))
            seeds = _assigned(self.seeds, found.rows, (found.codes == code).view(np.uint8))
            # Every row may come into the level; how many of each class do is the same in every permutation.
            counted = self.count(seeds, metrics)(replace(cell, rows=rows))
            for metric in metrics:
                own = counted.of(metric)
                out[metric.id].append(own.values(metric).draws)
        return {name: np.array(values) for name, values in out.items()}

    def gap(self, e: Estimate, values: Values) -> Floats:
        """[1 + B] the gap that an estimate is of."""
        entering = self._classes(e)
        if e.metric in RATES:
            ranges = largest_range([values[name][:, :, entering] for name in RATES[e.metric]])
            return nanmean(ranges)
        of = values[e.metric]
        if of.ndim == 3:
            of = nanmean(of[:, :, entering])
        out: Floats = of.max(axis=0) - of.min(axis=0)
        return out

    def _classes(self, e: Estimate) -> Index:
        if e.class_id is not None:
            return np.array([self.seeds.table.benchmark.class_ids.index(e.class_id)])
        return np.flatnonzero(e.classes) if e.classes is not None else np.zeros(0, dtype=np.intp)


def _assigned(seeds: Seeds, rows: Index, weights: np.ndarray) -> Seeds:
    """Return the same tables with rows that are drawn one by one: [n, 1 + B] whether a row is in the level."""
    unit = np.zeros(len(seeds.table.unit), dtype=np.intp)
    unit[rows] = np.arange(len(rows))

    def one(table: Table) -> Table:
        return replace(table, unit=unit, resamples=Resamples(table.ids[rows], weights, table.resamples.seed))

    return Seeds(tuple(one(t) for t in seeds.tables), np.ones((len(seeds.tables), weights.shape[1]), dtype=np.uint8))
