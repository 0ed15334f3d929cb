"""From draws to metric rows of the truth examiner: the mean over labellings, the interval of the joint draws.

`TRUTH_MEASURES` is the one home of what the measures that only this examiner has are called and how they are defined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vlmeval.examine.measured import Measure
from vlmeval.examine.truth.ranks import Floats
from vlmeval.records import Level, MetricRow
from vlmeval.records.numbers import Averaging
from vlmeval.stats.cells import GREY_BELOW, SUPPRESS_BELOW
from vlmeval.stats.intervals import MAX_UNDEFINED, limits, number
from vlmeval.stats.metrics.registry import Interval

_DIFFERENTIAL: Final = "after Liu et al. 2020, Nature Medicine 26:900"
TRUTH_MEASURES: Final[dict[str, Measure]] = {
    **{
        f"top-{k}-in-differential": Measure(
            f"top-{k} in the differential",
            "higher",
            f"Share of rows whose {k} highest-scored classes hold at least one condition of the differential.",
            _DIFFERENTIAL,
        )
        for k in (1, 3, 5)
    },
    **{
        f"top-{k}-weight": Measure(
            f"weight of the differential covered by the top {k}",
            "higher",
            f"Mean, over the rows, of the weight of the {k} highest-scored classes in the differential: the expected "
            "share of right answers when one opinion is drawn from it.",
            "expectation of top-k accuracy",
        )
        for k in (1, 3, 5)
    },
    "expected-agreement": Measure(
        "agreement of two readers",
        "none",
        "Mean, over the units and all pairs of readers, of the sum over conditions of the product of their weights.",
        "Simpson 1949, between two readers",
    ),
    "best-answer-agreement": Measure(
        "agreement of the best single answer",
        "none",
        "Mean, over the units, of the largest weight that any condition has in the mean of the readers' weights.",
        "definition",
    ),
}
"""Metric id -> what it is."""


@dataclass(frozen=True)
class Found:
    """One number to be.

    ``sample`` are its values on the sample itself, one a labelling (a single one where no label is drawn); ``draws``
    are [B], in the order of the run's resamples. Both NaN where undefined. ``support``: how many units it rests on, all
    of them if not given. ``kind`` and ``bounds``: how its interval is made (`stats.intervals`).
    """

    metric: str
    averaging: Averaging
    sample: Floats
    draws: Floats
    n: int
    n_units: int
    n_positive: int | None = None
    class_id: str | None = None
    n_classes: int | None = None
    greyed: bool = False
    reason: str | None = None
    support: float | None = None
    kind: Interval = "score"
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def value(self) -> float | None:
        """The mean over the labellings that have one; None where more than a few have none, or there is a reason."""
        undefined = np.isnan(self.sample)
        if self.reason is not None or undefined.all() or undefined.mean() > MAX_UNDEFINED:
            return None
        return float(self.sample[~undefined].mean())

    def row(self, method: str, level: Level, variant: str, seeds: int | None = None) -> MetricRow:
        """Return it as a metric row."""
        value = self.value
        low, high, undefined = (None, None, None) if value is None else self._limits(value)
        return MetricRow(
            method=method,
            level=level,
            variant=variant,
            metric=self.metric,
            averaging=self.averaging,
            class_id=self.class_id,
            value=value,
            low=low,
            high=high,
            n=self.n,
            n_units=self.n_units,
            n_positive=self.n_positive,
            n_classes=self.n_classes,
            greyed=self.greyed and value is not None,
            reason=None if value is not None else self.reason or "undefined: too few of the drawn labels give a value",
            undefined_draws=undefined,
            seeds=seeds if value is not None else None,
        )

    def _limits(self, value: float) -> tuple[float | None, float | None, float | None]:
        if not len(self.draws):
            return None, None, None
        support = self.n_units if self.support is None else max(1, round(self.support))
        found = limits(self.kind, np.concatenate([[value], self.draws])[None], [support], self.bounds)
        low, high, undefined = (number(float(one[0])) for one in found)
        return low, high, undefined


def too_few(units: int, noun: str) -> str | None:
    """Return why a number over so few units is not shown, or None."""
    return f"suppressed: fewer than {SUPPRESS_BELOW} {noun}s ({units})" if units < SUPPRESS_BELOW else None


def is_grey(units: float) -> bool:
    """Tell whether a number over so many units is to be read with care."""
    return units < GREY_BELOW


def mostly_grey(scarcest: Floats) -> bool:
    """Tell whether an average over classes with so many units each is to be read with care: if half of them are."""
    return 2 * int(sum(is_grey(units) for units in scarcest)) >= max(1, len(scarcest))
