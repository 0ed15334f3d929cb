"""Decision thresholds for multi-label tasks, chosen on validation rows and nowhere else.

In: truth and scores of the validation rows. Out: one threshold a class; a score at or above it means "present".
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from vlmeval.errors import DataError
from vlmeval.stats.table import Bools, Floats

Criterion = Literal["youden", "f1"]


def choose_thresholds(y_val: Bools, scores_val: Floats, criterion: Criterion = "youden") -> Floats:
    """Choose, for each class, the observed validation score that is best as a threshold.

    Parameters
    ----------
    y_val, scores_val
        bool [n, K] and float [n, K] of validation rows.
    criterion
        ``youden``: largest sensitivity + specificity - 1 (Youden 1950); ``f1``: largest F1. Of equally good thresholds
        the highest, i.e. the fewest positive answers.

    Returns
    -------
    ndarray
        float64 [K], always finite. A class without positives gets the next number above its highest score (nothing
        seen on validation would be called positive); one without negatives gets its lowest score.

    Raises
    ------
    DataError
        If there are no rows, shapes differ or a score is not finite.
    """
    y_val, scores_val = np.asarray(y_val, dtype=bool), np.asarray(scores_val, dtype=np.float64)
    if y_val.shape != scores_val.shape or y_val.ndim != 2 or len(y_val) == 0:
        raise DataError(
            "thresholds need validation rows: truth and scores of the same shape [n, K], n > 0",
            found=f"truth {y_val.shape}, scores {scores_val.shape}",
        )
    if not np.isfinite(scores_val).all():
        row, column = (int(i[0]) for i in np.nonzero(~np.isfinite(scores_val)))
        raise DataError(
            f"validation score in row {row}, column {column} is not finite", found=str(scores_val[row, column])
        )
    return np.array([_best(y_val[:, k], scores_val[:, k], criterion) for k in range(y_val.shape[1])])


def _best(y: Bools, scores: Floats, criterion: Criterion) -> float:
    positives, negatives = int(y.sum()), int((~y).sum())
    if positives == 0:
        return float(np.nextafter(scores.max(), np.inf))
    if negatives == 0:
        return float(scores.min())
    order = np.argsort(-scores, kind="stable")
    last_of_tie = np.append(np.flatnonzero(np.diff(scores[order])), len(y) - 1)
    hits = np.cumsum(y[order])[last_of_tie]
    flagged = last_of_tie + 1
    if criterion == "youden":
        # Whole numbers, so that equally good thresholds are exactly equal: J times positives times negatives.
        worth = hits * negatives - (flagged - hits) * positives
        return float(scores[order][last_of_tie[worth.argmax()]])
    return float(scores[order][last_of_tie[(2 * hits / (positives + flagged)).argmax()]])
