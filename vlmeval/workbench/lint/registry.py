"""The rules by id: each is one function, registered with its severity, what it means and how to mend what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vlmeval.catalog.yamlfile import KeyPath
from vlmeval.records import PromptSet
from vlmeval.workbench.lint.finding import Severity
from vlmeval.workbench.lint.subject import Subject


@dataclass(frozen=True)
class Problem:
    """What a rule found at one place of a file; ``mend`` replaces the rule's own advice."""

    place: KeyPath
    message: str
    found: str | None = None
    expected: str | None = None
    class_id: str | None = None
    mend: str | None = None


SetCheck = Callable[[PromptSet], Iterator[Problem]]
Check = Callable[[Subject], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """One rule. ``check`` looks at a set alone, or at a set filled in for a benchmark; None: told by the reader."""

    id: str
    severity: Severity
    meaning: str
    mend: str
    of_set: SetCheck | None = None
    of_subject: Check | None = None


RULES: dict[str, Rule] = {}


def set_rule(rule_id: str, severity: Severity, meaning: str, mend: str) -> Callable[[SetCheck], SetCheck]:
    """Register a rule that looks at a prompt set alone."""

    def register(check: SetCheck) -> SetCheck:
        _add(Rule(rule_id, severity, meaning, mend, of_set=check))
        return check

    return register


def rule(rule_id: str, severity: Severity, meaning: str, mend: str) -> Callable[[Check], Check]:
    """Register a rule that looks at a prompt set filled in for a benchmark."""

    def register(check: Check) -> Check:
        _add(Rule(rule_id, severity, meaning, mend, of_subject=check))
        return check

    return register


def reading_rule(rule_id: str, severity: Severity, meaning: str, mend: str) -> Rule:
    """Register a rule that is broken when a file cannot be read or placed."""
    return _add(Rule(rule_id, severity, meaning, mend))


def raw_texts(prompt_set: PromptSet) -> Iterator[tuple[KeyPath, str, str | None]]:
    """Give every template, negative and name as it stands in the file, with its place and class."""
    for key in ("templates", "negatives"):
        given: tuple[str, ...] = getattr(prompt_set, key)
        yield from (((key, i), text, None) for i, text in enumerate(given))
    by_class: dict[str, Any] = {"class_templates": prompt_set.class_templates, "names": prompt_set.names}
    for key, classes in by_class.items():
        for class_id, texts in classes.items():
            yield from (((key, class_id, i), text, class_id) for i, text in enumerate(texts))


def _add(new: Rule) -> Rule:
    if new.id in RULES:
        raise ValueError(f"two lint rules have the id {new.id!r}")
    RULES[new.id] = new
    return new
