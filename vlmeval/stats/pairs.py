"""Rank sums of classes with few positives, all classes of one cell at once, without sorting.

In: how often each row's unit was drawn, scores and truth of one cell. Out: what `ranking.rank_sums` gives, class by
class. Every positive is compared with every row, so the work grows with positives x rows: less than cutting sorted
rows into blocks as long as positives are few, because the cell's weights are gathered once instead of once a class.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from vlmeval.stats.ranking import EXACT, Bools, Floats, Index, RankSums, Weights

MOST_POSITIVES = 96
"""With more positives than this the blocks of `ranking.py` are faster."""

_POSITIVES_AT_ONCE = 192
"""Enough for a fast matrix product, few enough for what it leaves to stay in the processor's cache."""


def few_positives(truth: Bools, classes: Index) -> Bools:
    """Which of the classes [C] have few enough positives among the rows."""
    few: Bools = truth[:, classes].sum(axis=0) <= MOST_POSITIVES
    return few


def pair_sums(
    weights: Weights, unit: Index, scores: Floats, truth: Bools, *, precision: bool = True, ties: bool = True
) -> list[RankSums]:
    """Weighted rank sums of some classes of one cell, for every draw.

    Parameters
    ----------
    weights
        [U, D] weight of each unit in each draw: integer counts.
    unit
        [n] each row's unit.
    scores, truth
        [n, C] of the classes that are asked for, rows in any order.
    precision
        Whether to compute the precision masses; NaN if not.
    ties
        Whether two rows may have the same score of a class.

    Returns
    -------
    list of RankSums
        One a class. Wins are exact; precision masses are sums of float64 ratios.
    """
    # Products and sums are of integers and halves: exact in float32 as long as no class can exceed its range.
    small = len(unit) * max(int(truth.sum(axis=0).max(initial=0)), 1) * float(weights.max(initial=0)) ** 2 < EXACT
    w = weights.take(unit, axis=0).astype(np.float32 if small else np.float64)
    whole = w.sum(axis=0, dtype=np.float64)
    owner, row = np.nonzero(truth.T)
    starts = np.searchsorted(owner, np.arange(truth.shape[1] + 1))
    # A class's negatives keep their scores, its positives never rank above one another.
    negatives = np.where(truth, -np.inf, scores).T.copy()
    out: list[RankSums] = []
    while len(out) < truth.shape[1]:
        # As many classes as fit, and at least one.
        first = len(out)
        last = max(first + 1, int(np.searchsorted(starts, starts[first] + _POSITIVES_AT_ONCE, side="right")) - 1)
        part = slice(starts[first], starts[last])
        positives = _Positives(owner[part], row[part], scores[row[part], owner[part]])
        out += _together(w, whole, positives, negatives, range(first, last), precision=precision, ties=ties)
    return out


class _Positives(NamedTuple):
    """Positives of some classes, class by class: [P] the class, the row among all, and its score."""

    owner: Index
    row: Index
    score: Floats


def _together(
    w: npt.NDArray[Any], whole: Floats, p: _Positives, negatives: Floats, classes: range, *, precision: bool, ties: bool
) -> list[RankSums]:
    compared = np.empty((len(p.row), len(w)), dtype=w.dtype)
    ends = np.searchsorted(p.owner, np.arange(classes.start, classes.stop + 1))
    parts = [slice(a, b) for a, b in itertools.pairwise(ends.tolist())]
    # [P, D]: the negatives at or above each positive; those tied with it lose only half.
    _compare(np.greater_equal, negatives, p, classes, parts, compared)
    above = compared @ w
    lost_to = above
    if ties and _compare(np.equal, negatives, p, classes, parts, compared).any():
        lost_to = above - compared @ w / 2
    gained = w[p.row]
    of_class = (p.owner == np.arange(classes.start, classes.stop)[:, None]).astype(w.dtype)
    positives = (of_class @ gained).astype(np.float64)
    wins = positives * (whole - positives) - of_class @ (gained * lost_to)
    if not precision:
        return [RankSums(won, np.full(len(won), np.nan), np.zeros((0, len(won)))) for won in wins]
    masses = of_class.astype(np.float64) @ _precisions(gained, p.score, above, parts)
    return [RankSums(won, mass, np.zeros((0, len(won)))) for won, mass in zip(wins, masses, strict=True)]


def _compare(
    relation: np.ufunc,
    negatives: Floats,
    p: _Positives,
    classes: range,
    parts: list[slice],
    out: npt.NDArray[Any],
) -> npt.NDArray[Any]:
    """Fill out [P, n]: 1 where the relation holds between a negative's score and the positive's."""
    for k, part in zip(classes, parts, strict=True):
        relation(negatives[k], p.score[part, None], out=out[part])
    return out


def _precisions(gained: npt.NDArray[Any], scores: Floats, above: npt.NDArray[Any], parts: list[slice]) -> Floats:
    """Weight x precision of each positive, [P, D]."""
    true = np.empty_like(gained)
    for part in parts:
        at_or_above = (scores[part] >= scores[part, None]).astype(gained.dtype)
        np.matmul(at_or_above, gained[part], out=true[part])
    flagged = (true + above).astype(np.float64)
    np.maximum(flagged, 1, out=flagged)  # 0 only where the positive itself was not drawn
    precisions = true.astype(np.float64)
    precisions /= flagged
    precisions *= gained
    return precisions
