"""What is known of one draw under one variant: held-out and final scores by candidate, kept between runs.

The key is a digest of the draw's content, the scored rows' content and the options that are not hyperparameters. An
entry grows by candidates: another C, another seed or another shot count computes only what is new.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vlmeval.methods.fewshot.lesson import Lesson
from vlmeval.methods.fewshot.variant import Candidate
from vlmeval.methods.kept import Arrays, Kept
from vlmeval.methods.scored import Matrix

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Scores float64 [R, K'] of one candidate and the certified gap of each fit behind them (NaN: no fit)."""

    scores: Matrix
    gap: Vector


@dataclass
class Entry:
    """Scores by candidate: ``held`` of the draw's own rows, out of fold (NaN: never held), ``final`` of others."""

    key: str
    lesson: Lesson
    held: dict[Candidate, Scores] = field(default_factory=dict)
    final: dict[Candidate, Scores] = field(default_factory=dict)
    changed: bool = False

    @classmethod
    def load(cls, kept: Kept, key: str, lesson: Lesson) -> Entry:
        """Return what is kept under ``key``, or an empty entry."""
        arrays = kept.get(key)
        if arrays is None:
            return cls(key, lesson)
        return cls(key, lesson, _unpacked(arrays, "held"), _unpacked(arrays, "final"))

    def save(self, kept: Kept) -> None:
        """Keep the entry if it has grown."""
        if self.changed:
            kept.put(self.key, {**_packed(self.held, "held"), **_packed(self.final, "final")})
            self.changed = False


def _packed(by_candidate: dict[Candidate, Scores], name: str) -> Arrays:
    if not by_candidate:
        return {}
    order = sorted(by_candidate)
    return {
        f"{name}.candidates": np.array(order, dtype=np.float64).reshape(len(order), -1),
        f"{name}.scores": np.stack([by_candidate[c].scores for c in order]),
        f"{name}.gap": np.stack([by_candidate[c].gap for c in order]),
    }


def _unpacked(arrays: Arrays, name: str) -> dict[Candidate, Scores]:
    if f"{name}.candidates" not in arrays:
        return {}
    rows = zip(arrays[f"{name}.candidates"].tolist(), arrays[f"{name}.scores"], arrays[f"{name}.gap"], strict=True)
    return {tuple(candidate): Scores(scores, gap) for candidate, scores, gap in rows}
