"""Rules about length: text encoders cut what is longer than their context, and descriptions lose their end.

With a model's own tokenizer, or CLIP's for models that use it, the count is exact. For other models CLIP's byte pairs
stand in: the SigLIP vocabularies split medical words more finely, so a third is added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from vlmeval.records import Benchmark, ModelCard, PromptSet
from vlmeval.workbench.lint.registry import Problem, rule
from vlmeval.workbench.lint.subject import Subject

CLIP_BPE = ("openai-clip", "laion-clip", "dermlip", "monet", "demo")
"""Families whose text towers read CLIP's own byte pairs."""
CLIP_CONTEXT = 77
SHORTEST = 32
"""Models with fewer places cut most sentences; they are checked where --model names them."""
THIRD_MORE = 4 / 3
_NAMED = 3


@dataclass(frozen=True)
class Limit:
    """How many tokens some models take, and how they are counted. ``exact``: by their own tokenizer."""

    models: tuple[str, ...]
    context: int
    tokenizer: str
    exact: bool
    count: Callable[[str], int]

    @property
    def who(self) -> str:
        """The models, in words."""
        shown = ", ".join(self.models[:_NAMED])
        left = len(self.models) - _NAMED
        return shown if left <= 0 else f"{shown} and {left} more"

    def tokens(self, text: str) -> int | None:
        """Return the number of tokens where it is over the context, else None."""
        # A token is at least one byte, and two mark start and end: most names need no tokenizer.
        if len(text.encode()) * (1 if self.exact else THIRD_MORE) + 2 <= self.context:
            return None
        count = self.count(text)
        return count if count > self.context else None


def limits_by_cards(
    prompt_set: PromptSet, benchmark: Benchmark, cards: Mapping[str, ModelCard], clip_tokens: Callable[[str], int]
) -> tuple[Limit, ...]:
    """Return the limits of the models that a set is for, by their cards; drawings are for models of drawings.

    Parameters
    ----------
    clip_tokens
        Counts the tokens of a string by CLIP's byte pairs, start and end included.
    """
    exact: dict[int, list[str]] = {}
    stand_in: dict[int, list[str]] = {}
    for card in cards.values():
        if card.synthetic != benchmark.synthetic or (prompt_set.models and card.family not in prompt_set.models):
            continue
        clip = card.family in CLIP_BPE
        context = card.text.context_length if card.text else (CLIP_CONTEXT if clip else None)
        if context is not None and context >= SHORTEST:
            (exact if clip else stand_in).setdefault(context, []).append(card.id)
    return tuple(
        [Limit(tuple(ids), n, "CLIP's tokenizer", True, clip_tokens) for n, ids in sorted(exact.items())]
        + [
            Limit(tuple(ids), n, "CLIP's tokenizer and a third more, in place of their own", False, _more(clip_tokens))
            for n, ids in sorted(stand_in.items())
        ]
    )


def _more(clip_tokens: Callable[[str], int]) -> Callable[[str], int]:
    return lambda text: math.ceil((clip_tokens(text) - 2) * THIRD_MORE)


@dataclass(frozen=True)
class ClipTokens:
    """CLIP's tokenizer, loaded when a string is long enough to need it."""

    def __call__(self, text: str) -> int:
        """Return the number of tokens, start and end included."""
        return self._count(text)

    @cached_property
    def _count(self) -> Callable[[str], int]:
        from vlmeval.encoders.tokens import clip_tokens

        return clip_tokens()


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
        for limit in subject.limits:
            tokens = limit.tokens(text.text) if limit.exact == exact else None
            if tokens is not None:
                message = f"{'' if exact else 'about '}{tokens} tokens, and {limit.who} read {limit.context}"
                expected = f"at most {limit.context} tokens by {limit.tokenizer}"
                yield Problem(text.place, message, repr(text.text), expected, text.class_id)
