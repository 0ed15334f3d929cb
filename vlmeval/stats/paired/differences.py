"""Paired differences between two methods: which is better, on the same units and the same draws.

In: the estimates of both. Out: `Difference`s with the interval of the paired draws, far narrower than what the two
intervals side by side suggest, because both methods see the same patients in every draw: their 2.5 % and 97.5 %
quantiles, as far from the value as draws of so few units should have been (sqrt(n / (n - 1)), Student's quantile over
the normal one; n as the small-cell rule counts units). `tests/simulation/paired_study.py` measures how often it holds.

Calibration errors are biased upwards, the better calibrated method's more, so that quantiles of their difference miss
it nearly always; theirs is `intervals.debiased_difference`. Extremes over the levels of a group are biased away from
no gap: the difference of two is made of the intervals of both and the correlation of their draws (Zou & Donner 2008).
Every interval holds its value and ends where the metric's bounds let a difference end.

What does not compare like with like has no value but a reason: values that one side does not have, rows that only one
side has, averages over different classes (a method that leaves a class out, or never predicts it).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from vlmeval.records import Difference
from vlmeval.records.benchmark import Level, Task
from vlmeval.records.numbers import GAPS
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.groups.extremes import difference_limits
from vlmeval.stats.intervals import COVERAGE, debiased_difference, holding, intervals, number, student, unshrunk
from vlmeval.stats.metrics.registry import metric_info
from vlmeval.stats.table import Floats

ROUNDING = 1e-13
EXTREMES = ("worst", "max-min", "ratio")
NORMAL = NormalDist().inv_cdf((1 + COVERAGE) / 2)
OTHER_ROWS = "the two are not on the same rows"
OTHER_CLASSES = "the two average over different classes"


def paired(
    ours: Sequence[Estimate], theirs: Sequence[Estimate], where: tuple[str, str, Level], *, task: Task, same_rows: bool
) -> list[Difference]:
    """Subtract estimate by estimate, in the order of ``ours``.

    Parameters
    ----------
    ours, theirs
        Estimates on the same draws. What only one of them has is left out.
    where
        The two methods' names and the level.
    task
        The benchmark's, by which metrics are known.
    same_rows
        Whether both are of the same rows with the same truth; if not, no difference has a value.
    """
    of = {_key(e): e for e in theirs}
    pairs = [(e, of[_key(e)]) for e in ours if _key(e) in of]
    reasons = [_why_not(a, b, where, same_rows=same_rows) for a, b in pairs]
    shown = [i for i, reason in enumerate(reasons) if reason is None]
    value, low, high = (np.full(len(pairs), np.nan) for _ in range(3))
    if shown:
        mine, other = (np.array([pairs[i][side].draws for i in shown]) for side in (0, 1))
        draws = mine - other
        # Equal methods differ by nothing, not by how a mean of seeds was rounded.
        draws[np.abs(draws) < ROUNDING] = 0.0
        value[shown] = draws[:, 0]
        support = [_support(*pairs[i]) for i in shown]
        biased = np.array([metric_info(pairs[i][0].metric, task).interval == "debiased" for i in shown])
        ends = np.where(biased, debiased_difference(mine, other), intervals(draws[:, 1:])[:2])
        wider = _spread(draws[:, 0], ends[0], ends[1], np.array(support, dtype=np.float64))
        widest = np.array([_widest(pairs[i][0], task) for i in shown])
        low[shown], high[shown] = holding(draws[:, 0], *wider, (-widest, widest))
    for i in shown:
        if pairs[i][0].level in EXTREMES and not np.isnan(low[i]):
            low[i], high[i] = _of_extremes(*pairs[i])
    method, versus, level = where
    return [
        Difference(
            method=method,
            versus=versus,
            level=level,
            metric=a.metric,
            averaging=a.averaging,
            class_id=a.class_id,
            group=a.group,
            group_level=a.level,
            value=number(value[i]),
            low=number(low[i]),
            high=number(high[i]),
            n=a.n,
            n_units=a.n_units,
            reason=reasons[i],
        )
        for i, (a, _) in enumerate(pairs)
    ]


def _spread(value: Floats, low: Floats, high: Floats, support: Floats) -> tuple[Floats, Floats]:
    """Put quantiles of draws as far from the value as a sample of so few units makes them uncertain."""
    factor = unshrunk(support) * student(support) / NORMAL
    return value + (low - value) * factor, value + (high - value) * factor


def _widest(e: Estimate, task: Task) -> float:
    """Return the largest difference that the metric's bounds allow; a gap of two levels can differ by more."""
    smallest, largest = metric_info(e.metric, task).bounds
    return np.inf if e.level in GAPS else largest - smallest


def _of_extremes(a: Estimate, b: Estimate) -> tuple[float, float]:
    """Return the interval of ``a - b`` from the intervals of both; NaN where one has none."""
    apart = a.draws - b.draws
    if not (np.abs(apart) > ROUNDING).any():
        return 0.0, 0.0
    limits = [(np.nan, np.nan) if e.limits is None else e.limits() for e in (b, a)]
    if np.isnan(limits).any():
        return np.nan, np.nan
    first, last = ((float(e.draws[0]), *ends) for e, ends in zip((b, a), limits, strict=True))
    known = ~np.isnan(apart[1:])
    x, y = a.draws[1:][known], b.draws[1:][known]
    varied = np.ptp(x) > 0 and np.ptp(y) > 0
    return difference_limits(first, last, float(np.corrcoef(x, y)[0, 1]) if varied else 0.0)


def _support(a: Estimate, b: Estimate) -> int:
    return min(e.n_units if e.support is None else e.support for e in (a, b))


def _key(e: Estimate) -> tuple[str | None, ...]:
    return e.metric, e.averaging, e.class_id, e.group, e.level


def _why_not(a: Estimate, b: Estimate, where: tuple[str, str, Level], *, same_rows: bool) -> str | None:
    for e, name in ((a, where[0]), (b, where[1])):
        if e.reason is not None:
            return e.reason if a.reason == b.reason else f"{name}: {e.reason}"
    if not same_rows or (a.n, a.n_units) != (b.n, b.n_units):
        return OTHER_ROWS
    if a.classes is not None and b.classes is not None and not np.array_equal(a.classes, b.classes):
        return OTHER_CLASSES
    return None
