"""Fit many logistic regressions at once: every problem, every C, every label, each with a certificate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vlmeval.errors import UsageError
from vlmeval.logistic.missing import intercepts, missing
from vlmeval.logistic.path import Bucket, follow
from vlmeval.logistic.problem import Fit, Floats, Problem
from vlmeval.progress import Progress, silent
from vlmeval.threads import threads_for

if TYPE_CHECKING:
    from torch import Tensor

PADDING = 1.25
"""Problems share a bucket when the largest has at most this many times the rows of the smallest."""
TINY = 16
COLUMNS = 16
"""Fits that a product of a problem's rows typically serves, by which it is told whether several threads pay."""
BUCKET = {"cpu": 2**19, "cuda": 2**25}
"""Logits of a bucket, all its fits, that pay: what stays near a CPU core's cache, and what fills a GPU."""


def fit_logistic(
    problems: Sequence[Problem],
    cs: Sequence[float],
    *,
    tolerance: float = 1e-8,
    device: str = "cpu",
    max_steps: int = 100,
    progress: Progress = silent,
) -> list[list[Fit]]:
    """Fit every problem with every C; the result is ``[problem][c]``.

    Minimises 1/2 |W|^2 + C sum_i weight_i loss_i(offset_i + W x_i + b), scikit-learn's convention; softmax loss for
    class codes, a binary logistic loss a label for labels. Each `Fit` says by how much it can be off. The same problems
    give the same fits however they are put together, up to the tolerance.

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
    max_steps
        Newton steps that each stage of a fit may take.
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
    jobs = [_Job.of(problem) for problem in problems]
    order = np.argsort(cs, kind="stable")
    back = np.argsort(order, kind="stable")
    ascending = [float(cs[i]) for i in order]
    out: list[list[Fit]] = [[] for _ in jobs]
    done = 0
    for members in _buckets(jobs, len(cs), device):
        fitted = _fit_bucket([jobs[i] for i in members], ascending, tolerance, device, max_steps)
        for i, fits in zip(members, fitted, strict=True):
            out[i] = [fits[j] for j in back]
        done += len(members)
        progress("logistic fits", done, len(jobs))
    return out


@dataclass(frozen=True)
class _Job:
    problem: Problem
    absent: tuple[int, ...]
    seen: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem) -> _Job:
        absent = missing(problem)
        return cls(problem, absent, tuple(k for k in range(problem.classes) if k not in absent))

    @property
    def trivial(self) -> bool:
        """Nothing to fit: no label has two values, or there is one class."""
        return len(self.seen) == 0 or (self.problem.task == "softmax" and len(self.seen) == 1)

    @property
    def kind(self) -> tuple[object, ...]:
        """Problems of equal kind can share a bucket."""
        p = self.problem
        return p.task, len(self.seen), p.intercept, p.offset is not None, p.x.shape[1], len(p.x) > p.x.shape[1]


def _buckets(jobs: list[_Job], cs: int, device: str) -> list[list[int]]:
    """Put alike problems of nearly equal size together, smallest first; every trivial one stands alone."""
    limit = BUCKET["cpu" if device == "cpu" else "cuda"]
    out = [[i] for i, job in enumerate(jobs) if job.trivial]
    kinds: dict[tuple[object, ...], list[int]] = {}
    for i, job in enumerate(jobs):
        if not job.trivial:
            kinds.setdefault(job.kind, []).append(i)
    for members in kinds.values():
        members.sort(key=lambda i: len(jobs[i].problem.x))
        bucket: list[int] = []
        for i in members:
            n = len(jobs[i].problem.x)
            least = len(jobs[bucket[0]].problem.x) if bucket else n
            full = (len(bucket) + 1) * cs * len(jobs[i].seen) * n > limit
            if bucket and (full or n > max(PADDING * least, TINY)):
                out.append(bucket)
                bucket = []
            bucket.append(i)
        out.append(bucket)
    return out


def _fit_bucket(jobs: list[_Job], cs: list[float], tolerance: float, device: str, max_steps: int) -> list[list[Fit]]:
    if jobs[0].trivial:
        job = jobs[0]
        zero = np.zeros((len(cs), len(job.seen), job.problem.x.shape[1]))
        exact = (zero, zero[..., 0], np.zeros((len(cs), 1)), np.zeros((len(cs), 1)), np.zeros((len(cs), 1)))
        return [_fits(job, cs, tolerance, np.zeros(job.problem.x.shape[1]), exact)]
    bucket, means = _load(jobs, device)
    with threads_for(COLUMNS * bucket.x.shape[1] * bucket.x.shape[2] if device == "cpu" else math.inf):
        found = follow(bucket, cs, tolerance, max_steps)
    p, k, d = len(jobs), len(jobs[0].seen), bucket.x.shape[2]
    w = found.w.cpu().numpy().reshape(p, len(cs), k, d)
    b = found.b.cpu().numpy().reshape(p, len(cs), k)
    f, gap, steps = (t.cpu().numpy().reshape(p, len(cs), -1) for t in (found.objective, found.gap, found.steps))
    return [_fits(job, cs, tolerance, means[i], (w[i], b[i], f[i], gap[i], steps[i])) for i, job in enumerate(jobs)]


def _load(jobs: list[_Job], device: str) -> tuple[Bucket, list[Floats]]:
    """Pad the problems to one shape and centre them; also the means that were taken off."""
    import torch

    n = max(len(job.problem.x) for job in jobs)
    first = jobs[0].problem
    x = np.zeros((len(jobs), n, first.x.shape[1]))
    y = np.zeros((len(jobs), 1, len(jobs[0].seen), n))
    weight = np.zeros((len(jobs), n))
    offset = None if first.offset is None else np.zeros_like(y)
    means = []
    for i, job in enumerate(jobs):
        problem, rows = job.problem, len(job.problem.x)
        weight[i, :rows] = 1.0 if problem.weight is None else problem.weight
        x[i, :rows] = problem.x
        means.append(weight[i] @ x[i] / weight[i].sum() if problem.intercept else np.zeros(x.shape[2]))
        x[i, :rows] -= means[-1]
        codes = np.array(job.seen)
        truth = problem.y[:, codes] if problem.task == "sigmoid" else problem.y[:, None] == codes
        y[i, 0, :, :rows] = truth.T
        if offset is not None and problem.offset is not None:
            offset[i, 0, :, :rows] = problem.offset[:, codes].T

    def tensor(array: Floats) -> Tensor:
        return torch.as_tensor(array, device=device)

    shift = None if offset is None else tensor(offset)
    return Bucket(tensor(x), tensor(y), tensor(weight), shift, first.task, first.intercept), means


def _fits(job: _Job, cs: list[float], tolerance: float, mean: Floats, found: tuple[Floats, ...]) -> list[Fit]:
    """Put the classes seen and the missing ones together, in the coordinates of the rows as they were given."""
    w, b, f, gap, steps = found
    problem, seen, absent = job.problem, list(job.seen), list(job.absent)
    coef = np.zeros((len(cs), problem.classes, problem.x.shape[1]))
    intercept = np.zeros((len(cs), problem.classes))
    coef[:, seen] = w
    intercept[:, seen] = b - w @ mean
    if problem.task == "softmax" and problem.intercept and seen:
        intercept[:, seen] -= intercept[:, seen].mean(axis=1, keepdims=True)
    if absent:
        intercept[:, absent] = intercepts(problem, job.absent)
    out = []
    for i, c in enumerate(cs):
        worst = float(gap[i].max())
        out.append(
            Fit(c, coef[i], intercept[i], float(f[i].sum()), worst, int(steps[i].max()), worst <= tolerance, job.absent)
        )
    return out
