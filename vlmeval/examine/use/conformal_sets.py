"""Split conformal prediction on arrays: nonconformity, the threshold, and how many units it takes.

See `conformal.py` for what is done with it and for the sources.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from vlmeval.stats.cells import SUPPRESS_BELOW

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def nonconformity(logits: Floats, *, single: bool) -> Floats:
    """Return how ill each class fits its row, [n, K]: 1 - softmax, or the negative logit; infinite without a score."""
    from scipy.special import softmax

    unknown = np.isneginf(logits)
    found = 1.0 - softmax(logits, axis=1) if single else -logits
    return np.where(unknown, np.inf, found)


def of_truth(by_class: Floats, truth: Bools) -> Floats:
    """Return the nonconformity of the truth [n]: the largest among the classes present, minus infinity without any."""
    return np.asarray(np.where(truth, by_class, -np.inf).max(axis=1))


def smallest_calibration(alpha: float) -> int:
    """Return the fewest units n with a finite threshold: (1 - alpha)(n + 1) <= n."""
    return math.ceil((1 - alpha) / alpha - 1e-9)


def expected_coverage(units: int, alpha: float) -> tuple[float, float]:
    """Return what the coverage of a threshold from so many units lies between in 95 % of choices of those units.

    Its distribution is Beta(r, n + 1 - r), r = ceil((1 - alpha)(n + 1)), for scores without ties (Vovk 2012); the
    interval is of an infinite population, so that what is evaluated on few units varies more.
    """
    from scipy.stats import beta

    rank = math.ceil((1 - alpha) * (units + 1) - 1e-9)
    low, high = beta.ppf((0.025, 0.975), rank, units + 1 - rank)
    return float(low), float(high)


def threshold(scores: Floats, weight: Floats, alpha: float) -> float | None:
    """Return the smallest score that a weight of at least (1 - alpha)(n + 1) does not exceed, n the total weight.

    With one row a unit (weight 1) this is the ceil((1 - alpha)(n + 1))-th smallest score. None where n is too small, or
    below the number of units that anything is reported of.
    """
    units = float(weight.sum())
    needed = (1 - alpha) * (units + 1)
    if units < max(SUPPRESS_BELOW, smallest_calibration(alpha)) - 1e-9:
        return None
    order = np.argsort(scores, kind="stable")
    return float(scores[order][np.searchsorted(np.cumsum(weight[order]), needed - 1e-9)])
