"""A choice as an ordinary prompt set: YAML that a person can review, with how it came about at its end.

Comes in: the `Choice`, the rows it was made on, the card, the provenance. Goes out: a `PromptSet`, and its file. Equal
ensembles of templates whose classes keep all their names are written as templates x names; everything else as finished
sentences by class, with a weight each where they are weighted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from vlmeval import atomic
from vlmeval.catalog.expand import PLACEHOLDER
from vlmeval.errors import UsageError
from vlmeval.records import Benchmark, PromptSet
from vlmeval.records.search import Provenance
from vlmeval.workbench.search.candidates import Candidates
from vlmeval.workbench.search.choose import Choice
from vlmeval.workbench.search.pool import Pool

AUTHOR: Final = "vlmeval prompts search"
HEAD: Final = """\
# Chosen by a search on labelled validation units of {bench} with {model}: not written beforehand. What was tried, on
# which units, and what it is worth on units that the search has not seen stands under 'provenance'.
"""
_DIGITS: Final = 6


@dataclass(frozen=True)
class Words:
    """What a choice says, as the keys of a prompt set; and the sets that it is of."""

    values: dict[str, Any]
    sets: tuple[str, ...] = ()

    @classmethod
    def of(cls, choice: Choice, rows: Candidates) -> Words:
        """Return the reviewable form of a choice: templates x names where that gives the same strings."""
        sets = tuple(sorted({rows.elements[e].set_id for e in choice.state.elements}))
        if choice.weighted is not None:
            return cls(_weighted(choice.weighted.weights, rows), sets)
        strings = rows.prompts(choice.state)
        return cls(_templates_and_names(choice, rows, strings) or _sentences(rows, strings), sets)


def prompt_set(set_id: str, words: Words, pool: Pool, benchmark: Benchmark, provenance: Provenance) -> PromptSet:
    """Return the set; braces in a chosen string, which a set cannot say, are a UsageError."""
    cards = [pool.cards[name] for name in words.sets]
    drawn = ", ".join(f"{card.id} {card.version}" for card in cards)
    languages = {card.language for card in cards}
    wrong = [text for own in words.values["class_templates"].values() for text in own if "{" in text or "}" in text]
    if wrong:
        raise UsageError("a chosen prompt has a brace in it, which a prompt set cannot say", found=wrong[0])
    values = {
        "schema": 1,
        "id": set_id,
        "version": "1.0",
        "title": f"Searched on {benchmark.id} with {provenance.model}",
        "kind": "searched",
        "language": languages.pop() if len(languages) == 1 else "mul",
        "author": AUTHOR,
        "source": f"Prompts of {drawn}, chosen among those of {len(pool.sets)} prompt sets.",
        "benchmarks": [benchmark.id],
        **words.values,
        "hallmarks": _hallmarks(cards),
        "provenance": provenance,
    }
    return PromptSet.model_validate(values)


def _hallmarks(cards: Sequence[PromptSet]) -> dict[str, tuple[str, ...]]:
    """Return what any of the sets declares as meant, by class."""
    found: dict[str, dict[str, None]] = {}
    for card in cards:
        for class_id, words in card.hallmarks.items():
            found.setdefault(class_id, {}).update(dict.fromkeys(words))
    return {class_id: tuple(words) for class_id, words in found.items()}


def write(made: PromptSet, path: Path) -> None:
    """Write the set's file whole or not at all; what is at its default is left out (UsageError: cannot write)."""
    import yaml

    known = made.provenance
    values = made.model_dump(mode="json", exclude_defaults=True)
    values = {"schema": 1, **{key: value for key, value in values.items() if key != "schema"}}
    if not made.class_templates:
        values.pop("class_templates", None)
    head = "" if known is None else HEAD.format(bench=known.benchmark, model=_one_line(known.model))

    class Plain(yaml.SafeDumper):
        """Writes everything out: cards may have no aliases."""

        def ignore_aliases(self, _: Any) -> bool:
            return True

    text = head + yaml.dump(values, Dumper=Plain, sort_keys=False, allow_unicode=True, width=120)
    try:
        atomic.write_text(path, text)
    except OSError as error:
        raise UsageError("the prompt set cannot be written", file=path, found=str(error)) from error


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _sentences(rows: Candidates, strings: Sequence[Sequence[str]]) -> dict[str, Any]:
    by_class = {class_id: tuple(own) for class_id, own in zip(rows.class_ids, strings, strict=True)}
    return {"templates": (), "class_templates": by_class, "aggregation": "mean-embedding"}


def _templates_and_names(choice: Choice, rows: Candidates, strings: Sequence[Sequence[str]]) -> dict[str, Any] | None:
    """Return templates and names whose product is exactly these strings; None where there are none."""
    chosen = [rows.elements[e] for e in sorted(choice.state.elements)]
    templates = tuple(dict.fromkeys(element.template for element in chosen if element.template is not None))
    if len(templates) < len(chosen) or not all(PLACEHOLDER in template for template in templates):
        return None
    names: dict[str, tuple[str, ...]] = {}
    for k, class_id in enumerate(rows.class_ids):
        wanted = set(strings[k])
        words = dict.fromkeys(phrase.word for element in chosen for phrase in element.phrases[k])
        kept = tuple(w for w in words if any(t.replace(PLACEHOLDER, w) in wanted for t in templates))
        if {t.replace(PLACEHOLDER, w) for t in templates for w in kept} != wanted:
            return None
        names[class_id] = kept
    return {"templates": templates, "names_from": "here", "names": names, "class_templates": {},
            "aggregation": "mean-embedding"}  # fmt: skip


def _weighted(weights: np.ndarray[Any, np.dtype[np.float64]], rows: Candidates) -> dict[str, Any]:
    """Spread each element's weight over its strings of a class; a string of two elements has both their shares."""
    texts: dict[str, tuple[str, ...]] = {}
    shares: dict[str, tuple[float, ...]] = {}
    for k, class_id in enumerate(rows.class_ids):
        total: dict[str, float] = defaultdict(float)
        for e in np.flatnonzero(weights).tolist():
            own = [phrase.text for phrase in rows.elements[e].phrases[k] if phrase.own]
            for text in dict.fromkeys(own):
                total[text] += float(weights[e]) / len(set(own))
        texts[class_id] = tuple(total)
        shares[class_id] = tuple(round(share, _DIGITS) for share in total.values())
    return {"templates": (), "class_templates": texts, "weights": shares, "aggregation": "mean-score"}
