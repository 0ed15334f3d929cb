"""What a method hands on: scores of every sample at one level; and the way from images to units.

Comes in: Samples and scores or vectors per image. Goes out: `Scored` at image level or unit level (case, lesion).
Splits are kept, so that whoever decides (thresholds, temperatures) can look at validation units only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from vlmeval.records import Decision, Level, Predictions, Samples, ScoreKind

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Scores float64 [n, K] of one method at one level, with truth, units, splits and groups by row."""

    level: Level
    ids: npt.NDArray[np.str_]
    units: npt.NDArray[np.str_]
    labels: npt.NDArray[np.bool_]
    split: npt.NDArray[np.str_]
    groups: dict[str, npt.NDArray[np.int16]]
    scores: Matrix
    kind: ScoreKind
    scale: float | None = None
    bias: float | None = None

    def in_split(self, split: str) -> Self:
        """Return the rows of one split (``all`` for every row)."""
        if split == "all":
            return self
        return self.take(self.split == split)

    def take(self, rows: npt.NDArray[np.bool_]) -> Self:
        """Return the rows that the mask [n] selects."""
        return type(self)(
            self.level,
            self.ids[rows],
            self.units[rows],
            self.labels[rows],
            self.split[rows],
            {name: codes[rows] for name, codes in self.groups.items()},
            self.scores[rows],
            self.kind,
            self.scale,
            self.bias,
        )

    def predictions(self, method: str, decision: Decision) -> Predictions:
        """Return the rows as Predictions of ``method`` under ``decision``."""
        return Predictions(
            method=method,
            level=self.level,
            ids=self.ids,
            units=self.units,
            y_true=self.labels,
            scores=self.scores,
            kind=self.kind,
            decision=decision,
            groups=self.groups,
            scale=self.scale,
            bias=self.bias,
        )


@dataclass(frozen=True)
class Units:
    """The units of Samples and which rows belong to each.

    A unit whose images stand in several splits (a leaky protocol) becomes one unit in each of them. A unit has a label
    when any of its images has it, and the group level of its first image.
    """

    first: npt.NDArray[np.intp]
    member: npt.NDArray[np.intp]
    labels: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, samples: Samples) -> Self:
        """Find the units, in the order of their first images."""
        keys = np.char.add(np.char.add(samples.split, "\0"), samples.units)
        _, first, member = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        member = rank[member]
        labels = np.zeros((len(order), samples.labels.shape[1]), dtype=bool)
        np.logical_or.at(labels, member, samples.labels)
        return cls(first[order], member, labels)

    def mean(self, values: npt.NDArray[np.floating]) -> Matrix:
        """Mean of each unit's rows: [n, m] -> [number of units, m]."""
        sums = np.zeros((len(self.first), values.shape[1]))
        np.add.at(sums, self.member, values)
        return np.asarray(sums / np.bincount(self.member)[:, None])


def at_image_level(
    samples: Samples, scores: Matrix, kind: ScoreKind, rule: tuple[float | None, float | None]
) -> Scored:
    """Return image scores [n, K] as Scored; ``rule`` is (scale, bias)."""
    return Scored(
        "image",
        samples.ids,
        samples.units,
        samples.labels,
        samples.split,
        dict(samples.groups),
        scores,
        kind,
        *rule,
    )


def at_unit_level(
    samples: Samples, units: Units, scores: Matrix, kind: ScoreKind, rule: tuple[float | None, float | None]
) -> Scored:
    """Return unit scores [number of units, K] as Scored; the units' ids are the rows' ids."""
    return Scored(
        "unit",
        samples.units[units.first],
        samples.units[units.first],
        units.labels,
        samples.split[units.first],
        {name: codes[units.first] for name, codes in samples.groups.items()},
        scores,
        kind,
        *rule,
    )


def unit_length(vectors: npt.NDArray[np.floating]) -> Matrix:
    """Return rows scaled to Euclidean length 1, in float64; a zero row stays zero."""
    wide = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(lengths == 0, 1.0, lengths))
