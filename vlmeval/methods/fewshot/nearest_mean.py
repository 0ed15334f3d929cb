"""`nearest-mean`: the cosine to the mean of each class's drawn pictures (SimpleShot, Wang et al. 2019, L2N).

Nothing is trained and nothing is chosen. Pictures have length 1, every unit counts once. Single-label: the cosine to
the class's mean; a class without a drawn unit gets -1. Multi-label: the cosine to the mean of those with the label
minus that to the mean of those without: above 0 is nearer to those with it. A label that no drawn unit has gets -1, one
that all have gets 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from vlmeval.methods.fewshot.variant import Bools, Candidate, Fitting, Job, Solved, Variant
from vlmeval.methods.scored import Matrix, unit_length
from vlmeval.records import ProbeOptions


def _grid(options: ProbeOptions) -> tuple[Candidate, ...]:  # noqa: ARG001  # nothing to choose
    return ((),)


def _solve(jobs: Sequence[Job], fitting: Fitting) -> list[Solved]:
    solved = []
    for done, job in enumerate(jobs):
        solved.append(Solved(_cosines(job, single_label=fitting.single_label)[None], np.full(1, np.nan)))
        fitting.progress("nearest mean", done + 1, len(jobs))
    return solved


def _cosines(job: Job, *, single_label: bool) -> Matrix:
    inputs = job.inputs()
    cosines = inputs @ _means(job, job.labels).T
    seen = job.labels.any(axis=0)
    if not single_label:
        cosines -= inputs @ _means(job, ~job.labels).T
        cosines[:, job.labels.all(axis=0)] = 1.0
    cosines[:, ~seen] = -1.0
    return np.asarray(cosines)


def _means(job: Job, members: Bools) -> Matrix:
    """Return the means [K', d] at length 1; only their directions matter, so weighted sums do."""
    return unit_length((job.weight[:, None] * members).T @ job.x)


NEAREST_MEAN: Final = Variant(
    id="nearest-mean",
    title="Nearest class mean",
    parameters=(),
    default=(),
    grid=_grid,
    solve=_solve,
    facts={"after": "SimpleShot (Wang et al. 2019)"},
)
