"""Fit many logistic regressions at once: every problem, every C, every label, each with a certificate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vlmeval.errors import UsageError
from vlmeval.logistic.certificate import certify
from vlmeval.logistic.missing import intercepts, missing
from vlmeval.logistic.newton import Batch, solve
from vlmeval.logistic.problem import Fit, Problem
from vlmeval.progress import Progress, silent

if TYPE_CHECKING:
    from torch import Tensor


def fit_logistic(
    problems: Sequence[Problem],
    cs: Sequence[float],
    *,
    tolerance: float = 1e-8,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[list[Fit]]:
    """Fit every problem with every C; the result is ``[problem][c]``.

    Minimises 1/2 |W|^2 + C sum_i weight_i loss_i(offset_i + W x_i + b), scikit-learn's convention; softmax loss for class
    codes, a binary logistic loss a label for labels. Each `Fit` says by how much it can be off.

    Parameters
    ----------
    problems
        May differ in everything but are faster together when alike.
    cs
        Values of C, positive; any order.
    tolerance
        Bound of the relative objective gap to reach; a fit that misses it has ``converged=False``.
    device
        Where to compute, as PyTorch names it.
    progress
        Told after each batch of problems.

    Raises
    ------
    UsageError
        A C or tolerance that is not positive and finite.
    """
    if len(cs) == 0 or not all(np.isfinite(c) and c > 0 for c in cs):
        raise UsageError("C must be positive", expected="finite numbers above 0", found=str(list(cs)))
    if not 0 < tolerance < np.inf:
        raise UsageError("the tolerance must be positive", found=str(tolerance))
    out = []
    for done, problem in enumerate(problems):
        out.append(_fit_one(problem, [float(c) for c in cs], tolerance, device))
        progress("logistic fits", done + 1, len(problems))
    return out


def _fit_one(problem: Problem, cs: list[float], tolerance: float, device: str) -> list[Fit]:
    import torch

    absent = missing(problem)
    seen = [k for k in range(problem.classes) if k not in absent]
    coef = np.zeros((len(cs), problem.classes, problem.x.shape[1]))
    intercept = np.zeros((len(cs), problem.classes))
    intercept[:, list(absent)] = intercepts(problem, absent)
    f = gap = np.zeros((len(cs), 1))
    steps = np.zeros((len(cs), 1), dtype=int)
    if seen and not (problem.task == "softmax" and len(seen) == 1):
        x, mean = _centred(problem)
        rows = _batch(problem, x, seen, device)
        tensor_cs = torch.as_tensor(cs, dtype=torch.float64, device=device)
        w, b, taken = solve(rows, tensor_cs, tolerance)
        b, value, bound = certify(rows, w, b, tensor_cs)
        coef[:, seen] = w[0].cpu().numpy()
        intercept[:, seen] = b[0].cpu().numpy() - coef[:, seen] @ mean
        f, gap, steps = value[0].cpu().numpy(), bound[0].cpu().numpy(), taken[0].cpu().numpy()
    out = []
    for i, c in enumerate(cs):
        worst = float(gap[i].max())
        fit = Fit(c, coef[i], intercept[i], float(f[i].sum()), worst, int(steps[i].max()), worst <= tolerance, absent)
        out.append(fit)
    return out


def _centred(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    x = problem.x.astype(np.float64)
    mean = np.average(x, axis=0, weights=problem.weight) if problem.intercept else np.zeros(x.shape[1])
    return x - mean, mean


def _batch(problem: Problem, x: np.ndarray, seen: list[int], device: str) -> Batch:
    import torch

    def tensor(array: np.ndarray) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float64, device=device)

    y = problem.y[:, seen] if problem.task == "sigmoid" else problem.y[:, None] == np.array(seen)
    weight = np.ones(len(x)) if problem.weight is None else problem.weight
    offset = None if problem.offset is None else tensor(problem.offset[:, seen].T)[None, None]
    return Batch(
        tensor(x)[None],
        tensor(y.T)[None, None],
        tensor(weight)[None, None, None],
        offset,
        problem.task,
        problem.intercept,
    )
