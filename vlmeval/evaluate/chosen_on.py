"""Prompt sets that were searched for: refused where they were chosen, and said to be chosen wherever they are used.

Comes in: the prompt sets of a plan, the rows to evaluate. Goes out: nothing, a UsageError, or the finding for the
record. Units are compared by the marks in the set's provenance, so that another card of the same data (ham10000 and
ham10000@isic2018, scin and scin-broad) is refused exactly where it evaluates a unit that the set was chosen on. Rows
that methods are trained on are no matter: nothing is reported of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from vlmeval.catalog import Catalog
from vlmeval.errors import UsageError
from vlmeval.records import Finding, PromptSet, PromptsUsed, Samples
from vlmeval.records.search import Provenance, unit_marks


def provenances(prompt_set: PromptSet, catalog: Catalog) -> list[Provenance]:
    """Return how a set, and the sets that it includes, were searched for; nothing for sets that were written."""
    parts = (prompt_set, *map(catalog.prompt_set, prompt_set.includes))
    return [part.provenance for part in parts if part.provenance is not None]


def check_searched(prompt_ids: Iterable[str], catalog: Catalog, samples: Samples, split: str) -> None:
    """Refuse to evaluate a searched set on units that it was chosen on.

    Raises
    ------
    UsageError
        Evaluated rows are of such units, or the set's provenance does not tell and it may be so.
    """
    card = samples.benchmark
    for set_id in prompt_ids:
        for known in provenances(catalog.prompt_set(set_id), catalog):
            if known.data_home != card.data.home:
                continue
            units = np.unique(samples.in_split(split).units).tolist()
            seen = _seen(units, known, same_test=known.benchmark == card.id and split == "test")
            if not seen:
                continue
            raise UsageError(
                f"prompt set {set_id} was chosen on {seen} of the {len(units)} {card.unit.name}s to be evaluated",
                file=catalog.prompt_sets.path(set_id),
                key="provenance.unit_marks",
                expected=f"{card.unit.name}s that the search has not seen",
                found=f"--split {split} of {card.id}; chosen on {known.units} validation units of {known.benchmark}",
                hint=f"vlmeval run --bench {known.benchmark} --split test --prompts {set_id}    evaluates it on units "
                "that it has not seen",
            )


def _seen(units: Sequence[str], known: Provenance, *, same_test: bool) -> int:
    """Return how many units the set was chosen on; all, where its provenance has no marks and cannot tell."""
    if not known.unit_marks:
        return 0 if same_test else len(units)
    marks = set(known.unit_marks.split())
    return sum(mark in marks for mark in unit_marks(units).values())


def searched_findings(prompts: Iterable[PromptsUsed]) -> list[Finding]:
    """Say of which prompt sets the words were chosen on labelled rows: zero-shot in name, but not without examples."""
    chosen = tuple(used.id for used in prompts if used.searched)
    if not chosen:
        return []
    text = (
        "prompt sets were chosen by a search on labelled validation units: their figures stand for prompts tuned to "
        "this kind of data, not for prompts fixed beforehand"
    )
    return [Finding(code="searched-prompts", severity="warning", message=text, count=len(chosen), examples=chosen)]
