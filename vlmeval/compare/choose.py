"""Which methods of which runs are compared, and at which level.

In: run records and what was asked for. Out: `Chosen`s: two methods each. Nothing is read but the records.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from vlmeval.errors import DataError, UnknownNameError, UsageError
from vlmeval.records import Level, MethodUsed, RunRecord

Against = Literal["first", "all"]


@dataclass(frozen=True)
class Wanted:
    """What to compare, and how.

    Attributes
    ----------
    methods
        ``X`` (the method X of every run) or ``A=B`` (A of the one run against B of the other); a kind of method stands
        for its first method, ``*`` for anything. Nothing: every method that both runs have, points of few-shot curves
        left out, and what each run leads with.
    level
        ``image`` or ``unit``; the first run's own if not given.
    metrics
        Metric ids; all of the task if none are given.
    against
        Each run against the ``first``, or ``all`` pairs.
    draws, permutations, seed
        Of bootstrap and permutation test; the first run's own where None.
    """

    methods: tuple[str, ...] = ()
    level: Level | None = None
    metrics: tuple[str, ...] = ()
    against: Against = "first"
    draws: int | None = None
    permutations: int | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its record, and what it is called in the comparison."""

    folder: Path
    record: RunRecord
    label: str


@dataclass(frozen=True)
class Chosen:
    """Two methods by the runs' positions; ``leading``: verdicts are about this pair."""

    runs: tuple[int, int]
    methods: tuple[MethodUsed, MethodUsed]
    leading: bool


def leading_method(record: RunRecord, level: Level | None = None) -> MethodUsed:
    """Return the method a run leads with, at the level asked for or else the card's, as far as it has it there."""
    wanted = level or record.benchmark.headline_level
    methods = [m for m in record.methods if m.headline] or list(record.methods)
    same = [m for m in record.methods if m.id == methods[0].id]
    return next((m for m in (*methods, *same) if m.level == wanted), methods[0])


def level_of(runs: Sequence[Run], wanted: Wanted) -> Level:
    """Return the level to compare at.

    Raises
    ------
    DataError
        A run has no method at that level.
    """
    level = wanted.level or leading_method(runs[0].record).level
    for run in runs:
        found = sorted({m.level for m in run.record.methods})
        if level not in found:
            raise DataError(
                f"{run.label} has nothing at {level} level",
                file=run.folder,
                expected=f"scores by {level}, "
                + ("as asked for" if wanted.level else f"as {runs[0].label} leads with"),
                found=f"scores by {' and '.join(found)}",
                hint="choose a level that all runs have with --level; a file scored with --unit has both",
            )
    return level


def choose(runs: Sequence[Run], wanted: Wanted, level: Level) -> list[Chosen]:
    """Return the pairs to compare, those that verdicts are about first.

    Raises
    ------
    UsageError, UnknownNameError
        One run with fewer than two methods, nothing that two runs share, or a method that a run does not have.
    """
    if len(runs) == 1:
        pairs = _within(runs[0], wanted, level)
    else:
        of_runs = list(itertools.combinations(range(len(runs)), 2))
        of_runs = [pair for pair in of_runs if wanted.against == "all" or pair[0] == 0]
        pairs = [chosen for i, j in of_runs for chosen in _between(runs, (i, j), wanted, level)]
    return sorted(pairs, key=lambda pair: not pair.leading)


def _between(runs: Sequence[Run], at: tuple[int, int], wanted: Wanted, level: Level) -> Iterator[Chosen]:
    """Pairs of methods of two runs."""
    a, b = (runs[i] for i in at)
    if wanted.methods:
        for word in wanted.methods:
            left, _, right = word.partition("=")
            for pair in _matching(a, left, b, right or left, level):
                yield Chosen(at, pair, leading=True)
        return
    leads = leading_method(a.record, level), leading_method(b.record, level)
    yield Chosen(at, leads, leading=True)
    theirs = {m.id: m for m in _whole(b.record, level)}
    for mine in _whole(a.record, level):
        if mine.id in theirs and (mine.id, mine.id) != (leads[0].id, leads[1].id):
            yield Chosen(at, (mine, theirs[mine.id]), leading=False)


def _within(run: Run, wanted: Wanted, level: Level) -> list[Chosen]:
    """Pairs of methods of one run: those asked for, or the first of each kind; each against the first, or all."""
    pairs: list[tuple[MethodUsed, MethodUsed]] = []
    listed: list[MethodUsed] = []
    for word in wanted.methods:
        left, sign, right = word.partition("=")
        if sign:
            pairs += itertools.product(_find(run, left, level), _find(run, right, level))
        else:
            listed += [m for m in _find(run, left, level) if m not in listed]
    if not wanted.methods:
        lead = leading_method(run.record, level)
        kinds = {m.kind: m for m in reversed(_whole(run.record, level)) if m.kind != lead.kind}
        listed = [lead, *(m for m in _whole(run.record, level) if m in kinds.values())]
    pairs += [(a, b) for a, b in itertools.combinations(listed, 2) if wanted.against == "all" or a is listed[0]]
    pairs = [(a, b) for a, b in pairs if a.id != b.id]
    if not pairs:
        raise UsageError(
            "there is nothing to compare",
            expected="two runs, or one run and two of its methods",
            found=f"one run, {run.label}, and " + (", ".join(m.id for m in listed) or "no method"),
            hint="name a second run folder, or two methods: --method zero-shot --method linear-probe",
        )
    return [Chosen((0, 0), pair, leading=True) for pair in pairs]


def _matching(a: Run, left: str, b: Run, right: str, level: Level) -> list[tuple[MethodUsed, MethodUsed]]:
    """Return the methods of both runs that a word names; with ``*`` those that match and have the same id."""
    mine, theirs = _find(a, left, level), _find(b, right, level)
    if len(mine) == len(theirs) == 1:
        return [(mine[0], theirs[0])]
    if left != right:
        return list(itertools.product(mine, theirs))
    of = {m.id: m for m in theirs}
    return [(m, of[m.id]) for m in mine if m.id in of]


def _find(run: Run, word: str, level: Level) -> list[MethodUsed]:
    """Return the methods a word names: by id, by kind (its first method), or by a pattern with ``*``."""
    methods = [m for m in run.record.methods if m.level == level]
    exact = [m for m in methods if m.id == word]
    lead = leading_method(run.record, level)
    kind = [m for m in ((lead, *methods) if lead.kind == word else methods) if m.kind == word][:1]
    pattern = [m for m in methods if "*" in word and fnmatchcase(m.id, word)]
    found = exact or kind or pattern
    if not found:
        raise UnknownNameError(
            f"method of {run.label}", word, (m.id for m in methods), hint=f"its run folder is {run.folder}"
        )
    return found


def _whole(record: RunRecord, level: Level) -> list[MethodUsed]:
    """Return the methods at a level that are no points of few-shot curves: of those there are hundreds."""
    return [m for m in record.methods if m.level == level and m.curve is None]
