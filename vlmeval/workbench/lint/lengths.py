"""Rules about length: text encoders cut what is longer than their context, and descriptions lose their end."""

from __future__ import annotations

from collections.abc import Iterator

from vlmeval.catalog.yamlfile import KeyPath
from vlmeval.workbench.lint.registry import Problem, rule
from vlmeval.workbench.lint.subject import Subject, Text


@rule(
    "too-long",
    "error",
    "A prompt is longer than the text encoder's context and loses its end; counted with the model's own tokenizer.",
    "shorten the prompt, or make two of it",
)
def too_long(subject: Subject) -> Iterator[Problem]:
    """Count tokens with the models' own tokenizer."""
    return _over(subject, exact=True)


@rule(
    "may-be-too-long",
    "warning",
    "A prompt is probably longer than a text encoder's context; counted with a stand-in for the model's tokenizer.",
    "shorten the prompt, or count with the model's own tokenizer: vlmeval prompts lint --model MODEL",
)
def may_be_too_long(subject: Subject) -> Iterator[Problem]:
    """Count tokens with a stand-in for tokenizers that are not here."""
    return _over(subject, exact=False)


def _over(subject: Subject, *, exact: bool) -> Iterator[Problem]:
    for text in (*subject.own, *subject.negatives):
        over = [(limit, tokens) for limit in subject.limits if (tokens := limit.tokens(text.text)) is not None]
        certain = any(limit.exact for limit, _ in over)
        for limit, tokens in over if certain == exact else ():
            if limit.exact == exact:
                message = f"{'' if exact else 'about '}{tokens} tokens, over the {limit.context} of {limit.who}"
                expected = f"at most {limit.context} tokens by {limit.tokenizer}"
                yield Problem(_longer(text), message, repr(text.text), expected, text.class_id)


def _longer(text: Text) -> KeyPath:
    """Return the place of the name or of the template, whichever makes the string long."""
    filled = text.filled
    if filled.name_place is not None and len(filled.name or "") > len(filled.template):
        return filled.name_place
    return text.place
