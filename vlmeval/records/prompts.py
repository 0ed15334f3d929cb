"""The prompt set: templates x names per class. Read from `prompts/<family>/<id>.yaml`; `Wording` is what it becomes."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from vlmeval.records.base import Record
from vlmeval.records.benchmark import ID_PATTERN
from vlmeval.records.search import Provenance

Aggregation = Literal["mean-embedding", "mean-score", "max-score"]
PromptKind = Literal["names", "templates", "descriptions", "lay", "tone", "negatives", "ensemble", "searched", "other"]


class PromptSet(Record):
    """Templates and names that become the text side of a zero-shot classifier.

    The prompts of class k are: every template (the class's own in ``class_templates``, else ``templates``) filled with
    every name of k. Names are ``names[k]`` when given, else the benchmark card's name (``names_from: card``) with its
    synonyms (``card+synonyms``). A template has the placeholder ``{name}`` or is a finished sentence. An ensemble
    ``includes`` other sets: their prompts stand after its own, each string once.

    ``aggregation`` says how one class's prompts become one score: the mean of unit-length embeddings, re-normalised
    (Radford et al. 2021, section 3.1.4); the mean of the per-prompt scores; or their maximum. ``weights`` are those of
    the prompts in a mean. ``negatives`` say what a picture without the class shows; the class is then scored against
    them (multi-label benchmarks only).
    """

    schema_: Literal[1] = Field(alias="schema")
    id: str = Field(pattern=ID_PATTERN)
    version: str
    title: str
    kind: PromptKind
    language: str = "en"
    author: str
    source: str = Field(description="Where the clinical content comes from.")
    benchmarks: tuple[str, ...] = Field((), description="Benchmark ids (families) it is written for; empty: any.")
    models: tuple[str, ...] = Field((), description="Model families it is written for; empty: any CLIP-like model.")
    templates: tuple[str, ...] = ("{name}",)
    names_from: Literal["here", "card", "card+synonyms"] = "card"
    names: dict[str, tuple[str, ...]] = {}
    class_templates: dict[str, tuple[str, ...]] = {}
    includes: tuple[str, ...] = Field((), description="Ids of prompt sets whose prompts are joined to these.")
    negatives: tuple[str, ...] = Field((), description="What is there instead of a class; may hold {name}.")
    weights: dict[str, tuple[float, ...]] = Field({}, description="By class: a weight for each prompt, in their order.")
    aggregation: Aggregation = "mean-embedding"
    notes: str | None = None
    reviewed: str | None = Field(None, description="Who with clinical training has read every string, and when.")
    hallmarks: dict[str, tuple[str, ...]] = Field(
        {}, description="By class: words of its prompts that also name another class, and are meant."
    )
    provenance: Provenance | None = Field(None, description="How `vlmeval prompts search` found the set.")

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.templates or self.class_templates or self.includes):
            raise ValueError("a prompt set needs 'templates', 'class_templates' or 'includes'")
        if self.names_from == "here" and not self.names and any("{name}" in t for t in self.templates):
            raise ValueError("'names_from: here' needs 'names'")
        if self.weights and self.aggregation == "max-score":
            raise ValueError("'weights' are of a mean; 'aggregation: max-score' has none")
        return self

    @field_validator("weights")
    @classmethod
    def _of_a_mean(cls, weights: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        for class_id, given in weights.items():
            if any(not 0 <= w < float("inf") for w in given) or sum(given) <= 0:
                raise ValueError(f"the weights of {class_id!r} must be 0 or more, and not all 0")
        return weights


class Wording(Record):
    """A prompt set filled in for one benchmark: the strings of every class, in the card's class order.

    ``negatives`` and ``weights`` are by class too, or empty. Weights are as given, not normalised.
    """

    prompts: dict[str, tuple[str, ...]]
    negatives: dict[str, tuple[str, ...]] = {}
    weights: dict[str, tuple[float, ...]] = {}

    @property
    def texts(self) -> tuple[str, ...]:
        """Every distinct string, sorted."""
        every = (*self.prompts.values(), *self.negatives.values())
        return tuple(sorted({text for strings in every for text in strings}))
