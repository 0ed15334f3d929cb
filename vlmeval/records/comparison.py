"""Two or more runs compared on the same units: every paired difference, with what it may be taken for."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from vlmeval.records.base import Record
from vlmeval.records.benchmark import Benchmark, Level
from vlmeval.records.numbers import Difference
from vlmeval.records.run import Badge

COMPARISON_SCHEMA: Final = 1
Family = Literal["headline", "metric"]
Outcome = Literal["a", "b", "not-separable", "unknown"]


class RunCompared(Record):
    """One run: what it is called here, where it lies, and the badges that travel with its numbers."""

    label: str
    model: str = Field(description="The model's title, or the name given to a predictions file.")
    digest: str
    created: str
    folder: str | None = None
    benchmark_digest: str
    synthetic_model: bool = False
    badges: tuple[Badge, ...] = ()


class Side(Record):
    """One of the two methods of a pair: ``run`` is a position in the comparison's runs."""

    run: int
    method: str
    kind: str
    title: str
    name: str = Field(description="What tells the side from the other one, e.g. the run's label.")
    prompts: str | None = None
    seeds: int = 0


class PairedNumber(Difference):
    """A difference ``a - b`` beside both values. ``method`` and ``versus`` are the methods' ids in their runs.

    ``family``: which tests ``p_adjusted`` takes account of: ``headline`` (the card's headline metrics of the leading
    pairs, over all samples: Holm) or ``metric`` (every other cell of the same metric: Benjamini and Hochberg).
    """

    a: float | None = None
    b: float | None = None
    n_positive: int | None = None
    greyed: bool = False
    family: Family | None = None

    @model_serializer(mode="wrap")
    def _without_defaults(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is at its default, as metric rows do; a missing difference stays null."""
        fields = type(self).model_fields
        return {name: value for name, value in whole(self).items() if name == "value" or value != fields[name].default}


class McNemar(Record):
    """The 2 x 2 table of units that a, b, both or neither decided rightly, and McNemar's exact p-value.

    Without numbers ``reason`` says why there are none.
    """

    both: int | None = None
    only_a: int | None = None
    only_b: int | None = None
    neither: int | None = None
    p: float | None = None
    rule: str | None = Field(None, description="When a unit counts as right.")
    reason: str | None = None


class Verdict(Record):
    """One headline metric in a sentence; ``outcome`` says which side is better, as far as can be told."""

    metric: str
    averaging: str
    outcome: Outcome
    words: str


class PairCompared(Record):
    """Two methods at the same level, ``a`` minus ``b``. ``leading`` pairs are those that verdicts are about."""

    a: Side
    b: Side
    leading: bool
    verdicts: tuple[Verdict, ...] = ()
    mcnemar: McNemar
    numbers: tuple[PairedNumber, ...]


class Comparison(Record):
    """Runs on the same test units, compared pair by pair."""

    schema_version: Literal[1] = COMPARISON_SCHEMA
    vlmeval: str
    benchmark: Benchmark = Field(description="The first run's card, with the groups that all runs share.")
    level: Level
    n: int
    n_units: int
    test_ids_digest: str
    truth_digest: str = Field(description="Of the rows compared: ids, units and truth.")
    draws: int
    permutations: int
    seed: int
    against: Literal["first", "all"] = "first"
    headline_tests: int = Field(0, description="How many tests Holm's correction is for.")
    metric_tests: dict[str, int] = Field({}, description="How many tests of each metric are corrected together.")
    runs: tuple[RunCompared, ...]
    pairs: tuple[PairCompared, ...]
    notes: tuple[str, ...] = ()
