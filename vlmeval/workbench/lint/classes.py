"""Rules about the set as a whole against the benchmark's classes: who is missing, unknown, or has far more prompts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from vlmeval.catalog.filled import PLACEHOLDER, names_of, templates_of
from vlmeval.records import ClassSpec, PromptSet
from vlmeval.workbench.lint.registry import Problem, rule
from vlmeval.workbench.lint.subject import Subject

# A maximum over more prompts is larger by chance alone; a mean is not, and only a large multiple deserves a question.
MOST = {"max-score": 2.0, "mean-embedding": 8.0, "mean-score": 8.0}
_SUM_TOLERANCE = 1e-3


@rule(
    "unknown-class",
    "error",
    "The set names a class that the benchmark does not have.",
    "use the class ids of the benchmark's card",
)
def unknown_class(subject: Subject) -> Iterator[Problem]:
    """Find class ids that the card does not have."""
    known = subject.benchmark.class_ids
    for key, by_class in subject.given().items():
        for class_id in by_class:
            if class_id not in known:
                near = difflib.get_close_matches(class_id, known, n=2)
                mend = f"did you mean {' or '.join(near)}?" if near else None
                message = f"{subject.benchmark.id} has no class {class_id!r}"
                yield Problem((key, class_id), message, repr(class_id), ", ".join(known), class_id, mend)


@rule(
    "missing-class",
    "error",
    "A class of the benchmark has no prompts, so that no run can use the set.",
    "give the class its words, or 'names_from: card' to take those of the benchmark's card",
)
def missing_class(subject: Subject) -> Iterator[Problem]:
    """Find classes that no string speaks for, and those that an included set has no words for."""
    have = {text.class_id for text in subject.every}
    for spec in subject.benchmark.classes:
        message = f"no words for class {spec.id!r} of {subject.benchmark.id}"
        key = _wordless(subject.prompt_set, spec)
        if key is not None or spec.id not in have:
            place = (key or "class_templates", spec.id)
            yield Problem(place, message, "nothing", f"prompts for {spec.name}", spec.id)
        for at, part in subject.parts:
            if _wordless(part, spec) is not None:
                yield Problem(("includes", at), message, part.id, "a set with words for every class", spec.id)


def _wordless(prompt_set: PromptSet, spec: ClassSpec) -> str | None:
    """Return the key that a class's words are missing from: its name, its sentences; None where nothing is missing."""
    templates = templates_of(prompt_set, spec)
    asking = [*(template for template, _ in templates), *prompt_set.negatives]
    if _asks(asking) and not names_of(prompt_set, spec):
        return "names"
    return None if templates or prompt_set.includes else "class_templates"


@rule(
    "unknown-include",
    "error",
    "An ensemble includes a set that is not known, is wrong itself, or cannot be joined.",
    "name a set of the catalog (vlmeval prompts list) that has no 'includes' and no 'weights' of its own",
)
def unknown_include(subject: Subject) -> Iterator[Problem]:
    """Find entries of ``includes`` that bring no strings."""
    for at, why in subject.problems.items():
        yield Problem(("includes", at), why, repr(subject.prompt_set.includes[at]), "the id of a prompt set")


@rule(
    "unequal-prompts",
    "warning",
    "Some classes have many more prompts than others, which lifts their scores where the largest counts.",
    "write about as many prompts for every class",
)
def unequal_prompts(subject: Subject) -> Iterator[Problem]:
    """Compare the numbers of distinct prompts over the classes."""
    strings: dict[str, set[str]] = {}
    for text in subject.every:
        strings.setdefault(text.class_id, set()).add(text.text)
    if not strings:
        return
    many = max(strings, key=lambda k: len(strings[k]))
    few = min(strings, key=lambda k: len(strings[k]))
    most = MOST[subject.prompt_set.aggregation]
    if len(strings[many]) > most * len(strings[few]):
        key = "names" if many in subject.prompt_set.names else "class_templates"
        message = f"{many!r} has {len(strings[many])} prompts and {few!r} has {len(strings[few])}"
        expected = f"at most {most:g} times as many ({subject.prompt_set.aggregation})"
        yield Problem((key, many), message, None, expected, many)


@rule(
    "weights",
    "error",
    "Weights are not one a prompt, or some classes have none.",
    "give every class one weight a prompt, in the order of `vlmeval prompts show`, or no weights at all",
)
def weights(subject: Subject) -> Iterator[Problem]:
    """Count weights and prompts."""
    given = subject.prompt_set.weights
    for spec in subject.benchmark.classes if given else ():
        prompts = len({text.text for text in subject.every if text.class_id == spec.id})
        if spec.id not in given:
            message = f"no weights for class {spec.id!r}, and other classes have some"
            yield Problem(("weights",), message, "nothing", f"{prompts} weights", spec.id)
        elif len(given[spec.id]) != prompts:
            message = f"class {spec.id!r} has {prompts} prompts and {len(given[spec.id])} weights"
            yield Problem(("weights", spec.id), message, str(len(given[spec.id])), f"{prompts} weights", spec.id)


@rule(
    "weights-sum",
    "warning",
    "Weights that look like shares do not add up to 1.",
    "correct the weights; they are divided by their sum, so that whole numbers serve as well",
)
def weights_sum(subject: Subject) -> Iterator[Problem]:
    """Add up weights that are fractions; whole numbers are plainly not meant to add up to 1."""
    for class_id, given in subject.prompt_set.weights.items():
        fractions = any(w != int(w) for w in given) and max(given) <= 1
        if fractions and abs(sum(given) - 1) > _SUM_TOLERANCE:
            message = f"the weights of class {class_id!r} add up to {sum(given):.4g}"
            yield Problem(("weights", class_id), message, " ".join(f"{w:g}" for w in given), "a sum of 1", class_id)


@rule(
    "unused-names",
    "warning",
    "A class has names that no template holds a place for, so that nobody reads them.",
    "put {name} into a template of the class, or delete the names",
)
def unused_names(subject: Subject) -> Iterator[Problem]:
    """Find names of classes whose templates are all finished sentences."""
    chosen = subject.prompt_set
    for spec in subject.benchmark.classes if not _asks(chosen.negatives) else ():
        if spec.id in chosen.names and not _asks([template for template, _ in templates_of(chosen, spec)]):
            message = f"no template holds the names of class {spec.id!r}"
            yield Problem(
                ("names", spec.id), message, ", ".join(map(repr, chosen.names[spec.id])), f"a {PLACEHOLDER}", spec.id
            )


def _asks(templates: Iterable[str]) -> bool:
    return any(PLACEHOLDER in template for template in templates)
