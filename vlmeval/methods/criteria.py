"""By what hyperparameters are chosen: one number for probabilities of held-out rows, and the best value of a grid.

Comes in: truth bool [n, K] and probabilities [n, K] of rows that the fit has not seen. Goes out: a float, NaN where it
is undefined. These are for tuning only; numbers of a report come from ``stats``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, get_args

import numpy as np
import numpy.typing as npt

from vlmeval.records import Criterion, Task

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
CRITERIA: Final[tuple[Criterion, ...]] = get_args(Criterion)
HIGHER_IS_BETTER: Final[Mapping[Criterion, bool]] = {
    "log-loss": False,
    "balanced-log-loss": False,
    "auroc": True,
    "average-precision": True,
    "balanced-accuracy": True,
}
SMALLEST: Final = float(np.finfo(np.float64).eps)
"""Probabilities are clipped to [SMALLEST, 1 - SMALLEST] before their logarithm, as scikit-learn's ``log_loss``."""
TIE: Final = 1e-9
"""Scores nearer than this are equal: their order would be one of rounding."""


def score(
    criterion: Criterion, labels: Bools, probabilities: Floats, task: Task, weight: Floats | None = None
) -> float:
    """Score held-out probabilities.

    Parameters
    ----------
    criterion
        ``log-loss``: mean of -log p(truth); multi-label: of the binary log-loss, over rows and labels.
        ``balanced-log-loss``: the same with every class (multi-label: every label's present and absent) counting once.
        ``auroc``, ``average-precision``: mean over the classes, one against the rest, that have both.
        ``balanced-accuracy``: mean recall of the highest class; multi-label: mean over labels of (sensitivity +
        specificity) / 2 at 0.5.
    labels, probabilities
        bool and float64 [n, K]. Single-label rows without a class are passed over.
    task
        Of the benchmark.
    weight
        float64 [n] of rows, or None for 1 each.

    Returns
    -------
    float
        NaN when no class has what the criterion needs.
    """
    if task == "single-label":
        known = labels.any(axis=1)
        labels, probabilities = labels[known], probabilities[known]
        weight = None if weight is None else weight[known]
    rows = np.ones(len(labels)) if weight is None else weight
    if criterion in ("log-loss", "balanced-log-loss"):
        return _log_loss(labels, probabilities, rows, task, balanced=criterion == "balanced-log-loss")
    if criterion == "balanced-accuracy":
        return _balanced_accuracy(labels, probabilities, rows, task)
    one = _auroc if criterion == "auroc" else _average_precision
    return _mean([one(labels[:, k], probabilities[:, k], rows) for k in range(labels.shape[1])])


def choose(values: Sequence[float], scores: Sequence[float], criterion: Criterion) -> tuple[int, bool]:
    """Return the position of the best value, and whether it is the grid's first or last of several.

    Of equal scores the smallest value wins: for C the strongest penalty. NaN never wins; if all are NaN, the result is
    the first position.
    """
    worth = np.array(scores, dtype=np.float64) * (1.0 if HIGHER_IS_BETTER[criterion] else -1.0)
    if np.isnan(worth).all():
        return 0, len(values) > 1
    equal = np.flatnonzero(worth >= np.nanmax(worth) - TIE)
    best = int(equal[np.argmin(np.asarray(values, dtype=np.float64)[equal])])
    return best, len(values) > 1 and best in (0, len(values) - 1)


