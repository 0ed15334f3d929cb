"""Rank sums of AUROC and average precision where every draw has labels of its own.

In: row weights and one drawn class a row, both by draw, and scores that do not change. Out: for every draw and class
the weight of positives and the two sums that `stats.ranking` has for labels that are the same in all draws.

How: rows are sorted once a class; cumulative weights say what lies above each row; a row can only be positive where
the class is in its differential, so that labels matter at few rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Codes = npt.NDArray[np.int16]
Bools = npt.NDArray[np.bool_]


class ClassRanks(NamedTuple):
    """The rows of one class in descending order of its score, prepared for any labels.

    ``order`` [n]. ``candidates`` [m]: rows that may be positive, in that order. ``first``, ``last`` [m]: where each
    candidate's tie begins and ends (past its end) among all rows; ``own_first``, ``own_last`` [m]: among candidates.
    """

    order: Index
    candidates: Index
    first: Index
    last: Index
    own_first: Index
    own_last: Index


class DrawnSums(NamedTuple):
    """[D] each: weight of the positives, weighted pairs in the right order, sum of precisions at the positives."""

    positives: Floats
    wins: Floats
    precision_mass: Floats


def class_ranks(scores: Floats, candidate: Bools) -> ClassRanks:
    """Sort the rows of one class: scores [n], and whether a row may be positive [n]."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    changes = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    starts, ends = np.concatenate([[0], changes]), np.concatenate([changes, [len(order)]])
    tie = np.zeros(len(order), dtype=np.intp)
    tie[changes] = 1
    tie = np.cumsum(tie)
    where = np.flatnonzero(candidate[order])
    first, last = starts[tie[where]], ends[tie[where]]
    return ClassRanks(
        order=order,
        candidates=order[where],
        first=first,
        last=last,
        own_first=np.searchsorted(where, first),
        own_last=np.searchsorted(where, last),
    )


def drawn_sums(ranks: ClassRanks, weights: Floats, labels: Codes, k: int) -> DrawnSums:
    """Sum up one class under drawn labels.

    Parameters
    ----------
    ranks
        Of class ``k``.
    weights
        [D, n] weight of each row in each draw: integers.
    labels
        [D, n] the class drawn for each row, anything else than 0 to K - 1 for none of them.
    k
        The class.

    Returns
    -------
    DrawnSums
        AUROC is ``wins / (P * N)`` and average precision ``precision_mass / P`` with P the weight of positives and N
        that of all other rows; ties count one half, and rows of equal score are one threshold.
    """
    all_above = _cumulated(weights[:, ranks.order])
    positive = weights[:, ranks.candidates] * (labels[:, ranks.candidates] == k)
    positives_above = _cumulated(positive)
    above, up_to = all_above[:, ranks.first], all_above[:, ranks.last]
    own_above, own_up_to = positives_above[:, ranks.own_first], positives_above[:, ranks.own_last]
    lost_to = (above - own_above + up_to - own_up_to) / 2
    total = positives_above[:, -1]
    wins = total * (all_above[:, -1] - total) - (positive * lost_to).sum(axis=1)
    # A positive that was drawn has itself at or above it; one that was not counts nothing.
    precision = own_up_to / np.maximum(up_to, 1)
    return DrawnSums(total, wins, (positive * precision).sum(axis=1))


def _cumulated(weights: Floats) -> Floats:
    """[D, n + 1] weight of the rows before each position."""
    out = np.zeros((weights.shape[0], weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=out[:, 1:])
    return out
