"""How many tokens models take, and how they are counted.

With a model's own tokenizer, or CLIP's for models that use it, the count is exact. For other models CLIP's byte pairs
stand in: the SigLIP vocabularies split medical words more finely, so a third is added.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vlmeval.records import Benchmark, ModelCard, PromptSet

CLIP_BPE = ("openai-clip", "laion-clip", "dermlip", "monet", "demo")
"""Families whose text towers read CLIP's own byte pairs."""
CLIP_CONTEXT = 77
SHORTEST = 32
"""Models with fewer places cut most sentences; they are checked where --model names them."""
THIRD_MORE = 4 / 3
CLIP = "CLIP's tokenizer"
STAND_IN = "CLIP's tokenizer and a third more, in place of their own"
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
    together: dict[tuple[bool, int], list[str]] = {}
    for card in cards.values():
        if card.synthetic != benchmark.synthetic or (prompt_set.models and card.family not in prompt_set.models):
            continue
        context = context_of(card)
        if context is not None and context >= SHORTEST:
            together.setdefault((card.family in CLIP_BPE, context), []).append(card.id)
    return tuple(
        clip_limit(ids, context, exact=exact, clip_tokens=clip_tokens)
        for (exact, context), ids in sorted(together.items(), reverse=True)
    )


def context_of(card: ModelCard) -> int | None:
    """Return a model's context by its card, CLIP's own for models that read its byte pairs; None where nobody says."""
    if card.text is not None:
        return card.text.context_length
    return CLIP_CONTEXT if card.family in CLIP_BPE else None


def limit_by_card(spec: str, card: ModelCard, clip_tokens: Callable[[str], int]) -> Limit | None:
    """Return the limit of one model whose tokenizer is not here; None where its card does not say the context."""
    context = context_of(card)
    if context is None:
        return None
    return clip_limit((spec,), context, exact=card.family in CLIP_BPE, clip_tokens=clip_tokens)


def clip_limit(models: Sequence[str], context: int, *, exact: bool, clip_tokens: Callable[[str], int]) -> Limit:
    """Return a limit counted by CLIP's byte pairs; with a third more where they stand in for others."""
    if exact:
        return Limit(tuple(models), context, CLIP, True, clip_tokens)
    return Limit(tuple(models), context, STAND_IN, False, lambda text: math.ceil((clip_tokens(text) - 2) * THIRD_MORE))


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
