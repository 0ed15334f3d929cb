"""Metrics read off the ROC curve of a class: operating points at a fixed specificity or sensitivity, partial areas.

In: `Sums` with ``points`` (`roc.py`). Out: [D, K], NaN where undefined. Each draw has its own curve and thresholds.
These describe the curve of the evaluated rows; a threshold for use is chosen on other rows.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from vlmeval.stats.metrics.classwise import ratio
from vlmeval.stats.metrics.examples import ONE_CLASS, Example
from vlmeval.stats.metrics.registry import BOTH, Formula, Metric, register
from vlmeval.stats.roc import PARTIAL
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Floats

LIMIT: Final = 1 - PARTIAL / 100
"""Largest false positive rate of the partial area."""


def _where_both(s: Sums, weight: Floats) -> Floats:
    """Return the weight as a denominator, 0 where positives or negatives are missing: no curve, no value."""
    return np.where((s.positives > 0) & (s.negatives > 0), weight, 0.0)


def sensitivity_at(percent: int) -> Formula:
    """Return the metric "sensitivity at a specificity of at least so many percent"."""

    def formula(s: Sums) -> Floats:
        return ratio(s.point(f"reached-{percent}"), _where_both(s, s.positives))

    formula.__doc__ = f"""Sensitivity at {percent} % specificity: the highest of any threshold with specificity so high.

    Read off the ROC curve of the evaluated rows without interpolation, so never more than a threshold can reach. Rows
    of equal score are one threshold. 0 where even the highest score has too many negatives.
    """
    return formula


def specificity_at(percent: int) -> Formula:
    """Return the metric "specificity at a sensitivity of at least so many percent"."""

    def formula(s: Sums) -> Floats:
        return 1 - ratio(s.point(f"passed-{percent}"), _where_both(s, s.negatives))

    formula.__doc__ = f"""Specificity at {percent} % sensitivity: the highest of any threshold with sensitivity so high.

    Read off the ROC curve of the evaluated rows without interpolation, so never more than a threshold can reach. Rows
    of equal score are one threshold.
    """
    return formula


def partial_auroc(s: Sums) -> Floats:
    """Partial AUROC at 80 % specificity or more, standardised: 1/2 (1 + (A - A0) / (A1 - A0)).

    A is the area under the ROC curve up to a false positive rate of 0.2, A0 = 0.02 that of guessing and A1 = 0.2 that
    of a perfect curve (McClish 1989). 0.5 is guessing, 1 is perfect.
    """
    area = ratio(s.point("area-specific"), s.positives * s.negatives)
    least = LIMIT**2 / 2
    return (1 + (area - least) / (LIMIT - least)) / 2


def auroc_sensitive(s: Sums) -> Floats:
    """AUC at 80 % sensitivity or more, as the ISIC challenges report it: the area under that part of the ROC curve.

    From the false positive rate at which the curve (straight between its points) reaches a sensitivity of 0.8, to 1.
    Not standardised: 0.18 is guessing, 1 is perfect.
    """
    return ratio(s.wins - s.point("area-before-sensitive"), s.positives * s.negatives)


_by_class = partial(
    Metric,
    scope="class",
    tasks=BOTH,
    direction="higher",
    needs="scores",
    ranks="points",
    averages=("macro",),
    counted="positives",
    by_group="none",
)
_PLACES = {80: (3 / 4, 1 / 2), 90: (1 / 2, 1 / 2), 95: (1 / 2, 1 / 2)}

for _percent, (_sensitivity, _specificity) in _PLACES.items():
    _allowed = "1 of 6 negatives" if _percent == 80 else "none of 6 negatives"
    register(
        _by_class(
            id=f"sensitivity-at-specificity-{_percent}",
            name=f"sensitivity at {_percent} % specificity",
            bounds=(0.0, 1.0),
            source="scikit-learn, sklearn.metrics.roc_curve; Pepe 2003, section 4.3",
            formula=sensitivity_at(_percent),
            example=Example(
                ONE_CLASS,
                _sensitivity,
                f"At most {_allowed} may be called positive: {4 * _sensitivity:.0f} of 4 positives come before more.",
            ),
        )
    )
for _percent, (_sensitivity, _specificity) in _PLACES.items():
    register(
        _by_class(
            id=f"specificity-at-sensitivity-{_percent}",
            name=f"specificity at {_percent} % sensitivity",
            bounds=(0.0, 1.0),
            source="scikit-learn, sklearn.metrics.roc_curve; Pepe 2003, section 4.3",
            formula=specificity_at(_percent),
            example=Example(
                ONE_CLASS,
                _specificity,
                "All 4 positives must be called positive: 3 of 6 negatives stay below the lowest.",
            ),
        )
    )
register(
    _by_class(
        id="pauc-specificity-80",
        name="partial AUROC at 80 % specificity or more (standardised)",
        bounds=((1 - LIMIT / 2 / (1 - LIMIT / 2)) / 2, 1.0),
        source="McClish 1989; scikit-learn, sklearn.metrics.roc_auc_score(max_fpr=0.2)",
        formula=partial_auroc,
        example=Example(
            ONE_CLASS,
            (1 + (2.6 / 24 - 0.02) / 0.18) / 2,
            "Up to 1.2 of 6 negatives: 1 x 2 + 0.2 x 3 positives = 2.6 of 24 pairs = 0.1083. "
            "(1 + (0.1083 - 0.02) / 0.18) / 2.",
        ),
    )
)
register(
    _by_class(
        id="pauc-sensitivity-80",
        name="AUC at 80 % sensitivity or more",
        bounds=(0.0, 1.0),
        source="isic-challenge-scoring, auc_above_sensitivity(0.8)",
        formula=auroc_sensitive,
        example=Example(
            ONE_CLASS,
            12 / 24,
            "80 % is reached at the 4th positive, behind 3 of 6 negatives; 3 x 4 pairs remain: 12 / 24.",
        ),
    )
)
