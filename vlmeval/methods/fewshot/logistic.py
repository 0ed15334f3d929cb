"""`logistic`: L2-regularised logistic regression on the draw's pictures, with a free intercept; text plays no part.

Single-label: one softmax over the classes; a class that no drawn unit has gets probability 0. Multi-label: one binary
regression a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vlmeval.methods.fewshot.defaults import LOGISTIC_C
from vlmeval.methods.fewshot.fits import solve_fits
from vlmeval.methods.fewshot.variant import Candidate, Fitting, Job, Solved, Variant
from vlmeval.records import ProbeOptions


def _grid(options: ProbeOptions) -> tuple[Candidate, ...]:
    return tuple((c,) for c in options.c_grid)


def _solve(jobs: Sequence[Job], fitting: Fitting) -> list[Solved]:
    return solve_fits(jobs, fitting, intercept=True)


LOGISTIC: Final = Variant(
    id="logistic",
    title="Logistic probe",
    parameters=("C",),
    default=(LOGISTIC_C,),
    grid=_grid,
    solve=_solve,
    features=None,
    fits=True,
)
