"""From draws to metric rows of the truth examiner: the mean over labellings, the interval of the joint draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vlmeval.examine.truth_ranks import Floats
from vlmeval.records import Level, MetricRow
from vlmeval.records.numbers import Averaging
from vlmeval.stats.cells import GREY_BELOW, SUPPRESS_BELOW

MAX_UNDEFINED: Final = 0.05


@dataclass(frozen=True)
class Found:
    """One number to be.

    ``sample`` are its values on the sample itself, one a labelling (a single one where no label is drawn); ``draws``
    are [B], in the order of the run's resamples. Both NaN where undefined.
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
        low, high = interval(self.draws) if value is not None else (None, None)
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
            undefined_draws=float(np.isnan(self.draws).mean()) if value is not None and len(self.draws) else None,
            seeds=seeds if value is not None else None,
        )


def interval(draws: Floats) -> tuple[float | None, float | None]:
    """Return the 95 % percentile interval; None with no draws or too many undefined ones."""
    defined = draws[~np.isnan(draws)]
    if not len(defined) or len(defined) < (1 - MAX_UNDEFINED) * len(draws):
        return None, None
    low, high = np.quantile(defined, (0.025, 0.975))
    return float(low), float(high)


def too_few(units: int, noun: str) -> str | None:
    """Return why a number over so few units is not shown, or None."""
    return f"suppressed: fewer than {SUPPRESS_BELOW} {noun}s ({units})" if units < SUPPRESS_BELOW else None


def is_grey(units: float) -> bool:
    """Tell whether a number over so many units is to be read with care."""
    return units < GREY_BELOW
