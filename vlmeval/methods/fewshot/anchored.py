"""`text-anchored`: logistic regression that is penalised for its distance from the zero-shot classifier.

Minimise over W (and b): 1/2 |W|^2 + C sum_i w_i loss(z_i + W x_i + b), where z_i are the zero-shot logits and x_i has
length 1. W is the difference from the zero-shot classifier: as C goes to 0 it vanishes, and what is left is zero-shot.
C = 0 itself is in the grid, and of all values that are within one standard error of the best the smallest is taken: it
leaves zero-shot only for what is clearly better inside the shots. The problem is convex and its fits
carry the same certificate as all others.

Single-label: softmax loss, no intercept, so that decisions fall back to zero-shot's; scores are by the model's own
rule, so that they do too.
Multi-label: a binary loss a label with a free intercept (zero-shot probabilities of labels may be far off in level);
the ranking within each label falls back to zero-shot's.

Relatives, not equal to this: LP++ (Huang et al. 2024, CVPR) mixes text into the classifier by learned class-wise
factors; CLAP (Silva-Rodriguez et al. 2024, CVPR) penalises the distance from the text's vectors by class-wise factors
found from the shots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vlmeval.methods.fewshot.defaults import ANCHORED_C
from vlmeval.methods.fewshot.fits import solve_fits
from vlmeval.methods.fewshot.variant import Candidate, Fitting, Job, Solved, Variant
from vlmeval.records import ProbeOptions


def _grid(options: ProbeOptions) -> tuple[Candidate, ...]:
    return ((0.0,), *((c,) for c in options.c_grid))


def _solve(jobs: Sequence[Job], fitting: Fitting) -> list[Solved]:
    return solve_fits(jobs, fitting, intercept=not fitting.single_label)


ANCHORED: Final = Variant(
    id="text-anchored",
    title="Text-anchored probe",
    parameters=("C",),
    default=(ANCHORED_C,),
    grid=_grid,
    solve=_solve,
    anchored=True,
    fits=True,
    facts={"relatives": "LP++ (Huang et al. 2024), CLAP (Silva-Rodriguez et al. 2024)"},
)
