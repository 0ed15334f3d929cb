"""Rules about words of other classes: a prompt must speak for its own class, a negative against it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from vlmeval.workbench.lint.registry import Problem, rule
from vlmeval.workbench.lint.subject import Subject, Text
from vlmeval.workbench.lint.words import normal, said, says, variants

NEGATIONS: Mapping[str, str] = {
    "en": r"no|not|non|none|never|neither|nor|without|absent|absence|free|lacks?|lacking|clear|cleared|healthy|normal|"
    r"unaffected|uninvolved|unremarkable|negative|other|instead|rather|anything",
    "es": r"no|sin|ning[uú]n|ninguna|nunca|ni|ausen\w+|libre|san[oa]s?|saludables?|normal(es)?|descartad\w+|otr[oa]s?",
    "de": r"kein\w*|nicht|nie|ohne|weder|frei|gesund\w*|normal\w*|unauffällig\w*|fehl\w+|ander\w+",
    "pt": r"não|nao|sem|nenhuma?|nunca|nem|ausên\w+|ausen\w+|livre|saud[aá]ve(l|is)|norma(l|is)|sadi[oa]s?|outr[oa]s?",
}
_LONG_NAME = 4
_HALLMARK = "reword it; where the word is a hallmark of the class and meant, declare it: 'hallmarks: {%s: [%s]}'"


@rule(
    "names-another-class",
    "error",
    "A prompt of one class says the name of another, which pulls its score to pictures of the other.",
    "reword it, or declare the word under 'hallmarks'",
)
def names_another_class(subject: Subject) -> Iterator[Problem]:
    """Find the card's names of other classes as whole words, unless the class's own name holds them."""
    for text in subject.own:
        for other, name in _foreign(subject, text, subject.card_names):
            yield _problem(text, f"a prompt of {text.class_id!r} names {other!r}", name)


@rule(
    "echoes-another-class",
    "warning",
    "A prompt of one class says a synonym of another, or a name that the set itself gives the other.",
    "reword it, or declare the word under 'hallmarks'",
)
def echoes_another_class(subject: Subject) -> Iterator[Problem]:
    """Find synonyms and the set's own names of other classes."""
    for text in subject.own:
        named = {other for other, _ in _foreign(subject, text, subject.card_names)}
        for other, name in _foreign(subject, text, subject.other_names):
            if other not in named:
                yield _problem(text, f"a prompt of {text.class_id!r} says {name!r}, as {other!r} is called", name)


def _foreign(subject: Subject, text: Text, names: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Give the other classes that a string names, each with the name."""
    # A set may call a class by a whole description; what that mentions is no part of the class's name.
    names_alone = (name for name in subject.other_names[text.class_id] if len(name.split()) <= _LONG_NAME)
    own = (*subject.card_names[text.class_id], *names_alone)
    meant = {
        way for word in subject.prompt_set.hallmarks.get(text.class_id, ()) for way in variants(word, subject.language)
    }
    for other, ways in names.items():
        if other == text.class_id:
            continue
        name = said(text.normal, ways)
        if name is not None and name not in meant and not any(says(mine, name) for mine in own):
            yield other, name


def _problem(text: Text, message: str, name: str) -> Problem:
    words = _as_written(text.text, name)
    return Problem(
        text.place_of(words),
        message,
        repr(text.text),
        f"no {words!r}",
        text.class_id,
        _HALLMARK % (text.class_id, words),
    )


def _as_written(text: str, name: str) -> str:
    """Return a normal name as it stands in the text."""
    pattern = r"[\W_]+".join(re.escape(word) for word in name.split())
    match = re.search(pattern, text, re.IGNORECASE)
    return match[0] if match and match[0].isprintable() else name


@rule(
    "negatives-single-label",
    "error",
    "Negatives are given for a single-label benchmark, where every picture has a class.",
    "leave 'negatives' out, or use the set with a multi-label benchmark",
)
def negatives_single_label(subject: Subject) -> Iterator[Problem]:
    """Find negatives where the classes exclude each other."""
    if subject.benchmark.task == "multi-label":
        return
    message = f"{subject.benchmark.id} is single-label"
    if subject.prompt_set.negatives:
        yield Problem(("negatives",), message, repr(subject.prompt_set.negatives[0]), "no negatives")
    for at, part in subject.parts:
        if part.negatives:
            yield Problem(("includes", at), message, f"{part.id}, which has some", "no negatives")


@rule(
    "negative-without-negation",
    "warning",
    "A negative names a class and denies nothing, so that it speaks for the class.",
    "say what is there instead, with a word such as 'no' or 'without', or without naming the class",
)
def negative_without_negation(subject: Subject) -> Iterator[Problem]:
    """Find negatives with a class's name and no word of denial; of languages whose words are known."""
    denial = NEGATIONS.get(subject.language)
    for text in subject.negatives if denial else ():
        names = (*subject.card_names[text.class_id], *subject.other_names[text.class_id])
        name = said(text.normal, names)
        if name is not None and not re.search(rf"\b(?:{denial})\b", normal(text.text)):
            message = f"a negative names {text.class_id!r} and does not deny it"
            yield Problem(text.place, message, repr(text.text), "a word that denies", text.class_id)
