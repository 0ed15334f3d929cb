"""Which prompt sets are compared: the card's default first, then those asked for, or all that suit.

In: the catalog, a card, the model's family, ids. Out: `Chosen`: ids, and what was left out and why. A set that does not
fit its benchmark (a class without words) is an error, whoever asked for it; one that is meant for other benchmarks or
models is left out of ``all``, and used where it is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vlmeval.catalog import Catalog
from vlmeval.errors import UsageError
from vlmeval.evaluate.chosen_on import provenances
from vlmeval.records import Benchmark, PromptSet
from vlmeval.workbench.study.asked import ALL
from vlmeval.workbench.suited import unsuited


@dataclass(frozen=True)
class Chosen:
    """Ids of the prompt sets, the one to measure against first, and notes on what was left out or added."""

    ids: tuple[str, ...]
    notes: tuple[str, ...] = ()


def choose(catalog: Catalog, benchmark: Benchmark, family: str, asked: Sequence[str]) -> Chosen:
    """Choose the sets of one benchmark and model.

    Raises
    ------
    UnknownNameError, CatalogError
        No such set, or one that does not fit the benchmark (with file and line): before anything is read.
    UsageError
        There are not two sets to compare.
    """
    named = [name for name in asked if name != ALL]
    default = benchmark.prompts.default
    notes: list[str] = []
    ids = list(dict.fromkeys([default, *named]))
    if ALL in asked:
        for set_id in catalog.prompt_sets_for(benchmark):
            why = unsuited(catalog, catalog.prompt_set(set_id), benchmark, family)
            if set_id in ids:
                continue
            if why is None:
                ids.append(set_id)
            else:
                notes.append(f"{set_id} is left out of {benchmark.id}: {why}.")
    elif default not in named:
        notes.append(f"{default} is added: the card of {benchmark.id} chose it beforehand, others are measured by it.")
    for set_id in ids:
        catalog.expand(set_id, benchmark)
    if len(ids) < 2:
        raise UsageError(
            f"there is only one prompt set to look at: {ids[0]}",
            key="--prompts",
            expected=f"another one beside the choice of {benchmark.id}, or {ALL}",
            hint="see: vlmeval prompts list",
        )
    notes += [note for set_id in ids for note in _searched(catalog, catalog.prompt_set(set_id), benchmark)]
    return Chosen(tuple(ids), tuple(notes))


def _searched(catalog: Catalog, prompt_set: PromptSet, benchmark: Benchmark) -> list[str]:
    """Say where a searched set was chosen: on this kind of data, whose figures it is tuned to, or on other data."""
    notes = []
    for known in provenances(prompt_set, catalog):
        here = known.data_home == benchmark.data.home
        where = f"validation units of {known.benchmark}" + ("" if here else f", other data than {benchmark.id}")
        notes.append(f"{prompt_set.id} was found by a search on {known.units} labelled {where}, with {known.model}.")
    return notes
