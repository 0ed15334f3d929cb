"""All estimates of one method at one level, and what is made of them: metric rows, differences from another method.

In: `Estimate`s with their draws. Out: `MetricRow`s with intervals of the kind that the metric says (`intervals.py`), or
of gaps (`gaps.py`), and (`differences.py`) `Difference`s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlmeval.records import Difference, MetricRow
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.intervals import limits, number
from vlmeval.stats.metrics.registry import metric_info
from vlmeval.stats.paired.differences import paired
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.table import Floats


@dataclass(frozen=True)
class Estimates:
    """Every estimate of one method at one level, in the order of the rows, and the rows and draws they are made of."""

    estimates: tuple[Estimate, ...]
    seeds: Seeds

    @property
    def method(self) -> str:
        """The method's id."""
        return self.seeds.table.predictions.method

    def rows(self) -> list[MetricRow]:
        """Make metric rows with 95 % intervals; only the sample's value where there are no draws.

        Draws in which the metric is undefined are left out and their share is stored; with more than 5 % of them (or
        a suppressed value) there is no interval.
        """
        found = np.full((3, len(self.estimates)), np.nan)
        by_metric: dict[str, list[int]] = {}
        for i, e in enumerate(self.estimates):
            if e.reason is None and e.limits is None:
                by_metric.setdefault(e.metric, []).append(i)
            elif e.reason is None and e.limits is not None and len(e.draws) > 1:
                found[:, i] = *e.limits(), np.isnan(e.draws[1:]).mean()
        for metric_id, own in by_metric.items():
            metric = metric_info(metric_id, self.seeds.table.benchmark.task)
            draws = np.array([self.estimates[i].draws for i in own])
            support = [self.estimates[i].support or self.estimates[i].n_units for i in own]
            found[:, own] = limits(metric.interval, draws, support, metric.bounds)
        return [self._row(e, facts) for e, facts in zip(self.estimates, found.T, strict=True)]

    def minus(self, other: Estimates, versus: str | None = None) -> list[Difference]:
        """Paired differences ``self - other``, estimate by estimate, on the same draws of units.

        Methods with equally many seeds are paired seed by seed too. Only estimates that both have (same metric,
        averaging, class, group and level) are compared; ask both for the same ones.

        Parameters
        ----------
        other
            Another method at the same level, estimated with the same resamples.
        versus
            Its name in the differences; its method id if not given.

        Returns
        -------
        list of Difference
            Those without a value have a reason: one side has none, the rows are not the same, or the two average over
            different classes.

        Raises
        ------
        ValueError
            The two are of different levels or of different resamples.
        """
        a, b = self.seeds.table, other.seeds.table
        if a.predictions.level != b.predictions.level:
            raise ValueError(f"levels differ: {a.predictions.level} and {b.predictions.level}")
        if a.resamples is not b.resamples and not (
            np.array_equal(a.resamples.units, b.resamples.units)
            and np.array_equal(a.resamples.counts, b.resamples.counts)
        ):
            raise ValueError("estimates of different resamples are not paired")
        same = np.array_equal(a.ids, b.ids) and np.array_equal(a.unit, b.unit) and np.array_equal(a.truth, b.truth)
        where = (self.method, other.method if versus is None else versus, a.predictions.level)
        task = a.benchmark.task
        return paired(self.estimates, other.estimates, where, task=task, same_rows=same)

    def _row(self, e: Estimate, facts: Floats) -> MetricRow:
        low, high, undefined = (number(x) for x in facts)
        shown, several = e.reason is None, e.by_seed is not None and len(e.by_seed) > 1
        return MetricRow(
            method=self.method,
            level=self.seeds.table.predictions.level,
            metric=e.metric,
            averaging=e.averaging,
            class_id=e.class_id,
            group=e.group,
            group_level=e.level,
            value=float(e.draws[0]) if shown else None,
            low=low,
            high=high,
            n=e.n,
            n_units=e.n_units,
            n_positive=e.n_positive,
            greyed=e.greyed and shown,
            reason=e.reason,
            n_classes=e.n_classes,
            undefined_draws=undefined,
            seeds=self.seeds.number if shown else None,
            seed_sd=float(np.std(e.by_seed, ddof=1)) if shown and several and e.by_seed is not None else None,
            p=e.p,
            p_adjusted=e.p_adjusted,
        )
