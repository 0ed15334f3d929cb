"""What flows through a run as arrays: Samples -> Embeddings -> Predictions.

Throughout: n rows, K classes in the card's order, d embedding dimensions. Rows of one record belong together by
position; rows of different records are joined by id, never by position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from vlmeval.records.benchmark import Benchmark, Level
from vlmeval.records.imageref import ImageRef
from vlmeval.records.model import ScoreKind

Strings = npt.NDArray[np.str_]
Floats = npt.NDArray[np.floating]
Codes = npt.NDArray[np.int16]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Samples:
    """One row an image, as the benchmark card wants it read.

    Attributes
    ----------
    benchmark
        The card these samples were read under.
    ids
        [n] unique sample ids.
    images
        [n] where each picture's bytes are.
    units
        [n] id of the independent unit (case, lesion) each image belongs to.
    labels
        bool [n, K].
    weights
        float32 [n, K] soft labels (e.g. SCIN's weighted differential), or None.
    split
        [n] ``train``, ``val`` or ``test``.
    groups
        Group id -> int16 [n] codes into that group's levels.
    account
        What was read and what was left out, in order: a name and a count each.
    figures
        Group id -> float32 [n, R], each rater's figure on the group's scale, NaN where there is none.
    raters
        int16 [n], how many readers the row's labels are from, or None where the data do not say.
    opinions
        float32 [n, R, K], each reader's own weights over the classes (what lies outside the classes is missing); NaN
        where there is no such reader, or the data do not tell the row's readers apart. None where they never do.
    """

    benchmark: Benchmark
    ids: Strings
    images: tuple[ImageRef, ...]
    units: Strings
    labels: Bools
    split: Strings
    groups: Mapping[str, Codes]
    weights: npt.NDArray[np.float32] | None = None
    account: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    raters: Codes | None = None
    opinions: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n, k = len(self.ids), len(self.benchmark.classes)
        _check_shape("labels", self.labels, (n, k))
        if self.weights is not None:
            _check_shape("weights", self.weights, (n, k))
        for name, column in (("images", self.images), ("units", self.units), ("split", self.split)):
            if len(column) != n:
                raise ValueError(f"{name} has {len(column)} rows, ids has {n}")
        for name, codes in self.groups.items():
            _check_shape(f"groups[{name!r}]", codes, (n,))
        for name, figures in self.figures.items():
            _check_shape(f"figures[{name!r}]", figures, (n, figures.shape[1]))
        if self.raters is not None:
            _check_shape("raters", self.raters, (n,))
        if self.opinions is not None:
            _check_shape("opinions", self.opinions, (n, self.opinions.shape[1], k))
        if len(np.unique(self.ids)) != n:
            raise ValueError("sample ids are not unique")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: npt.NDArray[np.intp] | Bools) -> Self:
        """Return the rows that ``index`` (positions or a mask) selects."""
        rows = np.flatnonzero(index) if index.dtype == np.bool_ else index
        return replace(
            self,
            ids=self.ids[rows],
            images=tuple(self.images[i] for i in rows),
            units=self.units[rows],
            labels=self.labels[rows],
            split=self.split[rows],
            groups={name: codes[rows] for name, codes in self.groups.items()},
            weights=None if self.weights is None else self.weights[rows],
            figures={name: values[rows] for name, values in self.figures.items()},
            raters=None if self.raters is None else self.raters[rows],
            opinions=None if self.opinions is None else self.opinions[rows],
        )

    def in_split(self, split: str) -> Self:
        """Return the rows of one split (``all`` for every row)."""
        return self if split == "all" else self.take(self.split == split)

    @property
    def digest(self) -> str:
        """SHA-256 of ids, units, labels, splits, groups and raters: what the numbers depend on beside the pictures."""
        h = hashlib.sha256()
        for column in (self.ids, self.units, self.split):
            h.update("\0".join(column.tolist()).encode() + b"\1")
        h.update(np.packbits(self.labels).tobytes())
        if self.weights is not None:
            h.update(np.ascontiguousarray(self.weights, dtype="<f4").tobytes())
        for name in sorted(self.groups):
            h.update(name.encode() + np.ascontiguousarray(self.groups[name], dtype="<i2").tobytes())
        for name in sorted(self.figures):
            h.update(name.encode() + np.ascontiguousarray(self.figures[name], dtype="<f4").tobytes())
        if self.raters is not None:
            h.update(np.ascontiguousarray(self.raters, dtype="<i2").tobytes())
        if self.opinions is not None:
            h.update(np.ascontiguousarray(self.opinions, dtype="<f4").tobytes())
        return h.hexdigest()


@dataclass(frozen=True)
class Embeddings:
    """Raw (not length-normalised) float32 vectors [n, d] by sample id, and the digest of how they were made."""

    ids: Strings
    vectors: npt.NDArray[np.float32]
    key: str

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.ids):
            raise ValueError(f"vectors has shape {self.vectors.shape}, expected [{len(self.ids)}, d]")


@dataclass(frozen=True)
class Decision:
    """How scores become decisions: the highest score, or a threshold per class and the rows it was chosen on."""

    rule: Literal["argmax", "threshold"]
    thresholds: tuple[float, ...] | None = None
    chosen_on: str | None = None


@dataclass(frozen=True)
class Predictions:
    """Truth and scores of one method at one level (image or unit); everything statistics need.

    ``scores`` is float64 [n, K], higher means more likely; ``kind`` says what it is, it is never guessed.
    ``groups`` maps a group id to int16 [n] codes into the card's levels. ``seed`` tells runs of one method apart.
    ``unscored`` are ids of classes that the method cannot predict (few-shot, drop-class): their column says nothing.
    """

    method: str
    level: Level
    ids: Strings
    units: Strings
    y_true: Bools
    scores: npt.NDArray[np.float64]
    kind: ScoreKind
    decision: Decision
    groups: Mapping[str, Codes]
    scale: float | None = None
    bias: float | None = None
    seed: int | None = None
    unscored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_shape("scores", self.scores, self.y_true.shape)
        for name, column in (("ids", self.ids), ("units", self.units)):
            _check_shape(name, column, (len(self.y_true),))

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Bools) -> Self:
        """Return the rows that the mask [n] selects."""
        return replace(
            self,
            ids=self.ids[rows],
            units=self.units[rows],
            y_true=self.y_true[rows],
            scores=self.scores[rows],
            groups={name: codes[rows] for name, codes in self.groups.items()},
        )


def _check_shape(name: str, array: npt.NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
