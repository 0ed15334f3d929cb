"""Whose predictions a unit gets in each permutation of the paired test.

In: unit ids. Out: `Swaps`: for each permutation, which units' predictions of two models change places. A unit changes
places whole: all its rows, and all seeds of both models. Drawn once, so that every metric, class and group of a
comparison is tested with the same permutations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.stats.resamples import Strings
from vlmeval.stats.table import Floats

MAX_UNDEFINED = 0.05
ROUNDING = 1e-12
"""Sums of the same numbers in another order differ by less."""
_STREAM = 0x5A4B
"""Keeps these draws apart from those of the bootstrap, which the same number seeds."""


@dataclass(frozen=True)
class Swaps:
    """Units that change sides: uint8 [U, 1 + permutations] of 0 and 1; column 0 is the sample itself, nobody changes.

    With so few units that there are no more ways than permutations asked for, every way is there once and the test is
    exact.
    """

    units: Strings
    swapped: npt.NDArray[np.uint8]
    every: bool = False

    @classmethod
    def draw(cls, units: Strings, permutations: int = 2000, seed: int = 0) -> Swaps:
        """Toss a fair coin for every unit and permutation.

        Parameters
        ----------
        units
            Unit ids, in any order and with repeats; only their set matters.
        permutations
            How many to draw, 0 for no test.
        seed
            Of ``numpy.random.default_rng``.
        """
        unique = np.unique(np.asarray(units, dtype=np.str_))
        n = len(unique)
        if n < 31 and 2**n <= permutations:
            ways = np.arange(2**n) >> np.arange(n)[:, None] & 1
            return cls(unique, ways.astype(np.uint8), every=True)
        swapped = np.zeros((n, 1 + permutations), dtype=np.uint8)
        rng = np.random.default_rng((seed, _STREAM))
        # Permutation by permutation, so that more of them only add to those that are there.
        for start in range(1, 1 + permutations, 256):
            block = rng.integers(0, 2, size=(min(256, 1 + permutations - start), n), dtype=np.uint8)
            swapped[:, start : start + len(block)] = block.T
        return cls(unique, swapped)

    @property
    def permutations(self) -> int:
        """Number of permutations, without the sample itself."""
        return int(self.swapped.shape[1]) - 1


def p_value(differences: Floats) -> float | None:
    """Two-sided p-value of a difference [1 + permutations], index 0 the observed one.

    The share of permutations, the observed one among them, that lie at least as far from 0 (Phipson & Smyth 2010: never
    0). A permutation without a value counts as one that does; with more than 5 % of them there is no p-value.
    """
    observed, permuted = differences[0], differences[1:]
    undefined = np.isnan(permuted)
    if len(permuted) == 0 or np.isnan(observed) or undefined.mean() > MAX_UNDEFINED:
        return None
    as_far = undefined | (np.abs(permuted) >= abs(observed) - ROUNDING)
    return float((1 + as_far.sum()) / (1 + len(permuted)))
