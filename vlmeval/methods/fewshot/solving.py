"""Solve many lessons under one variant: held-out scores inside the shots, the choice they make, final scores.

Comes in: lessons and the rows to score. Goes out: an `Entry` each, complete for its grid, and its `Chosen` candidate.
All fits of a batch of lessons go to the solver together; batches are bounded in memory.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from vlmeval.methods.criteria import choose, nearest_within_error, score, shares
from vlmeval.methods.features import class_weights, unit_weights
from vlmeval.methods.fewshot.anchor import Anchor, as_scores
from vlmeval.methods.fewshot.entry import Entry, Scores
from vlmeval.methods.fewshot.lesson import Lesson, sha256
from vlmeval.methods.fewshot.rows import Rows
from vlmeval.methods.fewshot.variant import Candidate, Fitting, Job, Solved, Variant
from vlmeval.methods.probes.ask import Ask
from vlmeval.methods.probes.fits import solver_code
from vlmeval.methods.scored import Matrix
from vlmeval.progress import Progress
from vlmeval.records import FeatureKind, FewShotOptions, ScoreKind, digest_of

BATCH_BYTES: Final = 256 * 2**20
"""Features and coefficients of the jobs that go to a variant together."""


@dataclass(frozen=True)
class Chosen:
    """The candidate of one lesson, and what the record says of how it was chosen."""

    candidate: Candidate
    parameters: dict[str, Any]
    at_edge: bool = False


@dataclass(frozen=True)
class Solver:
    """One variant with everything that stays the same over the lessons of a sweep."""

    variant: Variant
    target: Rows
    anchor: Anchor | None
    ask: Ask
    options: FewShotOptions

    @property
    def single_label(self) -> bool:
        """Whether classes exclude each other."""
        return self.target.samples.benchmark.task == "single-label"

    @property
    def kind(self) -> FeatureKind:
        """What vectors become before they are learned from."""
        return self.variant.features or self.ask.options.features

    @property
    def score_kind(self) -> ScoreKind:
        """What the final scores are."""
        if self.variant.id == "nearest-mean":
            return "cosine"
        if self.variant.anchored and self.anchor is not None:
            return self.anchor.score_kind(single_label=self.single_label)
        return self.held_kind

    @property
    def held_kind(self) -> ScoreKind:
        """What held-out scores are: probabilities, by which hyperparameters are chosen."""
        if self.variant.id == "nearest-mean":
            return "cosine"
        return "softmax" if self.single_label else "sigmoid"

    @cached_property
    def grid(self) -> tuple[Candidate, ...]:
        """The candidates, in the order of preference where they are equally good."""
        return self.variant.grid(self.ask.options)

    def holds_out(self, lesson: Lesson) -> bool:
        """Whether held-out scores are of use: to choose among candidates, or thresholds for labels."""
        return lesson.folds is not None and (len(self.grid) > 1 or not self.single_label)

    def batches(self, lessons: Sequence[Lesson]) -> Iterator[list[Lesson]]:
        """Divide lessons so that each batch's jobs stay below the bound."""
        batch: list[Lesson] = []
        size = 0
        for lesson in lessons:
            n, d = lesson.rows.vectors.shape
            jobs = 1 + lesson.count
            own = 8 * d * jobs * (n + len(self.grid) * len(lesson.columns))
            if batch and size + own > BATCH_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(lesson)
            size += own
        if batch:
            yield batch

    def solve(self, lessons: Sequence[Lesson], stage: Callable[[float, float], Progress]) -> list[tuple[Entry, Chosen]]:
        """Complete the entries of ``lessons``; ``stage(from, to)`` gives the progress of a share of the work."""
        keys = [self._key(lesson) for lesson in lessons]
        entries: dict[str, Entry] = {}
        for key, lesson in zip(keys, lessons, strict=True):
            if key not in entries:
                entries[key] = Entry.load(self.ask.kept, key, lesson)
        self._hold_out(list(entries.values()), self._fitting(stage(0.0, 0.8)))
        chosen = {key: self._choose(entry) for key, entry in entries.items()}
        self._finish([(entries[key], chosen[key].candidate) for key in entries], self._fitting(stage(0.8, 1.0)))
        for entry in entries.values():
            entry.save(self.ask.kept)
        return [(entries[key], chosen[key]) for key in keys]

    def _hold_out(self, entries: Sequence[Entry], fitting: Fitting) -> None:
        """Score every entry's own units out of fold, by each candidate that it lacks."""
        plan: list[tuple[Entry, int, Job]] = []
        for entry in entries:
            lacking = tuple(c for c in self.grid if c not in entry.held)
            if lacking and self.holds_out(entry.lesson):
                jobs = entry.lesson.fold_jobs(self.kind, lacking, anchored=self.variant.anchored)
                plan += [(entry, fold, job) for fold, job in enumerate(jobs)]
        if not plan:
            return
        solved = self.variant.solve([job for _, _, job in plan], fitting)
        for (entry, fold, job), one in zip(plan, solved, strict=True):
            self._note_fold(entry, fold, job, one)

    def _note_fold(self, entry: Entry, fold: int, job: Job, solved: Solved) -> None:
        lesson = entry.lesson
        for candidate, logits, gap in zip(job.candidates, solved.logits, solved.gap, strict=True):
            if fold == 0:
                shape = (len(lesson.row_folds), len(lesson.columns))
                entry.held[candidate] = Scores(np.full(shape, np.nan), np.full(lesson.count, np.nan))
            noted = entry.held[candidate]
            noted.scores[lesson.row_folds == fold] = job.target.pooled(as_scores(logits, self.held_kind))
            noted.gap[fold] = gap
        entry.changed = True

    def _choose(self, entry: Entry) -> Chosen:
        lesson, default = entry.lesson, self.variant.default
        if not self.variant.parameters:
            return Chosen(default, {})
        named = self.variant.named
        if len(self.grid) == 1:
            return Chosen(
                self.grid[0], {**named(self.grid[0]), "chosen_on": "fixed in advance (the grid's only value)"}
            )
        if not self.holds_out(lesson):
            fixed = "as asked for" if self.options.tune == "fixed" else "too few units to hold any out"
            return Chosen(default, {**named(default), "chosen_on": f"fixed in advance ({fixed})"})
        criterion = self.ask.options.criterion
        held = lesson.row_folds >= 0
        labels = lesson.rows.labels[held][:, lesson.columns]
        weight = None
        if lesson.rows.level == "image" and lesson.by_unit:
            weight = unit_weights(lesson.rows.samples.units[held])
        if lesson.even:
            even = class_weights(labels, weight)
            weight = even if weight is None else weight * even
        task = self.target.samples.benchmark.task
        scores = [score(criterion, labels, entry.held[c].scores[held], task, weight) for c in self.grid]
        if np.isnan(scores).all():
            why = f"fixed in advance ({criterion} is undefined inside the shots)"
            return Chosen(default, {**named(default), "chosen_on": why})
        best, at_edge = choose(range(len(self.grid)), scores, criterion)
        where = f"{criterion} in {lesson.count} folds inside the shots"
        parts = [shares(criterion, labels, entry.held[c].scores[held], task, weight) for c in self.grid]
        if self.variant.anchored and all(part is not None for part in parts):
            # The first candidate is zero-shot, the next ones are near it: leave it only for what is clearly better.
            units = lesson.rows.samples.units[held] if lesson.rows.level == "image" else None
            best = nearest_within_error([part for part in parts if part is not None], units)
            at_edge = best == len(self.grid) - 1
            where += ", the nearest to zero-shot within one standard error of the best"
        candidate = self.grid[best]
        at_edge = at_edge and self.variant.fits and candidate[0] > 0
        return Chosen(candidate, {**named(candidate), "chosen_on": where, "folds": lesson.count}, at_edge)

    def _finish(self, wanted: Sequence[tuple[Entry, Candidate]], fitting: Fitting) -> None:
        """Score the evaluated rows of each entry by the candidate it has chosen."""
        lacking = [(entry, candidate) for entry, candidate in wanted if candidate not in entry.final]
        if not lacking:
            return
        jobs = [
            entry.lesson.final_job(self.kind, (candidate,), self.target, anchored=self.variant.anchored)
            for entry, candidate in lacking
        ]
        for (entry, candidate), solved in zip(lacking, self.variant.solve(jobs, fitting), strict=True):
            scores = self.target.pooled(as_scores(solved.logits[0], self.score_kind))
            entry.final[candidate] = Scores(scores, solved.gap)
            entry.changed = True

    def _fitting(self, progress: Progress) -> Fitting:
        options = self.ask.options
        return Fitting(self.single_label, options.class_weight, options.tolerance, self.ask.device, progress)

    def _key(self, lesson: Lesson) -> str:
        options = self.ask.options
        held = self.holds_out(lesson)
        return digest_of(
            {
                "code": [solver_code(), method_code()],
                "variant": self.variant.id,
                "lesson": lesson.digest,
                "folds": sha256(lesson.folds) if held and lesson.folds is not None else None,
                "target": self._target_digest,
                "features": self.kind,
                "anchor": self._anchor_digest if self.variant.anchored else None,
                "class_weight": options.class_weight if self.variant.fits else None,
                "tolerance": options.tolerance if self.variant.fits else None,
            }
        )

    @cached_property
    def _target_digest(self) -> str:
        target = self.target
        level = np.array([target.level, target.pooling, target.samples.benchmark.task])
        return sha256(target.samples.ids, target.samples.units, target.samples.split, target.vectors, level)

    @cached_property
    def _anchor_digest(self) -> str | None:
        if self.anchor is None:
            return None
        numbers = np.array([self.anchor.used_scale, self.anchor.bias or 0.0])
        return sha256(self.anchor.text, numbers, np.array([self.anchor.kind]))


def spread(scores: Matrix, lesson: Lesson, classes: int, kind: ScoreKind) -> Matrix:
    """Return scores [R, K] of all classes from those [R, K'] of the lesson's: a class left out is below all others."""
    if len(lesson.columns) == classes:
        return scores
    lowest = {"cosine": -1.0, "logit": float(scores.min()) - 1.0}.get(kind, 0.0)
    full = np.full((len(scores), classes), lowest)
    full[:, lesson.columns] = scores
    return full


@functools.cache
def method_code() -> str:
    """Return the digest of the sources of this folder and of the methods' shared parts: part of every key."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.py"), *folder.parent.glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
