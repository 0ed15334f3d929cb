"""Which rows do what: those a probe learns from, those it is tuned on, those it is evaluated on.

Comes in: Samples, their vectors and an `Ask`. Goes out: `Roles`. Where there is a validation split (whose truth is
known) that is not itself evaluated, hyperparameters are tuned on it and the final fit has train and validation rows;
otherwise on folds of the train rows, by unit. Rows that are learned from are ordered by their ids, so that no result
depends on the row order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.splits import linked_units
from vlmeval.errors import DataError, UsageError
from vlmeval.methods.folds import grouped_folds
from vlmeval.methods.probes.ask import Ask
from vlmeval.records import Embeddings, Finding, Level, Samples

Rows = npt.NDArray[np.intp]
FOLDS: Final = 5
"""Folds of the train rows where there is no validation split to tune on."""

MORE: Final = "a trained method needs more: a larger --limit, or another split in the benchmark's protocol"


@dataclass(frozen=True)
class Part:
    """One fit: positions of the rows it has ``learned`` from, and of those it has not seen and scores (``held``)."""

    learned: Rows
    held: Rows


@dataclass(frozen=True)
class Roles:
    """The fits that tune (one, or one a fold), the final fit, and whether tuning had a validation split."""

    tuning: tuple[Part, ...]
    final: Part
    validation: bool

    def tuned_on(self, samples: Samples, level: Level) -> str:
        """Say in words which rows hyperparameters are chosen on, for the record."""
        rows = np.concatenate([part.held for part in self.tuning])
        name = "image" if level == "image" else samples.benchmark.unit.name
        count = len(rows) if level == "image" else len(np.unique(samples.units[rows]))
        if self.validation:
            return f"validation {name}s ({count})"
        return f"training {name}s out of fold ({count} in {len(self.tuning)} folds)"


def assign_roles(samples: Samples, images: Embeddings, ask: Ask) -> Roles:
    """Divide the rows of ``samples``; ``images`` has the same rows in the same order.

    Raises
    ------
    UsageError
        When train or all rows are to be evaluated: a trained method has seen them.
    DataError
        When vectors are not finite, nothing can be learned (no train rows, one unit, fewer than two classes), or there
        are no rows to evaluate.
    """
    check_vectors(samples, images)
    if ask.evaluated not in ("test", "val"):
        raise UsageError(
            f"a trained method cannot be evaluated on split {ask.evaluated!r}: it has learned from those rows",
            key="--split",
            expected="test or val",
            found=ask.evaluated,
            hint="zero-shot, which learns nothing, can be evaluated on every row",
        )
    train = learnable(samples, "train")
    check_learnable(samples, train)
    evaluated = np.flatnonzero(samples.split == ask.evaluated)
    if not len(evaluated):
        raise DataError(f"no rows to evaluate in split {ask.evaluated!r}", hint="see: vlmeval data check BENCH")
    validation = np.flatnonzero(samples.split == "val")
    # Validation rows of no known class choose nothing.
    if ask.evaluated == "val" or not len(learnable(samples, "val")):
        return Roles(_folds(samples, train, ask.seed), Part(train, evaluated), validation=False)
    final = _by_id(samples, np.concatenate([train, learnable(samples, "val")])) if ask.options.refit else train
    return Roles((Part(train, validation),), Part(final, evaluated), validation=True)


def check_vectors(samples: Samples, images: Embeddings) -> None:
    """Raise ValueError unless the rows are the same, DataError naming samples whose vector holds NaN or infinity."""
    if not np.array_equal(samples.ids, images.ids):
        raise ValueError("samples and image embeddings are not the same rows")
    bad = np.flatnonzero(~np.isfinite(images.vectors).all(axis=1))
    if len(bad):
        named = ", ".join(samples.ids[bad[:5]].tolist())
        raise DataError(
            f"{len(bad)} embeddings hold NaN or infinity",
            key="embeddings",
            expected="finite numbers",
            found=f"sample {named}" + (", ..." if len(bad) > 5 else ""),
            hint="embed these pictures again (in float32 if half precision overflowed), or leave the samples out",
        )


def check_learnable(samples: Samples, rows: Rows) -> None:
    """Raise DataError unless ``rows`` have two units, and two classes (multi-label: a label both with and without)."""
    split = "the train split"
    if not len(rows):
        raise DataError(f"no rows to learn from: {split} is empty", hint="give the benchmark's protocol a train part")
    unit = samples.benchmark.unit.name
    if len(np.unique(samples.units[rows])) < 2:
        only = str(samples.units[rows[0]])
        raise DataError(
            f"{split} has one {unit} only",
            key="split",
            expected=f"two or more {unit}s",
            found=f"{unit} {only!r}",
            hint=MORE,
        )
    labels = samples.labels[rows]
    if samples.benchmark.task == "single-label" and np.count_nonzero(labels.any(axis=0)) < 2:
        only = samples.benchmark.class_ids[int(labels.any(axis=0).argmax())]
        raise DataError(
            f"{split} has fewer than two classes", key="split", expected="two or more classes", found=only, hint=MORE
        )
    if not (labels.any(axis=0) & ~labels.all(axis=0)).any():
        raise DataError(
            f"{split} has fewer than two classes",
            key="split",
            expected="a label that some rows have and others have not",
            found=f"{len(rows)} rows with the same labels",
            hint=MORE,
        )


def learnable(samples: Samples, split: str) -> Rows:
    """Return the rows of ``split`` that can be learned from, by id; single-label rows need a class."""
    return _by_id(samples, with_truth(samples, np.flatnonzero(samples.split == split)))


def with_truth(samples: Samples, rows: Rows) -> Rows:
    """Return those of ``rows`` whose truth is known: single-label rows need a class, others may have no label."""
    return rows if samples.benchmark.task == "multi-label" else rows[samples.labels[rows].any(axis=1)]


def absent_classes(samples: Samples, rows: Rows) -> list[Finding]:
    """Return a finding that names the classes which ``rows`` cannot teach."""
    labels = samples.labels[rows]
    lost = np.asarray(~labels.any(axis=0))
    if samples.benchmark.task == "multi-label":
        lost |= labels.all(axis=0)
    if not lost.any():
        return []
    names = tuple(name for name, gone in zip(samples.benchmark.class_ids, lost.tolist(), strict=True) if gone)
    message = (
        "classes that cannot be learned: no row that the probe learns from has them (or, multi-label, every row has "
        "them). Their scores say nothing of them, whatever the embedding is worth."
    )
    return [Finding(code="class-not-in-train", severity="warning", message=message, count=len(names), examples=names)]


def fitted_on(samples: Samples, learned: Rows) -> dict[str, object]:
    """Return which rows the final fit has, for the record."""
    splits = [split for split in ("train", "val") if (samples.split[learned] == split).any()]
    units = len(np.unique(samples.units[learned]))
    return {"fitted_on": " + ".join(splits), "fitted_images": len(learned), "fitted_units": units}


def _folds(samples: Samples, train: Rows, seed: int) -> tuple[Part, ...]:
    units = linked_units(samples.units[train], [str(samples.images[row]) for row in train])
    single = samples.benchmark.task == "single-label"
    folds = grouped_folds(units, samples.labels[train], FOLDS, seed, single_label=single)
    return tuple(Part(train[folds != fold], train[folds == fold]) for fold in range(int(folds.max()) + 1))


def _by_id(samples: Samples, rows: Rows) -> Rows:
    return np.asarray(rows[np.argsort(samples.ids[rows])])
