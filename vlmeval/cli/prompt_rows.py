"""The list of prompt sets: what each is, for whom, of how many strings, and who has read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vlmeval.catalog import Catalog
from vlmeval.errors import CatalogError
from vlmeval.records import PromptSet


def prompt_rows(catalog: Catalog) -> list[Mapping[str, Any]]:
    """Return one row a set.

    ``strings`` counts the distinct strings for the first benchmark that the set names; None for a set for any, and for
    one that does not fit (`vlmeval prompts lint` says why).
    """
    return [
        {
            "prompts": card.id,
            "kind": card.kind,
            "language": card.language,
            "strings": _count(card, catalog),
            "for": card.benchmarks or ("any",),
            "version": card.version,
            "author": card.author,
            "reviewed": card.reviewed or "no",
            "aggregation": card.aggregation,
            "title": card.title,
        }
        for card in catalog.prompt_sets.values()
    ]


def _count(card: PromptSet, catalog: Catalog) -> int | None:
    benchmark = next((name for name in card.benchmarks if name in catalog.benchmarks), None)
    if benchmark is None:
        return None
    try:
        return len(catalog.expand(card.id, catalog.benchmark(benchmark)).texts)
    except CatalogError:
        return None
