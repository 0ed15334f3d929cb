"""Prompt sets ranked, against each other, and by class: three ways to look at the same paired differences.

In: the facts of a study. Out: plain dicts; which differences are clear is what the study's tests say.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

from vlmeval.records.prompt_study import Rank, SetCompared
from vlmeval.report.lookup import View
from vlmeval.report.prompts.facts import Facts, clear

KIND_NAMES: Final = {
    "names": "names only",
    "templates": "templates",
    "descriptions": "descriptions",
    "lay": "patients' words",
    "tone": "says the skin tone",
    "negatives": "with negatives",
    "ensemble": "ensemble",
    "searched": "searched",
    "other": "other",
}


def set_view(found: SetCompared, facts: Facts) -> View:
    """Return one set in a line: its names, what kind it is, how many strings, and its marks."""
    strings = {text for texts in (*found.prompts.values(), *found.negatives.values()) for text in texts}
    return {
        "id": found.id,
        "title": found.title,
        "name": facts.name(found.id),
        "kind": KIND_NAMES.get(found.kind, found.kind),
        "language": found.language,
        "strings": len(strings),
        "chosen": found.id == facts.study.chosen,
        "searched": found.searched,
        "truncated": len(found.truncated),
    }


def ranked_view(facts: Facts) -> list[View]:
    """Return, by headline metric, the sets best first: place, value, difference to the chosen one."""
    chosen = facts.study.chosen
    made = []
    for metric in facts.metrics:
        rows = [
            {
                "set": facts.place[s],
                "place": place_view(facts.rank(metric, s), len(facts.sets)),
                "cell": facts.average(s, metric),
                "difference": None if s == chosen else facts.gain(s, chosen, metric),
            }
            for s in facts.ordered(metric)
        ]
        made.append({"metric": facts.metric(metric), "rows": rows})
    return made


def place_view(rank: Rank | None, sets: int) -> View | None:
    """Return a rank and the places it could be: ``2`` of ``1–3``; None without one."""
    if rank is None or rank.rank is None:
        return None
    best, worst = rank.best or rank.rank, rank.worst or sets
    return {"rank": rank.rank, "best": best, "worst": worst, "band": f"{best}–{worst}" if best != worst else f"{best}"}


def matrix_view(facts: Facts) -> list[View]:
    """Return, by headline metric, row set minus column set for all pairs, and the pairs one by one."""
    made = []
    for metric in facts.metrics:
        ids = facts.ordered(metric)
        cells = [[None if a == b else facts.gain(a, b, metric) for b in ids] for a in ids]
        pairs: list[View] = [
            {"a": facts.place[a], "b": facts.place[b], "cell": found}
            for a, b in combinations(ids, 2)
            if (found := facts.gain(a, b, metric)) is not None
        ]
        if pairs:
            told = sum(clear(p["cell"]) for p in pairs)
            made.append({"metric": facts.metric(metric), "order": [facts.place[s] for s in ids], "cells": cells,
                         "pairs": pairs, "told": told})  # fmt: skip
    return made


def classes_view(facts: Facts) -> list[View]:
    """Return, by class metric, each class under the chosen set and the difference that every other set makes."""
    chosen, others = facts.study.chosen, [s.id for s in facts.sets[1:]]
    made = []
    for metric in facts.class_metrics():
        rows: list[View] = [
            {
                "id": c.id,
                "name": c.name,
                "chosen": facts.value(chosen, metric, "class", c.id),
                "cells": [
                    {
                        "cell": facts.value(s, metric, "class", c.id),
                        "difference": facts.difference(s, chosen, metric, "class", c.id),
                    }
                    for s in others
                ],
            }
            for c in facts.card.classes
        ]
        told = sum(clear(one["difference"]) for row in rows for one in row["cells"])
        tests = sum(_tested(one["difference"]) for row in rows for one in row["cells"])
        made.append({"metric": facts.metric(metric), "sets": [facts.place[s] for s in others], "rows": rows,
                     "told": told, "tests": tests})  # fmt: skip
    return made


def _tested(difference: View | None) -> bool:
    return difference is not None and difference["value"] is not None
