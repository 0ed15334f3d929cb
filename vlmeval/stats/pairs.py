"""Rank sums of classes with few positives, all classes of one cell at once, without sorting.

In: how often each row's unit was drawn, scores and truth of one cell. Out: what `ranking.rank_sums` gives, class by
class. Every positive is compared with every row, so the work grows with positives x rows: less than cutting sorted
rows into blocks as long as positives are few, because the cell's weights are gathered once instead of once a class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.stats.ranking import EXACT, Bools, Floats, Index, RankSums, Weights

MOST_POSITIVES = 96
"""With more positives than this the blocks of `ranking.py` are faster."""

_POSITIVES_AT_ONCE = 512


def few_positives(truth: Bools, classes: Index) -> Bools:
    """Which of the classes [C] have few enough positives among the rows."""
    few: Bools = truth[:, classes].sum(axis=0) <= MOST_POSITIVES
    return few


def pair_sums(weights: Weights, unit: Index, scores: Floats, truth: Bools, classes: Index) -> list[RankSums]:
    """Weighted rank sums of some classes of one cell, for every draw.

    Parameters
    ----------
    weights
        [U, D] weight of each unit in each draw: integer counts.
    unit
        [n] each row's unit.
    scores, truth
        [n, K], rows in any order.
    classes
        [C] numbers of the classes that are asked for.

    Returns
    -------
    list of RankSums
        One a class. Wins are exact; precision masses are sums of float64 ratios.
    """
    heaviest = float(weights.max(initial=0))
    exact32 = len(unit) * MOST_POSITIVES * heaviest**2 < EXACT
    w = weights.take(unit, axis=0).astype(np.float32 if exact32 else np.float64)
    whole = w.sum(axis=0, dtype=np.float64)
    by_class, out = [np.flatnonzero(truth[:, k]) for k in classes], []
    start = 0
    while start < len(classes):
        # As many classes as fit, and at least one.
        sizes = np.cumsum([len(rows) for rows in by_class[start:]])
        stop = start + max(1, int(np.searchsorted(sizes, _POSITIVES_AT_ONCE, side="right")))
        out += _together(w, whole, scores, truth, classes[start:stop], by_class[start:stop])
        start = stop
    return out


def _together(
    w: npt.NDArray[Any], whole: Floats, scores: Floats, truth: Bools, classes: Index, by_class: list[Index]
) -> list[RankSums]:
    sizes = [len(rows) for rows in by_class]
    owner, rows = np.repeat(classes, sizes), np.concatenate(by_class)
    theirs, own = scores.T[owner], scores[rows, owner][:, None]
    negative = ~truth.T[owner]
    # [positives, D]: the negatives at or above each positive; those tied with it lose only half.
    at_or_above = ((theirs >= own) & negative).astype(w.dtype) @ w
    tied = (theirs == own) & negative
    lost_to = at_or_above - tied.astype(w.dtype) @ w / 2 if tied.any() else at_or_above
    ends = np.cumsum(sizes)
    return [
        _one(w[rows[b - n : b]], own[b - n : b, 0], at_or_above[b - n : b], lost_to[b - n : b], whole)
        for n, b in zip(sizes, ends, strict=True)
    ]


def _one(
    gained: npt.NDArray[Any], scores: Floats, above: npt.NDArray[Any], lost_to: npt.NDArray[Any], whole: Floats
) -> RankSums:
    positives = gained.sum(axis=0, dtype=np.float64)
    lost = np.einsum("id,id->d", gained, lost_to)
    true = (scores >= scores[:, None]).astype(gained.dtype) @ gained
    flagged = np.maximum(true + above, 1)  # 0 only where the positive itself was not drawn
    mass = np.einsum("id,id->d", gained, np.divide(true, flagged, dtype=np.float64))
    return RankSums(positives * (whole - positives) - lost, mass)
