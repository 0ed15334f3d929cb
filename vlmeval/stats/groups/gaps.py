"""Gaps between the levels of a group attribute, with intervals from the same draws as everything else.

In: the levels' estimates. Out: estimates with level ``worst``, ``max-min``, ``last-first`` and ``ratio``, and averages
over the classes that have support in every level (``macro-common``), which take differing case mix out of the
comparison. Look in `fairness.py` for the differences of errors at the stored decision, in `group_test.py` for the test
that chance alone would leave such a gap.

Levels that mean "missing" and levels whose value is suppressed or undefined take no part. Levels that average over
different classes are not compared at all: their difference would mix up who is photographed with what is photographed;
``macro-common`` has the comparison over the same classes. ``worst``, ``max-min`` and ``ratio`` are extremes of noisy
estimates: their values are biased away from no gap even if all groups are alike, the more the smaller the groups.
Their intervals know that (`extremes.py`) and hold "no gap" 95 % of the time when there is none; ``last-first`` is
unbiased, and its interval is Newcombe's, from those of its two levels.

``ratio`` is the smallest level over the largest (fairlearn's ``ratio(method="between_groups")``), whichever way is
better: 1 means alike, and of a metric of which lower is better the smallest level is the best one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from vlmeval.records import GroupSpec
from vlmeval.records.numbers import GAPS
from vlmeval.stats.cells import SUPPRESS_BELOW, Cell
from vlmeval.stats.estimates import Counted, Estimate, average
from vlmeval.stats.groups.extremes import NO_LIMITS, Levels, difference_limits, range_limits, ratio_limits, worst_limits
from vlmeval.stats.intervals import limits
from vlmeval.stats.metrics.classwise import ratio
from vlmeval.stats.metrics.registry import Metric
from vlmeval.stats.table import Bools

BY_CLASS: Final = ("auroc", "sensitivity", "specificity")
"""Metrics with gaps of single classes too."""
DIFFERENT_CLASSES = "the levels cover different classes"
FEWER_THAN_TWO = "fewer than two levels with a value"
NO_COMMON = f"no class has {SUPPRESS_BELOW} positive and {SUPPRESS_BELOW} negative {{}}s in every level"
ALL_ZERO = "undefined: every level is 0"


def common_classes(cells: Sequence[Cell]) -> Bools:
    """[K] classes with support in every level that is neither missing nor suppressed as a whole."""
    compared = [c.supported for c in cells if not c.missing and c.why_suppressed(None) is None]
    if not compared:
        return np.zeros(len(cells[0].positives), dtype=bool)
    common: Bools = np.array(compared).min(axis=0)
    return common


def standardised(metric: Metric, counted: Sequence[Counted]) -> list[Estimate]:
    """Return the average over common classes in every level that is not missing."""
    common = common_classes([one.cell for one in counted])
    compared = [one for one in counted if not one.cell.missing]
    found = [average(metric, "macro-common", one, one.values(metric), among=common) for one in compared]
    if common.any() or any(one.seeds.missing(metric) for one in counted):
        return found
    none = NO_COMMON.format(compared[0].cell.unit) if compared else None
    return [replace(e, reason=none) for e in found]


def gaps(metric: Metric, group: GroupSpec, levels: Sequence[Estimate]) -> list[Estimate]:
    """Worst level, largest difference, last minus first level (attributes with an order, or with two levels), ratio.

    Parameters
    ----------
    metric
        Direction, bounds and kind of interval.
    group
        Which levels come first and last.
    levels
        One number's estimates in every level that is not missing, in the card's order.

    Returns
    -------
    list of Estimate
        Where the levels cannot be compared each has the reason; of a single class, one for all.
    """
    taking_part = [e for e in levels if e.reason is None]
    facts, first_last = template(levels, taking_part), _ends(group)
    has_ratio = metric.bounds[0] == 0  # elsewhere 0 is no end of the scale
    reason = why_not_compared(facts, taking_part)
    if reason is not None:
        others = ("worst", *(("last-first",) if first_last else ()), *(("ratio",) if has_ratio else ()))
        names = ("max-min", *(others if facts.class_id is None else ()))
        return [replace(facts, level=name, reason=reason) for name in GAPS if name in names]
    compared = _levels(metric, taking_part)
    lowest, highest = compared.draws.min(axis=0), compared.draws.max(axis=0)
    lower = metric.direction == "lower"
    out = [
        replace(
            facts,
            level="worst",
            draws=highest if lower else lowest,
            limits=partial(worst_limits, compared, largest=lower),
        ),
        replace(facts, level="max-min", draws=highest - lowest, limits=partial(range_limits, compared)),
    ]
    if first_last:
        out.append(_difference(metric, facts, levels, first_last))
    if has_ratio:
        none = ALL_ZERO if highest[0] == 0 else None
        limit = partial(ratio_limits, compared)
        out.append(replace(facts, level="ratio", draws=ratio(lowest, highest), limits=limit, reason=none))
    return out


def why_not_compared(facts: Estimate, taking_part: Sequence[Estimate]) -> str | None:
    """Return why the levels are not compared, or None."""
    if len(taking_part) < 2:
        return facts.reason or FEWER_THAN_TWO
    sets = {e.classes.tobytes() for e in taking_part if e.classes is not None}
    return DIFFERENT_CLASSES if len(sets) > 1 else None


def template(levels: Sequence[Estimate], taking_part: Sequence[Estimate]) -> Estimate:
    """Return the counts and facts shared by the gap rows of one attribute."""
    first = levels[0]
    reasons = {e.reason for e in levels}
    classes = {e.n_classes for e in taking_part}
    return replace(
        first,
        draws=np.full_like(first.draws, np.nan),
        by_seed=None,
        n=sum(e.n for e in taking_part),
        n_units=sum(e.n_units for e in taking_part),
        n_positive=_sum_positives(taking_part),
        greyed=any(e.greyed for e in taking_part),
        n_classes=classes.pop() if len(classes) == 1 else None,
        classes=taking_part[0].classes if taking_part else None,
        compared=tuple(e.level for e in taking_part),
        reason=reasons.pop() if len(reasons) == 1 else None,
    )


def _levels(metric: Metric, taking_part: Sequence[Estimate]) -> Levels:
    support = [e.n_units if e.support is None else e.support for e in taking_part]
    return Levels(np.array([e.draws for e in taking_part]), support, metric.bounds)


def _difference(metric: Metric, facts: Estimate, levels: Sequence[Estimate], first_last: tuple[str, str]) -> Estimate:
    by_level = {e.level: e for e in levels}
    first, last = (by_level[level] for level in first_last)
    without = [e.level for e in (first, last) if e.reason is not None]
    return replace(
        facts,
        level="last-first",
        draws=last.draws - first.draws,
        by_seed=None if first.by_seed is None or last.by_seed is None else last.by_seed - first.by_seed,
        reason=f"no value for level {' and '.join(map(str, without))}" if without else None,
        n=first.n + last.n,
        n_units=first.n_units + last.n_units,
        n_positive=_sum_positives((first, last)),
        greyed=first.greyed or last.greyed,
        limits=_limits_of_difference(metric, first, last),
    )


def _limits_of_difference(metric: Metric, first: Estimate, last: Estimate) -> Callable[[], tuple[float, float]]:
    def of() -> tuple[float, float]:
        both = _levels(metric, (first, last))
        low, high, _ = limits(metric.interval, both.draws, both.support, both.bounds)
        errors = both.errors
        if errors is None or np.isnan(low).any():
            return NO_LIMITS
        spread = errors.std(axis=1)
        correlation = float(np.corrcoef(errors[0], errors[1])[0, 1]) if spread.min() > 0 else 0.0
        a, b = zip(both.values.tolist(), low.tolist(), high.tolist(), strict=True)
        return difference_limits(a, b, correlation)

    return of


def _sum_positives(estimates: Sequence[Estimate]) -> int | None:
    counts = [e.n_positive for e in estimates if e.n_positive is not None]
    return sum(counts) if counts else None


def _ends(group: GroupSpec) -> tuple[str, str] | None:
    """First and last level where "last minus first" means something: a scale, numeric ranges, or two levels only."""
    levels = [level for level in group.levels if not level.missing and not level.other]
    numeric = all(level.from_ is not None or level.below is not None for level in levels)
    if len(levels) < 2 or not (group.scale is not None or numeric or len(levels) == 2):
        return None
    return levels[0].id, levels[-1].id
