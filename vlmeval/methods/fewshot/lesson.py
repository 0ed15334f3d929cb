"""One draw made ready to learn from: its rows, the classes it can teach, its folds, and the digest of all of it.

Comes in: a `Draw`, a shot count and the pool. Goes out: `Lesson`, from which jobs are made, for the folds inside the
shots and for the final fit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vlmeval.data.splits import linked_units
from vlmeval.methods.features import Features, class_weights, unit_weights
from vlmeval.methods.fewshot.draws import drawn
from vlmeval.methods.fewshot.rows import Rows
from vlmeval.methods.fewshot.variant import Candidate, Columns, Job
from vlmeval.methods.folds import grouped_folds
from vlmeval.records import Draw, FeatureKind, Regime, Samples, Shortfall, Shots

NEVER_HELD = -1
"""Fold code of rows that are learned from in every fold."""
Codes = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Lesson:
    """The pictures of one draw, by id, and the ``columns`` [K'] of the classes they teach.

    ``folds`` int8 [n] are the folds of cross-validation inside the shots, None where there is none.
    """

    regime: Regime
    shots: Shots
    seed: int
    rows: Rows
    columns: Columns
    folds: Codes | None
    by_unit: bool

    @property
    def labels(self) -> npt.NDArray[np.bool_]:
        """Bool [n, K'] of the pictures."""
        return self.rows.samples.labels[:, self.columns]

    @property
    def count(self) -> int:
        """Number of folds."""
        return 0 if self.folds is None else int(self.folds.max()) + 1

    @cached_property
    def row_folds(self) -> Codes:
        """Folds int8 [R] at the level that is scored."""
        if self.folds is None:
            return np.full(len(self.rows.names), NEVER_HELD, dtype=np.int8)
        return self.folds if self.rows.level == "image" else self.folds[self.rows.units.first]

    @cached_property
    def weight(self) -> npt.NDArray[np.float64]:
        """Weights float64 [n] of the pictures: a unit's add up to 1, unless every picture counts.

        Under balanced draws of one class a row, classes weigh the same even where they have fewer units than shots, and
        where all units are taken: the curve is about the same question from its first point to its last.
        """
        units = self.rows.samples.units
        weight = unit_weights(units) if self.by_unit else np.ones(len(units))
        return weight * class_weights(self.labels, weight) if self.even else weight

    @property
    def even(self) -> bool:
        """Whether every class weighs the same."""
        return self.regime == "balanced" and self.rows.samples.benchmark.task == "single-label"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that is learned from: ids, units, labels, vectors, classes, weights."""
        samples = self.rows.samples
        return sha256(samples.ids, samples.units, samples.labels, self.rows.vectors, self.columns, self.weight)

    def final_job(self, kind: FeatureKind, candidates: tuple[Candidate, ...], target: Rows, *, anchored: bool) -> Job:
        """Return the job that learns from the whole draw and scores ``target``."""
        everything = np.ones(len(self.weight), dtype=np.bool_)
        return self._job(everything, kind, candidates, target, anchored)

    def fold_jobs(self, kind: FeatureKind, candidates: tuple[Candidate, ...], *, anchored: bool) -> list[Job]:
        """Return one job a fold: learn from the others, score the fold's rows."""
        if self.folds is None:
            return []
        held = [self.folds == fold for fold in range(self.count)]
        return [self._job(~out, kind, candidates, self.rows.take(out), anchored) for out in held]

    def _job(
        self,
        learned: npt.NDArray[np.bool_],
        kind: FeatureKind,
        candidates: tuple[Candidate, ...],
        target: Rows,
        anchored: bool,
    ) -> Job:
        vectors, weight = self.rows.vectors[learned], self.weight[learned]
        features = Features.fit(kind, vectors, weight)
        x = features.images(vectors)
        anchor = self.rows.anchor
        offset = None
        if anchored and anchor is not None:
            single = self.rows.samples.benchmark.task == "single-label"
            offset = anchor.logits(x, single_label=single)[:, self.columns]
        return Job(x, self.labels[learned], weight, offset, features, target, self.columns, candidates)


def prepare(
    draw: Draw, shots: Shots, pool: Rows, shortfalls: Sequence[Shortfall], most_folds: int | None, *, by_unit: bool
) -> Lesson | None:
    """Make a draw ready, or return None where fewer than two classes (multi-label: no label) are left to learn.

    ``pool`` has its rows in the order of their ids. ``most_folds`` None: nothing is held out.
    """
    columns = _columns(pool.samples, draw, shots, shortfalls)
    single = pool.samples.benchmark.task == "single-label"
    if len(columns) < (2 if single else 1):
        return None
    mine = np.isin(pool.samples.units, np.array(drawn(draw, shots)))
    if single:
        mine &= pool.samples.labels[:, columns].any(axis=1)
    rows = pool.take(mine)
    folds = None
    if most_folds is not None and shots != 1:
        folds = deal_folds(rows.samples, columns, most_folds, draw.seed)
    return Lesson(draw.regime, shots, draw.seed, rows, columns, folds, by_unit)


def deal_folds(samples: Samples, columns: Columns, most: int, seed: int) -> Codes | None:
    """Deal the units of a draw to folds, or return None where no class has two units.

    As many folds as the rarest class has units, ``most`` at most. Units of a class that has only one (possible in
    natural draws and where classes fall short) are in no fold but learned from in all: without its one unit nothing
    could be known of the class.
    """
    names, member = np.unique(samples.units, return_inverse=True)
    labels = np.zeros((len(names), len(columns)), dtype=np.bool_)
    np.logical_or.at(labels, member, samples.labels[:, columns])
    counts = labels.sum(axis=0)
    single = samples.benchmark.task == "single-label"
    enough = counts >= 2
    if not single:
        enough &= len(names) - counts >= 2
    if enough.sum() < (2 if single else 1):
        return None
    alone = np.asarray(labels[:, counts == 1].any(axis=1))[member]
    folds = np.full(len(samples), NEVER_HELD, dtype=np.int8)
    rows = samples.take(~alone)
    linked = linked_units(rows.units, [str(image) for image in rows.images])
    if len(np.unique(linked)) < 2:
        return None
    count = min(most, int(counts[enough].min()))
    folds[~alone] = grouped_folds(linked, rows.labels[:, columns], count, seed, single_label=single)
    return folds


def _columns(samples: Samples, draw: Draw, shots: Shots, shortfalls: Sequence[Shortfall]) -> Columns:
    """Return the classes to learn: all but those that are dropped for want of units."""
    gone = {s.class_id for s in shortfalls if s.done == "drop-class" and s.shots == shots}
    if draw.regime != "balanced":
        gone = set()
    ids = samples.benchmark.class_ids
    return np.array([k for k, name in enumerate(ids) if name not in gone], dtype=np.intp)


def sha256(*arrays: npt.NDArray[np.generic]) -> str:
    """Return the SHA-256 (hex) of arrays: kinds, shapes and values."""
    h = hashlib.sha256()
    for array in arrays:
        flat = np.array("\0".join(array.tolist()).encode()) if array.dtype.kind == "U" else array
        h.update(f"{flat.dtype.str} {array.shape}\0".encode())
        h.update(np.ascontiguousarray(flat).tobytes())
    return h.hexdigest()


def facts(lesson: Lesson, class_ids: Sequence[str]) -> Mapping[str, object]:
    """Return what a record says of one draw: how many units and pictures, classes without any."""
    labels = lesson.labels
    missing = [class_ids[k] for k, any_ in zip(lesson.columns, np.asarray(labels.any(axis=0)), strict=True) if not any_]
    found: dict[str, object] = {"units": len(np.unique(lesson.rows.samples.units)), "images": len(labels)}
    return {**found, "missing": missing} if missing else found
