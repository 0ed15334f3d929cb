"""The bootstrap of AUROC, average precision and points of the ROC curve without a loop over draws.

In: how often each row's unit was drawn, rows sorted by descending score, and which rows are positive. Out, for every
draw at once, the sums that these metrics are ratios of. Rows of equal score are handled as one threshold.

How: with rows in descending order, a positive row loses to the negatives above it (half to those tied with it), and
its precision is the share of positives at or above it. Both need cumulative weights at the positives only. Rows are
cut into blocks; within a block the cumulative weights are a small 0/1 matrix times the block's weights [rows, draws]
(one BLAS call), before it they are a carried total. Weights are small integers, so float32 products are exact as
long as they stay below 2**24; where they might not, the block is computed in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vlmeval.stats.roc import Readings, Steps

Weights = npt.NDArray[np.uint8] | npt.NDArray[np.float64]
Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]

Totals = tuple[Floats, Floats]

EXACT = 2**23  # float32 holds every half-integer up to here
_SMALLEST_BLOCK, _LARGEST_BLOCK = 128, 512
_BLOCK_BYTES = 32 * 2**20


class RankSums(NamedTuple):
    """Per draw: weighted pairs (positive, negative) in the right order, and the sum of precisions at the positives.

    ``points`` is [len(roc.POINTS), D], or [0, D] where it was not asked for.
    """

    wins: Floats
    precision_mass: Floats
    points: Floats


class _Sorted(NamedTuple):
    """Rows of one cell in descending order of score: weight row, positive?, number of the tie they belong to."""

    unit: Index
    positive: Bools
    tie: Index


def rank_sums(
    weights: Weights,
    unit: Index,
    scores: Floats,
    positive: Bools,
    *,
    precision: bool = True,
    totals: Totals | None = None,
) -> RankSums:
    """Weighted rank sums of one class in one cell, for every draw.

    Parameters
    ----------
    weights
        [U, D] weight of each unit in each draw (integer counts, or any float64).
    unit
        [n] each row's unit, rows already in descending order of score.
    scores
        [n] the scores, descending.
    positive
        [n] whether the row has the class.
    precision
        Whether to compute the precision mass; NaN if not.
    totals
        Weights of all positives and of all negatives in each draw: if given, the ROC curve is read too.

    Returns
    -------
    RankSums
        Float64 [D]. AUROC is ``wins / (P * N)`` and average precision ``precision_mass / P`` with P and N the
        weights of positives and negatives. Exact (up to the division) for integer weights.
    """
    tie = np.zeros(len(scores), dtype=np.intp)
    np.cumsum(scores[1:] != scores[:-1], out=tie[1:])
    rows = _Sorted(unit, positive, tie)
    heaviest = float(weights.max(initial=0)) if weights.dtype == np.uint8 else np.inf
    bounds = list(_blocks(rows))
    longest = max((b - a for a, b in bounds), default=1)
    width = max(32, min(weights.shape[1], _BLOCK_BYTES // (8 * longest)))
    starts = range(0, weights.shape[1], width)
    part = partial(_chunk, rows=rows, bounds=bounds, heaviest=heaviest, precision=precision)
    own = [None if totals is None else (totals[0][d : d + width], totals[1][d : d + width]) for d in starts]
    parts = [part(weights[:, d : d + width], totals=both) for d, both in zip(starts, own, strict=True)]
    return RankSums(*(np.concatenate(found, axis=-1) for found in zip(*parts, strict=True)))


def _blocks(rows: _Sorted) -> Iterator[tuple[int, int]]:
    """Cut the rows where the score changes, about every so many rows (more when positives are rare)."""
    n = len(rows.tie)
    share = rows.positive.mean() if n else 0.0
    size = int(np.clip(32 / max(share, 1e-9), _SMALLEST_BLOCK, _LARGEST_BLOCK))
    changes = np.append(np.flatnonzero(np.diff(rows.tie, prepend=-1)), n)
    cuts = np.unique(changes[np.searchsorted(changes, np.append(np.arange(0, n, size), n))])
    return zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True)


def _chunk(
    weights: Weights,
    rows: _Sorted,
    bounds: list[tuple[int, int]],
    heaviest: float,
    *,
    precision: bool,
    totals: Totals | None,
) -> RankSums:
    draws = weights.shape[1]
    lost, mass = np.zeros(draws), np.full(draws, 0.0 if precision else np.nan)
    above_pos, above_neg = np.zeros(draws), np.zeros(draws)
    readings = None if totals is None else Readings(*totals)
    small = len(rows.tie) * heaviest < EXACT
    for a, b in bounds:
        positive, tie = rows.positive[a:b], rows.tie[a:b]
        exact32 = small and positive.sum() * (~positive).sum() * heaviest**2 < EXACT
        w = weights.take(rows.unit[a:b], axis=0).astype(np.float32 if exact32 else np.float64)
        if not positive.any():
            above_neg += w.sum(axis=0)
            continue
        block = _within(w, positive, tie)
        if precision or readings is not None:
            true, false = block.positives_up_to + above_pos, block.negatives_up_to + above_neg
            if readings is not None:
                readings.add(Steps(block.gained, true, false, block.negatives_mid + above_neg), above_pos, lost)
            if precision:
                false += true
                np.divide(true, np.maximum(false, np.finfo(float).tiny, out=false), out=true)
                mass += np.einsum("id,id->d", block.gained, true)
        lost += np.einsum("id,id->d", block.gained, block.negatives_mid)
        lost += block.gained.sum(axis=0) * above_neg
        above_pos += block.positives_up_to[-1]
        above_neg += block.negatives_total
    found = np.zeros((0, draws)) if readings is None else readings.finish(above_pos, lost)
    return RankSums(above_pos * above_neg - lost, mass, found)


class _Block(NamedTuple):
    """Weights [ties with a positive, draws] inside one block, and the block's negatives [draws]."""

    gained: npt.NDArray[Any]
    positives_up_to: npt.NDArray[Any]
    negatives_up_to: npt.NDArray[Any]
    negatives_mid: npt.NDArray[Any]
    negatives_total: npt.NDArray[Any]


def _within(w: npt.NDArray[Any], positive: Bools, tie: Index) -> _Block:
    where, first = np.unique(tie[positive], return_index=True)
    gained = w[positive]
    if len(where) < len(gained):
        gained = np.add.reduceat(gained, first, axis=0)
    at_or_above = tie[None, :] <= where[:, None]
    select = np.vstack([at_or_above & ~positive, ~positive]).astype(w.dtype)
    negatives = select @ w
    mid = negatives[:-1]
    untied = tie[-1] - tie[0] + 1 == len(tie)
    if not untied and np.isin(tie[~positive], where).any():
        mid = ((at_or_above * 0.5 + (tie[None, :] < where[:, None]) * 0.5) * ~positive).astype(w.dtype) @ w
    # A triangle of ones instead of cumsum(axis=0), which walks down the columns.
    positives = np.tri(len(gained), dtype=w.dtype) @ gained
    return _Block(gained, positives, negatives[:-1], mid, negatives[-1])
