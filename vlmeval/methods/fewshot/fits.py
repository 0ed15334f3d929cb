"""Jobs to regression problems and back to logits: what `logistic` and `text-anchored` share.

Comes in: jobs with candidates (C,). Goes out: logits and certified gaps, after as few calls of the solver as there are
different grids: it is fastest with many problems at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vlmeval.logistic import Fit, Problem, fit_logistic
from vlmeval.logistic.missing import intercepts
from vlmeval.methods.features import class_weights
from vlmeval.methods.fewshot.variant import Candidate, Fitting, Job, Solved
from vlmeval.methods.scored import Matrix


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
        problems = [_problems(jobs[i], fitting, intercept=intercept) for i in fitted]
        factors = [1.0 if grid else jobs[i].candidates[0][0] for i in fitted]
        flat = [_scaled(problem, c) for parts, c in zip(problems, factors, strict=True) for problem in parts]
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


def _scaled(problem: Problem, c: float) -> Problem:
    weight = np.ones(len(problem.x)) if problem.weight is None else problem.weight
    return problem if c == 1.0 else replace(problem, weight=weight * c)


def _logits(job: Job, parts: list[tuple[Problem, list[Fit]]], fitting: Fitting) -> Solved:
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
        own = [_of_fit(problem, fits[position], inputs, fitting) for problem, fits in parts]
        logits[i] = np.concatenate(own, axis=1) if offset is None else np.concatenate(own, axis=1) + offset
        gap[i] = max(fits[position].gap for _, fits in parts)
        position += 1
    return Solved(logits, gap)


def _of_fit(problem: Problem, fit: Fit, inputs: Matrix, fitting: Fitting) -> Matrix:
    logits = fit.logits(inputs)
    if fit.missing:
        # A class that no row has gets probability 0, the same for every row. A label with one value stays at its
        # offset or, without one, at its smoothed rate by the weights as they were before C was multiplied into them.
        rate = intercepts(problem, fit.missing) if problem.offset is None else 0.0
        logits[:, list(fit.missing)] = -np.inf if fitting.single_label else rate
    return logits
