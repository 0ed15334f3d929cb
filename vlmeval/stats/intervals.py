"""95 % intervals of draws of the cluster bootstrap, made in the way that covers for the metric.

In: values with their draws. Out: low, high and the share of undefined draws. Every interval holds its value and stays
within the metric's bounds. `Metric.interval` says which kind a metric has; `tests/simulation/coverage.py` measures how
often each holds the population's value.

``score``
    Wilson's score interval with as many observations as give the bootstrap's variance: v (1 - v) / variance, on the
    scale of the bounds (Wilson 1927; for clustered data by the effective sample size, Korn & Graubard 1998). Where
    the draws are too alike, near a bound or with ten units, it is as wide as it has to be. The variance is that of the
    draws times n / (n - 1) for n units (Davison & Hinkley 1997, section 2.3), and its quantile Student's with n - 1
    degrees of freedom. For a value at the bound, whose draws are all equal, every unit counts as one observation.
``symmetric``
    The value, plus and minus the 95 % quantile of the distance of its draws from it (Hall 1988): for metrics that are
    biased upwards, as the parts of the Brier score are. Their draws are biased once more, so that quantiles lie too
    high.
``debiased``
    For calibration errors, which are biased upwards most where they are smallest, and there by more than their draws
    show. Down to the value less the bias of its draws less 1.96 times their root mean square distance from the value;
    up by 1.96 times their standard deviation (Davison & Hinkley 1997, section 5.2, with the bias taken for uncertain).
``percentile``
    The 2.5 % and 97.5 % quantiles of the draws (Efron & Tibshirani 1993, section 13.3): for what has no bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vlmeval.stats.metrics.registry import Interval
from vlmeval.stats.table import Floats

MAX_UNDEFINED: Final = 0.05
COVERAGE: Final = 0.95
_NO_SPREAD = 1e-12


def intervals(draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Percentile intervals of draws [E, B]: low, high and share of undefined draws, each [E]; NaN where none."""
    return quantiles(draws, (0.025, 0.975))


def quantiles(draws: Floats, at: tuple[float, float]) -> tuple[Floats, Floats, Floats]:
    """Two quantiles of the defined ones of the draws [E, B], and the share of undefined ones; NaN with too many."""
    low, high, undefined = (np.full(len(draws), np.nan) for _ in range(3))
    if draws.shape[1] == 0:
        return low, high, undefined
    nan = np.isnan(draws)
    undefined = nan.mean(axis=1)
    clean = ~nan.any(axis=1)
    if clean.any():
        low[clean], high[clean] = np.quantile(draws[clean], at, axis=1)
    for i in np.flatnonzero(~clean & (undefined <= MAX_UNDEFINED)):
        low[i], high[i] = np.quantile(draws[i, ~nan[i]], at)
    return low, high, undefined


def limits(
    kind: Interval, draws: Floats, support: Sequence[int], bounds: tuple[float, float]
) -> tuple[Floats, Floats, Floats]:
    """Intervals of one metric's estimates.

    Parameters
    ----------
    kind
        See the module's docstring. Without finite bounds ``score`` is ``percentile``.
    draws
        [E, 1 + B], the value first.
    support
        [E] how many units each value rests on.
    bounds
        The metric's.

    Returns
    -------
    tuple of ndarray
        Low, high, and share of undefined draws, each [E]. No limits (NaN) without draws or with more than 5 % of them
        undefined.
    """
    value, drawn = draws[:, 0], draws[:, 1:]
    if kind == "symmetric":
        half, _, undefined = quantiles(np.abs(drawn - value[:, None]), (COVERAGE, COVERAGE))
        low, high = value - half, value + half
    elif kind == "debiased":
        low, high, undefined = _debiased(value, drawn)
    elif kind == "score" and np.isfinite(bounds).all():
        low, high, undefined = _score(value, drawn, np.asarray(support, dtype=np.float64), bounds)
    else:
        low, high, undefined = intervals(drawn)
    return *holding(value, low, high, bounds), undefined


def holding(
    value: Floats, low: Floats, high: Floats, bounds: tuple[float | Floats, float | Floats]
) -> tuple[Floats, Floats]:
    """Return the interval within the bounds, and widened to its value where it does not hold it."""
    low, high = np.clip(low, *bounds), np.clip(high, *bounds)
    # A value may leave the bounds by rounding.
    return np.minimum(low, value), np.maximum(high, value)


