"""The Brier score, its skill score and its parts.

In: `Sums` of a cell. Out: [D, K] of one class (multi-label tasks), [D] over all classes (single-label tasks, where the
Brier score is the multi-class one and its parts are sums over classes of the parts of one class); NaN where undefined.

The parts need bins: 15 of equal width, the same in the sample and in every draw. Reliability - resolution +
uncertainty is the Brier score only where all probabilities of a bin are equal (Murphy 1973); what is missing otherwise
is a metric of its own (Stephenson et al. 2008), so that the parts add up exactly.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from vlmeval.stats.metrics.classwise import BINS, bin_of, ratio
from vlmeval.stats.metrics.examples import FIVE_ROWS, SHARED_BINS, Example
from vlmeval.stats.metrics.registry import Metric, register
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Floats, Table


def squared_errors(table: Table) -> Floats:
    """Squared difference of probability and truth, [n, K]."""
    return (table.scores - table.truth) ** 2


def brier_of_class(s: Sums) -> Floats:
    """Brier score of one class: the mean of (probability - truth)^2, truth being 1 or 0. 0 is perfect.

    Depends on prevalence: always answering the prevalence p gives p (1 - p).
    """
    return ratio(s.columns[squared_errors], s.weight[:, None])


def brier(s: Sums) -> Floats:
    """Brier score over all classes: the mean over rows of the sum over classes of (probability - truth)^2.

    Brier's own convention: 0 is perfect, 2 is certainty about a wrong class. (Halved where a library scales it to
    [0, 1].)
    """
    total: Floats = brier_of_class(s).sum(axis=1)
    return total


def _uncertainty(s: Sums) -> Floats:
    prevalence = ratio(s.positives, s.weight[:, None])
    return prevalence * (1 - prevalence)


def brier_skill_of_class(s: Sums) -> Floats:
    """Brier skill score: 1 - Brier score / p (1 - p), p being the class's prevalence in the same rows.

    1 is perfect, 0 is no better than answering the prevalence to everybody, less is worse than that.
    """
    return 1 - ratio(brier_of_class(s), _uncertainty(s))


def brier_skill(s: Sums) -> Floats:
    """Brier skill score over all classes: 1 - Brier score / sum over classes of p (1 - p), p being the prevalences.

    1 is perfect, 0 is no better than answering the prevalences to everybody, less is worse than that.
    """
    return 1 - ratio(brier(s), _uncertainty(s).sum(axis=1))


def binned(table: Table) -> Floats:
    """Rows, probability and positives by class and bin of equal width, then squared errors: [n, K * (BINS * 3 + 1)]."""
    n, k = table.scores.shape
    out = np.zeros((n, k, BINS, 3))
    rows, classes = np.indices((n, k))
    out[rows, classes, bin_of(table.scores)] = np.stack([np.ones((n, k)), table.scores, table.truth], axis=2)
    return np.concatenate([out.reshape(n, k * BINS * 3), squared_errors(table)], axis=1)


def _bins(s: Sums) -> tuple[Floats, Floats, Floats]:
    """Rows in each bin, mean probability and share of positives there, [D, K, BINS]; 0 where a bin is empty."""
    draws, classes = s.positives.shape
    sums = s.columns[binned][:, : classes * BINS * 3].reshape(draws, classes, BINS, 3)
    n, probability, positives = np.moveaxis(sums, 3, 0)
    return n, np.nan_to_num(ratio(probability, n)), np.nan_to_num(ratio(positives, n))


def reliability_of_class(s: Sums) -> Floats:
    """Reliability term of the Brier score: mean of (mean probability - share of positives)^2 over 15 equal-width bins.

    Weighted by the rows of each bin. 0 is perfect calibration. The Brier score is reliability - resolution +
    uncertainty + the term within bins (Murphy 1973; Stephenson et al. 2008), exactly.
    """
    n, confidence, observed = _bins(s)
    return ratio((n * (confidence - observed) ** 2).sum(axis=2), s.weight[:, None])


def resolution_of_class(s: Sums) -> Floats:
    """Resolution term of the Brier score: mean of (share of positives - prevalence)^2 over 15 equal-width bins.

    Weighted by the rows of each bin. How far the bins differ from one another: more is better, 0 where the
    probability says nothing.
    """
    n, _, observed = _bins(s)
    prevalence = ratio(s.positives, s.weight[:, None])[:, :, None]
    return ratio((n * (observed - prevalence) ** 2).sum(axis=2), s.weight[:, None])


def uncertainty_of_class(s: Sums) -> Floats:
    """Uncertainty term of the Brier score: p (1 - p), p being the prevalence. A property of the data alone."""
    return _uncertainty(s)


def within_bins_of_class(s: Sums) -> Floats:
    """Within-bin term of the Brier score: what differs between the probabilities of one bin.

    Their variance within bins, less twice their covariance with the truth there (Stephenson et al. 2008). Near 0
    where bins are narrow; negative where ranks within bins are right. It completes the decomposition.
    """
    murphy = reliability_of_class(s) - resolution_of_class(s) + _uncertainty(s)
    squared = s.columns[binned][:, -murphy.shape[1] :]
    return ratio(squared, s.weight[:, None]) - murphy


def reliability(s: Sums) -> Floats:
    """Reliability term of the Brier score: the sum over classes of mean (mean probability - share of positives)^2.

    Over 15 bins of equal width, weighted by the rows of each. 0 is perfect calibration. The Brier score is
    reliability - resolution + uncertainty + the term within bins (Murphy 1973; Stephenson et al. 2008), exactly.
    """
    return _sum(reliability_of_class(s))


def resolution(s: Sums) -> Floats:
    """Resolution term of the Brier score: the sum over classes of mean (share of positives - prevalence)^2.

    Over 15 bins of equal width, weighted by the rows of each. More is better, 0 where the probabilities say nothing.
    """
    return _sum(resolution_of_class(s))


def uncertainty(s: Sums) -> Floats:
    """Uncertainty term of the Brier score: the sum over classes of p (1 - p), p being the prevalence."""
    return _sum(_uncertainty(s))


def within_bins(s: Sums) -> Floats:
    """Within-bin term of the Brier score: the sum over classes of what differs between the probabilities of one bin.

    Their variance within bins, less twice their covariance with the truth there (Stephenson et al. 2008). It
    completes the decomposition.
    """
    return _sum(within_bins_of_class(s))


def _sum(by_class: Floats) -> Floats:
    total: Floats = by_class.sum(axis=1)
    return total


_class = partial(
    Metric, scope="class", tasks=("multi-label",), needs="probability", averages=("macro",), counted="positives"
)
_whole = partial(Metric, scope="overall", tasks=("single-label",), needs="probability")
_sklearn = "scikit-learn, sklearn.metrics.{}".format
_PARTS: Any = {
    "by_class": False,
    "by_group": "none",
    "columns": binned,
    "source": "Murphy 1973; Stephenson et al. 2008",
}
_SCORES: Any = {"by_group": "averages", "columns": squared_errors}

for _metric in (
    _class(
        id="brier",
        name="Brier score",
        direction="lower",
        bounds=(0.0, 1.0),
        source="Brier 1950; " + _sklearn("brier_score_loss"),
        formula=brier_of_class,
        example=Example(SHARED_BINS, 1.5344 / 8, "2 (0.2^2 + 0.8^2) + 2 x 0.26^2 + 2 x 0.14^2 = 1.5344, over 8 rows."),
        **_SCORES,
    ),
    _whole(
        id="brier",
        name="Brier score (sum over classes)",
        direction="lower",
        bounds=(0.0, 2.0),
        source="Brier 1950; " + _sklearn("brier_score_loss") + " with scale_by_half=False",
        formula=brier,
        columns=squared_errors,
        example=Example(FIVE_ROWS, 2.515 / 5, "Rows: 0.12, 1.02, 0.055, 1.1 and 0.22. Their mean."),
    ),
    _class(
        id="brier-skill",
        name="Brier skill score",
        direction="higher",
        bounds=(-np.inf, 1.0),
        source="Brier 1950; Murphy 1973",
        formula=brier_skill_of_class,
        interval="percentile",
        example=Example(SHARED_BINS, 1 - 0.1918 / 0.25, "Brier score 0.1918, prevalence 1/2: 1 - 0.1918 / 0.25."),
        **_SCORES,
    ),
    _whole(
        id="brier-skill",
        name="Brier skill score",
        direction="higher",
        bounds=(-np.inf, 1.0),
        source="Brier 1950; Murphy 1973",
        formula=brier_skill,
        columns=squared_errors,
        interval="percentile",
        example=Example(
            FIVE_ROWS, 1 - 0.503 / 0.72, "Prevalences 0.4 and three of 0.2: 0.24 + 3 x 0.16. 1 - 0.503 / 0.72."
        ),
    ),
    _class(
        id="brier-reliability",
        name="Brier score, reliability",
        direction="lower",
        bounds=(0.0, 1.0),
        formula=reliability_of_class,
        interval="symmetric",
        example=Example(SHARED_BINS, 0.0034, "Two bins with half the rows each: (0.02^2 + 0.08^2) / 2."),
        **_PARTS,
    ),
    _whole(
        id="brier-reliability",
        name="Brier score, reliability",
        direction="lower",
        bounds=(0.0, 2.0),
        formula=reliability,
        interval="symmetric",
        example=Example(
            FIVE_ROWS,
            0.353,
            "By class 0.182, 0.108, 0.0185 and 0.0445. Of carcinoma four rows share the bin of 0.1: 1 of 4.",
        ),
        **_PARTS,
    ),
    _class(
        id="brier-resolution",
        name="Brier score, resolution",
        direction="higher",
        bounds=(0.0, 0.25),
        formula=resolution_of_class,
        interval="symmetric",
        example=Example(SHARED_BINS, 0.0625, "Two bins with half the rows each: ((1/4 - 1/2)^2 + (3/4 - 1/2)^2) / 2."),
        **_PARTS,
    ),
    _whole(
        id="brier-resolution",
        name="Brier score, resolution",
        direction="higher",
        bounds=(0.0, 1.0),
        formula=resolution,
        interval="symmetric",
        example=Example(FIVE_ROWS, 0.57, "By class 0.24, 0.16, 0.01 and 0.16."),
        **_PARTS,
    ),
    _class(
        id="brier-uncertainty",
        name="Brier score, uncertainty",
        direction="none",
        bounds=(0.0, 0.25),
        formula=uncertainty_of_class,
        example=Example(SHARED_BINS, 0.25, "Prevalence 1/2: 1/2 x 1/2."),
        **_PARTS | {"columns": None},
    ),
    _whole(
        id="brier-uncertainty",
        name="Brier score, uncertainty",
        direction="none",
        bounds=(0.0, 1.0),
        formula=uncertainty,
        example=Example(FIVE_ROWS, 0.72, "Prevalences 0.4 and three of 0.2: 0.24 + 3 x 0.16."),
        **_PARTS | {"columns": None},
    ),
    _class(
        id="brier-within-bins",
        name="Brier score, within bins",
        direction="none",
        bounds=(-0.05, 0.05),
        formula=within_bins_of_class,
        interval="percentile",
        example=Example(
            SHARED_BINS, 0.0009, "0.1918 - (0.0034 - 0.0625 + 0.25); also the variance within bins, 0.03^2."
        ),
        **_PARTS,
    ),
    _whole(
        id="brier-within-bins",
        name="Brier score, within bins",
        direction="none",
        bounds=(-1.0, 1.0),
        formula=within_bins,
        interval="percentile",
        example=Example(FIVE_ROWS, 0.0, "0.503 - (0.353 - 0.57 + 0.72): no bin holds two different probabilities."),
        **_PARTS,
    ),
):
    register(_metric)
