"""What a few-shot variant is: a function from jobs to logits, its grid, and its default.

A `Job` is one draw (or the fitting part of one fold of it) and the rows that are to be scored. Every variant turns many
jobs into logits at once, for every candidate of its hyperparameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.methods.features import Features
from vlmeval.methods.fewshot.rows import Rows
from vlmeval.methods.scored import Matrix
from vlmeval.progress import Progress, silent
from vlmeval.records import FeatureKind, FewShotVariant, ProbeOptions

Candidate = tuple[float, ...]
"""Values of a variant's hyperparameters, in the order of its ``parameters``."""
Bools = npt.NDArray[np.bool_]
Vector = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Job:
    """Learn from rows ``x`` [n, d] with ``labels`` bool [n, K'] and ``weight`` [n]; score ``target`` by each candidate.

    ``columns`` [K'] are the classes that are learned, of the card's K. ``offset`` [n, K'] are the rows' zero-shot
    logits, where the variant needs them.
    """

    x: Matrix
    labels: Bools
    weight: Vector
    offset: Matrix | None
    features: Features
    target: Rows
    columns: Columns
    candidates: tuple[Candidate, ...]

    def inputs(self) -> Matrix:
        """Features [m, d] of the rows to score."""
        return self.target.inputs(self.features)

    def target_offset(self) -> Matrix:
        """Zero-shot logits [m, K'] of the rows to score."""
        return self.target.offset[:, self.columns]


@dataclass(frozen=True)
class Solved:
    """Logits float64 [candidates, m, K'] of a job's target, and each fit's certified relative ``gap`` (NaN: no fit)."""

    logits: npt.NDArray[np.float64]
    gap: Vector


@dataclass(frozen=True)
class Fitting:
    """How to fit: the task, the classes' weights, the solver's tolerance and device."""

    single_label: bool
    class_weight: str = "none"
    tolerance: float = 1e-8
    device: str = "cpu"
    progress: Progress = field(default=silent)


@dataclass(frozen=True)
class Variant:
    """One way to learn from a draw.

    ``features`` None: those of the probe options. ``anchored``: needs a zero-shot classifier. ``fits``: solves a convex
    problem that carries a certificate.
    """

    id: FewShotVariant
    title: str
    parameters: tuple[str, ...]
    default: Candidate
    grid: Callable[[ProbeOptions], tuple[Candidate, ...]]
    solve: Callable[[Sequence[Job], Fitting], list[Solved]]
    features: FeatureKind | None = "l2"
    anchored: bool = False
    fits: bool = False
    facts: dict[str, Any] = field(default_factory=dict)

    def named(self, candidate: Candidate) -> dict[str, float]:
        """Return the hyperparameters by name."""
        return dict(zip(self.parameters, candidate, strict=True))
