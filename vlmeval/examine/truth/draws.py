"""Labels drawn from differentials, together with the bootstrap's draws of units.

In: weights [n, K] of a differential a row (the mass that is missing to 1 is "none of these conditions"), each row's
unit, and the run's resamples. Out: blocks of draws, each with its row weights and one condition a row.

The first `LABELINGS` draws are of labels only, on the sample itself: their mean is the expected value. The others draw
units and labels at once, draw by draw those of the run's resamples, so that differences are paired. Labels depend on
the seed and the set of units alone: every method sees the same ones, and the pictures of a unit share one opinion.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from vlmeval.examine.truth.ranks import Codes, Floats, Index
from vlmeval.stats import Resamples

LABELINGS: Final = 200
"""Draws of labels whose mean is the expected value."""

_STREAM: Final = 0x0917
"""Keeps the draws of labels apart from the draws of units, which the same number seeds."""

CELLS_AT_ONCE: Final = 2**17
"""Enough for long loops, few enough for a block to stay in the processor's cache."""
_CERTAIN: Final = 1e-6


class Block(NamedTuple):
    """Some of the draws: which ones, row weights [d, n], and the class drawn for each row [d, n] (K: none of them)."""

    draws: slice
    weights: Floats
    labels: Codes


def blocks(differential: Floats, unit: Index, resamples: Resamples, labelings: int = LABELINGS) -> Iterator[Block]:
    """Draw labels and units.

    Parameters
    ----------
    differential
        [n, K] weights, each row's sum at most 1 (give or take rounding).
    unit
        [n] each row's unit among ``resamples.units``.
    resamples
        Of the run; its draws follow the ``labelings`` draws of labels alone.

    Yields
    ------
    Block
        In order; all draws together are ``labelings + resamples.draws``.
    """
    rng = np.random.default_rng((resamples.seed, _STREAM))
    bounds = bounds_of(differential)
    total, width = labelings + resamples.draws, max(1, CELLS_AT_ONCE // max(1, len(unit), len(resamples.units)))
    for start in range(0, total, width):
        part = slice(start, min(start + width, total))
        opinion = rng.random((part.stop - part.start, len(resamples.units)), dtype=np.float32)[:, unit]
        yield Block(part, unit_weights(part, unit, resamples, labelings), drawn_classes(opinion, bounds))


def bounds_of(differential: Floats) -> Floats:
    """[n, K] cumulative weights; the last one of a row without "none of these" is out of reach of rounding."""
    bounds = np.cumsum(differential, axis=1, dtype=np.float64)
    certain = bounds[:, -1] > 1 - _CERTAIN
    # From the last condition with a weight on: those after it must not be drawn.
    reached = bounds >= bounds[:, -1:] - _CERTAIN / 2
    bounds[certain[:, None] & reached] = 2.0
    return bounds


def drawn_classes(opinion: npt.NDArray[np.float32], bounds: Floats) -> Codes:
    """Return the class that each row's random number falls into: how many cumulative weights it has reached."""
    labels = np.zeros(opinion.shape, dtype=np.int16)
    for k in range(bounds.shape[1]):
        labels += opinion >= bounds[:, k].astype(np.float32)
    return labels


def unit_weights(part: slice, unit: Index, resamples: Resamples, labelings: int) -> Floats:
    """[d, n] how often each row's unit was drawn in a part of the draws; once in the draws of labels alone."""
    weights = np.ones((part.stop - part.start, len(unit)))
    first = max(part.start, labelings)
    if first < part.stop:
        # Column 0 of the counts is the sample itself.
        drawn = resamples.counts[:, 1 + first - labelings : 1 + part.stop - labelings]
        weights[first - part.start :] = drawn[unit].T
    return weights
