"""Rows that a fit has not seen, at both levels: what it says of them, for tuning and for `Scored`.

Comes in: Samples, vectors, the rows, how vectors become features, and a function from features to probabilities.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from vlmeval.methods.features import Features, unit_weights
from vlmeval.methods.scored import Matrix, Scored, Units, at_image_level, at_unit_level
from vlmeval.records import Embeddings, Level, Samples, ScoreKind, Task
from vlmeval.records.run import Pooling

Predict = Callable[[Matrix], Matrix]
"""Features float64 [m, d] -> probabilities float64 [m, K]."""


@dataclass(frozen=True)
class Held:
    """Held-out samples with the features of their pictures [n, d] and of their units [U, d]."""

    samples: Samples
    units: Units
    pictures: Matrix
    pooled: Matrix

    @classmethod
    def of(cls, samples: Samples, images: Embeddings, rows: npt.NDArray[np.intp], features: Features) -> Self:
        """Take ``rows`` out of all samples."""
        held = samples.take(rows)
        units = Units.of(held)
        vectors = images.vectors[rows]
        return cls(held, units, features.images(vectors), features.units(vectors, units))

    def at(self, level: Level, predict: Predict, pooling: Pooling) -> Matrix:
        """Return probabilities at a level: of pooled features, or the mean of the pictures' (``mean-score``)."""
        if level == "image":
            return predict(self.pictures)
        return predict(self.pooled) if pooling == "mean-embedding" else self.units.mean(predict(self.pictures))

    def truth(self, level: Level) -> npt.NDArray[np.bool_]:
        """Return labels bool at a level."""
        return self.samples.labels if level == "image" else self.units.labels

    def weight(self, level: Level, *, by_unit: bool) -> npt.NDArray[np.float64]:
        """Return the weights by which rows count in a criterion: each unit once, or each row."""
        if level == "image" and by_unit:
            return unit_weights(self.samples.units)
        return np.ones(len(self.truth(level)))

    def scored(self, predict: Predict, pooling: Pooling, kind: ScoreKind) -> dict[Level, Scored]:
        """Return both levels as `Scored`."""
        rule = (None, None)
        return {
            "image": at_image_level(self.samples, self.at("image", predict, pooling), kind, rule),
            "unit": at_unit_level(self.samples, self.units, self.at("unit", predict, pooling), kind, rule),
        }


def kind_of(task: Task) -> ScoreKind:
    """Return the kind of score that a softmax or sigmoid classifier gives."""
    return "softmax" if task == "single-label" else "sigmoid"


def stacked(parts: Sequence[dict[Level, Scored]]) -> dict[Level, Scored]:
    """Put rows that different fits scored below each other."""
    return {level: _stack([part[level] for part in parts]) for level in parts[0]}


def _stack(parts: Sequence[Scored]) -> Scored:
    first = parts[0]
    return Scored(
        first.level,
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.units for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.split for part in parts]),
        {name: np.concatenate([part.groups[name] for part in parts]) for name in first.groups},
        np.concatenate([part.scores for part in parts]),
        first.kind,
        first.scale,
        first.bias,
    )
