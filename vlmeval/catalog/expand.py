"""From a prompt set and a benchmark card to the final strings, class by class.

In: PromptSet, Benchmark. Out: {class id: prompts}, in the card's class order, duplicates dropped.
"""

from __future__ import annotations

from vlmeval.errors import CatalogError
from vlmeval.records import Benchmark, ClassSpec, PromptSet

PLACEHOLDER = "{name}"


def expand_prompts(prompt_set: PromptSet, benchmark: Benchmark) -> dict[str, tuple[str, ...]]:
    """Return every class's prompts: its templates filled with its names.

    Raises
    ------
    CatalogError
        The set names a class the benchmark does not have, or has no words for one it has, or a template has a
        placeholder other than ``{name}`` or becomes an empty prompt. `Catalog.expand` adds the file and line.
    """
    _check_classes(prompt_set, benchmark)
    return {spec.id: _prompts_of(prompt_set, spec) for spec in benchmark.classes}


def _check_classes(prompt_set: PromptSet, benchmark: Benchmark) -> None:
    known = set(benchmark.class_ids)
    for key, given in (("names", prompt_set.names), ("class_templates", prompt_set.class_templates)):
        unknown = sorted(set(given) - known)
        if unknown:
            raise CatalogError(
                f"prompt set {prompt_set.id} does not fit benchmark {benchmark.id}: it names unknown classes",
                key=key,
                expected=", ".join(benchmark.class_ids),
                found=", ".join(unknown),
            )


def _prompts_of(prompt_set: PromptSet, spec: ClassSpec) -> tuple[str, ...]:
    templates = prompt_set.class_templates.get(spec.id, prompt_set.templates)
    names = _names_of(prompt_set, spec)
    prompts: dict[str, None] = {}
    for template in templates:
        if PLACEHOLDER not in template:
            prompts[_filled(prompt_set, template, "")] = None
            continue
        if not names:
            raise CatalogError(
                f"prompt set {prompt_set.id} has no words for class {spec.id!r}",
                key=f"names.{spec.id}",
                expected="at least one name, or 'names_from: card'",
                found="nothing",
            )
        for name in names:
            prompts[_filled(prompt_set, template, name)] = None
    return tuple(prompts)


def _names_of(prompt_set: PromptSet, spec: ClassSpec) -> tuple[str, ...]:
    if spec.id in prompt_set.names:
        return prompt_set.names[spec.id]
    if prompt_set.names_from == "here":
        return ()
    return (spec.name, *spec.synonyms) if prompt_set.names_from == "card+synonyms" else (spec.name,)


def _filled(prompt_set: PromptSet, template: str, name: str) -> str:
    rest = template.replace(PLACEHOLDER, "")
    if "{" in rest or "}" in rest:
        raise CatalogError(
            f"prompt set {prompt_set.id} has a template with an unknown placeholder",
            key="templates",
            expected=f"only {PLACEHOLDER}",
            found=repr(template),
        )
    prompt = template.replace(PLACEHOLDER, name).strip()
    if not prompt:
        raise CatalogError(
            f"prompt set {prompt_set.id} has an empty prompt", key="templates", expected="words", found=repr(template)
        )
    return prompt
