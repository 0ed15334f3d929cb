"""Metrics of scores that are probabilities: log-loss, and calibration error in bins of equal mass.

In: `Sums` of a cell. Out: [D, K] of one class, [D] over all classes; NaN where undefined. The Brier score is in
`brier.py`, calibration error in bins of equal width with the metrics it is usually read beside.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from vlmeval.stats.metrics.classwise import BINS, ratio
from vlmeval.stats.metrics.examples import FIVE_ROWS, SHARED_BINS, Example
from vlmeval.stats.metrics.registry import Metric, register
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Floats, Index, Table

_LEAST = float(np.finfo(np.float64).eps)
"""Probabilities are kept this far from 0 and 1 in logarithms, as scikit-learn does."""
WORST_LOG_LOSS = -float(np.log(_LEAST))


def _surprise(table: Table) -> Floats:
    """Minus the logarithm of the probability of what is true, [n, K]."""
    p = np.clip(table.scores, _LEAST, 1 - _LEAST)
    surprise: Floats = -np.where(table.truth, np.log(p), np.log1p(-p))
    return surprise


def log_loss_of_class(s: Sums) -> Floats:
    """Log-loss of one class: the mean of -ln(probability of what is true). 0 is perfect, ln 2 = 0.693 is a coin.

    Probabilities are kept 2.2e-16 from 0 and 1, so that one certain error costs 36 and not infinity.
    """
    return ratio(s.columns[_surprise], s.weight[:, None])


def log_loss(s: Sums) -> Floats:
    """Log-loss: the mean of -ln(probability of the true class). 0 is perfect, ln K is guessing among K classes.

    Probabilities of a row are divided by their sum, and kept 2.2e-16 from 0. Only where they sum to 1 but for rounding.
    """
    return ratio(s.columns[_surprise_of_row][:, 0], s.weight)


def _surprise_of_row(table: Table) -> Floats:
    p = np.clip(table.scores, _LEAST, 1 - _LEAST)
    surprise: Floats = -np.log((p / p.sum(axis=1, keepdims=True))[table.truth])
    return surprise[:, None]


def mass_bin_of(probability: Floats, bins: int = BINS) -> Index:
    """Return the number of the equal-mass bin of each of n rows [n]: the share of rows with less, times the bins.

    Rows of equal probability are in one bin; without ties the bins differ by one row at most.
    """
    below = np.searchsorted(np.sort(probability), probability, side="left")
    # In whole numbers: 3 of 15 rows are in front of the fourth bin of 15, not in the third by rounding.
    return below * bins // max(len(probability), 1)


def gaps_by_mass(table: Table) -> Floats:
    """Probability minus truth by class and bin of equal mass, [n, K * BINS]."""
    n, k = table.scores.shape
    gap = np.zeros((n, k, BINS))
    for j in range(k):
        gap[np.arange(n), j, mass_bin_of(table.scores[:, j])] = table.scores[:, j] - table.truth[:, j]
    return gap.reshape(n, k * BINS)


def class_ece_by_mass(s: Sums) -> Floats:
    """ECE, equal mass: expected calibration error of the class's probability, 15 bins with equally many rows.

    The sum over bins of (share of rows in the bin) x |mean probability - share of positives|. Edges are quantiles of
    all evaluated rows, the same for every draw and group; rows of equal probability share a bin.
    """
    gap = s.columns[gaps_by_mass].reshape(len(s.weight), -1, BINS)
    return ratio(np.abs(gap).sum(axis=2), s.weight[:, None])


def top_gaps_by_mass(table: Table) -> Floats:
    """Highest probability minus being right by bin of equal mass, [n, BINS]."""
    rows: Any = np.arange(len(table.top))
    gap = np.zeros((len(rows), BINS))
    confidence = table.scores[rows, table.top]
    gap[rows, mass_bin_of(confidence)] = confidence - table.truth[rows, table.top]
    return gap


def top_label_ece_by_mass(s: Sums) -> Floats:
    """ECE, equal mass: expected calibration error of the highest probability, 15 bins with equally many rows.

    The sum over bins of (share of rows in the bin) x |mean highest probability - accuracy|. Edges are quantiles of all
    evaluated rows, the same for every draw and group; rows of equal probability share a bin.
    """
    return ratio(np.abs(s.columns[top_gaps_by_mass]).sum(axis=1), s.weight)


_class = partial(
    Metric, scope="class", tasks=("multi-label",), needs="probability", averages=("macro",), counted="positives"
)
_whole = partial(Metric, scope="overall", tasks=("single-label",), needs="probability")
_sklearn = "scikit-learn, sklearn.metrics.{}".format

for _metric in (
    _class(
        id="log-loss",
        name="log-loss",
        direction="lower",
        bounds=(0.0, WORST_LOG_LOSS),
        source="Good 1952; " + _sklearn("log_loss"),
        formula=log_loss_of_class,
        columns=_surprise,
        interval="percentile",
        by_group="none",
        example=Example(
            SHARED_BINS,
            -2 * float(np.log(0.8 * 0.2 * 0.74 * 0.86)) / 8,
            "Twice each: -ln 0.8 = 0.223, -ln 0.2 = 1.609, -ln 0.74 = 0.301, -ln 0.86 = 0.151. 4.569 / 8.",
        ),
    ),
    _whole(
        id="log-loss",
        name="log-loss",
        direction="lower",
        bounds=(0.0, WORST_LOG_LOSS),
        source="Good 1952; " + _sklearn("log_loss"),
        needs="distribution",
        formula=log_loss,
        columns=_surprise_of_row,
        interval="percentile",
        by_group="none",
        example=Example(
            FIVE_ROWS,
            -float(np.log(0.7 * 0.2 * 0.8 * 0.1 * 0.6)) / 5,
            "-ln of 0.7, 0.2, 0.8, 0.1 and 0.6: 0.357 + 1.609 + 0.223 + 2.303 + 0.511 = 5.003, over 5 rows.",
        ),
    ),
    _class(
        id="ece-equal-mass",
        name="expected calibration error, equal mass",
        direction="lower",
        bounds=(0.0, 1.0),
        source="Nguyen & O'Connor 2015; Nixon et al. 2019 (adaptive calibration error)",
        formula=class_ece_by_mass,
        columns=gaps_by_mass,
        interval="debiased",
        example=Example(
            SHARED_BINS,
            0.25,
            "Four bins of two equal rows: |0.2 - 1/2|, |0.26 - 0|, |0.8 - 1/2|, |0.86 - 1|. Their mean.",
        ),
        by_group="averages",
    ),
    _whole(
        id="ece-equal-mass",
        name="expected calibration error, equal mass (top label)",
        direction="lower",
        bounds=(0.0, 1.0),
        source="Nguyen & O'Connor 2015; Nixon et al. 2019 (adaptive calibration error)",
        formula=top_label_ece_by_mass,
        columns=top_gaps_by_mass,
        interval="debiased",
        example=Example(
            FIVE_ROWS,
            1.1 / 5,
            "Rows 2 and 5, both 0.6, share a bin: |0.6 - 0 + 0.6 - 1| = 0.2. Others: 0.3, 0.2, 0.4. 1.1 / 5.",
        ),
    ),
):
    register(_metric)
