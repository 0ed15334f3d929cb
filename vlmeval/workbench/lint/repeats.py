"""Rules about one string in two places: within a class it counts twice, in two classes it tells nothing apart."""

from __future__ import annotations

from collections.abc import Iterator

from vlmeval.catalog.yamlfile import KeyPath
from vlmeval.workbench.lint.registry import Problem, rule
from vlmeval.workbench.lint.subject import Subject, Text


@rule(
    "duplicate-prompt",
    "warning",
    "A class has the same prompt twice, but for case, punctuation, white space or the way Unicode writes it.",
    "delete one of them; a string written in two ways counts twice in a mean",
)
def duplicate_prompt(subject: Subject) -> Iterator[Problem]:
    """Find strings of one class with the same words."""
    first: dict[tuple[str, str], Text] = {}
    for text in subject.every:
        before = first.setdefault((text.class_id, text.normal), text)
        if before is text or not text.normal:
            continue
        if text.included is not None and (text.text == before.text or text.source == before.source):
            continue  # an ensemble joins equal strings; what is wrong in an included set is told of that set
        message = f"the same prompt as in {_where(subject, before)}"
        yield Problem(_second(before, text), message, repr(text.text), f"only {before.text!r}", text.class_id)


@rule(
    "shared-prompt",
    "error",
    "Two classes have the same prompt, so that it cannot tell them apart.",
    "put {name} into the template, or give each class words of its own",
)
def shared_prompt(subject: Subject) -> Iterator[Problem]:
    """Find strings with the same words in two classes."""
    first: dict[str, Text] = {}
    for text in subject.every:
        before = first.setdefault(text.normal, text)
        if before.class_id == text.class_id or not text.normal:
            continue
        if text.included is not None and text.source == before.source:
            continue
        message = f"the same prompt for {before.class_id!r} ({_where(subject, before)}) and {text.class_id!r}"
        yield Problem(_second(before, text), message, repr(text.text), "words of its own", text.class_id)


def _where(subject: Subject, text: Text) -> str:
    if text.included is not None:
        return text.source
    place = text.filled.name_place or text.filled.template_place
    return f"line {subject.line(place)}"


def _second(before: Text, text: Text) -> KeyPath:
    """Return where the second of two equal strings differs from the first: in its name, else in its template."""
    if text.included is not None:
        return text.place
    same_template = before.filled.template_place == text.filled.template_place
    return text.filled.name_place or text.place if same_template else text.place
