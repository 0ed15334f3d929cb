"""The rule about articles; for English alone, as other languages' articles need genders."""

from __future__ import annotations

from collections.abc import Iterator

from vlmeval.workbench.lint.english import article_mistakes
from vlmeval.workbench.lint.registry import Problem, rule
from vlmeval.workbench.lint.subject import Subject


@rule(
    "article",
    "warning",
    "An English prompt has a wrong article: 'a eczema', 'an wart', 'a the', 'a hives'.",
    "let names carry their own article ('an insect bite', 'hives') and templates none ('a photo of {name}')",
)
def article(subject: Subject) -> Iterator[Problem]:
    """Find wrong articles in the final strings."""
    if subject.language != "en":
        return
    for text in (*subject.own, *subject.negatives):
        for mistake in article_mistakes(text.text):
            message = f"{mistake.found!r} should be {mistake.expected!r} ({mistake.why})"
            yield Problem(text.place_of(mistake.found), message, repr(text.text), repr(mistake.expected), text.class_id)
