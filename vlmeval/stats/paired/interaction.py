"""Whether two methods differ alike in all levels of a group: the test of equal paired differences.

In: the draws of the difference in every level, on the same resamples. Out: `Wald`. With d the differences in L levels,
S their covariance in the draws (each level's spread multiplied by sqrt(n / (n - 1)) for its n units) and C the L - 1
contrasts of neighbours, the statistic is (C d)' (C S C')^-1 (C d). Divided by L - 1 it is compared with the F
distribution of L - 1 degrees of freedom and those of the spread (Welch 1951; Satterthwaite's, see
`simultaneous.effective_units`), because a covariance seen in few units is uncertain. With two levels this is Welch's t
test, with many units Wald's chi-square test. Units in several levels are no obstacle: the draws know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlmeval.stats.intervals import MAX_UNDEFINED, unshrunk
from vlmeval.stats.paired.simultaneous import effective_units
from vlmeval.stats.table import Floats

_NO_SPREAD = 1e-12
TOO_FEW = "fewer than two levels in which the two differ in some draw"
UNDEFINED = "more than 5 % of the draws lack a level"
FEW_DRAWS = "too few draws to tell how the levels' differences vary together"
TIED = "the differences of some levels do not vary apart"
DRAWS_A_CONTRAST = 20
"""A covariance seen in fewer draws is turned into far too small p-values (Hartlap, Simon & Schneider 2007)."""


@dataclass(frozen=True)
class Wald:
    """The test of equal differences, or the ``reason`` why there is none. ``used``: the levels that took part."""

    used: tuple[int, ...]
    statistic: float | None = None
    df: int | None = None
    p: float | None = None
    reason: str | None = None


def equal_differences(draws: Floats, support: Sequence[int]) -> Wald:
    """Test whether the differences of L levels are one and the same.

    Parameters
    ----------
    draws
        [L, 1 + B], the sample's own difference first.
    support
        [L] how many units each rests on.
    """
    used = tuple(int(i) for i in np.flatnonzero(np.nanstd(draws, axis=1) > _NO_SPREAD)) if draws.size else ()
    if len(used) < 2 or draws.shape[1] < 2:
        return Wald(used, reason=TOO_FEW)
    own = draws[list(used)]
    whole = ~np.isnan(own[:, 1:]).any(axis=0)
    if 1 - whole.mean() > MAX_UNDEFINED:
        return Wald(used, reason=UNDEFINED)
    df = len(used) - 1
    if whole.sum() < DRAWS_A_CONTRAST * df:
        return Wald(used, reason=FEW_DRAWS)
    units = np.asarray(support, dtype=np.float64)[list(used)]
    contrasts = np.eye(len(used))[1:] - np.eye(len(used))[:-1]
    spread = contrasts @ np.cov(own[:, 1:][:, whole] * unshrunk(units)[:, None]) @ contrasts.T
    if np.linalg.matrix_rank(spread, hermitian=True) < df:
        return Wald(used, reason=TIED)
    apart = contrasts @ own[:, 0]
    statistic = float(apart @ np.linalg.solve(spread, apart))
    return Wald(used, statistic, df, _tail(statistic / df, df, effective_units(own, units) - 1))


def _tail(f: float, df: int, rest: float) -> float:
    from scipy.special import fdtrc

    return float(fdtrc(df, max(rest, 1.0), f))
