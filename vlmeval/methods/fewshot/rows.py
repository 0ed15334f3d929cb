"""Rows that a fit scores: pictures, at the level that is reported (picture or unit), pooled as the plan says.

Comes in: Samples with their vectors in the same order. Goes out: features to score, pooled scores, `Scored`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vlmeval.methods.features import Features
from vlmeval.methods.fewshot.anchor import Anchor
from vlmeval.methods.scored import Matrix, Scored, Units, at_image_level, at_unit_level
from vlmeval.records import Level, Samples, ScoreKind
from vlmeval.records.run import Pooling


@dataclass(frozen=True)
class Rows:
    """Pictures to be scored at ``level``: m inputs, which after pooling are R rows."""

    samples: Samples
    vectors: npt.NDArray[np.floating]
    level: Level
    pooling: Pooling
    anchor: Anchor | None = None

    def take(self, index: npt.NDArray[np.bool_]) -> Rows:
        """Return the pictures that ``index`` [n] selects."""
        return Rows(self.samples.take(index), self.vectors[index], self.level, self.pooling, self.anchor)

    @cached_property
    def units(self) -> Units:
        """The units of the pictures."""
        return Units.of(self.samples)

    @property
    def names(self) -> npt.NDArray[np.str_]:
        """Ids [R] of the rows."""
        return self.samples.ids if self.level == "image" else self.samples.units[self.units.first]

    @property
    def labels(self) -> npt.NDArray[np.bool_]:
        """Truth [R, K] of the rows."""
        return self.samples.labels if self.level == "image" else self.units.labels

    def inputs(self, features: Features) -> Matrix:
        """Return features [m, d] to score: of units where they are pooled before scoring, of pictures otherwise."""
        return self._l2 if features.kind == "l2" else self._inputs(features)

    @cached_property
    def offset(self) -> Matrix:
        """Zero-shot logits [m, K] of the inputs."""
        if self.anchor is None:
            raise ValueError("there is no zero-shot classifier")
        return self.anchor.logits(self._l2, single_label=self.samples.benchmark.task == "single-label")

    def pooled(self, scores: Matrix) -> Matrix:
        """Return scores [R, K] of the rows from those of the inputs [m, K]."""
        return self.units.mean(scores) if self.level == "unit" and self.pooling == "mean-score" else scores

    def scored(self, scores: Matrix, kind: ScoreKind) -> Scored:
        """Return the rows with scores [R, K]."""
        if self.level == "image":
            return at_image_level(self.samples, scores, kind, (None, None))
        return at_unit_level(self.samples, self.units, scores, kind, (None, None))

    @cached_property
    def _l2(self) -> Matrix:
        return self._inputs(Features("l2"))

    def _inputs(self, features: Features) -> Matrix:
        if self.level == "unit" and self.pooling == "mean-embedding":
            return features.units(self.vectors, self.units)
        return features.images(self.vectors)
