"""Malignant against benign: the question many readers of a multi-class result have, asked of the same scores.

In: a `Table` of a single-label benchmark whose card says of its classes whether they are malignant. Out: a `Binary`,
and the metrics of it, [D]. Rows whose true class the card calls neither (on HAM10000: actinic keratosis and
intraepithelial carcinoma) are left out: they are not evidence for either side.

The score of a row is the probability given to the malignant classes together. Scores that are no probabilities have
a rule of the same order: logits the log-odds of their softmax, cosines the highest malignant less the highest other.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from vlmeval.stats.metrics.classwise import auroc, average_precision
from vlmeval.stats.metrics.examples import FIVE_ROWS, Example
from vlmeval.stats.metrics.operating import sensitivity_at, specificity_at
from vlmeval.stats.metrics.registry import Metric, register
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import PROBABILITY_KINDS, Binary, Bools, Floats, Table

PERCENT = 90


def unavailable(table: Table) -> str | None:
    """Why malignant cannot be told from benign here, or None."""
    flags = [c.malignant for c in table.benchmark.classes]
    if True not in flags or False not in flags:
        return "the benchmark card does not call some classes malignant and others benign"
    if {c.id for c in table.benchmark.classes if c.malignant} & set(table.predictions.unscored):
        return "the method was fitted without a malignant class"
    return None


def malignant(table: Table) -> Binary:
    """Ask of every row whose class the card calls malignant or benign which of the two it is."""
    flags = [c.malignant for c in table.benchmark.classes]
    ours, known = (np.array([f in which for f in flags]) for which in ((True,), (True, False)))
    rows = np.flatnonzero(table.truth[:, known].any(axis=1))
    truth: Bools = table.truth[rows][:, ours].max(axis=1)
    return Binary(rows, truth, _score(table, ours)[rows])


def _score(table: Table, ours: Bools) -> Floats:
    """[n] how malignant each row looks. Sums are of sorted numbers: the order of classes must not change a last bit."""
    mine, others = table.scores[:, ours], table.scores[:, ~ours]
    score: Floats
    if table.predictions.kind in PROBABILITY_KINDS:
        score = np.sort(mine, axis=1).sum(axis=1)
    elif table.predictions.kind == "logit":
        score = np.logaddexp.reduce(np.sort(mine, axis=1), axis=1) - np.logaddexp.reduce(
            np.sort(others, axis=1), axis=1
        )
    else:
        score = mine.max(axis=1) - others.max(axis=1)
    return score


def malignant_auroc(s: Sums) -> Floats:
    """AUROC of malignant against benign: the probability that a malignant row scores higher than a benign one.

    Ties count one half. The score is the sum of the malignant classes' probabilities (of logits their log-odds, of
    cosines the highest malignant less the highest other). Rows of classes that the card calls neither are left out.
    """
    return auroc(s)[:, 0]


def malignant_average_precision(s: Sums) -> Floats:
    """Average precision of malignant against benign: the sum over thresholds of (recall gained) x (precision there).

    Chance level is the share of malignant rows. Score and rows as for the AUROC of malignant against benign.
    """
    return average_precision(s)[:, 0]


def malignant_sensitivity(s: Sums) -> Floats:
    """Sensitivity for malignancy at 90 % specificity: the highest at any threshold with specificity 90 % or more.

    Read off the ROC curve of malignant against benign without interpolation. Score and rows as for its AUROC.
    """
    return sensitivity_at(PERCENT)(s)[:, 0]


def malignant_specificity(s: Sums) -> Floats:
    """Specificity for malignancy at 90 % sensitivity: the highest at any threshold with sensitivity 90 % or more.

    Read off the ROC curve of malignant against benign without interpolation. Score and rows as for its AUROC.
    """
    return specificity_at(PERCENT)(s)[:, 0]


_malignant = partial(
    Metric,
    scope="overall",
    tasks=("single-label",),
    direction="higher",
    bounds=(0.0, 1.0),
    needs="scores",
    counted="positives",
    view=malignant,
    unavailable=unavailable,
)

for _metric in (
    _malignant(
        id="malignant-auroc",
        name="AUROC, malignant against benign",
        source="scikit-learn, sklearn.metrics.roc_auc_score",
        formula=malignant_auroc,
        ranks="wins",
        gaps=True,
        example=Example(
            FIVE_ROWS,
            3 / 4,
            "Malignant rows 3 and 4 score 0.85 and 0.4, benign rows 1 and 2 score 0.2 and 0.7: 3 of 4 pairs are in "
            "order. Row 5 is neither.",
        ),
    ),
    _malignant(
        id="malignant-average-precision",
        name="average precision, malignant against benign",
        source="scikit-learn, sklearn.metrics.average_precision_score",
        formula=malignant_average_precision,
        ranks="precision-mass",
        example=Example(FIVE_ROWS, 5 / 6, "Precision at the malignant rows: 1/1 and 2/3. Their mean."),
    ),
    _malignant(
        id="malignant-sensitivity-at-specificity-90",
        name="sensitivity for malignancy at 90 % specificity",
        source="scikit-learn, sklearn.metrics.roc_curve; Pepe 2003, section 4.3",
        formula=malignant_sensitivity,
        ranks="points",
        example=Example(
            FIVE_ROWS, 1 / 2, "No benign row may be called malignant: 1 of 2 malignant rows scores higher."
        ),
    ),
    _malignant(
        id="malignant-specificity-at-sensitivity-90",
        name="specificity for malignancy at 90 % sensitivity",
        source="scikit-learn, sklearn.metrics.roc_curve; Pepe 2003, section 4.3",
        formula=malignant_specificity,
        ranks="points",
        example=Example(
            FIVE_ROWS, 1 / 2, "Both malignant rows must be found, down to 0.4: 1 of 2 benign rows scores lower."
        ),
    ),
):
    register(_metric)