def _score(value: Floats, drawn: Floats, support: Floats, bounds: tuple[float, float]) -> tuple[Floats, Floats, Floats]:
    smallest, width = bounds[0], bounds[1] - bounds[0]
    _, variance, undefined = _moments(value, drawn)
    variance = variance / width**2 * unshrunk(support) ** 2
    p = np.clip((value - smallest) / width, 0.0, 1.0)
    low, high = wilson(p, _observations(p, variance, support), student(support))
    low[np.isnan(variance)], high[np.isnan(variance)] = np.nan, np.nan
    return smallest + width * low, smallest + width * high, undefined


def _debiased(value: Floats, drawn: Floats) -> tuple[Floats, Floats, Floats]:
    bias, variance, undefined = _moments(value, drawn)
    wide = student(np.full(1, np.inf))
    return value - bias - wide * np.sqrt(variance + bias**2), value + wide * np.sqrt(variance), undefined


def debiased_difference(ours: Floats, theirs: Floats) -> tuple[Floats, Floats]:
    """Return low and high of ``ours - theirs``, paired draws [E, 1 + B] of ``debiased`` metrics.

    1.96 times the standard deviation of the paired draws, and on either side as far as one of the two may be biased:
    what its own interval reaches down beyond 1.96 standard deviations, at most to 0. Pairing takes away the chance that
    both share, not the bias, which is larger the better calibrated a method is.
    """
    difference = np.where(np.abs(ours - theirs) > _NO_SPREAD, ours - theirs, 0.0)
    value = difference[:, 0]
    _, variance, _ = _moments(value, difference[:, 1:])
    chance = student(np.full(1, np.inf)) * np.sqrt(variance)
    # What is the same in every draw has the same bias.
    apart = (difference != 0).any(axis=1)
    return value - chance - apart * _reach_of_bias(ours), value + chance + apart * _reach_of_bias(theirs)


def _reach_of_bias(draws: Floats) -> Floats:
    value = draws[:, 0]
    low, high, _ = _debiased(value, draws[:, 1:])
    reach: Floats = np.clip((value - low) - (high - value), 0.0, value)
    return reach


def _moments(value: Floats, drawn: Floats) -> tuple[Floats, Floats, Floats]:
    """Bias and variance of the defined draws [E, B], NaN where too few are, and the share of undefined ones."""
    if drawn.shape[1] == 0:
        none = np.full(len(value), np.nan)
        return none, none, none
    defined = ~np.isnan(drawn)
    undefined = 1 - defined.mean(axis=1)
    count = np.where(undefined <= MAX_UNDEFINED, defined.sum(axis=1), np.nan)
    mean = np.where(defined, drawn, 0.0).sum(axis=1) / count
    variance = (np.where(defined, drawn - mean[:, None], 0.0) ** 2).sum(axis=1) / count
    return mean - value, variance, undefined


def _observations(p: Floats, variance: Floats, support: Floats) -> Floats:
    """Return how many independent observations vary as the draws do; infinitely many for what cannot vary."""
    inside = (p > _NO_SPREAD) & (p < 1 - _NO_SPREAD)
    out = np.where(inside, np.inf, support)
    np.divide(p * (1 - p), variance, out=out, where=inside & (variance > _NO_SPREAD**2))
    return out


def unshrunk(support: Floats) -> Floats:
    """Return the factor by which draws of n units spread too little: sqrt(n / (n - 1)), as any bootstrap of a mean."""
    n = np.maximum(support, 2.0)
    out: Floats = np.sqrt(n / (n - 1))
    return out


def student(support: Floats) -> Floats:
    """Return the 97.5 % quantile of Student's t for the spread of so many units."""
    from scipy.special import stdtrit

    out: Floats = stdtrit(np.maximum(support, 2.0) - 1, (1 + COVERAGE) / 2)
    return out


def wilson(p: Floats, n: Floats, quantile: Floats) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a proportion p of n observations (any positive number of them)."""
    z2 = quantile**2 / n
    centre = (p + z2 / 2) / (1 + z2)
    half = np.sqrt(p * (1 - p) * z2 + z2**2 / 4) / (1 + z2)
    return centre - half, centre + half


def number(value: float) -> float | None:
    """Return a plain float, None for NaN."""
    return None if np.isnan(value) else float(value)
