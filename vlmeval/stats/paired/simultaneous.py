"""Many paired differences told together: intervals that all hold at once, and the p-values that agree with them.

In: the draws of a family of differences, all on the same resamples of units. Out: `Together`: for each difference its
simultaneous interval and its adjusted p-value, adjusted p < 0.05 exactly where the interval leaves 0 out.

How: each difference d with the standard deviation s of its draws is measured in standard errors, t = d / s. In every
draw the largest of all |d* - d| / s is noted: how far the worst of the family strays by chance alone, the dependence
between them (the same units, overlapping pairs) included. Its 95 % quantile takes the place of 1.96 (the studentised
maximum: Romano & Wolf 2005, section 4, in a single step; Westfall & Young 1993), so that the chance of any false
difference in the family is 5 %, whatever other differences are real. Intervals for all pairs give joint confidence
sets of ranks (Mogstad, Romano, Shaikh & Wilhelm 2024). A single step, not step-down: step-down finds slightly more,
but has no intervals that agree.

Draws of few units stray too little. A difference that rests on n units is therefore compared with Student's
distribution of n - 1 degrees of freedom, and its s multiplied by sqrt(n / (n - 1)): the maximum is taken on the scale
of normal scores, and its quantile taken back to each difference's own scale.

`from_interval` gives the p-value that goes with one interval, for what is not told together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlmeval.stats.intervals import COVERAGE, MAX_UNDEFINED, student, unshrunk
from vlmeval.stats.table import Floats

ALPHA = 1 - COVERAGE
ROUNDING = 1e-13


@dataclass(frozen=True)
class Together:
    """What is told of a family of F differences, each [F]; NaN where nothing can be told.

    ``low`` and ``high`` hold all at once with 95 %; ``p`` takes each alone, ``p_adjusted`` all together. ``critical``
    is the quantile that stands for 1.96.
    """

    low: Floats
    high: Floats
    p: Floats
    p_adjusted: Floats
    critical: float


def together(draws: Floats, support: Sequence[float]) -> Together:
    """Tell a family of differences together.

    Parameters
    ----------
    draws
        [F, 1 + B] paired differences, the sample's own value first, NaN where a draw has none. All on the same
        resamples.
    support
        [F] how many units each rests on (of an average over classes: see `effective_units`).

    Returns
    -------
    Together
        A difference that is 0 in every draw is no test: its interval is 0 to 0, its p-values are 1. One with more than
        5 % of its draws undefined is left out of the family.
    """
    value = np.where(np.abs(draws[:, 0]) < ROUNDING, 0.0, draws[:, 0])
    errors = draws[:, 1:] - draws[:, :1]
    nothing = np.full(len(value), np.nan)
    if errors.shape[1] == 0 or len(value) == 0:
        return Together(nothing, nothing, nothing, nothing, np.nan)
    told = ~np.isnan(value) & (np.isnan(errors).mean(axis=1) <= MAX_UNDEFINED)
    errors = np.where(np.abs(errors) < ROUNDING, 0.0, errors)
    spread = np.full(len(value), np.nan)
    spread[told] = np.nanstd(errors[told], axis=1)
    tested = told & (spread > 0)
    equal = told & (spread == 0) & (value == 0)
    units = np.asarray(support, dtype=np.float64)
    wide = spread * unshrunk(units)
    low, high, p, adjusted = (np.where(equal, fill, np.nan) for fill in (0.0, 0.0, 1.0, 1.0))
    if not tested.any():
        return Together(low, high, p, adjusted, np.nan)
    largest = _largest(errors[tested] / spread[tested, None])
    score = normal_score(np.abs(value[tested]) / wide[tested], units[tested])
    beyond = len(largest) - np.searchsorted(np.sort(largest), score, side="left")
    adjusted[tested] = (1 + beyond) / (1 + len(largest))
    p[tested] = 2 * _student_tail(np.abs(value[tested]) / wide[tested], units[tested])
    critical = _critical(largest)
    half = wide[tested] * of_normal_score(critical, units[tested])
    half[~np.isfinite(half)] = np.nan
    low[tested], high[tested] = value[tested] - half, value[tested] + half
    return Together(low, high, p, adjusted, critical)


def from_interval(value: Floats, low: Floats, high: Floats, support: Sequence[int]) -> Floats:
    """Return the two-sided p-values that go with 95 % intervals of differences (Altman & Bland 2011).

    p < 0.05 exactly where the interval leaves 0 out. The end that lies towards 0 says how large a standard error is;
    Student's distribution of n - 1 degrees of freedom for n units.

    Parameters
    ----------
    value, low, high
        [F], NaN where there is none.
    support
        [F] how many units each rests on.

    Returns
    -------
    ndarray
        [F]; 1 for a difference that is 0, NaN where there is no interval, or none of any width.
    """
    units = np.asarray(support, dtype=np.float64)
    half = np.where(value > 0, value - low, high - value)
    found = np.full(len(value), np.nan)
    usable = ~np.isnan(half) & (half > 0)
    t = np.abs(value[usable]) / half[usable] * student(units[usable])
    found[usable] = 2 * _student_tail(t, units[usable])
    found[(value == 0) & ~np.isnan(half)] = 1.0
    return found


def effective_units(draws: Floats, units: Sequence[float] | Floats) -> float:
    """Return how many units the spread of a mean over classes rests on (Satterthwaite 1946), classes weighing alike.

    Where one scarce class makes most of the spread these are its few units, where all classes share it they are many.

    Parameters
    ----------
    draws
        [K, 1 + B] draws of every class that enters the mean, NaN where a draw has none.
    units
        [K] how many units each class rests on.

    Returns
    -------
    float
        Degrees of freedom and one; the largest of ``units`` where nothing varies.
    """
    own = np.maximum(np.asarray(units, dtype=np.float64), 2.0)
    known = ~np.isnan(draws[:, 1:])
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, draws[:, 1:], 0.0).sum(axis=1) / count
    variance = (np.where(known, draws[:, 1:] - mean[:, None], 0.0) ** 2).sum(axis=1) / count
    if variance.sum() < ROUNDING**2:
        return float(own.max(initial=2.0))
    return float(1 + variance.sum() ** 2 / (variance**2 / (own - 1)).sum())


def normal_score(t: Floats, units: Floats) -> Floats:
    """Return the normal quantiles with the same tails as t of Student's distribution with units - 1 degrees."""
    from scipy.special import ndtri

    tail = np.maximum(_student_tail(t, units), np.finfo(np.float64).tiny)
    out: Floats = -ndtri(tail)
    return out


def of_normal_score(score: float, units: Floats) -> Floats:
    """Return the t of Student's distribution with the same tail as a normal quantile: the inverse of `normal_score`."""
    from scipy.special import ndtr, stdtrit

    tail = ndtr(-score)
    out: Floats = -stdtrit(np.maximum(units, 2.0) - 1, tail)
    return out


def _student_tail(t: Floats, units: Floats) -> Floats:
    from scipy.special import stdtr

    out: Floats = stdtr(np.maximum(units, 2.0) - 1, -t)
    return out


def _largest(strayed: Floats) -> Floats:
    """[B'] how far the worst of the family strays in each draw; draws in which one is undefined are left out."""
    whole = ~np.isnan(strayed).any(axis=0)
    out: Floats = np.abs(strayed[:, whole]).max(axis=0)
    return out


def _critical(largest: Floats) -> float:
    """Return the score above which an adjusted p is below 5 %: (1 + beyond) / (1 + B) < 0.05."""
    allowed = int(np.ceil(ALPHA * (1 + len(largest)) - 1e-9)) - 2
    # So few draws cannot tell anything from chance.
    return np.inf if allowed < 0 else float(np.sort(largest)[::-1][allowed])
