"""Metrics of one class against the rest; each function is the one home of its metric.

In: `Sums` of a cell. Out: [D, K], NaN where undefined (a ratio with an empty denominator is undefined, never 0 or 1;
scikit-learn's ``zero_division=nan``).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from vlmeval.stats.metrics.examples import ONE_CLASS, SHARED_BINS, Example
from vlmeval.stats.metrics.registry import BOTH, Formula, Metric, register
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Floats, Table

BINS = 15
_AVERAGES: Any = ("macro", "weighted")
_COMPARED: Any = {"gaps": True, "standardised": True}  # between groups, also over the same classes in each


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where the denominator is 0."""
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out


def auroc(s: Sums) -> Floats:
    """Area under the ROC curve of the class against all others.

    The probability that a random positive scores higher than a random negative, ties counting one half.
    """
    return ratio(s.wins, s.positives * s.negatives)


def average_precision(s: Sums) -> Floats:
    """Average precision: the sum over thresholds of (recall gained) x (precision there), without interpolation.

    Rows of equal score are one threshold. Chance level is the prevalence.
    """
    return ratio(s.precision_mass, s.positives)


def sensitivity(s: Sums) -> Floats:
    """Sensitivity (recall): TP / (TP + FN) at the stored decision."""
    return ratio(s.hits, s.positives)


def specificity(s: Sums) -> Floats:
    """Specificity: TN / (TN + FP) at the stored decision."""
    return ratio(s.negatives - (s.flagged - s.hits), s.negatives)


def precision(s: Sums) -> Floats:
    """Precision (positive predictive value): TP / (TP + FP); undefined when the class was never predicted.

    Averages are over the classes that were predicted at all; their number stands beside the average.
    """
    return ratio(s.hits, s.flagged)


def f1(s: Sums) -> Floats:
    """F1: 2 TP / (2 TP + FP + FN) at the stored decision; undefined when the class is neither present nor predicted."""
    return ratio(2 * s.hits, s.positives + s.flagged)


def prevalence(s: Sums) -> Floats:
    """Prevalence: share of rows that have the class."""
    return ratio(s.positives, s.weight[:, None])


def balanced_accuracy(s: Sums) -> Floats:
    """Balanced accuracy of one class: (sensitivity + specificity) / 2 at the stored threshold. Chance is 0.5."""
    return (sensitivity(s) + specificity(s)) / 2


def _calibration_columns(table: Table) -> Floats:
    n, k = table.scores.shape
    gap = np.zeros((n, k, BINS))
    if table.no_probability is None:
        rows, classes = np.indices((n, k))
        gap[rows, classes, bin_of(table.scores)] = table.scores - table.truth
    return gap.reshape(n, k * BINS)


def bin_of(probability: Floats, bins: int = BINS) -> Any:
    """Return the number of the equal-width bin: [0, 1/bins), [1/bins, 2/bins), ..., the last one closed at 1."""
    return np.clip((probability * bins).astype(np.intp), 0, bins - 1)


def class_ece(s: Sums) -> Floats:
    """ECE: expected calibration error of the class's probability, 15 bins of equal width.

    The sum over bins of (share of rows in the bin) x |mean probability - share of positives|.
    """
    gap = s.columns[_calibration_columns].reshape(len(s.weight), -1, BINS)
    return ratio(np.abs(gap).sum(axis=2), s.weight[:, None])


_sklearn = "scikit-learn, sklearn.metrics.{}".format
_by_class = partial(Metric, scope="class", averages=_AVERAGES, bounds=(0.0, 1.0), counted="positives")


def _add(id_: str, name: str, formula: Formula, source: str, **facts: Any) -> None:
    register(
        _by_class(id=id_, name=name, formula=formula, source=source, **{"tasks": BOTH, "direction": "higher"} | facts)
    )


_add(
    "auroc",
    "AUROC (one vs rest)",
    auroc,
    "Hanley & McNeil 1982; " + _sklearn("roc_auc_score"),
    example=Example(ONE_CLASS, 20 / 24, "The positives score higher than 6, 6, 5 and 3 of the 6 negatives: 20 / 24."),
    needs="scores",
    ranks="wins",
    **_COMPARED,
)
_add(
    "average-precision",
    "average precision",
    average_precision,
    _sklearn("average_precision_score"),
    example=Example(
        ONE_CLASS, (1 + 1 + 3 / 4 + 4 / 7) / 4, "Precision at the positives: 1/1, 2/2, 3/4, 4/7. Their mean."
    ),
    needs="scores",
    ranks="precision-mass",
    **_COMPARED,
)
_add(
    "sensitivity",
    "sensitivity",
    sensitivity,
    _sklearn("recall_score"),
    needs="decision",
    example=Example(ONE_CLASS, 3 / 4, "3 of the 4 positives reach the threshold of 0.6."),
    **_COMPARED,
)
_add(
    "specificity",
    "specificity",
    specificity,
    "isic-challenge-scoring, binary_specificity",
    needs="decision",
    example=Example(ONE_CLASS, 5 / 6, "5 of the 6 negatives stay below the threshold of 0.6."),
    gaps=True,
)
_add(
    "precision",
    "precision",
    precision,
    _sklearn("precision_score"),
    needs="decision",
    example=Example(ONE_CLASS, 3 / 4, "3 of the 4 rows that reach the threshold are positive."),
)
_add(
    "f1",
    "F1",
    f1,
    _sklearn("f1_score"),
    needs="decision",
    example=Example(ONE_CLASS, 3 / 4, "TP 3, FP 1, FN 1: 6 / (6 + 1 + 1)."),
)
_add(
    "balanced-accuracy",
    "balanced accuracy (mean of sensitivity and specificity)",
    balanced_accuracy,
    _sklearn("balanced_accuracy_score"),
    example=Example(ONE_CLASS, (3 / 4 + 5 / 6) / 2, "(3/4 + 5/6) / 2."),
    needs="decision",
    tasks=("multi-label",),
    averages=("macro",),
    gaps=True,
)
_add(
    "ece",
    "expected calibration error",
    class_ece,
    "Naeini et al. 2015; Guo et al. 2017",
    example=Example(
        SHARED_BINS, 0.05, "Half the rows: |0.23 - 1/4| = 0.02. The other half: |0.83 - 3/4| = 0.08. Mean 0.05."
    ),
    needs="probability",
    tasks=("multi-label",),
    direction="lower",
    interval="debiased",
    averages=("macro",),
    columns=_calibration_columns,
)
_add(
    "prevalence",
    "prevalence",
    prevalence,
    "definition",
    example=Example(ONE_CLASS, 4 / 10, "4 of 10 rows."),
    needs="truth",
    direction="none",
    averages=("macro",),
    counted="units",
)
