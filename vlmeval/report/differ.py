"""Why two runs give different numbers, in plain sentences: split, level, label rates, test set, model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vlmeval.records import Level, RunRecord
from vlmeval.report.lookup import View, counted
from vlmeval.report.text import percent, sentence

NO_COMPARISON: Final = (
    "This is no statistical comparison: a difference between two columns has no interval here and may be chance. Read "
    "each column against its own line for guessing"
)
NOTABLE: Final = 0.01
SHOWN: Final = ("train", "val", "test")


def protocol(record: RunRecord) -> str:
    """Return how a benchmark is split, in words."""
    p, unit = record.benchmark.protocol, record.benchmark.unit.name
    by = {"unit": f"by {unit}: all pictures of a {unit} stand on one side", "image": "by picture", "column": "as the data says"}[p.by]  # fmt: skip # noqa: E501
    return f"Split {by}" + (f"; published recipe {p.recipe}" if p.recipe else "")


def reasons(records: Sequence[RunRecord], labels: Sequence[str], levels: Sequence[Level]) -> list[str]:
    """Return one sentence for each thing that makes the runs' numbers differ, the gravest first."""
    found = [*_leaks(records, labels), *_splits(records, labels), *_levels(records, labels, levels)]
    found += _tests(records) + _rates(records, labels, levels) + _questions(records, labels) + _models(records, labels)
    return [sentence(words) for words in (*found, NO_COMPARISON)]


def _leaks(records: Sequence[RunRecord], labels: Sequence[str]) -> list[str]:
    words = []
    for record, label in zip(records, labels, strict=True):
        leaky, unit = record.benchmark.protocol.leaky, record.benchmark.unit.name
        if leaky is not None:
            words.append(f"{label} leaks, so its numbers are too good for {unit}s that a method has not seen: {leaky}")
    return words


def _splits(records: Sequence[RunRecord], labels: Sequence[str]) -> list[str]:
    made = [protocol(record) for record in records]
    if len(set(made)) == 1:
        return []
    return ["; ".join(f"{label}: {p[:1].lower()}{p[1:]}" for label, p in zip(labels, made, strict=True))]


def _levels(records: Sequence[RunRecord], labels: Sequence[str], levels: Sequence[Level]) -> list[str]:
    if len(set(levels)) == 1:
        return []
    by = {"image": [], "unit": []}  # type: dict[str, list[str]]
    for label, level in zip(labels, levels, strict=True):
        by[level].append(label)
    unit = records[0].benchmark.unit.name
    return [
        f"{' and '.join(by['image'])} counts every picture, {' and '.join(by['unit'])} makes one answer of all "
        f"pictures of a {unit}"
    ]


def _tests(records: Sequence[RunRecord]) -> list[str]:
    if len({r.data.test_ids_digest for r in records}) == 1:
        return ["All runs are tested on the same pictures"]
    return ["The tests are of different samples: a harder or easier test set moves a number by itself"]


def _rates(records: Sequence[RunRecord], labels: Sequence[str], levels: Sequence[Level]) -> list[str]:
    """Return the class whose rate among the tested rows differs most between runs, if any differs notably."""
    table = rates(records, levels)
    if table is None:
        return []

    def spread(line: View) -> float:
        shares = [c["test"]["share"] for c in line["cells"] if c["test"]["share"] is not None]
        return max(shares) - min(shares) if len(shares) > 1 else 0.0

    most = max(table["rows"], key=spread)
    if spread(most) < NOTABLE:
        return []
    parts = [f"{percent(c['test']['share'])} in {label}" for c, label in zip(most["cells"], labels, strict=True)]
    return [
        f"The classes are not equally frequent in the tests, most of all {most['name']}: {', '.join(parts)}; metrics "
        "that follow prevalence (average precision, accuracy, Hamming loss) differ by that alone"
    ]


def _questions(records: Sequence[RunRecord], labels: Sequence[str]) -> list[str]:
    if len({(r.benchmark.task, r.benchmark.class_ids) for r in records}) == 1:
        return []
    parts = [
        f"{label} asks for {'one of' if r.benchmark.task == 'single-label' else 'any of'} "
        f"{counted(len(r.benchmark.classes), 'class').replace('classs', 'classes')}"
        for r, label in zip(records, labels, strict=True)
    ]
    return ["The questions differ: " + ", ".join(parts)]


def _models(records: Sequence[RunRecord], labels: Sequence[str]) -> list[str]:
    names = [r.model.title if r.model else "predictions from a file" for r in records]
    keys = {r.model.key if r.model else r.digest for r in records}
    if len(keys) == 1:
        return []
    if len(set(names)) == 1:
        return ["The vectors differ: the same model, with other weights, preprocessing or precision"]
    return ["The models differ: " + ", ".join(f"{label} is {name}" for label, name in zip(labels, names, strict=True))]


def rates(records: Sequence[RunRecord], levels: Sequence[Level]) -> View | None:
    """Return how often each class occurs among training and evaluated rows of each run; None where classes differ.

    Training rows are those of train and validation together; rows are counted at the level that the run leads with.
    """
    first = records[0].benchmark
    if any(r.benchmark.class_ids != first.class_ids for r in records) or not all(
        r.data.split_class_images for r in records
    ):
        return None
    return {
        "rows": [
            {"name": c.name, "cells": [_rate(r, c.id, level) for r, level in zip(records, levels, strict=True)]}
            for c in first.classes
        ]
    }


def _rate(record: RunRecord, class_id: str, level: Level) -> View:
    data, tested = record.data, record.plan.split
    by_class = data.split_class_images if level == "image" else data.split_class_units
    totals = data.split_images if level == "image" else data.split_units

    def share(splits: Sequence[str]) -> View:
        count = sum(by_class.get(s, {}).get(class_id, 0) for s in splits)
        of = sum(totals.get(s, 0) for s in splits)
        return {"count": count, "share": count / of if of else None}

    evaluated = SHOWN if tested == "all" else (tested,)
    return {"train": share([s for s in ("train", "val") if s not in evaluated]), "test": share(evaluated)}
