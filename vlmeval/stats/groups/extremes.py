"""Intervals of extremes over the levels of a group: worst, largest minus smallest, smallest over largest.

In: the draws of the levels that take part. Out: low and high. Quantiles of an extreme's own draws would not do: the
range of noisy values is biased away from 0, its draws twice so, and an interval of them never holds "no difference".

Instead each level's draws are centred at the level's value. No range can be further from the true one than the two
levels are apart in their errors that err most differently:

    |range(estimates) - range(truth)|  <=  max over levels g, h of |error of g - error of h|

and the draws tell how large the right side gets: its 95 % quantile, added to and taken from the range, is an interval
that covers 95 % where the levels do not differ, and at least so much where they do (the maximum-deviation bootstrap;
Romano & Wolf 2005 use it for the same reason). The same holds for the worst level with |error of g|, and for the
ratio on the scale of logarithms. Levels that cannot be an extreme are put aside first (at the 0.5 % level, which the
rest pays for), so that one small level in the middle does not widen the interval (as moment selection, Andrews &
Soares 2010).

A level whose value is at the bound has equal draws and no error to see; it is given the width of its score interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vlmeval.stats.intervals import COVERAGE, MAX_UNDEFINED, student, unshrunk, wilson
from vlmeval.stats.table import Bools, Floats

SELECTION = 0.005
"""How often a level that is the extreme may be put aside."""
_SAME = 1e-12
NO_LIMITS = (np.nan, np.nan)


@dataclass(frozen=True)
class Levels:
    """The levels that take part: draws [L, 1 + B], the value first, and how many units each rests on [L]."""

    draws: Floats
    support: Sequence[int]
    bounds: tuple[float, float] = (0.0, 1.0)

    @property
    def values(self) -> Floats:
        """[L]."""
        out: Floats = self.draws[:, 0]
        return out

    @cached_property
    def errors(self) -> Floats | None:
        """[L, B'] the same of those draws in which every level has one; None where those are too few."""
        defined: Bools = ~np.isnan(self.draws[:, 1:].sum(axis=0))
        if len(defined) == 0 or 1 - defined.mean() > MAX_UNDEFINED:
            return None
        return self.unshrunk[:, defined]

    @cached_property
    def unshrunk(self) -> Floats:
        """[L, B] draws less the value, spread as far as so few units leave one unsure (as in `intervals.py`)."""
        units = np.asarray(self.support, dtype=np.float64)
        factor = unshrunk(units) * student(units) / student(np.full(1, np.inf))
        found: Floats = (self.draws[:, 1:] - self.values[:, None]) * factor[:, None]
        return found

    @cached_property
    def hidden(self) -> Floats:
        """[L] how far a level at the bound, whose draws are all equal, may still be from its true value."""
        smallest, largest = self.bounds
        if not np.isfinite(self.bounds).all():
            return np.zeros(len(self.values))
        p = (self.values - smallest) / (largest - smallest)
        at_bound = (p < _SAME) | (p > 1 - _SAME)
        units = np.maximum(np.asarray(self.support, dtype=np.float64), 1)
        low, high = wilson(np.clip(p, 0, 1), units, student(units))
        return np.where(at_bound, (high - low) * (largest - smallest), 0.0)


def range_limits(levels: Levels) -> tuple[float, float]:
    """Return the interval of largest minus smallest."""
    if levels.errors is None:
        return NO_LIMITS
    value, margin = float(np.ptp(levels.values)), _range_margin(levels.errors, levels.values, levels.hidden)
    return max(0.0, value - margin), min(levels.bounds[1] - levels.bounds[0], value + margin)


def worst_limits(levels: Levels, *, largest: bool) -> tuple[float, float]:
    """Return the interval of the smallest value, or the ``largest`` where lower is better."""
    if levels.errors is None:
        return NO_LIMITS
    sign = -1.0 if largest else 1.0
    values = sign * levels.values
    apart = _quantile(difference_of_errors(levels.errors), 1 - SELECTION) + levels.hidden.max()
    taking = values <= values.min() + apart
    margin = _quantile(np.abs(levels.errors[taking]).max(axis=0), COVERAGE + SELECTION) + levels.hidden[taking].max()
    value = float(sign * values.min())
    return max(levels.bounds[0], value - margin), min(levels.bounds[1], value + margin)


def ratio_limits(levels: Levels) -> tuple[float, float]:
    """Return the interval of smallest over largest, both at least 0."""
    errors, values = levels.errors, levels.values
    if errors is None or values.max() <= 0:
        return NO_LIMITS
    ratio = float(values.min() / values.max())
    if ratio == 0:
        # No logarithm: the smallest is at most its margin, the largest at least its value less that.
        margin = _range_margin(errors, values, levels.hidden)
        return 0.0, min(1.0, margin / (values.max() - margin)) if values.max() > margin else 1.0
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(errors + values[:, None], 0)) - np.log(values)[:, None]
        hidden = -np.log(np.maximum(1 - levels.hidden / values, 0))
    # A draw of 0 is infinitely far down: as far as counts.
    margin = _range_margin(np.maximum(logs, -_FAR), np.log(values), np.minimum(hidden, _FAR))
    return float(ratio * np.exp(-margin)), float(min(1.0, ratio * np.exp(margin)))


