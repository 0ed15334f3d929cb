"""The prompt set: templates x names per class. Read from `prompts/<family>/<id>.yaml`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vlmeval.records.base import Record
from vlmeval.records.benchmark import ID_PATTERN

Aggregation = Literal["mean-embedding", "mean-score", "max-score"]


class PromptSet(Record):
    """Templates and names that become the text side of a zero-shot classifier.

    The prompts of class k are: every template (the class's own in ``class_templates``, else ``templates``) filled with
    every name of k. Names are ``names[k]`` when given, else the benchmark card's name (``names_from: card``) with its
    synonyms (``card+synonyms``). A template has the placeholder ``{name}`` or is a finished sentence.

    ``aggregation`` says how one class's prompts become one score: the mean of unit-length embeddings, re-normalised
    (Radford et al. 2021, section 3.1.4); the mean of the per-prompt scores; or their maximum.
    """

    schema_: Literal[1] = Field(alias="schema")
    id: str = Field(pattern=ID_PATTERN)
    version: str
    title: str
    kind: Literal["names", "templates", "descriptions", "lay", "other"]
    language: str = "en"
    author: str
    source: str = Field(description="Where the clinical content comes from.")
    benchmarks: tuple[str, ...] = Field((), description="Benchmark ids (families) it is written for; empty: any.")
    templates: tuple[str, ...] = ("{name}",)
    names_from: Literal["here", "card", "card+synonyms"] = "card"
    names: dict[str, tuple[str, ...]] = {}
    class_templates: dict[str, tuple[str, ...]] = {}
    aggregation: Aggregation = "mean-embedding"
    notes: str | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not self.templates and not self.class_templates:
            raise ValueError("a prompt set needs 'templates' or 'class_templates'")
        if self.names_from == "here" and not self.names and any("{name}" in t for t in self.templates):
            raise ValueError("'names_from: here' needs 'names'")
        return self
