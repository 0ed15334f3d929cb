"""Classes without a row and labels with only one value: a free intercept would run to infinity for them.

* Class codes, class c without a row (of weight > 0): the regression is fitted over the classes seen; c gets
  coefficients 0 and an intercept 50 below the mean of the seen classes' logits (whose coefficients sum to 0), lowered
  further by the most that the offset favours c on a training row. Its probability is then under exp(-50) = 2e-22
  there: 0 in float64 terms, and finite, so that ranks exist.
* Label with one value: coefficients 0 and intercept log((n1 + 1/2) / (n0 + 1/2)), n1 and n0 the summed weights of rows
  with and without it.
* Without an intercept the penalty keeps everything finite: nothing is missing.
"""

from __future__ import annotations

import numpy as np

from vlmeval.logistic.problem import Floats, Problem

FAR_BELOW = 50.0


def missing(problem: Problem) -> tuple[int, ...]:
    """Return the codes of classes or labels that cannot be fitted."""
    return unseen(problem) if problem.intercept else ()


def unseen(problem: Problem) -> tuple[int, ...]:
    """Return the codes of classes without a row of weight > 0, or of labels with only one value on such rows."""
    used = problem.y if problem.weight is None else problem.y[problem.weight > 0]
    if problem.task == "softmax":
        seen = np.bincount(used, minlength=problem.classes) > 0
    else:
        seen = np.asarray(used.any(axis=0) & ~used.all(axis=0))
    return tuple(int(k) for k in np.flatnonzero(~seen))


def intercepts(problem: Problem, absent: tuple[int, ...]) -> Floats:
    """Return the intercepts of the missing ones, float64 [len(absent)]."""
    codes = list(absent)
    if problem.task == "sigmoid":
        weight = np.ones(len(problem.y)) if problem.weight is None else problem.weight
        ones, zeros = weight @ problem.y[:, codes], weight @ ~problem.y[:, codes]
        out: Floats = np.log((ones + 0.5) / (zeros + 0.5))
        return out
    out = np.full(len(codes), -FAR_BELOW)
    if problem.offset is not None:
        seen = np.setdiff1d(np.arange(problem.classes), codes)
        favour = problem.offset[:, codes] - problem.offset[:, seen].mean(axis=1, keepdims=True)
        out -= np.maximum(favour.max(axis=0), 0)
    return out
