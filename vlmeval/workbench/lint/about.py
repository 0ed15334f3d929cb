"""Rules about what a set says of itself: who wrote it, in which language, for which benchmarks and models."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vlmeval.records import PromptSet
from vlmeval.workbench.lint.registry import Problem, reading_rule, set_rule

NOT_VALID = reading_rule(
    "not-valid",
    "error",
    "The file is not YAML, or not a prompt set.",
    "correct the file; the other files were checked all the same",
)
WRONG_ID = reading_rule(
    "wrong-id",
    "error",
    "The id does not fit the file's place, so that nobody can name the set.",
    "write the id that the folder and file name give, or move the file",
)
UNKNOWN_BENCHMARK = reading_rule(
    "unknown-benchmark",
    "warning",
    "The set is for a benchmark that is not in the catalog, so that its classes cannot be checked.",
    "correct the id (vlmeval list benchmarks), or give the folder of your own cards: --data-root FOLDER",
)
UNKNOWN_FAMILY = reading_rule(
    "unknown-models",
    "warning",
    "The set is for a family of models that no model card is of.",
    "write the families of model cards (vlmeval list models), or leave the key out: any CLIP-like model",
)

# RFC 5646: a language of two or three letters, then subtags of up to eight; enough to catch 'english' and 'pt_BR'.
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,8})*(-x(-[a-z0-9]{1,8})+)?", re.IGNORECASE)
_NOBODY = {"", "todo", "tbd", "unknown", "none", "n a", "anonymous", "nobody", "xxx"}


@set_rule(
    "nobody-named",
    "error",
    "Nobody says who wrote the set, or where its clinical content comes from.",
    "name the author, and in 'source' the publication or person that the content comes from",
)
def nobody_named(prompt_set: PromptSet) -> Iterator[Problem]:
    """Find an author, source, title or version that says nothing."""
    for key in ("author", "source", "title", "version"):
        said = str(getattr(prompt_set, key))
        if " ".join(re.sub(r"[^\w\s]", " ", said).lower().split()) in _NOBODY:
            yield Problem((key,), f"the {key} says nothing", repr(said), f"the {key}, in words")


@set_rule(
    "language-code",
    "warning",
    "The language is not written as a language code, so that rules of a language are not applied.",
    "write a code such as en, es, de, pt or pt-BR",
)
def language_code(prompt_set: PromptSet) -> Iterator[Problem]:
    """Find a language that is not written as in BCP 47."""
    if not _LANGUAGE.fullmatch(prompt_set.language):
        yield Problem(
            ("language",), "the language is not a language code", repr(prompt_set.language), "a code of BCP 47"
        )
