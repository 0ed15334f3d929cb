"""Jobs to regression problems and back to logits: what `logistic` and `text-anchored` share.

Comes in: jobs with candidates (C,). Goes out: logits and certified gaps, after as few calls of the solver as there are
different grids: it is fastest with many problems at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlmeval.logistic import Fit, Problem, fit_logistic
from vlmeval.logistic.missing import intercepts
from vlmeval.methods.features import class_weights
from vlmeval.methods.fewshot.variant import Candidate, Fitting, Job, Solved, Vector
from vlmeval.methods.scored import Matrix


@dataclass(frozen=True)
class _Part:
    """A problem whose offset has mean 0 a label, by ``level`` [K], where a free intercept makes up for it.

    Zero-shot logits of labels can lie far from 0 (SigLIP's around its bias); a fit that starts there starts where the
    loss has no curvature.
    """

    problem: Problem
    level: Vector

    @classmethod
    def of(cls, problem: Problem) -> _Part:
        if problem.offset is None or not problem.intercept:
            return cls(problem, np.zeros(problem.classes))
        level = np.average(problem.offset, axis=0, weights=problem.weight)
        return cls(replace(problem, offset=problem.offset - level), level)

    def scaled(self, c: float) -> Problem:
        """Return the problem with C in its weights."""
        weight = np.ones(len(self.problem.x)) if self.problem.weight is None else self.problem.weight
        return self.problem if c == 1.0 else replace(self.problem, weight=weight * c)

    def logits(self, fit: Fit, inputs: Matrix, fitting: Fitting) -> Matrix:
        """Return logits [m, K] without the inputs' offset."""
        logits = fit.logits(inputs) - self.level
        if fit.missing:
            # A class that no row has gets probability 0, the same for every row. A label with one value stays at its
            # offset or, without one, at its smoothed rate by weights without C in them.
            rate = intercepts(self.problem, fit.missing) if self.problem.offset is None else 0.0
            logits[:, list(fit.missing)] = -np.inf if fitting.single_label else rate
        return logits


def solve_fits(jobs: Sequence[Job], fitting: Fitting, *, intercept: bool) -> list[Solved]:
    """Fit every job with each of its C; C = 0 is the offset itself, without a fit."""
    groups: dict[tuple[Candidate, ...], list[int]] = {}
    for i, job in enumerate(jobs):
        # Jobs of one C each, whatever it is, go together: C is multiplied into their weights.
        groups.setdefault(job.candidates if len(job.candidates) > 1 else (), []).append(i)
    solved: dict[int, Solved] = {}
    for grid, members in groups.items():
        cs = [c for (c,) in grid if c > 0] if grid else [1.0]
        fitted = [i for i in members if any(c > 0 for (c,) in jobs[i].candidates)]
        problems = [[_Part.of(p) for p in _problems(jobs[i], fitting, intercept=intercept)] for i in fitted]
        factors = [1.0 if grid else jobs[i].candidates[0][0] for i in fitted]
        flat = [part.scaled(c) for parts, c in zip(problems, factors, strict=True) for part in parts]
        fits = iter(_fit(flat, cs, fitting) if flat else [])
        by_job = {i: [(p, next(fits)) for p in parts] for i, parts in zip(fitted, problems, strict=True)}
        for i in members:
            solved[i] = _logits(jobs[i], by_job.get(i, []), fitting)
    return [solved[i] for i in range(len(jobs))]


def _fit(problems: list[Problem], cs: list[float], fitting: Fitting) -> list[list[Fit]]:
    return fit_logistic(problems, cs, tolerance=fitting.tolerance, device=fitting.device, progress=fitting.progress)


def _problems(job: Job, fitting: Fitting, *, intercept: bool) -> list[Problem]:
    """Return one problem, or one a label where labels weigh the rows differently."""
    balanced = fitting.class_weight == "balanced"
    if fitting.single_label:
        weight = job.weight * class_weights(job.labels, job.weight) if balanced else job.weight
        codes = job.labels.argmax(axis=1)
        return [Problem(job.x, codes, len(job.columns), weight, job.offset, intercept)]
    if not balanced:
        return [Problem(job.x, job.labels, len(job.columns), job.weight, job.offset, intercept)]
    return [
        Problem(
            job.x,
            job.labels[:, [k]],
            1,
            job.weight * class_weights(job.labels[:, [k]], job.weight),
            None if job.offset is None else job.offset[:, [k]],
            intercept,
        )
        for k in range(len(job.columns))
    ]


def _logits(job: Job, parts: list[tuple[_Part, list[Fit]]], fitting: Fitting) -> Solved:
    inputs = job.inputs()
    offset = None if job.offset is None else job.target_offset()
    logits = np.empty((len(job.candidates), len(inputs), len(job.columns)))
    gap = np.zeros(len(job.candidates))
    position = 0
    for i, (c,) in enumerate(job.candidates):
        if c == 0:
            if offset is None:
                raise ValueError("C = 0 says nothing without an offset")
            logits[i] = offset
            continue
        own = [part.logits(fits[position], inputs, fitting) for part, fits in parts]
        logits[i] = np.concatenate(own, axis=1) if offset is None else np.concatenate(own, axis=1) + offset
        gap[i] = max(fits[position].gap for _, fits in parts)
        position += 1
    return Solved(logits, gap)