_FAR = 50.0


def mean_of_ranges_limits(classes: Sequence[Sequence[Levels]]) -> tuple[float, float]:
    """Return the interval of a mean over classes of each class's largest range: [class][what has a range]."""
    value = float(np.mean([max(float(np.ptp(one.values)) for one in own) for own in classes]))
    each = [[difference_of_errors(one.unshrunk) for one in own] for own in classes]
    bound = np.mean([np.max(own, axis=0) for own in each], axis=0)
    defined = ~np.isnan(bound)
    if len(bound) == 0 or 1 - defined.mean() > MAX_UNDEFINED:
        return NO_LIMITS
    hidden = float(np.mean([max(one.hidden.max() for one in own) for own in classes]))
    margin = _quantile(bound[defined], COVERAGE) + hidden
    return max(0.0, value - margin), min(classes[0][0].bounds[1] - classes[0][0].bounds[0], value + margin)


def difference_of_errors(errors: Floats, highest: Bools | None = None, lowest: Bools | None = None) -> Floats:
    """[B] in each draw the largest difference of two levels' errors [L, B], one of ``highest``, one of ``lowest``."""
    up = errors if highest is None else errors[highest]
    down = errors if lowest is None else errors[lowest]
    out: Floats = np.maximum(up.max(axis=0) - down.min(axis=0), down.max(axis=0) - up.min(axis=0))
    return out


def _range_margin(errors: Floats, values: Floats, hidden: Floats) -> float:
    apart = _quantile(difference_of_errors(errors), 1 - SELECTION) + hidden.max()
    highest, lowest = values >= values.max() - apart, values <= values.min() + apart
    margin = _quantile(difference_of_errors(errors, highest, lowest), COVERAGE + SELECTION)
    return margin + float(hidden[highest | lowest].max())


def _quantile(values: Floats, at: float) -> float:
    return float(np.quantile(values, at))


def difference_limits(
    first: tuple[float, float, float], last: tuple[float, float, float], correlation: float
) -> tuple[float, float]:
    """Return the interval of ``last - first`` from the intervals of both (Newcombe 1998; Zou & Donner 2008, MOVER).

    Parameters
    ----------
    first, last
        Value, low and high of each.
    correlation
        Of their draws: not 0 where a unit has rows in both levels.
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, last

    def apart(x: float, y: float) -> float:
        return float(np.sqrt(max(0.0, x * x + y * y - 2 * correlation * x * y)))

    return b - a - apart(b - b_low, a_high - a), b - a + apart(b_high - b, a - a_low)
