"""`cache`: zero-shot plus the votes of similar drawn pictures, without training, in the manner of Tip-Adapter.

With x_i and x of length 1, y_i the truth and w_i the weight of drawn picture i (a unit's weights add up to 1), P_k and
N_k the units with and without class k, and m the mean of P_k over the classes drawn:

    a_i(x)  = exp(-beta (1 - x . x_i))                                   (Zhang et al. 2022, ECCV, equation 5)
    logit_k = zero-shot logit_k + alpha m / P_k sum_i w_i a_i y_ik                                      (single-label)
    logit_k = zero-shot logit_k + alpha m (sum_i w_i a_i y_ik / P_k - sum_i w_i a_i (1 - y_ik) / N_k)    (multi-label)

In a balanced draw m = P_k = k and the single-label form is the paper's. In others every class keeps the same say:
without m / P_k the most common class of a natural draw outvotes all others. Multi-label there is no other class to
compare with, so the votes of units without the label are taken off. A class without a drawn unit gets no votes; a label
that all or none of the drawn units have stays zero-shot's. alpha = 0 is zero-shot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

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
    votes = _votes(inputs, job.x, ballots, sorted({beta for alpha, beta in job.candidates if alpha > 0}))
    logits = [offset + alpha * votes[beta] if alpha > 0 else offset for alpha, beta in job.candidates]
    return Solved(np.stack(logits), np.full(len(job.candidates), np.nan))


def _ballots(job: Job, *, single_label: bool) -> Matrix:
    """Return what each drawn picture's affinity counts for each class, float64 [n, K']."""
    having = job.weight[:, None] * job.labels
    lacking = job.weight[:, None] * ~job.labels
    positive, negative = having.sum(axis=0), lacking.sum(axis=0)
    if not positive.any():
        return np.zeros_like(having)
    shares = _divided(having, positive)
    if not single_label:
        shares = np.where((positive > 0) & (negative > 0), shares - _divided(lacking, negative), 0.0)
    return np.asarray(positive[positive > 0].mean() * shares)


def _divided(values: Matrix, sums: npt.NDArray[np.float64]) -> Matrix:
    return np.asarray(np.divide(values, sums, out=np.zeros_like(values), where=sums > 0))


def _votes(inputs: Matrix, x: Matrix, ballots: Matrix, betas: Sequence[float]) -> dict[float, Matrix]:
    """Return the votes [m, K'] for every beta."""
    votes = {beta: np.empty((len(inputs), ballots.shape[1])) for beta in betas}
    for start in range(0, len(inputs) if betas else 0, BLOCK):
        away = inputs[start : start + BLOCK] @ x.T - 1
        for beta in betas:
            votes[beta][start : start + BLOCK] = np.exp(beta * away) @ ballots
    return votes


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
