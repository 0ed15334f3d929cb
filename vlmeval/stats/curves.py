"""Curves and tables for the report: ROC, precision-recall, reliability, confusion. Deterministic and small.

In: truth and scores. Out: `Curve`s of at most 200 points and plain arrays. The metrics' numbers do not come from here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.stats.metrics.classwise import BINS, bin_of
from vlmeval.stats.table import Bools, Floats

MAX_POINTS = 200


@dataclass(frozen=True)
class Curve:
    """Points (x, y) in drawing order, with the threshold of each: rows scoring at least that much are called positive.

    The first point of a ROC curve has no threshold: it is infinite there.
    """

    x: Floats
    y: Floats
    thresholds: Floats


@dataclass(frozen=True)
class Reliability:
    """Equal-width bins of a probability: edges [bins + 1], mean probability and share of positives [bins], NaN if none.

    ``n`` is the number of rows in each bin.
    """

    edges: Floats
    confidence: Floats
    observed: Floats
    n: npt.NDArray[np.intp]


def roc_curve(y: Bools, scores: Floats, max_points: int = MAX_POINTS) -> Curve | None:
    """Draw the ROC curve: false positive rate against sensitivity, from (0, 0) to (1, 1).

    Parameters
    ----------
    y, scores
        bool [n] and float [n].
    max_points
        At least 2; longer curves are thinned to the points nearest to even steps along the curve.

    Returns
    -------
    Curve or None
        None if there are no positives or no negatives.
    """
    hits, flagged, thresholds = _cumulative(y, scores)
    positives = int(np.sum(y))
    negatives = len(y) - positives
    if positives == 0 or negatives == 0:
        return None
    x = np.append(0.0, (flagged - hits) / negatives)
    height = np.append(0.0, hits / positives)
    return _thin(Curve(x, height, np.append(np.inf, thresholds)), max_points)


def pr_curve(y: Bools, scores: Floats, max_points: int = MAX_POINTS) -> Curve | None:
    """Draw the precision-recall curve: recall against precision, by falling threshold; None without positives.

    The points are those of average precision: draw it as steps, not as a line.
    """
    hits, flagged, thresholds = _cumulative(y, scores)
    positives = int(np.sum(y))
    if positives == 0:
        return None
    return _thin(Curve(hits / positives, hits / flagged, thresholds), max_points)


def reliability(y: Bools, probability: Floats, bins: int = BINS) -> Reliability:
    """Compare probability with frequency in equal-width bins.

    Parameters
    ----------
    y
        bool [n]: the class is present (or, for the top label of single-label tasks, the decision is right).
    probability
        float [n] in [0, 1].
    bins
        Number of bins; 15 as in the expected calibration error.
    """
    number = bin_of(np.asarray(probability, dtype=np.float64), bins)
    n = np.bincount(number, minlength=bins)
    share = np.full((2, bins), np.nan)
    for i, values in enumerate((probability, y)):
        np.divide(np.bincount(number, weights=values, minlength=bins), n, out=share[i], where=n > 0)
    return Reliability(np.linspace(0, 1, bins + 1), share[0], share[1], n)


def confusion(y_true: Bools, scores: Floats) -> npt.NDArray[np.intp]:
    """Count rows by true class (rows) and highest-scoring class (columns), [K, K]; single-label tasks only.

    Of equal scores the class listed first wins, as in all decisions here.
    """
    k = scores.shape[1]
    if len(scores) == 0:
        return np.zeros((k, k), dtype=np.intp)
    cell = y_true.argmax(axis=1) * k + scores.argmax(axis=1)
    return np.bincount(cell, minlength=k * k).reshape(k, k)


def _cumulative(y: Bools, scores: Floats) -> tuple[Floats, Floats, Floats]:
    """Positives and rows at or above each distinct score, descending, and the scores."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1) if len(ordered) else np.zeros(0, dtype=np.intp)
    hits = np.cumsum(y[order].astype(np.float64))
    return hits[ends], (ends + 1).astype(np.float64), ordered[ends]


def _thin(curve: Curve, max_points: int) -> Curve:
    """Keep the first and last point and, between them, those nearest to even steps of |dx| + |dy|."""
    if len(curve.x) <= max_points:
        return curve
    travelled = np.append(0.0, np.cumsum(np.abs(np.diff(curve.x)) + np.abs(np.diff(curve.y))))
    keep = np.unique(np.searchsorted(travelled, np.linspace(0, travelled[-1], max_points)[:-1]))
    keep = np.append(keep[keep < len(curve.x) - 1], len(curve.x) - 1)
    return Curve(curve.x[keep], curve.y[keep], curve.thresholds[keep])
