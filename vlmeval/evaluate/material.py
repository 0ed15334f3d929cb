"""What every method of a run is made from, and what it makes: `Material` in, `Made` out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vlmeval.embed import Embedded
from vlmeval.methods.kept import Kept
from vlmeval.progress import Progress, silent
from vlmeval.records import Embeddings, FewShotUsed, Finding, MethodUsed, Plan, Predictions, PromptsUsed, Samples


@dataclass(frozen=True)
class Material:
    """The samples of a run with their vectors, its prompts, and where results of fits are kept."""

    plan: Plan
    samples: Samples
    embedded: Embedded
    prompts: Sequence[PromptsUsed]
    kept: Kept
    progress: Progress = silent

    @property
    def images(self) -> Embeddings:
        """Vectors in the space shared with the text, in the samples' row order."""
        return in_order_of(self.samples, self.embedded.images)

    @property
    def probed(self) -> Embeddings:
        """The vectors that probes see: pooled ones where the plan asks for them."""
        pooled = self.plan.probe.embedding == "pooled" and self.embedded.pooled is not None
        return in_order_of(self.samples, self.embedded.pooled) if pooled and self.embedded.pooled else self.images


@dataclass
class Made:
    """What one method made: predictions by method, level and seed, and what the record says of them.

    ``validation`` are the predictions of validation rows, by fits that have not seen them, of methods that may lead at
    the card's level: calibration, conformal sets and operating points are chosen on these.
    """

    predictions: list[Predictions] = field(default_factory=list)
    validation: list[Predictions] = field(default_factory=list)
    methods: list[MethodUsed] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    few_shot: FewShotUsed | None = None

    def add(self, other: Made) -> None:
        """Take over what another method made."""
        self.predictions += other.predictions
        self.validation += other.validation
        self.methods += other.methods
        self.findings += other.findings
        self.few_shot = other.few_shot or self.few_shot


def in_order_of(samples: Samples, vectors: Embeddings) -> Embeddings:
    """Return the rows of ``vectors`` in the order of ``samples``."""
    row_of = {sample: row for row, sample in enumerate(vectors.ids.tolist())}
    rows = np.array([row_of[sample] for sample in samples.ids.tolist()], dtype=np.intp)
    return Embeddings(samples.ids, vectors.vectors[rows], vectors.key)
