"""Equal opportunity and equalised odds: how far apart a class's error rates are between levels, at one shared decision.

In: the levels' sensitivities and specificities at the stored decision (multi-label: thresholds chosen on validation
rows, the same for all levels; single-label: the highest score). Out: estimates with level ``max-min``, of each class
with support in every compared level, and their mean over those classes. fairlearn has the same values
(``equal_opportunity_difference``, ``equalized_odds_difference`` of one class against the rest) and no intervals.

The formulas are of `Sums` whose rows are the levels, in place of draws.

The interval is the one of `extremes.py`, whose bound on the error holds for the larger of two ranges as well (their
errors are no further apart than the larger of both bounds) and for a mean of ranges (the mean of the bounds).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from vlmeval.stats.cells import SUPPRESS_BELOW
from vlmeval.stats.estimates import Counted, Estimate
from vlmeval.stats.groups.extremes import Levels, mean_of_ranges_limits, range_limits
from vlmeval.stats.groups.gaps import FEWER_THAN_TWO, NO_COMMON, common_classes, template
from vlmeval.stats.metrics.classwise import sensitivity, specificity
from vlmeval.stats.metrics.examples import ONE_CLASS, Example
from vlmeval.stats.metrics.overall import nanmean
from vlmeval.stats.metrics.registry import BOTH, Metric, register
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Floats

RATES: Final = {
    "equal-opportunity-difference": ("sensitivity",),
    "equalised-odds-difference": ("sensitivity", "specificity"),
}
"""Metric -> the rates whose ranges it is the larger of."""
NOT_EVERYWHERE = f"fewer than {SUPPRESS_BELOW} positive or negative {{}}s of the class in some level"


def largest_range(rates: Sequence[Floats]) -> Floats:
    """Return the larger of the ranges over the first axis (levels) of one rate or several."""
    out: Floats = np.max([rate.max(axis=0) - rate.min(axis=0) for rate in rates], axis=0)
    return out


def equal_opportunity_difference(s: Sums) -> Floats:
    """Equal opportunity difference: largest minus smallest sensitivity over the levels of a group.

    At the stored decision, which all levels share: thresholds chosen on validation rows, or the highest score. 0: those
    who have the condition are found equally often in every level.
    """
    return largest_range([sensitivity(s)])


def equalised_odds_difference(s: Sums) -> Floats:
    """Equalised odds difference: the larger of two differences between levels, of sensitivity and false positive rate.

    At the stored decision, which all levels share. 0: both kinds of error are equally frequent in every level.
    """
    return largest_range([sensitivity(s), specificity(s)])


_LEVELS = "The rows in turn in two levels: "
_between = partial(
    Metric, direction="lower", bounds=(0.0, 1.0), tasks=BOTH, scope="levels", needs="decision", counted="positives"
)
for _metric in (
    _between(
        "equal-opportunity-difference",
        "equal opportunity difference",
        source="Hardt et al. 2016; fairlearn, fairlearn.metrics.equal_opportunity_difference",
        example=Example(ONE_CLASS, 1 / 2, _LEVELS + "sensitivity 1/2 and 2/2."),
        formula=equal_opportunity_difference,
    ),
    _between(
        "equalised-odds-difference",
        "equalised odds difference",
        source="Hardt et al. 2016; fairlearn, fairlearn.metrics.equalized_odds_difference",
        example=Example(
            ONE_CLASS,
            1 / 2,
            _LEVELS + "sensitivity 1/2 and 2/2, false positive rate 1/3 and 0/3; the larger difference.",
        ),
        formula=equalised_odds_difference,
    ),
):
    register(_metric)


def decision_gaps(counted: Sequence[Counted], by_level: Sequence[Sequence[Estimate]]) -> list[Estimate]:
    """Return both differences, by class and averaged over the classes with support in every compared level.

    Parameters
    ----------
    counted
        The levels that are not missing.
    by_level
        Their estimates, those of single classes among them. Without both rates there is nothing to return.
    """
    of = [{(e.metric, e.class_id): e for e in estimates} for estimates in by_level]
    class_ids = counted[0].seeds.table.benchmark.class_ids if counted else ()
    if not of or any((rate, class_ids[0]) not in of[0] for rate in RATES["equalised-odds-difference"]):
        return []
    whole = [one.cell.why_suppressed(None) is None for one in counted]
    common = common_classes([one.cell for one in counted])
    out: list[Estimate] = []
    for metric, rates in RATES.items():
        classes = []
        for class_id, everywhere in zip(class_ids, common.tolist(), strict=True):
            rows = [[one[rate, class_id] for one in of] for rate in rates]
            classes.append(_OfClass(metric, rows, whole, everywhere, counted[0].cell.unit))
        out += [one.estimate() for one in classes]
        out.append(_mean(metric, classes))
    return out


@dataclass(frozen=True)
class _OfClass:
    """One difference of one class: its rates [rate][level], which levels are compared, and whether all have it."""

    metric: str
    rates: Sequence[Sequence[Estimate]]
    compared: Sequence[bool]
    everywhere: bool
    unit: str

    @property
    def taking_part(self) -> list[list[Estimate]]:
        return [[e for e, here in zip(rate, self.compared, strict=True) if here] for rate in self.rates]

    @property
    def reason(self) -> str | None:
        if sum(self.compared) < 2:
            return FEWER_THAN_TWO
        missing = [e.reason for rate in self.taking_part for e in rate if e.reason is not None]
        if self.everywhere:
            return missing[0] if missing else None
        # Without decisions no class has rates, whatever its support.
        shared = missing[0] if len(set(missing)) == 1 and len(missing) == sum(self.compared) * len(self.rates) else None
        return shared or NOT_EVERYWHERE.format(self.unit)

    @property
    def levels(self) -> list[Levels]:
        """Draws of each rate."""
        return [
            Levels(np.array([e.draws for e in rate]), [e.n_units if e.support is None else e.support for e in rate])
            for rate in self.taking_part
        ]

    def estimate(self) -> Estimate:
        facts = replace(template(self.rates[0], self.taking_part[0]), metric=self.metric, level="max-min")
        if self.reason is not None:
            return replace(facts, reason=self.reason)
        levels = self.levels
        limits = partial(range_limits, levels[0]) if len(levels) == 1 else partial(mean_of_ranges_limits, [levels])
        return replace(facts, draws=largest_range([rate.draws for rate in levels]), limits=limits, reason=None)


def _mean(metric: str, classes: Sequence[_OfClass]) -> Estimate:
    """Return the mean over the classes that have a value."""
    entering = np.array([one.reason is None for one in classes])
    own = [one for one in classes if one.reason is None]
    facts = replace(
        template(classes[0].rates[0], classes[0].taking_part[0]),
        metric=metric,
        averaging="macro-common",
        class_id=None,
        level="max-min",
        classes=entering,
        n_classes=len(own),
        greyed=2 * sum(e.greyed for one in own for e in one.taking_part[0]) >= max(1, len(own)),
        n_positive=sum(e.n_positive or 0 for one in own for e in one.taking_part[0]),
    )
    if not own:
        reasons = {one.reason for one in classes}
        few = {NOT_EVERYWHERE.format(classes[0].unit)}
        none = NO_COMMON.format(classes[0].unit)
        return replace(facts, reason=reasons.pop() if len(reasons) == 1 and reasons != few else none)
    draws = np.array([largest_range([rate.draws for rate in one.levels]) for one in own])
    limits = partial(mean_of_ranges_limits, [one.levels for one in own])
    return replace(facts, draws=nanmean(draws.T), limits=limits, reason=None)
