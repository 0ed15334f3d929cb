"""What may be compared: the same question, asked of the same units with the same truth.

In: runs, and the predictions of their methods. Out: nothing, or a DataError that names both runs and the digest that
differs; and the groups that all runs share. Models, prompts and methods may differ, that is what a comparison is for.
A predictions file that was scored without a card is asked for its classes, task and rows, not for its name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.compare.choose import Run
from vlmeval.errors import DataError
from vlmeval.records import Benchmark, Predictions, RunRecord, digest_of
from vlmeval.records.run import MADE_UP

Index = npt.NDArray[np.intp]
HINT: Final = (
    "to look at runs of unlike tests, without a comparison: vlmeval report RUN_A RUN_B --side-by-side -o both.html"
)
PROSE: Final = frozenset({"title", "summary", "modality", "licence", "citation", "homepage", "known_issues"})
APART: Final = frozenset({"id", "task", "classes", "unit", "groups"})
LATER: Final = frozenset({"prompts", "headline_metrics", "headline_level", "near_identical", "truth"})
"""Of a card: words; what is looked at by itself; what the numbers compared here do not depend on."""


def check_cards(first: Run, other: Run) -> list[str]:
    """Refuse runs that were asked different questions, or of different test pictures.

    Returns
    -------
    list of str
        What differs and does not matter, in words.
    """
    a, b = first.record.benchmark, other.record.benchmark
    if a.id != b.id:
        raise _unlike(first, other, "are of different benchmarks", "benchmark id", a.id, b.id)
    if a.task != b.task:
        raise _unlike(first, other, "answer different questions", "task", a.task, b.task)
    _check_classes(first, other)
    if a.id != MADE_UP:
        differing = [key for key, value in _contract(a).items() if value != _contract(b)[key]]
        if differing:
            raise _unlike(
                first,
                other,
                f"are of different versions of {a.id}: {', '.join(differing)} differ",
                "benchmark digest",
                _short(first.record.benchmark_digest),
                _short(other.record.benchmark_digest),
            )
    mine, theirs = first.record.data.test_ids_digest, other.record.data.test_ids_digest
    if mine != theirs:
        raise _unlike(
            first,
            other,
            "are tested on different pictures",
            "test ids digest",
            f"{_short(mine)} ({_tested(first.record)})",
            f"{_short(theirs)} ({_tested(other.record)})",
        )
    return _harmless(first, other)


def check_rows(first: Run, mine: Predictions, other: Run, theirs: Predictions) -> None:
    """Refuse predictions whose rows, units or truth differ."""
    a, b = (np.lexsort((p.units, p.ids)) for p in (mine, theirs))
    keys = ("rows digest", "units digest", "truth digest")
    pairs = (
        (mine.ids[a], theirs.ids[b]),
        (mine.units[a], theirs.units[b]),
        (mine.y_true[a], theirs.y_true[b]),
    )
    for key, (x, y) in zip(keys, pairs, strict=True):
        if np.array_equal(x, y):
            continue
        names = [c.name for c in first.record.benchmark.classes]
        examples = _examples((mine, a), (theirs, b), key, names)
        said = [f"{_short(_digest(v))}{example}" for v, example in zip((x, y), examples, strict=True)]
        raise _unlike(first, other, f"have different {key.split()[0]}", key, *said)


def truth_digest(predictions: Predictions) -> str:
    """SHA-256 of ids, units and truth, whatever the order of the rows."""
    order = np.lexsort((predictions.units, predictions.ids))
    parts = (predictions.ids, predictions.units, predictions.y_true)
    return digest_of([_digest(part[order]) for part in parts])


def shared_groups(runs: Sequence[tuple[Run, Predictions]]) -> tuple[Benchmark, list[str]]:
    """Return the first run's card with the groups that all runs have with the same levels for the same rows."""
    (first, mine), *others = runs
    card = first.record.benchmark
    kept, notes = [], []
    for group in card.available_groups:
        without = [run.label for run, theirs in others if not _same_levels(card, mine, run, theirs, group.id)]
        if without:
            notes.append(f"The group {group.name!r} is left out: {' and '.join(without)} has none or other levels.")
        else:
            kept.append(group)
    more = {g.name for run, _ in others for g in run.record.benchmark.available_groups} - {g.name for g in card.groups}
    notes += [f"The group {name!r} is left out: {first.label} does not have it." for name in sorted(more)]
    unavailable = tuple(g for g in card.groups if g.unavailable is not None)
    return card.model_copy(update={"groups": (*kept, *unavailable)}), notes


