"""The benchmark card: what is asked, of which data, split how, and reported for whom. Read from `benchmark.yaml`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vlmeval.records.base import Record

Task = Literal["single-label", "multi-label"]
Level = Literal["image", "unit"]
GroupKind = Literal["skin-tone", "demographic", "site", "acquisition", "leak", "other"]
SplitName = Literal["train", "val", "test"]
ID_PATTERN = r"^[a-z0-9][a-z0-9_.@/-]*$"


class Licence(Record):
    """Under which terms the data may be used.

    ``gallery`` says whether a report may inline thumbnails of the pictures.
    """

    name: str
    url: str | None = None
    terms: str | None = Field(None, description="The terms in a sentence a person can act on.")
    gallery: bool = False


class ClassSpec(Record):
    """One condition.

    ``labels`` are the strings that stand for it in the data, ``synonyms`` the other names people write in prompts.
    """

    id: str = Field(pattern=ID_PATTERN)
    name: str
    labels: tuple[str, ...] = Field(description="Values in the data's label column that mean this class.")
    synonyms: tuple[str, ...] = ()
    malignant: bool | None = Field(None, description="True or False where medicine says so, absent where it depends.")
    note: str | None = None


class GroupLevel(Record):
    """One level of a group attribute: given by exact ``values`` or by a half-open numeric range [from, below).

    ``missing`` marks "not answered", "not gradable" and the like: shown as a stratum of its own, never part of a gap.
    ``other`` takes every value that no other level takes.
    """

    id: str = Field(pattern=ID_PATTERN)
    name: str
    values: tuple[str, ...] = ()
    from_: float | None = Field(None, alias="from")
    below: float | None = None
    missing: bool = False
    other: bool = False

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if not (self.values or self.other or self.from_ is not None or self.below is not None):
            raise ValueError("a level needs 'values', 'from'/'below', or 'other: true'")
        return self


class GroupSpec(Record):
    """An attribute whose levels are reported apart, e.g. a skin-tone source; ``unavailable`` says why there is none."""

    id: str = Field(pattern=ID_PATTERN)
    name: str
    kind: GroupKind
    scale: Literal["fitzpatrick", "monk"] | None = None
    column: str | None = Field(None, description="Column that the adapter gives.")
    levels: tuple[GroupLevel, ...] = ()
    unavailable: str | None = Field(None, description="Why the data has no such attribute; then there are no levels.")
    note: str | None = Field(None, description="Cut-points, missing rule and source, for the report.")
    figures: tuple[str, ...] = Field((), description="Columns with each rater's figure on the scale, for agreement.")
    estimated: bool = Field(False, description="Computed from the pictures, not said or seen by anybody.")
    crossed: tuple[str, str] | None = Field(None, description="The two groups that this one crosses.")

    @model_validator(mode="after")
    def _levels_or_reason(self) -> Self:
        if (self.unavailable is None) == (not self.levels):
            raise ValueError("a group needs either 'levels' (with 'column') or 'unavailable' with the reason")
        if self.levels and self.column is None:
            raise ValueError("a group with levels needs the 'column' they are read from")
        ids = [level.id for level in self.levels]
        if len(set(ids)) != len(ids):
            raise ValueError("two levels have the same id")
        return self


class Protocol(Record):
    """How samples become train, validation and test.

    ``by`` is what is split: units (clean), images (leaky when units have several), or ``column`` (the data says).
    ``recipe`` names a published split reproduced exactly; ``fractions`` are (train, val, test) otherwise.
    """

    by: Literal["unit", "image", "column"]
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    seed: int = 20240601
    stratify: bool = True
    recipe: str | None = None
    column: str | None = None
    leaky: str | None = Field(None, description="Why this published protocol leaks; gives every result a badge.")
    source: str | None = None

    @model_validator(mode="after")
    def _fractions_sum(self) -> Self:
        if abs(sum(self.fractions) - 1) > 1e-9 or min(self.fractions) < 0:
            raise ValueError("'fractions' (train, val, test) must be >= 0 and sum to 1")
        return self


class DataSource(Record):
    """Which adapter reads the data, from which folder of the data home, with which options."""

    adapter: str
    home: str = Field(description="Folder inside the data home; benchmarks on the same data share it.")
    options: dict[str, Any] = {}


class UnitSpec(Record):
    """What one independent observation is: a case, a lesion, a patient; ``column`` holds its id."""

    name: str
    column: str


class NearIdentical(Record):
    """When two pictures count as the same picture saved, cropped or resized anew, and what is done about them.

    ``hash_distance``: at most so many of 64 bits of the perceptual hash differ, in any orientation. ``correlation``:
    and the grey gradients of the two correlate at least so well. ``cosine``: at least so alike in the model's own space
    (a hint to look, never a proof). Defaults are measured on HAM10000, see its card.
    ``leave_out``: units of the splits that are not evaluated are left out when they have a picture of an evaluated one;
    absent: where vlmeval deals units itself. Otherwise such a picture stops the run.
    """

    hash_distance: int = Field(10, ge=0, le=32)
    correlation: float = Field(0.95, gt=0, le=1)
    cosine: float = Field(0.995, gt=0, le=1)
    leave_out: bool | None = None


class TruthVariant(Record):
    """Another reading of the same truth, for a sensitivity analysis: adapter options that replace the card's."""

    id: str = Field(pattern=ID_PATTERN)
    title: str
    options: dict[str, Any]


