"""The shipped prompt sets as files, and their strings written down from the record's own definition of them.

Nothing here uses `vlmeval.catalog`'s expansion, so that the tests of this folder are a second opinion on it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

from vlmeval.records import PromptSet
from vlmeval.workbench import lint

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("scin", "scin-broad", "ham10000")
SCIN_FAMILIES = ("scin", "scin-broad")
ENGLISH = ("names", "general", "photo", "clinical", "lay", "morphology", "skin-tone")
LANGUAGES = {"spanish": "es", "german": "de", "portuguese": "pt"}
KINDS = (*ENGLISH, *LANGUAGES)
"""The sets that every family has and that hold words of their own."""

SCIN_TEN = (
    "eczema",
    "allergic-contact-dermatitis",
    "insect-bite",
    "urticaria",
    "psoriasis",
    "folliculitis",
    "irritant-contact-dermatitis",
    "tinea",
    "herpes-zoster",
    "drug-rash",
)
HAM_SEVEN = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")


def read(path: Path) -> PromptSet:
    return PromptSet.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


@cache
def load(set_id: str) -> PromptSet:
    return read(ROOT / "prompts" / f"{set_id}.yaml")


EVERY = sorted(f"{p.parent.name}/{p.stem}" for p in (ROOT / "prompts").rglob("*.yaml"))
IDS = [set_id for set_id in EVERY if not set_id.startswith("derm-demo/")]
WORDED = [set_id for set_id in IDS if not load(set_id).includes]
IN_ENGLISH = [set_id for set_id in WORDED if load(set_id).language == "en"]


def kinds_of(family: str) -> tuple[str, ...]:
    """The sets of a family that hold words of their own: negatives make sense for several labels a picture alone."""
    return (*KINDS, "negatives") if family in SCIN_FAMILIES else KINDS


def class_ids(prompts: PromptSet) -> tuple[str, ...]:
    return tuple(prompts.names or prompts.class_templates)


def filled(prompts: PromptSet) -> dict[str, list[str]]:
    """The final strings per class.

    A set that takes its names from a card gets the stand-in class "psoriasis".
    """
    return {
        k: _names_in(prompts.class_templates.get(k, prompts.templates), prompts, k)
        for k in class_ids(prompts) or ("psoriasis",)
    }


def denied(prompts: PromptSet) -> dict[str, list[str]]:
    """The final negatives per class."""
    return {k: _names_in(prompts.negatives, prompts, k) for k in class_ids(prompts)}


def _names_in(templates: tuple[str, ...], prompts: PromptSet, k: str) -> list[str]:
    return [
        template.replace("{name}", name)
        for template in templates
        for name in (prompts.names.get(k, (k,)) if "{name}" in template else ("",))
    ]


def says(text: str, name: str) -> bool:
    """Whether a text holds a name as whole words."""
    return lint.says(lint.normal(text), lint.normal(name))
