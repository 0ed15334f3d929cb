"""Metrics over all classes together; each function is the one home of its metric.

In: `Sums` of a cell. Out: [D], NaN where undefined. The first half is for single-label tasks, the second for
multi-label ones. Chance and majority lines are metrics too: they stand beside what they qualify.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from vlmeval.stats.metrics.classwise import BINS, bin_of, ratio, sensitivity
from vlmeval.stats.metrics.examples import FIVE_ROWS, TWO_LABELS, Example
from vlmeval.stats.metrics.registry import Metric, register
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Floats, Table

_sklearn = "scikit-learn, sklearn.metrics.{}".format


def accuracy(s: Sums) -> Floats:
    """Accuracy: share of rows whose predicted class is the true one. Read it beside its chance and majority lines."""
    return ratio(s.hits.sum(axis=1), s.weight)


def accuracy_chance(s: Sums) -> Floats:
    """Accuracy of guessing every class with equal probability: 1 / K."""
    return np.where(s.weight > 0, 1 / s.positives.shape[1], np.nan)


def accuracy_majority(s: Sums) -> Floats:
    """Accuracy of always answering the class that is most frequent in these rows.

    The class is found in the sample and kept in every draw; of equally frequent ones the mean is taken.
    """
    most = s.positives[0] == s.positives[0].max()
    return ratio(s.positives[:, most].mean(axis=1), s.weight)


def balanced_accuracy(s: Sums) -> Floats:
    """Balanced accuracy: the mean sensitivity over the classes that are present."""
    return nanmean(sensitivity(s))


def balanced_accuracy_chance(s: Sums) -> Floats:
    """Balanced accuracy of guessing every class with equal probability: 1 / K."""
    return accuracy_chance(s)


def top_3_accuracy(s: Sums) -> Floats:
    """Share of rows whose true class is among the three highest scores; ties go to the class listed first.

    Undefined with three classes or fewer, where it is always 1.
    """
    if s.positives.shape[1] <= 3:
        return np.full(len(s.weight), np.nan)
    return ratio(s.columns[_in_top_3][:, 0], s.weight)


def _in_top_3(table: Table) -> Floats:
    first = np.argsort(-table.scores, axis=1, kind="stable")[:, :3]
    found: Floats = np.take_along_axis(table.truth.astype(np.float64), first, axis=1).max(axis=1, keepdims=True)
    return found


def cohen_kappa(s: Sums) -> Floats:
    """Cohen's kappa, unweighted: (accuracy - expected) / (1 - expected), expected from both marginals."""
    expected = ratio((s.positives * s.flagged).sum(axis=1), s.weight**2)
    return ratio(accuracy(s) - expected, 1 - expected)


def mcc(s: Sums) -> Floats:
    """Matthews correlation for K classes (Gorodkin's R_K).

    Undefined when truth or prediction is a single class (scikit-learn returns 0 there).
    """
    n = s.weight
    covariance = s.hits.sum(axis=1) * n - (s.positives * s.flagged).sum(axis=1)
    spread = (n**2 - (s.positives**2).sum(axis=1)) * (n**2 - (s.flagged**2).sum(axis=1))
    return ratio(covariance, np.sqrt(spread))


def top_label_ece(s: Sums) -> Floats:
    """ECE: expected calibration error of the highest probability, 15 bins of equal width.

    The sum over bins of (share of rows in the bin) x |mean highest probability - accuracy|.
    """
    return ratio(np.abs(s.columns[_top_label_columns]).sum(axis=1), s.weight)


def _top_label_columns(table: Table) -> Floats:
    gap = np.zeros((len(table.top), BINS))
    if table.no_probability is None:
        rows = np.arange(len(table.top))
        confidence = table.scores[rows, table.top]
        gap[rows, bin_of(confidence)] = confidence - table.truth[rows, table.top]
    return gap


def hamming_loss(s: Sums) -> Floats:
    """Hamming loss: share of (row, class) cells decided wrongly. Read it beside its majority line."""
    wrong = s.positives + s.flagged - 2 * s.hits
    return ratio(wrong.sum(axis=1), s.weight * wrong.shape[1])


def hamming_majority(s: Sums) -> Floats:
    """Hamming loss of always giving each class its more frequent answer (nearly always: absent)."""
    mostly = s.positives[0] > s.negatives[0]
    wrong = np.where(mostly, s.negatives, s.positives)
    return ratio(wrong.sum(axis=1), s.weight * wrong.shape[1])


def subset_accuracy(s: Sums) -> Floats:
    """Subset accuracy: share of rows in which every class is decided rightly."""
    return ratio(s.columns[_all_right][:, 0], s.weight)


def _all_right(table: Table) -> Floats:
    right = np.zeros(len(table.truth)) if table.predicted is None else (table.predicted == table.truth).all(axis=1)
    return right[:, None].astype(np.float64)


def ranking_loss(s: Sums) -> Floats:
    """Ranking loss: mean share of (present, absent) class pairs of a row in which the absent one scores as high.

    Rows in which all classes or none are present count 0.
    """
    return ratio(s.columns[_badly_ranked][:, 0], s.weight)


def _badly_ranked(table: Table) -> Floats:
    wrong = np.zeros(len(table.truth))
    for k in range(table.truth.shape[1]):
        worse = ~table.truth & (table.scores >= table.scores[:, [k]])
        wrong += np.where(table.truth[:, k], worse.sum(axis=1), 0)
    present = table.truth.sum(axis=1)
    pairs = present * (table.truth.shape[1] - present)
    return ratio(wrong, np.maximum(pairs, 1))[:, None]


