"""A prompt set reduced: one template, one prompt a class, one name of a class, or its words in another order.

In: a prompt set or its `Wording`. Out: wordings whose strings are the set's own (but for shuffled words), so that
nothing new has to be embedded. Everything drawn depends on seed and strings only, never on order or time.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Mapping

import numpy as np

from vlmeval.catalog import Catalog
from vlmeval.catalog.expand import PLACEHOLDER, expand_prompts
from vlmeval.records import Benchmark, PromptSet, Wording

_TRIES = 16


def templates_of(prompt_set: PromptSet) -> tuple[str, ...]:
    """Return the templates that all classes share; none of a set without, with class templates only, or of others."""
    if prompt_set.includes or prompt_set.class_templates:
        return ()
    return tuple(dict.fromkeys(prompt_set.templates))


def one_template(prompt_set: PromptSet, template: str, benchmark: Benchmark) -> Wording:
    """Return the wording of one template with all names; weights of single prompts are left out."""
    return expand_prompts(prompt_set.model_copy(update={"templates": (template,), "weights": {}}), benchmark)


def names_of(prompt_set: PromptSet, benchmark: Benchmark, catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """Return the names of each class that the shared templates are filled with; empty where there are no such."""
    if not any(PLACEHOLDER in template for template in templates_of(prompt_set)):
        return {}
    bare = prompt_set.model_copy(update={"templates": (PLACEHOLDER,), "weights": {}, "negatives": ()})
    return dict(expand_prompts(bare, benchmark, catalog.prompt_sets).prompts)


def filled(prompt_set: PromptSet, name: str) -> tuple[str, ...]:
    """Return every shared template filled with one name."""
    return tuple(dict.fromkeys(t.replace(PLACEHOLDER, name).strip() for t in templates_of(prompt_set)))


def drawn(options: Mapping[str, int], most: int, seed: int, *key: str) -> tuple[list[dict[str, int]], int]:
    """Choose one of so many options for each class: every way where there are at most ``most``, else distinct draws.

    Parameters
    ----------
    options
        Class id -> number of options, at least 1.
    most
        Largest number of ways to return.
    seed, key
        What the draws depend on beside the options.

    Returns
    -------
    ways, of
        Class id -> number of the option, way by way; and how many ways there are in all.
    """
    counts = list(options.values())
    of = math.prod(counts)
    if of <= most:
        grid = [np.unravel_index(i, counts) for i in range(of)]
        return [dict(zip(options, map(int, way), strict=True)) for way in grid], of
    rng = np.random.default_rng(_entropy(seed, *key))
    found: dict[tuple[int, ...], None] = {}
    for _ in range(_TRIES * most):
        found[tuple(int(rng.integers(n)) for n in counts)] = None
        if len(found) == most:
            break
    return [dict(zip(options, way, strict=True)) for way in found], of


@functools.lru_cache(maxsize=100_000)
def shuffled(text: str, turn: int, seed: int) -> str:
    """Return the words of a string in another order, the ``turn``-th one; the string itself where there is no other."""
    words = text.split()
    if len(set(words)) < 2:
        return text
    rng = np.random.default_rng(_entropy(seed, str(turn), text))
    for _ in range(_TRIES):
        order = [words[i] for i in rng.permutation(len(words))]
        if order != words:
            return " ".join(order)
    return " ".join(words[1:] + words[:1])


def in_another_order(wording: Wording, turn: int, seed: int) -> Wording:
    """Return a wording with the words of every prompt shuffled (Yuksekgonul et al. 2023), negatives left alone."""
    prompts = {k: tuple(shuffled(text, turn, seed) for text in texts) for k, texts in wording.prompts.items()}
    return wording.model_copy(update={"prompts": prompts})


def _entropy(seed: int, *words: str) -> list[int]:
    digest = hashlib.sha256("\0".join(words).encode()).digest()
    return [seed, *np.frombuffer(digest[:16], dtype=np.uint32).tolist()]
