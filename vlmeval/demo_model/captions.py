"""Captions for drawn cases: templates filled with phrases for morphology, skin tone and body site.

In: captions.yaml and a `DrawnCase`. Out: one sentence, another one for every epoch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

import yaml
from pydantic import Field, model_validator

from vlmeval.data.demo_drawing import MORPHOLOGIES, Chance, DrawnCase
from vlmeval.records import Record


class Captions(Record):
    """The training vocabulary; see captions.yaml for what each part means."""

    usual: dict[str, tuple[str, ...]]
    rare: dict[str, tuple[str, ...]]
    rare_share: float = Field(ge=0, le=1)
    templates: tuple[str, ...]
    tones: dict[int, tuple[str, ...]]
    sites: dict[str, str]

    @model_validator(mode="after")
    def _every_morphology(self) -> Self:
        for part in (self.usual, self.rare):
            if set(part) != set(MORPHOLOGIES):
                raise ValueError("'usual' and 'rare' need phrases for exactly: " + ", ".join(MORPHOLOGIES))
        return self

    def sentence(self, case: DrawnCase, chance: Chance) -> str:
        """Return a caption of the case."""
        phrases = self.rare if chance.yes(self.rare_share) else self.usual
        tone = next(words for limit, words in sorted(self.tones.items()) if case.tone <= limit)
        return chance.pick(self.templates).format(
            name=chance.pick(phrases[case.morphology]), tone=chance.pick(tone), site=self.sites[case.site]
        )

    def strings(self) -> list[str]:
        """Return every piece of text that captions are made of, for the vocabulary."""
        phrases = [text for part in (self.usual, self.rare) for texts in part.values() for text in texts]
        tones = [text for texts in self.tones.values() for text in texts]
        return [*phrases, *tones, *self.sites.values(), *self.templates]


def read_captions(path: Path) -> Captions:
    """Read captions.yaml. Raises OSError, yaml.YAMLError or pydantic.ValidationError."""
    return Captions.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
