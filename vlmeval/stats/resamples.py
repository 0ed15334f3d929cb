"""The bootstrap's resamples of units, drawn once and shared by every model, metric, class and group of a benchmark.

In: unit ids. Out: `Resamples`: how often each unit was drawn in each draw. Because everything uses the same draws,
differences (between models, methods or groups) are paired for free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.errors import DataError
from vlmeval.records import Samples

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Resamples:
    """Multinomial counts of units: the cluster bootstrap (Efron & Tibshirani 1993, section 8.3) in count form.

    Attributes
    ----------
    units
        [U] sorted unique unit ids.
    counts
        uint8 [U, 1 + draws]. Column 0 is the sample itself (all ones), so that an estimate and its draws come from the
        same code. Draws are contiguous in memory: all draws of one unit are used together.
    seed
        Seed of the numpy Generator.
    """

    units: Strings
    counts: npt.NDArray[np.uint8]
    seed: int

    @classmethod
    def draw(cls, units: Strings | Samples, draws: int = 2000, seed: int = 0) -> Resamples:
        """Draw as many units as there are, with replacement, ``draws`` times.

        Parameters
        ----------
        units
            Unit ids, in any order and with repeats, or the samples that have them. Only the set of ids matters.
        draws
            Number of resamples, 0 for no intervals.
        seed
            Seed of ``numpy.random.default_rng``.
        """
        unique = np.unique(units.units if isinstance(units, Samples) else np.asarray(units, dtype=np.str_))
        n = len(unique)
        counts = np.ones((n, 1 + draws), dtype=np.uint8)
        rng = np.random.default_rng(seed)
        block = 256  # written in column blocks: a column at a time would touch every cache line of the matrix
        for start in range(0, draws if n else 0, block):
            width = min(block, draws - start)
            rows = np.empty((width, n), dtype=np.uint8)
            for i in range(width):
                # A count above 255 needs more than 255 units, and then has a probability below 1e-300.
                rows[i] = np.bincount(rng.integers(0, n, size=n), minlength=n)
            counts[:, 1 + start : 1 + start + width] = rows.T
        return cls(unique, counts, seed)

    @property
    def draws(self) -> int:
        """Number of resamples, without the sample itself."""
        return int(self.counts.shape[1]) - 1

    def index_of(self, units: Strings) -> npt.NDArray[np.intp]:
        """Position of each unit id among ``self.units``.

        Raises
        ------
        DataError
            For a unit that was not resampled: predictions and resamples are of different data.
        """
        if len(units) == 0:
            return np.zeros(0, dtype=np.intp)
        if len(self.units) == 0:
            raise _unknown(str(units[0]))
        found = np.minimum(np.searchsorted(self.units, units), len(self.units) - 1)
        wrong = np.flatnonzero(self.units[found] != units)
        if len(wrong):
            raise _unknown(str(units[wrong[0]]))
        return found


def _unknown(unit: str) -> DataError:
    return DataError(
        "the predictions have a unit that the resamples do not",
        found=unit,
        hint="draw the resamples from the units of the same benchmark split as the predictions",
    )
