"""How far two columns of figures agree, in every draw of the bootstrap.

In: pairs of figures with the unit each belongs to, and how often each unit was drawn. Out: quadratic weighted kappa,
shares of equal figures and of those within one step, and Spearman's rank correlation, each [D] (index 0 the sample).

With quadratic weights Cohen's kappa needs no table: it is one minus the mean squared difference over the mean squared
difference of figures paired at random (Cohen 1968, Psychological Bulletin 70:213-220; Fleiss & Cohen 1973, Educational
and Psychological Measurement 33:613-619), so that each draw takes six sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import Final, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Counts = npt.NDArray[np.uint8]
BLOCK: Final = 128
SAME: Final = 1e-6
"""Figures nearer than this are the same: they may come from float32."""


@dataclass(frozen=True)
class Pairs:
    """P pairs of figures ``a``, ``b`` [P]; ``unit`` [P] is whose they are, ``weight`` [P] their share of the unit."""

    a: Floats
    b: Floats
    unit: Index
    weight: Floats

    @classmethod
    def of_sources(cls, a: Floats, b: Floats) -> Self:
        """Pair the figures [U] of two sources where both have one."""
        both = np.flatnonzero(~np.isnan(a) & ~np.isnan(b))
        return cls(a[both], b[both], both, np.ones(len(both)))

    @classmethod
    def of_raters(cls, figures: Floats) -> Self:
        """Pair every two raters [U, R] of a unit in both orders (who is first is arbitrary); units weigh alike."""
        columns = list(permutations(range(figures.shape[1]), 2))
        a = np.concatenate([figures[:, i] for i, _ in columns]) if columns else np.zeros(0)
        b = np.concatenate([figures[:, j] for _, j in columns]) if columns else np.zeros(0)
        unit = np.tile(np.arange(len(figures)), len(columns))
        both = ~np.isnan(a) & ~np.isnan(b)
        a, b, unit = a[both], b[both], unit[both]
        return cls(a, b, unit, 1.0 / np.bincount(unit, minlength=len(figures))[unit])

    @property
    def n_units(self) -> int:
        """How many units have a pair."""
        return len(np.unique(self.unit))


@dataclass(frozen=True)
class Agreed:
    """What agreement came to in every draw, [D] each; NaN where it is undefined (every figure the same)."""

    kappa: Floats
    exact: Floats
    within_one: Floats


def agreed(pairs: Pairs, counts: Counts) -> Agreed:
    """Return quadratic weighted kappa and the shares of close figures.

    Parameters
    ----------
    pairs
        Figures on one scale.
    counts
        [U, D] how often each unit was drawn; column 0 all ones (``Resamples.counts``).
    """
    # Differences do not move with the origin; near zero, squares lose no digits.
    centre = (pairs.a.mean() + pairs.b.mean()) / 2 if len(pairs.a) else 0.0
    a, b = pairs.a - centre, pairs.b - centre
    apart = np.abs(a - b)
    columns = np.stack([np.ones_like(a), a, b, a * a, b * b, a * b, apart < SAME, apart < 1 + SAME], axis=1)
    sums = _drawn(_by_unit(columns * pairs.weight[:, None], pairs.unit, len(counts)), counts)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / sums[:, :1]
        _, mean_a, mean_b, aa, bb, ab, exact, within = means.T
        observed = aa + bb - 2 * ab
        expected = aa + bb - 2 * mean_a * mean_b
        kappa = np.where(expected > SAME**2, 1 - observed / expected, np.nan)
    return Agreed(kappa, exact, within)


def rank_correlation(a: Floats, b: Floats, counts: Counts) -> Floats:
    """Return Spearman's rank correlation of a and b [n] in every draw [D]: Pearson's of the ranks, ties in the middle.

    ``counts`` is [n, D]. A draw's ranks are those among the units drawn, each as often as it was drawn.
    """
    found = np.full(counts.shape[1], np.nan)
    for start in range(0, counts.shape[1] if len(a) else 0, BLOCK):
        weight = counts[:, start : start + BLOCK].astype(np.float64)
        total = weight.sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            ranks = [_ranks(values, weight) for values in (a, b)]
            ranks = [r - (weight * r).sum(axis=0) / total for r in ranks]
            variances = [(weight * r * r).sum(axis=0) / total for r in ranks]
            spread = np.sqrt(variances[0] * variances[1])
            covariance = (weight * ranks[0] * ranks[1]).sum(axis=0) / total
            found[start : start + BLOCK] = np.where(spread > SAME, covariance / spread, np.nan)
    return found


def _ranks(values: Floats, weight: Floats) -> Floats:
    """Return the middle rank [n, d] of each value among weighted ones, up to a constant."""
    distinct, place = np.unique(values, return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(distinct)))
    at = np.add.reduceat(weight[order], starts, axis=0)
    middle: Floats = (at.cumsum(axis=0) - at / 2)[place]
    return middle


def _by_unit(values: Floats, unit: Index, units: int) -> Floats:
    sums = np.zeros((units, values.shape[1]))
    np.add.at(sums, unit, values)
    return sums


def _drawn(values: Floats, counts: Counts) -> Floats:
    """Sum [U, m] over the units of every draw: [D, m]."""
    blocks = [counts[:, i : i + BLOCK].T.astype(np.float64) @ values for i in range(0, counts.shape[1], BLOCK)]
    return np.concatenate(blocks)
