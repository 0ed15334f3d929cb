"""The objective of many choices at once: rank-based AUROC, balanced accuracy and the worst tone level, vectorised.

Comes in: scores [B, n, K] of B choices on the same rows, their labels and level codes, the `Target`. Goes out: one
value a choice, equal to what `stats.estimate` reports of the same scores (where the small-cell rule has the same
classes). NaN where the rows have no class or level to judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.stats import choose_thresholds
from vlmeval.stats.metrics.overall import nanmean
from vlmeval.workbench.search.candidates import Candidates
from vlmeval.workbench.search.target import Target

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Truth:
    """What scores are judged by: labels bool [n, K], and the level codes [n] of the target's skin-tone source."""

    labels: Bools
    tone: npt.NDArray[np.int16] | None

    @classmethod
    def of(cls, rows: Candidates, target: Target) -> Truth:
        """Return the truth of the rows that a search knows."""
        return cls(rows.labels, None if target.group is None else rows.groups[target.group])


def measure(scores: Floats, truth: Truth, target: Target, thresholds: Floats | None = None) -> Floats:
    """Return the objective [B] of scores [B, n, K].

    ``thresholds`` [K] are those of multi-label decisions; None to choose them on these very rows (Youden's J).
    """
    total = np.zeros(len(scores))
    for part, share in target.shares.items():
        total += share * _PARTS[part](scores, truth, target, thresholds)
    return total


def thresholds_of(scores: Floats, truth: Truth, target: Target) -> Floats | None:
    """Return the thresholds [K] that scores [n, K] of these rows give for others; None where the highest score wins."""
    return None if target.single else choose_thresholds(truth.labels, scores)


def decided(scores: Floats, thresholds: Floats | None) -> Bools:
    """Return bool [n, K]: the highest score, or every score at or above its threshold."""
    if thresholds is not None:
        return np.asarray(scores >= thresholds)
    found = np.zeros(scores.shape, dtype=bool)
    found[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return found


def auroc(scores: Floats, labels: Bools) -> Floats:
    """Return one-vs-rest AUROC [B, K] of scores [B, n, K] for labels [n, K], ties counting one half."""
    count, n, _ = scores.shape
    by_class = np.ascontiguousarray(scores.transpose(0, 2, 1))
    order = by_class.argsort(axis=-1)
    inverse = np.broadcast_to(labels.T, by_class.shape)
    ranks = (np.take_along_axis(inverse, order, axis=-1) * np.arange(1.0, n + 1)).sum(axis=-1)
    ordered = np.take_along_axis(by_class, order, axis=-1)
    for b, k in np.argwhere((ordered[..., 1:] == ordered[..., :-1]).any(axis=-1)):
        ranks[b, k] = _midranks(by_class[b, k])[labels[:, k]].sum()
    positives = labels.sum(axis=0).astype(np.float64)
    pairs = np.tile(positives * (n - positives), (count, 1))
    out: Floats = np.full(pairs.shape, np.nan)
    np.divide(ranks - positives * (positives + 1) / 2, pairs, out=out, where=pairs > 0)
    return out


def _midranks(values: Floats) -> Floats:
    """Return the ranks [n] from 1, the mean rank for equal values."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((counts.cumsum() - (counts - 1) / 2)[position])


def _macro_auroc(scores: Floats, truth: Truth, target: Target, _: Floats | None) -> Floats:
    return nanmean(auroc(scores[:, :, target.classes], truth.labels[:, target.classes]))


def _balanced_accuracy(scores: Floats, truth: Truth, target: Target, thresholds: Floats | None) -> Floats:
    if target.single:
        return _mean_sensitivity(scores.argmax(axis=2), truth.labels)
    classes, labels = target.classes, truth.labels[:, target.classes]
    if thresholds is None:
        return nanmean((1 + _largest_j(scores[:, :, classes], labels)) / 2)
    flagged = scores[:, :, classes] >= thresholds[classes]
    shares = [_share(flagged, labels), _share(~flagged, ~labels)]
    return nanmean((shares[0] + shares[1]) / 2)


def _mean_sensitivity(top: npt.NDArray[np.intp], labels: Bools) -> Floats:
    """Return the mean over classes present of the share of their rows whose first-ranked class [B, n] it is."""
    found = [(top[:, own] == k).mean(axis=1) for k, own in enumerate(labels.T) if own.any()]
    return np.mean(found, axis=0) if found else np.full(len(top), np.nan)


def _share(flagged: Bools, labels: Bools) -> Floats:
    """Return [B, K] the share of rows with the label that are flagged [B, n, K]."""
    total = labels.sum(axis=0).astype(np.float64)
    hits = (flagged & labels).sum(axis=1).astype(np.float64)
    out: Floats = np.full(hits.shape, np.nan)
    np.divide(hits, total, out=out, where=total > 0)
    return out


def _largest_j(scores: Floats, labels: Bools) -> Floats:
    """Return [B, K] the largest sensitivity + specificity - 1 over all thresholds that are a score."""
    by_class = -scores.transpose(0, 2, 1)
    order = by_class.argsort(axis=-1)
    truth = np.take_along_axis(np.broadcast_to(labels.T, by_class.shape), order, axis=-1)
    ordered = np.take_along_axis(by_class, order, axis=-1)
    positives = labels.sum(axis=0).astype(np.float64)[None, :, None]
    negatives = labels.shape[0] - positives
    hits = truth.cumsum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        j = hits / positives - (np.arange(1, labels.shape[0] + 1) - hits) / negatives
    j[..., :-1][ordered[..., 1:] == ordered[..., :-1]] = -np.inf
    best: Floats = j.max(axis=-1)
    return np.where((positives > 0)[..., 0] & (negatives > 0)[..., 0], best, np.nan)


def _worst_tone(scores: Floats, truth: Truth, target: Target, _: Floats | None) -> Floats:
    if truth.tone is None or target.shared is None:
        raise ValueError("the objective has no skin-tone levels")
    labels, shared = truth.labels[:, target.shared], scores[:, :, target.shared]
    by_level = [nanmean(auroc(shared[:, rows], labels[rows])) for rows in _levels(truth, target)]
    found = np.array(by_level)
    known = ~np.isnan(found).all(axis=1)
    return found[known].min(axis=0) if known.any() else np.full(len(scores), np.nan)


def _levels(truth: Truth, target: Target) -> list[Bools]:
    return [np.asarray(truth.tone == code) for code in target.levels]


_PARTS = {"auroc": _macro_auroc, "balanced-accuracy": _balanced_accuracy, "worst-tone": _worst_tone}