class TruthSpec(Record):
    """How sure the truth is, and what is reported of it.

    ``differential``: the data have weights over conditions (several readers, ranked opinions), so that metrics under
    sampled labels and the readers' own agreement are reported. ``raters``: the column with the number of readers.
    """

    differential: bool = False
    raters: str | None = Field(None, description="Column with how many readers each unit had.")
    note: str | None = None
    variants: tuple[TruthVariant, ...] = ()


class PromptChoice(Record):
    """The prompt set of the headline, fixed before any result was seen, and those shown beside it."""

    default: str
    compare: tuple[str, ...] = ()


class Benchmark(Record):
    """A benchmark card. Class order, level order and every cut-point are the card's."""

    schema_: Literal[1] = Field(alias="schema")
    id: str = Field(pattern=ID_PATTERN)
    version: str
    title: str
    summary: str
    task: Task
    modality: Literal["clinical-photo", "dermatoscopy", "synthetic", "other"]
    unit: UnitSpec
    headline_level: Level = "unit"
    headline_metrics: tuple[str, ...] = Field(description="Metric ids shown first.")
    data: DataSource
    protocol: Protocol
    classes: tuple[ClassSpec, ...] = Field(min_length=2)
    groups: tuple[GroupSpec, ...] = ()
    prompts: PromptChoice
    near_identical: NearIdentical = NearIdentical()
    truth: TruthSpec = TruthSpec()
    licence: Licence
    citation: str
    homepage: str
    known_issues: tuple[str, ...] = ()
    synthetic: bool = False

    @model_validator(mode="after")
    def _unique_ids(self) -> Self:
        for what, ids in (("class", self.class_ids), ("group", tuple(g.id for g in self.groups))):
            if len(set(ids)) != len(ids):
                raise ValueError(f"two entries have the same {what} id")
        return self

    @property
    def class_ids(self) -> tuple[str, ...]:
        """Class ids in the card's order; column k of every [n, K] array is class k."""
        return tuple(c.id for c in self.classes)

    @property
    def available_groups(self) -> tuple[GroupSpec, ...]:
        """The group attributes that the data has."""
        return tuple(g for g in self.groups if g.unavailable is None)

    def group(self, group_id: str) -> GroupSpec:
        """Return the group attribute of that id (KeyError if there is none)."""
        return {g.id: g for g in self.groups}[group_id]
