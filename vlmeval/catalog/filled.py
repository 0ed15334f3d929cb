"""One prompt set's templates filled with one class's names, each string with the places in the file that it is made of.

In: PromptSet, ClassSpec. Out: `Filled` strings as they come, whatever is wrong with them: `expand` refuses what a run
cannot use, `vlmeval prompts lint` says all of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vlmeval.catalog.yamlfile import KeyPath
from vlmeval.records import ClassSpec, PromptSet

PLACEHOLDER = "{name}"


@dataclass(frozen=True)
class Filled:
    """A final string: its template and its name, and where each stands in the file.

    ``name`` is None where the template is a finished sentence, ``name_place`` where the benchmark's card has the name.
    """

    text: str
    template: str
    template_place: KeyPath
    name: str | None = None
    name_place: KeyPath | None = None


def templates_of(prompt_set: PromptSet, spec: ClassSpec) -> list[tuple[str, KeyPath]]:
    """Return the templates of one class with their places: its own, else those of all classes."""
    own = prompt_set.class_templates.get(spec.id)
    if own is not None:
        return [(template, ("class_templates", spec.id, i)) for i, template in enumerate(own)]
    return [(template, ("templates", i)) for i, template in enumerate(shared_templates(prompt_set))]


def shared_templates(prompt_set: PromptSet) -> tuple[str, ...]:
    """Return the templates of classes without their own; an ensemble's default is none at all."""
    untouched = "templates" not in prompt_set.model_fields_set
    return () if prompt_set.includes and untouched else prompt_set.templates


def names_of(prompt_set: PromptSet, spec: ClassSpec) -> list[tuple[str, KeyPath | None]]:
    """Return the names of one class with their places: the set's own, else the card's as ``names_from`` says."""
    if spec.id in prompt_set.names:
        return [(name, ("names", spec.id, i)) for i, name in enumerate(prompt_set.names[spec.id])]
    if prompt_set.names_from == "here":
        return []
    names = (spec.name, *spec.synonyms) if prompt_set.names_from == "card+synonyms" else (spec.name,)
    return [(name, None) for name in names]


def prompts_of(prompt_set: PromptSet, spec: ClassSpec) -> tuple[Filled, ...]:
    """Return the prompts of one class, templates first; a template with a placeholder and no name makes none."""
    return tuple(_each(templates_of(prompt_set, spec), names_of(prompt_set, spec)))


def negatives_of(prompt_set: PromptSet, spec: ClassSpec) -> tuple[Filled, ...]:
    """Return what is there instead of one class."""
    templates: list[tuple[str, KeyPath]] = [(text, ("negatives", i)) for i, text in enumerate(prompt_set.negatives)]
    return tuple(_each(templates, names_of(prompt_set, spec)))


def _each(templates: Sequence[tuple[str, KeyPath]], names: Sequence[tuple[str, KeyPath | None]]) -> Iterator[Filled]:
    for template, place in templates:
        if PLACEHOLDER not in template:
            yield Filled(template.strip(), template, place)
            continue
        for name, name_place in names:
            yield Filled(template.replace(PLACEHOLDER, name).strip(), template, place, name, name_place)