def shares(
    criterion: Criterion, labels: Bools, probabilities: Floats, task: Task, weight: Floats | None = None
) -> Floats | None:
    """Return what each row adds to a log-loss, float64 [n] (they sum to `score`); None for criteria that are no sum.

    Parameters are those of `score`; every single-label row has a class.
    """
    if criterion not in ("log-loss", "balanced-log-loss"):
        return None
    rows = np.ones(len(labels)) if weight is None else weight
    clipped = np.clip(probabilities, SMALLEST, 1 - SMALLEST)
    if task == "single-label":
        losses = -np.log(clipped[np.arange(len(labels)), labels.argmax(axis=1)])[:, None]
        groups = [labels] if criterion == "balanced-log-loss" else [np.ones((len(labels), 1), dtype=bool)]
    else:
        losses = -np.log(np.where(labels, clipped, 1 - clipped))
        groups = [labels, ~labels] if criterion == "balanced-log-loss" else [np.ones_like(labels)]
    mass = [(rows[:, None] * group).sum(axis=0) for group in groups]
    seen = np.sum([m > 0 for m in mass], axis=0)
    out = np.zeros(len(labels))
    for group, m in zip(groups, mass, strict=True):
        part = np.divide(rows[:, None] * group, m * seen, out=np.zeros(group.shape), where=group)
        out += (part * losses).sum(axis=1)
    return np.asarray(out / np.count_nonzero(seen))


def nearest_within_error(held: Sequence[Floats], units: npt.NDArray[np.str_] | None = None) -> int:
    """Return the first of several candidates that is not clearly worse than the best: the one-standard-error rule.

    The rule of Breiman, Friedman, Olshen and Stone 1984 (Classification and Regression Trees, section 3.4.3), with the
    standard error of the paired difference to the best candidate.

    Parameters
    ----------
    held
        `shares` [n] of each candidate, simplest first.
    units
        [n] of the rows' units, where a unit may have several; rows of a unit count as one observation.
    """
    columns = np.stack(held, axis=1)
    if units is not None:
        _, member = np.unique(units, return_inverse=True)
        summed = np.zeros((member.max() + 1, columns.shape[1]))
        np.add.at(summed, member, columns)
        columns = summed
    best = int(columns.sum(axis=0).argmin())
    excess = columns - columns[:, [best]]
    n = len(excess)
    error = np.sqrt(n * excess.var(axis=0, ddof=1)) if n > 1 else np.full(excess.shape[1], np.inf)
    return int(np.argmax(excess.sum(axis=0) <= error))


def _log_loss(labels: Bools, probabilities: Floats, rows: Floats, task: Task, *, balanced: bool) -> float:
    if rows.sum() == 0:
        return float("nan")
    found = shares("balanced-log-loss" if balanced else "log-loss", labels, probabilities, task, rows)
    return float("nan") if found is None else float(found.sum())


def _balanced_accuracy(labels: Bools, probabilities: Floats, rows: Floats, task: Task) -> float:
    if task == "single-label":
        right = (labels.argmax(axis=1) == probabilities.argmax(axis=1)).astype(np.float64)
        return _mean([_average(right[labels[:, k]], rows[labels[:, k]]) for k in range(labels.shape[1])])
    correct = (labels == (probabilities >= 0.5)).astype(np.float64)
    both = [k for k in range(labels.shape[1]) if labels[:, k].any() and not labels[:, k].all()]
    return _mean([_average(correct[m, k], rows[m]) for k in both for m in (labels[:, k], ~labels[:, k])])


def _auroc(present: Bools, scores: Floats, rows: Floats) -> float:
    """Return the weighted share of (present, absent) pairs in the right order; ties count half (Mann and Whitney)."""
    if not present.any() or present.all():
        return float("nan")
    value = np.unique(scores, return_inverse=True)[1]
    absent = np.bincount(value, weights=rows * ~present)
    with_it = np.bincount(value, weights=rows * present)
    below = np.cumsum(absent) - absent
    return float(with_it @ (below + absent / 2) / (with_it.sum() * absent.sum()))


def _average_precision(present: Bools, scores: Floats, rows: Floats) -> float:
    """Return sum_i (recall_i - recall_{i-1}) precision_i over falling thresholds, as scikit-learn."""
    if not present.any() or present.all():
        return float("nan")
    value = np.unique(-scores, return_inverse=True)[1]
    hits = np.bincount(value, weights=rows * present)
    precision = np.cumsum(hits) / np.cumsum(np.bincount(value, weights=rows))
    return float(hits @ precision / hits.sum())


def _average(values: Floats, rows: Floats) -> float:
    return float(values @ rows / rows.sum()) if len(values) else float("nan")


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
