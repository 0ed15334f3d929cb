"""What a rule looks at: a prompt set with its file, filled in for one benchmark, every string with its place.

In: `YamlFile`, `PromptSet`, `Benchmark`, the sets it includes. Out: `Subject`. Nothing is refused here: a class without
words simply has no strings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from vlmeval.catalog.filled import Filled, negatives_of, prompts_of
from vlmeval.catalog.yamlfile import KeyPath, YamlFile
from vlmeval.records import Benchmark, ClassSpec, PromptSet
from vlmeval.workbench.lint.limits import Limit
from vlmeval.workbench.lint.words import base_language, normal, variants


@dataclass(frozen=True)
class Text:
    """One final string of one class.

    ``included`` is the entry of ``includes`` that brought it, None for the set's own; ``source`` the id of its set.
    """

    class_id: str
    filled: Filled
    included: int | None = None
    source: str = ""

    @property
    def text(self) -> str:
        """The string that the model reads."""
        return self.filled.text

    @cached_property
    def normal(self) -> str:
        """The string's words alone."""
        return normal(self.filled.text)

    @property
    def place(self) -> KeyPath:
        """Where the template stands; of an included string, the entry in ``includes``."""
        return self.filled.template_place if self.included is None else ("includes", self.included)

    def place_of(self, words: str) -> KeyPath:
        """Return the place of some words of the string: the name's where they are in the name alone."""
        name_place = self.filled.name_place
        if self.included is None and name_place is not None and words not in self.filled.template:
            if words in (self.filled.name or ""):
                return name_place
            if normal(words) and normal(words) in normal(self.filled.name or ""):
                return name_place
        return self.place


@dataclass(frozen=True)
class Subject:
    """A prompt set for one benchmark. ``parts`` are the sets that it includes, as far as they are known."""

    file: YamlFile
    prompt_set: PromptSet
    benchmark: Benchmark
    parts: tuple[tuple[int, PromptSet], ...] = ()
    problems: Mapping[int, str] = field(default_factory=dict)
    """Entry of ``includes`` -> why it cannot be joined."""
    limits: tuple[Limit, ...] = ()
    """How many tokens the models take that the set is for."""

    @property
    def language(self) -> str:
        """The set's language without region."""
        return base_language(self.prompt_set.language)

    @cached_property
    def own(self) -> tuple[Text, ...]:
        """The set's own prompts, class by class."""
        return tuple(
            Text(spec.id, filled, source=self.prompt_set.id)
            for spec in self.benchmark.classes
            for filled in prompts_of(self.prompt_set, spec)
        )

    @cached_property
    def every(self) -> tuple[Text, ...]:
        """The set's own prompts and those of the sets that it includes."""
        included = tuple(
            Text(spec.id, filled, at, part.id)
            for at, part in self.parts
            for spec in self.benchmark.classes
            for filled in prompts_of(part, spec)
        )
        return self.own + included

    @cached_property
    def negatives(self) -> tuple[Text, ...]:
        """The set's own negatives, class by class."""
        return tuple(
            Text(spec.id, filled, source=self.prompt_set.id)
            for spec in self.benchmark.classes
            for filled in negatives_of(self.prompt_set, spec)
        )

    @cached_property
    def card_names(self) -> Mapping[str, tuple[str, ...]]:
        """Class id -> the normal ways to write the card's name of the class."""
        return {spec.id: variants(spec.name, "en") for spec in self.benchmark.classes}

    @cached_property
    def other_names(self) -> Mapping[str, tuple[str, ...]]:
        """Class id -> the normal ways to write the card's synonyms and the set's own names."""
        return {spec.id: self._others(spec) for spec in self.benchmark.classes}

    def _others(self, spec: ClassSpec) -> tuple[str, ...]:
        synonyms = [way for name in spec.synonyms for way in variants(name, "en")]
        own = [way for name in self.prompt_set.names.get(spec.id, ()) for way in variants(name, self.language)]
        return tuple(dict.fromkeys(way for way in (*synonyms, *own) if way not in self.card_names[spec.id]))

    def line(self, place: KeyPath) -> int | None:
        """Return the line of a place in the file, or of the nearest key above it."""
        return self.file.line_of(place)

    def given(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the keys of the set whose values are by class."""
        chosen = self.prompt_set
        return {
            "names": chosen.names,
            "class_templates": chosen.class_templates,
            "weights": chosen.weights,
            "hallmarks": chosen.hallmarks,
        }
