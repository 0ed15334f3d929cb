"""The same problems by scikit-learn's `LogisticRegression`, literally: for published recipes and as an outside check.

Classes without a row and labels with one value, which scikit-learn refuses, are in ``missing`` as in the certified
solver, with an intercept or without. No certificate: ``gap`` is NaN, and ``converged`` is what scikit-learn says.
Labels are fitted one by one, as `MultiOutputClassifier(LogisticRegression(...))` does.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vlmeval.errors import UsageError
from vlmeval.logistic.missing import intercepts, unseen
from vlmeval.logistic.problem import Fit, Floats, Problem
from vlmeval.progress import Progress, silent


def fit_sklearn(
    problems: Sequence[Problem],
    cs: Sequence[float],
    *,
    max_iter: int = 100,
    tol: float = 1e-4,
    solver: str = "lbfgs",
    progress: Progress = silent,
) -> list[list[Fit]]:
    """Fit every problem with every C by scikit-learn; the result is ``[problem][c]``.

    Two class codes are one binary regression there (penalty 1/2 |w|^2 on the difference w of the classes' coefficients,
    not on both): it is returned as coefficients -w/2 and w/2, so the probabilities are scikit-learn's.

    Raises
    ------
    UsageError
        A problem with an offset, which scikit-learn cannot fit.
    """
    out = []
    for done, problem in enumerate(problems):
        if problem.offset is not None:
            raise UsageError("scikit-learn fits no offsets", hint="use the certified solver")
        out.append([_fit(problem, c, {"max_iter": max_iter, "tol": tol, "solver": solver}) for c in cs])
        progress("scikit-learn fits", done + 1, len(problems))
    return out


def _fit(problem: Problem, c: float, options: dict[str, Any]) -> Fit:
    problem = _weighted_rows(problem)
    absent = unseen(problem)
    k = problem.classes
    coef, intercept = np.zeros((k, problem.x.shape[1])), np.zeros(k)
    intercept[list(absent)] = intercepts(problem, absent)
    iterations, converged = 0, True
    if problem.task == "sigmoid":
        for label in (j for j in range(k) if j not in absent):
            w, b, taken, fine = _call(problem, problem.y[:, label], c, options)
            coef[label], intercept[label] = w[0], b[0]
            iterations, converged = max(iterations, taken), converged and fine
    elif k - len(absent) > 1:
        codes = np.unique(problem.y)
        w, b, iterations, converged = _call(problem, problem.y, c, options)
        if len(codes) == 2:
            w, b = np.concatenate([-w, w]) / 2, np.concatenate([-b, b]) / 2
        coef[codes], intercept[codes] = w, b
    return Fit(
        c, coef, intercept, _objective(problem, coef, intercept, c, absent), np.nan, iterations, converged, absent
    )


def _weighted_rows(problem: Problem) -> Problem:
    """Leave out rows of weight 0, which would count as their class being there."""
    if problem.weight is None or problem.weight.all():
        return problem
    rows = problem.weight > 0
    return replace(problem, x=problem.x[rows], y=problem.y[rows], weight=problem.weight[rows])


def _call(problem: Problem, y: np.ndarray, c: float, options: dict[str, Any]) -> tuple[Floats, Floats, int, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, fit_intercept=problem.intercept, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(problem.x, y, sample_weight=problem.weight)
    fine = not any(issubclass(w.category, ConvergenceWarning) for w in caught)
    w, b = np.asarray(model.coef_, np.float64), np.broadcast_to(model.intercept_, len(model.coef_)).astype(np.float64)
    return w, b, int(np.max(model.n_iter_)), fine


def _objective(problem: Problem, coef: Floats, intercept: Floats, c: float, absent: tuple[int, ...]) -> float:
    keep = [k for k in range(problem.classes) if k not in absent]
    if not keep:
        return 0.0
    z = problem.x.astype(np.float64) @ coef[keep].T + intercept[keep]
    if problem.task == "sigmoid":
        loss = np.logaddexp(0, np.where(problem.y[:, keep], -z, z)).sum(axis=1)
    else:
        true = z[np.arange(len(z)), np.searchsorted(keep, problem.y)]
        loss = np.logaddexp.reduce(z, axis=1) - true
    weight = 1.0 if problem.weight is None else problem.weight
    return float(0.5 * (coef * coef).sum() + c * (weight * loss).sum())
