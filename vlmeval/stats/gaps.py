"""Gaps between the levels of a group attribute, with intervals from the same draws as everything else.

In: the levels' estimates. Out: estimates with level ``worst``, ``max-min`` and ``last-first``, and averages over the
classes that have support in every level (``macro-common``), which take differing case mix out of the comparison.

Levels that mean "missing" and levels whose value is suppressed or undefined take no part. Levels that average over
different classes are not compared at all: their difference would mix up who is photographed with what is photographed;
``macro-common`` has the comparison over the same classes. ``worst`` and ``max-min``
are extremes of noisy estimates: they are biased away from no gap even if all groups are alike, the more the smaller
the groups. Read them with their intervals, and ``last-first`` (unbiased) beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vlmeval.records import GroupSpec
from vlmeval.stats.cells import SUPPRESS_BELOW, Cell
from vlmeval.stats.estimates import Counted, Estimate, average
from vlmeval.stats.registry import Metric
from vlmeval.stats.table import Bools

DIFFERENT_CLASSES = "the levels cover different classes"
NO_COMMON = f"no class has {SUPPRESS_BELOW} positive and {SUPPRESS_BELOW} negative {{}}s in every level"


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
    """Worst level, largest difference, and last minus first level (attributes with an order, or with two levels)."""
    taking_part = [e for e in levels if e.reason is None]
    first_last = _ends(group)
    names = ("worst", "max-min", *(("last-first",) if first_last else ()))
    template = _template(levels, taking_part)
    reason = _why_not_compared(template, taking_part)
    if reason is not None:
        return [replace(template, level=name, reason=reason) for name in names]
    draws = np.array([e.draws for e in taking_part])
    worst = draws.max(axis=0) if metric.direction == "lower" else draws.min(axis=0)
    found = {"worst": worst, "max-min": draws.max(axis=0) - draws.min(axis=0)}
    out = [replace(template, level=name, draws=value) for name, value in found.items()]
    return [*out, _difference(template, levels, first_last)] if first_last else out


def _why_not_compared(template: Estimate, taking_part: Sequence[Estimate]) -> str | None:
    if len(taking_part) < 2:
        return template.reason or "fewer than two levels with a value"
    sets = {e.classes.tobytes() for e in taking_part if e.classes is not None}
    return DIFFERENT_CLASSES if len(sets) > 1 else None


def _difference(template: Estimate, levels: Sequence[Estimate], first_last: tuple[str, str]) -> Estimate:
    by_level = {e.level: e for e in levels}
    first, last = (by_level[level] for level in first_last)
    without = [e.level for e in (first, last) if e.reason is not None]
    return replace(
        template,
        level="last-first",
        draws=last.draws - first.draws,
        by_seed=None if first.by_seed is None or last.by_seed is None else last.by_seed - first.by_seed,
        reason=f"no value for level {' and '.join(map(str, without))}" if without else None,
        n=first.n + last.n,
        n_units=first.n_units + last.n_units,
        n_positive=_sum_positives((first, last)),
        greyed=first.greyed or last.greyed,
    )


def _template(levels: Sequence[Estimate], taking_part: Sequence[Estimate]) -> Estimate:
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
        reason=reasons.pop() if len(reasons) == 1 else None,
    )


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
