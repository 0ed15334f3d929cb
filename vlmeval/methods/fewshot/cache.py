"""`cache`: zero-shot plus the votes of similar drawn pictures, without training, in the manner of Tip-Adapter.

With x_i and x of length 1, y_i the truth and w_i the weight of drawn picture i (a unit's weights add up to 1):

    a_i(x)  = exp(-beta (1 - x . x_i))                                   (Zhang et al. 2022, ECCV, equation 5)
    logit_k = zero-shot logit_k + alpha sum_i w_i a_i y_ik               (single-label)
    logit_k = zero-shot logit_k + alpha (sum_i w_i a_i y_ik - P_k / N_k sum_i w_i a_i (1 - y_ik))     (multi-label)

Single-label the softmax compares classes with each other. Multi-label there is no such comparison, so the votes of the
units without the label are taken off, weighed to be as many as those with it (P_k and N_k units); a label that all or
none of the drawn units have stays zero-shot's. alpha = 0 is zero-shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vlmeval.methods.fewshot.defaults import CACHE_ALPHA, CACHE_ALPHAS, CACHE_BETA, CACHE_BETAS
from vlmeval.methods.fewshot.variant import Candidate, Fitting, Job, Solved, Variant
from vlmeval.methods.scored import Matrix
from vlmeval.records import ProbeOptions

BLOCK: Final = 1024
"""Rows whose affinities to all drawn pictures are held in memory at once."""


def _grid(options: ProbeOptions) -> tuple[Candidate, ...]:  # noqa: ARG001  # same for all options
    return ((0.0, CACHE_BETA), *((alpha, beta) for alpha in CACHE_ALPHAS for beta in CACHE_BETAS))


def _solve(jobs: Sequence[Job], fitting: Fitting) -> list[Solved]:
    solved = []
    for done, job in enumerate(jobs):
        solved.append(_one(job, single_label=fitting.single_label))
        fitting.progress("cache", done + 1, len(jobs))
    return solved


def _one(job: Job, *, single_label: bool) -> Solved:
    inputs, offset = job.inputs(), job.target_offset()
    ballots = _ballots(job, single_label=single_label)
    votes = {beta: _votes(inputs, job.x, ballots, beta) for beta in {b for a, b in job.candidates if a > 0}}
    logits = [offset + alpha * votes[beta] if alpha > 0 else offset for alpha, beta in job.candidates]
    return Solved(np.stack(logits), np.full(len(job.candidates), np.nan))


def _ballots(job: Job, *, single_label: bool) -> Matrix:
    """Return what each drawn picture's affinity counts for each class, float64 [n, K']."""
    having = job.weight[:, None] * job.labels
    if single_label:
        return np.asarray(having)
    lacking = job.weight[:, None] * ~job.labels
    positive, negative = having.sum(axis=0), lacking.sum(axis=0)
    both = (positive > 0) & (negative > 0)
    ratio = np.divide(positive, negative, out=np.zeros_like(positive), where=both)
    return np.asarray(np.where(both, having - ratio * lacking, 0.0))


def _votes(inputs: Matrix, x: Matrix, ballots: Matrix, beta: float) -> Matrix:
    blocks = [inputs[start : start + BLOCK] for start in range(0, len(inputs), BLOCK)]
    return np.concatenate([np.exp(-beta * (1 - block @ x.T)) @ ballots for block in blocks])


CACHE: Final = Variant(
    id="cache",
    title="Cache of shots (training-free)",
    parameters=("alpha", "beta"),
    default=(CACHE_ALPHA, CACHE_BETA),
    grid=_grid,
    solve=_solve,
    anchored=True,
    facts={"after": "Tip-Adapter (Zhang et al. 2022)"},
)
