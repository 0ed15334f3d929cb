"""Values of a metric for hundreds of scorings of the same rows, without draws: one `Sums` row a scoring.

In: scores and decisions, scoring by scoring. Out: the same values that `summary.estimate` gives of each alone, by the
metrics' own formulas; only the counting differs: here a scoring stands where elsewhere a draw of the bootstrap stands.
For metrics of counts and ranks (`countable`); others need `estimate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vlmeval.records import Task
from vlmeval.stats.metrics.overall import nanmean
from vlmeval.stats.metrics.registry import Metric, Ranks, metric_info
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Bools, Floats

Scoring = tuple[Floats, Bools]
"""Scores [n, K] and what is decided by them, bool [n, K]."""


def countable(metric: Metric) -> bool:
    """Whether a metric is a formula of counts, AUROC's pairs and average precision alone."""
    plain = metric.columns is None and metric.view is None and metric.unavailable is None
    return (
        plain and metric.ranks in (None, "wins", "precision-mass") and metric.needs in ("truth", "scores", "decision")
    )


def point_values(
    scorings: Iterable[Scoring], truth: Bools, supported: Bools, metrics: Sequence[str], task: Task
) -> Floats:
    """Return each scoring's value by each metric, averaged over classes where it is one of classes.

    Parameters
    ----------
    scorings
        W pairs of scores [n, K] and decisions [n, K].
    truth
        [n, K], the same for all.
    supported
        [K] classes that enter averages of metrics that count positives (`cells.Cell.supported`).
    metrics
        M ids of `countable` metrics.
    task
        By which metrics are known.

    Returns
    -------
    ndarray
        [W, M], NaN where undefined.
    """
    known = [metric_info(name, task) for name in metrics]
    wrong = [m.id for m in known if not countable(m)]
    if wrong:
        raise ValueError(f"not a metric of counts and ranks: {', '.join(wrong)}")
    ranks = {m.ranks for m in known}
    counted = [_count(scores, predicted, truth, supported, ranks) for scores, predicted in scorings]
    if not counted:
        return np.zeros((0, len(known)))
    flagged, hits, wins, mass = (np.array(part) for part in zip(*counted, strict=True))
    positives = np.tile(truth.sum(axis=0).astype(np.float64), (len(counted), 1))
    weight, points = np.full(len(counted), float(len(truth))), np.zeros((0, len(counted), truth.shape[1]))
    sums = Sums(weight, positives, flagged, hits, wins, mass, points, {})
    return np.stack([_averaged(m, m.formula(sums), supported) for m in known], axis=1)


def _averaged(metric: Metric, values: Floats, supported: Bools) -> Floats:
    if metric.scope == "overall":
        return values
    entering = supported if metric.counted == "positives" else np.ones(len(supported), dtype=bool)
    return nanmean(values[:, entering])


def _count(
    scores: Floats, predicted: Bools, truth: Bools, supported: Bools, ranks: set[Ranks | None]
) -> tuple[Floats, Floats, Floats, Floats]:
    """Count one scoring: flagged, hits, wins and precision mass, each [K]."""
    wins, mass = np.full((2, truth.shape[1]), np.nan)
    for k in np.flatnonzero(supported):
        positives, negatives = np.sort(scores[truth[:, k], k]), np.sort(scores[~truth[:, k], k])
        if "wins" in ranks:
            below = np.searchsorted(negatives, positives, side="left")
            up_to = np.searchsorted(negatives, positives, side="right")
            wins[k] = (below.sum() + up_to.sum()) / 2
        if "precision-mass" in ranks:
            # At or above each positive's score, ties with it included.
            true = len(positives) - np.searchsorted(positives, positives, side="left")
            false = len(negatives) - np.searchsorted(negatives, positives, side="left")
            mass[k] = (true / (true + false)).sum()
    return predicted.sum(axis=0).astype(float), (predicted & truth).sum(axis=0).astype(float), wins, mass
