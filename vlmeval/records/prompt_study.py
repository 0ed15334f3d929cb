"""Prompt sets compared on the same pictures: what `vlmeval prompts compare` finds, for every model and benchmark."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from vlmeval.records.base import Record
from vlmeval.records.benchmark import Benchmark, Level
from vlmeval.records.comparison import PairedNumber
from vlmeval.records.numbers import MetricRow
from vlmeval.records.run import Badge, ModelUsed, PromptsUsed

STUDY_SCHEMA: Final = 1


class SetCompared(PromptsUsed):
    """One prompt set: what it is, its strings, and which of them were longer than the model's context.

    ``chosen``: the set that the benchmark's card fixed beforehand; the others are measured against it.
    """

    kind: str
    author: str
    chosen: bool = False
    searched: bool = False
    truncated: tuple[str, ...] = ()


class Rank(Record):
    """Where a set stands by one metric: ``rank`` is one more than the number of sets that are clearly better.

    ``best`` and ``worst`` are the places it could hold: the sets clearly better come before it, those clearly worse
    after it, and the rest cannot be told from it. None without a value.
    """

    metric: str
    set_id: str
    value: float | None
    rank: int | None = None
    best: int | None = None
    worst: int | None = None


class Single(Record):
    """The set reduced to one wording: a template, one name or prompt a class, or its words in another order."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None


class Spread(Record):
    """How much of a metric hangs on the choice of one wording among those of a set.

    ``kind``: ``template`` (one template at a time, all names), ``one-prompt`` (one prompt a class, drawn at random),
    ``one-name`` (one name a class, drawn at random, all templates), ``word-order`` (the words of every prompt shuffled,
    one shuffle each). ``whole`` is the value of the whole set; ``place`` the share of ``singles`` that it is
    better than (ties half). ``of`` says of how many wordings in all ``singles`` are, where they are drawn.
    """

    set_id: str
    metric: str
    kind: Literal["template", "one-prompt", "one-name", "word-order"]
    whole: float | None
    best: Single | None = None
    median: float | None = None
    worst: Single | None = None
    place: float | None = None
    singles: tuple[Single, ...] = ()
    of: int | None = None
    reason: str | None = None


class NameEffect(Record):
    """One name of one class, the other classes' prompts left alone: the class's own metric under this name."""

    set_id: str
    class_id: str
    name: str
    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class Moved(Record):
    """A unit whose true class gained or lost most by a set against the chosen one.

    ``gain`` is the change of the true class's standing among the units of this class and others: its share of units
    without the class that score lower, set minus chosen. ``pictures`` are ids of the unit's pictures.
    """

    set_id: str
    versus: str
    class_id: str
    unit: str
    pictures: tuple[str, ...]
    before: float
    after: float
    gain: float


class Pair(Record):
    """Two sets, ``a`` minus ``b``, by every paired difference; ``against_chosen``: by class and group too.

    Numbers of the family ``headline`` (headline metrics over all rows) are told together with those of all other pairs:
    ``low`` and ``high`` hold at once for the whole study, and ``p_adjusted`` is below 5 % exactly where they leave 0
    out. Numbers of the family ``metric`` have their own 95 % interval, a ``p`` that agrees with it, and ``p_adjusted``
    under control of the false discovery rate among the study's cells of the same metric.
    """

    a: str
    b: str
    against_chosen: bool
    numbers: tuple[PairedNumber, ...]


class Interaction(Record):
    """Whether a change of prompts moves the levels of a group differently: the test of equal differences in all levels.

    ``numbers`` in the pair hold the differences by level; ``statistic`` is Wald's, with ``df`` degrees of freedom, on
    the bootstrap's covariance. Over the classes that all ``levels`` have (averaging ``macro-common``); ``p`` by the F
    distribution, ``p_adjusted`` among all tests of the same metric.
    """

    a: str
    b: str
    group: str
    metric: str
    levels: tuple[str, ...]
    statistic: float | None = None
    df: int | None = None
    p: float | None = None
    p_adjusted: float | None = None
    reason: str | None = None


class PromptStudy(Record):
    """All sets with one model on one benchmark."""

    benchmark: Benchmark
    benchmark_digest: str
    model: ModelUsed
    level: Level
    split: str
    n: int
    n_units: int
    test_ids_digest: str
    chosen: str
    sets: tuple[SetCompared, ...]
    rows: tuple[MetricRow, ...] = Field((), description="``method`` is the set's id.")
    pairs: tuple[Pair, ...] = ()
    ranks: tuple[Rank, ...] = ()
    spreads: tuple[Spread, ...] = ()
    names: tuple[NameEffect, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    moved: tuple[Moved, ...] = ()
    badges: tuple[Badge, ...] = ()
    computed_images: int = Field(0, description="Pictures that had to be embedded; 0 where all were in the cache.")
    computed_texts: int = 0
    headline_tests: int = 0
    metric_tests: dict[str, int] = {}


class PromptComparison(Record):
    """`vlmeval prompts compare`: a study for every model and benchmark, with one set of draws each."""

    schema_version: Literal[1] = STUDY_SCHEMA
    vlmeval: str
    created: str
    command: str | None = None
    draws: int
    seed: int
    studies: tuple[PromptStudy, ...]
    timings: dict[str, float] = {}
    notes: tuple[str, ...] = ()