def _same_levels(card: Benchmark, mine: Predictions, run: Run, theirs: Predictions, group: str) -> bool:
    other = {g.id: g for g in run.record.benchmark.available_groups}.get(group)
    if other is None or group not in mine.groups or group not in theirs.groups:
        return False
    if [level.id for level in other.levels] != [level.id for level in card.group(group).levels]:
        return False
    a, b = (p.groups[group][np.lexsort((p.units, p.ids))] for p in (mine, theirs))
    return bool(np.array_equal(a, b))


def _check_classes(first: Run, other: Run) -> None:
    mine, theirs = ({c.id: c.name for c in run.record.benchmark.classes} for run in (first, other))
    if mine == theirs:
        return
    only = [", ".join(sorted(a[c] for c in a if b.get(c) != a[c])) for a, b in ((mine, theirs), (theirs, mine))]
    raise _unlike(
        first,
        other,
        "have different classes",
        "classes digest",
        f"{_short(digest_of(mine))}, {len(mine)} classes" + (f" (only here: {only[0]})" if only[0] else ""),
        f"{_short(digest_of(theirs))}, {len(theirs)} classes" + (f" (only here: {only[1]})" if only[1] else ""),
    )


def _contract(card: Benchmark) -> dict[str, Any]:
    """Return what of a card decides who is trained on what, and tested how."""
    values = card.model_dump(mode="json")
    kept = {key: value for key, value in values.items() if key not in PROSE | APART | LATER}
    return kept | {"labels": [c.labels for c in card.classes]}


def _harmless(first: Run, other: Run) -> list[str]:
    a, b = first.record, other.record
    notes = []
    if a.benchmark_digest != b.benchmark_digest and a.benchmark.id != MADE_UP:
        x, y = (r.benchmark.model_dump(mode="json") for r in (a, b))
        fields = ", ".join(key for key in x if x[key] != y[key])
        notes.append(f"The cards of {first.label} and {other.label} differ in what no result depends on: {fields}.")
    if a.data.digest != b.data.digest and a.benchmark.id != MADE_UP:
        notes.append(f"{first.label} and {other.label} read the data differently outside the rows compared.")
    return notes


def _tested(record: RunRecord) -> str:
    split = record.plan.split
    count = record.data.images if split == "all" else record.data.split_images.get(split, 0)
    return f"{count} images" + ("" if record.benchmark.id == MADE_UP else f", split {split}")


def _examples(
    ours: tuple[Predictions, Index], others: tuple[Predictions, Index], key: str, names: Sequence[str]
) -> list[str]:
    """Name a row that differs, once as in each; rows are in the order that comes with the predictions."""
    (mine, a), (theirs, b) = ours, others
    if key == "rows digest":
        only = (np.setdiff1d(mine.ids, theirs.ids), np.setdiff1d(theirs.ids, mine.ids))
        return [f" ({len(one)} only here, such as {one[0]})" if len(one) else "" for one in only]
    if key == "units digest":
        row = np.flatnonzero(mine.units[a] != theirs.units[b])[0]
        return [f" ({p.ids[o][row]}: {p.units[o][row]})" for p, o in (ours, others)]
    row = np.flatnonzero((mine.y_true[a] != theirs.y_true[b]).any(axis=1))[0]
    return [f" ({p.ids[o][row]}: {_truth(p, int(o[row]), names)})" for p, o in (ours, others)]


def _truth(predictions: Predictions, row: int, names: Sequence[str]) -> str:
    return ", ".join(names[k] for k in np.flatnonzero(predictions.y_true[row]).tolist()) or "no class"


def _digest(values: npt.NDArray[Any]) -> str:
    if values.dtype == np.bool_:
        return hashlib.sha256(np.packbits(values).tobytes()).hexdigest()
    return hashlib.sha256("\0".join(values.tolist()).encode()).hexdigest()


def _short(digest: str) -> str:
    return digest[:12]


def _unlike(first: Run, other: Run, what: str, key: str, expected: str, found: str) -> DataError:
    return DataError(
        f"{first.label} and {other.label} {what}, so they cannot be compared",
        file=other.folder,
        key=key,
        expected=f"{expected}, as in {first.label} ({first.folder})",
        found=f"{found} in {other.label}",
        hint=HINT,
    )