def nanmean(values: Floats) -> Floats:
    """Mean over the last axis of what is defined; NaN where nothing is (numpy's own warns there)."""
    defined = ~np.isnan(values)
    return ratio(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


_single = partial(Metric, scope="overall", tasks=("single-label",), bounds=(0.0, 1.0), direction="higher")
_multi = partial(Metric, scope="overall", tasks=("multi-label",), bounds=(0.0, 1.0), direction="lower")

for _metric in (
    _single(
        "balanced-accuracy",
        "balanced accuracy",
        needs="decision",
        source=_sklearn("balanced_accuracy_score"),
        formula=balanced_accuracy,
        example=Example(FIVE_ROWS, 5 / 8, "Sensitivities 1/2, 1, 0 and 1. Their mean."),
        per_present_class=True,
        gaps=True,
    ),
    _single(
        "balanced-accuracy-chance",
        "balanced accuracy by chance",
        needs="truth",
        source="definition",
        formula=balanced_accuracy_chance,
        example=Example(FIVE_ROWS, 1 / 4, "Four classes: 1 / 4."),
    ),
    _single(
        "accuracy",
        "accuracy",
        needs="decision",
        source=_sklearn("accuracy_score"),
        formula=accuracy,
        example=Example(FIVE_ROWS, 3 / 5, "Rows 1, 3 and 5 of 5 are right."),
        gaps=True,
    ),
    _single(
        "accuracy-chance",
        "accuracy by chance",
        needs="truth",
        source="definition",
        formula=accuracy_chance,
        example=Example(FIVE_ROWS, 1 / 4, "Four classes: 1 / 4."),
    ),
    _single(
        "accuracy-majority",
        "accuracy of the majority class",
        needs="truth",
        source=_sklearn("accuracy_score") + " of sklearn.dummy.DummyClassifier(strategy='most_frequent')",
        formula=accuracy_majority,
        example=Example(FIVE_ROWS, 2 / 5, "Nevus is the most frequent: 2 of 5 rows."),
    ),
    _single(
        "top-3-accuracy",
        "top-3 accuracy",
        needs="scores",
        source=_sklearn("top_k_accuracy_score"),
        formula=top_3_accuracy,
        example=Example(FIVE_ROWS, 4 / 5, "Only in row 4 is the true class the lowest of the four."),
        columns=_in_top_3,
    ),
    _single(
        "cohen-kappa",
        "Cohen's kappa",
        bounds=(-1.0, 1.0),
        needs="decision",
        source="Cohen 1960; " + _sklearn("cohen_kappa_score"),
        formula=cohen_kappa,
        example=Example(
            FIVE_ROWS,
            (0.6 - 0.28) / (1 - 0.28),
            "Accuracy 0.6. True 2, 1, 1, 1 and given 2, 2, 0, 1: expected (4 + 2 + 0 + 1) / 25 = 0.28. "
            "(0.6 - 0.28) / (1 - 0.28).",
        ),
    ),
    _single(
        "mcc",
        "Matthews correlation",
        bounds=(-1.0, 1.0),
        needs="decision",
        source="Gorodkin 2004; " + _sklearn("matthews_corrcoef"),
        formula=mcc,
        example=Example(
            FIVE_ROWS, 8 / (18 * 16) ** 0.5, "(3 x 5 - 7) / square root of (25 - 7)(25 - 9): 8 / square root of 288."
        ),
    ),
    _single(
        "ece",
        "expected calibration error (top label)",
        direction="lower",
        interval="debiased",
        needs="probability",
        source="Naeini et al. 2015; Guo et al. 2017",
        formula=top_label_ece,
        example=Example(
            FIVE_ROWS,
            1.1 / 5,
            "Rows 2 and 5 share the bin of 0.6: |0.6 - 0 + 0.6 - 1| = 0.2. The others: 0.3, 0.2, 0.4. 1.1 / 5.",
        ),
        columns=_top_label_columns,
    ),
    _multi(
        "hamming-loss",
        "Hamming loss",
        needs="decision",
        source=_sklearn("hamming_loss"),
        formula=hamming_loss,
        example=Example(TWO_LABELS, 2 / 8, "2 of 8 answers are wrong."),
        gaps=True,
    ),
    _multi(
        "hamming-majority",
        "Hamming loss of the majority answers",
        needs="truth",
        source="definition",
        formula=hamming_majority,
        example=Example(TWO_LABELS, 4 / 8, "Both absent in every row: 4 of 8 answers are wrong."),
    ),
    _multi(
        "subset-accuracy",
        "subset accuracy",
        direction="higher",
        needs="decision",
        source=_sklearn("accuracy_score") + " on indicator matrices",
        formula=subset_accuracy,
        example=Example(TWO_LABELS, 2 / 4, "Rows 1 and 4 of 4 are right in both."),
        columns=_all_right,
    ),
    _multi(
        "ranking-loss",
        "ranking loss",
        needs="scores",
        source="Tsoumakas et al. 2010; " + _sklearn("label_ranking_loss"),
        formula=ranking_loss,
        example=Example(
            TWO_LABELS, 1 / 4, "Rows 1 and 3 have a pair; in row 3 the absent one scores higher. 1 of 4 rows."
        ),
        columns=_badly_ranked,
    ),
):
    register(_metric)
