"""From a prompt set and a benchmark card to the final strings, class by class.

In: PromptSet, Benchmark, the sets it may include. Out: `Wording`: prompts (and negatives, and weights) by class id, in
the card's class order, duplicates dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vlmeval.catalog.filled import PLACEHOLDER, Filled, names_of, negatives_of, prompts_of, templates_of
from vlmeval.catalog.yamlfile import dotted
from vlmeval.errors import CatalogError
from vlmeval.records import Benchmark, ClassSpec, PromptSet, Wording

__all__ = ["PLACEHOLDER", "expand_prompts"]


def expand_prompts(
    prompt_set: PromptSet, benchmark: Benchmark, known: Mapping[str, PromptSet] | None = None
) -> Wording:
    """Return every class's prompts: its templates filled with its names, and those of the sets it includes.

    Parameters
    ----------
    prompt_set, benchmark
        What to fill in, and whose classes.
    known
        The sets that may be included, by id.

    Raises
    ------
    CatalogError
        The set names a class the benchmark does not have, or has no words for one it has; a template has a placeholder
        other than ``{name}`` or becomes an empty prompt; an included set is not known, includes others or has weights;
        negatives are for a single-label benchmark; weights are not one a prompt. `Catalog.expand` adds file and line.
    """
    _check_classes(prompt_set, benchmark)
    parts = [prompt_set, *_included(prompt_set, known or {})]
    strings = [(part, spec) for spec in benchmark.classes for part in parts]
    prompts: dict[str, dict[str, None]] = {spec.id: {} for spec in benchmark.classes}
    negatives: dict[str, dict[str, None]] = {spec.id: {} for spec in benchmark.classes}
    for part, spec in strings:
        prompts[spec.id] |= dict.fromkeys(_prompts_of(part, spec))
        negatives[spec.id] |= dict.fromkeys(_negatives_of(part, spec))
    for spec in benchmark.classes:
        if not prompts[spec.id]:  # an own list of the class that is empty
            raise _no_words(prompt_set, spec, "class_templates", "at least one prompt")
    wording = Wording(
        prompts={k: tuple(texts) for k, texts in prompts.items()},
        negatives={k: tuple(texts) for k, texts in negatives.items()} if any(negatives.values()) else {},
        weights={spec.id: prompt_set.weights[spec.id] for spec in benchmark.classes} if prompt_set.weights else {},
    )
    _check_negatives(prompt_set, wording, benchmark)
    _check_weights(prompt_set, wording)
    return wording


def _check_classes(prompt_set: PromptSet, benchmark: Benchmark) -> None:
    known = set(benchmark.class_ids)
    given: dict[str, Mapping[str, object]] = {
        "names": prompt_set.names,
        "class_templates": prompt_set.class_templates,
        "weights": prompt_set.weights,
    }
    for key, by_class in given.items():
        unknown = sorted(set(by_class) - known)
        if unknown:
            raise CatalogError(
                f"prompt set {prompt_set.id} does not fit benchmark {benchmark.id}: it names unknown classes",
                key=f"{key}.{unknown[0]}",
                expected=", ".join(benchmark.class_ids),
                found=", ".join(unknown),
            )
    missing = sorted(known - set(prompt_set.weights)) if prompt_set.weights else []
    if missing:
        raise CatalogError(
            f"prompt set {prompt_set.id} has weights for some classes of {benchmark.id} only",
            key="weights",
            expected="weights for every class, or for none",
            found="none for " + ", ".join(missing),
        )


def _included(prompt_set: PromptSet, known: Mapping[str, PromptSet]) -> list[PromptSet]:
    found = []
    for at, set_id in enumerate(prompt_set.includes):
        if set_id not in known:
            raise CatalogError(
                f"prompt set {prompt_set.id} includes a set that is not known",
                key=f"includes[{at}]",
                expected="the id of a prompt set (vlmeval prompts list)",
                found=repr(set_id),
            )
        part = known[set_id]
        if part.includes or part.weights:
            raise CatalogError(
                f"prompt set {prompt_set.id} includes a set that cannot be joined",
                key=f"includes[{at}]",
                expected="a set without 'includes' and 'weights' of its own",
                found=set_id,
            )
        found.append(part)
    return found


def _prompts_of(prompt_set: PromptSet, spec: ClassSpec) -> tuple[str, ...]:
    templates = templates_of(prompt_set, spec)
    # An ensemble may have no words of its own.
    if spec.id not in prompt_set.class_templates and not templates and not prompt_set.includes:
        raise _no_words(prompt_set, spec, "class_templates", "prompts of its own: the set has no 'templates'")
    _check_names(prompt_set, spec, [template for template, _ in templates])
    return _checked(prompt_set, prompts_of(prompt_set, spec))


def _negatives_of(prompt_set: PromptSet, spec: ClassSpec) -> tuple[str, ...]:
    _check_names(prompt_set, spec, prompt_set.negatives)
    return _checked(prompt_set, negatives_of(prompt_set, spec))


def _check_names(prompt_set: PromptSet, spec: ClassSpec, templates: Sequence[str]) -> None:
    if any(PLACEHOLDER in template for template in templates) and not names_of(prompt_set, spec):
        raise _no_words(prompt_set, spec, "names", "at least one name, or 'names_from: card'")


def _checked(prompt_set: PromptSet, strings: Sequence[Filled]) -> tuple[str, ...]:
    """Return the strings, each once; raise for a placeholder that nothing fills and for one without words."""
    for filled in strings:
        rest = filled.template.replace(PLACEHOLDER, "")
        key = dotted(filled.template_place)
        if "{" in rest or "}" in rest:
            raise CatalogError(
                f"prompt set {prompt_set.id} has a template with an unknown placeholder",
                key=key,
                expected=f"only {PLACEHOLDER}",
                found=repr(filled.template),
            )
        if not filled.text:
            raise CatalogError(
                f"prompt set {prompt_set.id} has an empty prompt",
                key=key,
                expected="words",
                found=repr(filled.template),
            )
    return tuple(dict.fromkeys(filled.text for filled in strings))


def _no_words(prompt_set: PromptSet, spec: ClassSpec, key: str, expected: str) -> CatalogError:
    return CatalogError(
        f"prompt set {prompt_set.id} has no words for class {spec.id!r}",
        key=f"{key}.{spec.id}",
        expected=expected,
        found="nothing",
    )


def _check_negatives(prompt_set: PromptSet, wording: Wording, benchmark: Benchmark) -> None:
    if wording.negatives and benchmark.task == "single-label":
        raise CatalogError(
            f"prompt set {prompt_set.id} has negatives, and every {benchmark.unit.name} of {benchmark.id} has a class",
            key="negatives",
            expected="none for a single-label benchmark",
            found=f"{len(prompt_set.negatives)}",
        )


def _check_weights(prompt_set: PromptSet, wording: Wording) -> None:
    for class_id, weights in wording.weights.items():
        prompts = len(wording.prompts[class_id])
        if len(weights) != prompts:
            raise CatalogError(
                f"prompt set {prompt_set.id} has weights that are not one a prompt",
                key=f"weights.{class_id}",
                expected=f"{prompts} weights, in the order of `vlmeval prompts show`",
                found=str(len(weights)),
            )
