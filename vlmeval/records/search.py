"""How a prompt set was searched for: what was tried on which units, every step, and what it is worth elsewhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final, Literal

from pydantic import Field

from vlmeval.records.base import Record

MARK_DIGITS: Final = 10
StepKind = Literal["start", "add-template", "drop-template", "add-name", "drop-name", "weights", "stop"]


class Figure(Record):
    """One value with its 95 % interval where there is one, and the reason where there is no value."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


class SearchStep(Record):
    """One accepted step of a search: what was changed, and the objective on the validation units before and after.

    ``tried``: how many candidates this step chose from. ``class_id``: of steps that change the names of one class.
    """

    kind: StepKind
    what: str
    class_id: str | None = None
    before: float | None = None
    after: float | None
    tried: int = Field(0, ge=0)


class OuterFold(Record):
    """One fold of nested cross-validation: the search ran on the other folds, its choice was measured on this one."""

    units: int
    inside: float | None = Field(description="The objective of the choice on the units that it was chosen on.")
    outside: float | None = Field(description="The objective of the choice on the fold that the search has not seen.")
    baseline: float | None = Field(description="The objective of the set that the search started from, on the fold.")
    chosen: tuple[str, ...] = ()


class Provenance(Record):
    """Where a searched prompt set comes from; enough to search again, and to refuse to test it where it was chosen.

    ``validation`` is the objective on the units that it was chosen on: too good by ``optimism`` in expectation.
    ``nested`` is the honest estimate from validation units alone, ``test`` the figure on units the search never saw.
    """

    vlmeval: str
    command: str | None = None
    created: str
    benchmark: str
    benchmark_digest: str
    data_home: str = Field(description="The data that it was chosen on, whichever card reads them.")
    split: Literal["val"] = "val"
    units: int
    units_digest: str = Field(description="Of the validation units' ids.")
    unit_marks: str = Field("", description="A short hash of each unit, see `unit_marks`; separated by spaces.")
    level: Literal["image", "unit"] = "unit"
    model: str
    model_key: str
    objective: dict[str, float] = Field(description="Metric id -> share in the objective; shares add up to 1.")
    group: str | None = Field(None, description="The skin-tone source of the worst level, if that is in the objective.")
    classes: tuple[str, ...] = Field((), description="The classes that averages are over, here and on test units.")
    levels: tuple[str, ...] = Field((), description="The levels of `group` that are compared.")
    shared_classes: tuple[str, ...] = Field((), description="The classes that all those levels support.")
    baseline: str = Field(description="The prompt set that the search started from or measured against.")
    ensemble: Literal["equal", "weighted"] = "equal"
    pool: dict[str, str] = Field(description="Prompt set id -> content digest of the candidates' sets.")
    candidates: int
    seed: int
    folds: int
    steps: tuple[SearchStep, ...]
    outer: tuple[OuterFold, ...] = ()
    validation: Figure
    nested: Figure
    baseline_validation: Figure | None = None
    test: Figure | None = None
    baseline_test: Figure | None = None
    gain_test: Figure | None = Field(None, description="Paired: the searched set minus the baseline, on test units.")
    optimism: Figure = Field(description="Validation minus nested: how much too good the validation figure is.")
    optimism_test: float | None = Field(None, description="Validation minus test, as it came out.")


def unit_marks(units: Iterable[str]) -> dict[str, str]:
    """Return a short hash of every unit's id: the first 40 bits of its SHA-256, in hexadecimal.

    A prompt set keeps those of the units that it was chosen on, so that any card of the same data can be asked whether
    it would evaluate one of them. Of 10,000 and 10,000 different units, two have the same mark in one case of 10,000.
    """
    return {unit: hashlib.sha256(unit.encode()).hexdigest()[:MARK_DIGITS] for unit in units}
