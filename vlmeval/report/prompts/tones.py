"""Prompt sets by skin tone and other groups: each level under each set, worst level and gap, and the interaction.

In: the facts of a study. Out: plain dicts. An interaction is a test of whether a change of prompts moves the levels of
a group alike.
"""

from __future__ import annotations

from typing import Final

from vlmeval.compare.verdicts import ALPHA, p_text
from vlmeval.records import GroupSpec
from vlmeval.records.prompt_study import Interaction
from vlmeval.report.folds import brief
from vlmeval.report.lookup import View
from vlmeval.report.prompts.facts import Facts
from vlmeval.report.strata import STANDARDISED
from vlmeval.report.text import lower_first

GAPS: Final = {"worst": "Worst level", "last-first": "Last minus first level", "max-min": "Largest minus smallest"}
NOT_BY_GROUP: Final = "this study has no numbers by this group"


def groups_view(facts: Facts) -> tuple[list[View], list[View]]:
    """Return the skin-tone sources, labels before estimates, and the other groups."""
    made = [(g.kind == "skin-tone", _group(g, facts)) for g in facts.card.groups]
    tones = sorted((v for tone, v in made if tone), key=lambda v: bool(v["estimated"]))
    return tones, [v for tone, v in made if not tone]


def _group(group: GroupSpec, facts: Facts) -> View:
    tests = [t for t in facts.study.interactions if t.group == group.id]
    view: View = {
        "id": group.id,
        "name": group.name,
        "note": group.note,
        "estimated": group.estimated,
        "unavailable": group.unavailable,
        "levels": [{"id": lv.id, "name": lv.name, "missing": lv.missing} for lv in group.levels],
        "metrics": [],
        "interactions": [_interaction(t, group, facts) for t in tests],
        "brief": None,
    }
    if group.unavailable is not None:
        return view
    view["metrics"] = [made for m, common in _shown(group, facts) if (made := _metric(m, group, facts, common=common))]
    if not view["metrics"]:
        return view | {"unavailable": NOT_BY_GROUP}
    return view | {"brief": _brief(view["metrics"], facts)}


def _shown(group: GroupSpec, facts: Facts) -> list[tuple[str, bool]]:
    """Return the metrics of a group, and whether each is over the classes that every level has.

    The card's first, and that again over shared classes; of skin tones the second too, over shared classes if possible.
    """
    found = [m for first in facts.metrics[:1] for m in ((first, False), (STANDARDISED.get(first, first), True))]
    if group.kind == "skin-tone":
        for second in facts.metrics[1:2]:
            level = next((lv.id for lv in group.levels if facts.of_level(second, group.id, lv.id)), None)
            found.append((second, level is not None))
    return found


def _metric(metric: str, group: GroupSpec, facts: Facts, *, common: bool) -> View | None:
    """Return one metric: the sets' values by level and gap, with their differences to the chosen set."""
    chosen = facts.study.chosen

    def one(set_id: str, level: str) -> View:
        if common:
            value = facts.value(set_id, metric, "macro-common", None, group.id, level)
            gain = facts.difference(set_id, chosen, metric, "macro-common", None, group.id, level)
        else:
            value = facts.average(set_id, metric, group.id, level)
            gain = facts.gain(set_id, chosen, metric, group.id, level)
        return {"cell": value, "difference": None if set_id == chosen else gain}

    levels = [lv for lv in group.levels if one(chosen, lv.id)["cell"] is not None and not (common and lv.missing)]
    gaps = [gap for gap in GAPS if one(chosen, gap)["cell"] is not None]
    gaps = [gap for gap in gaps if gap != "max-min" or "last-first" not in gaps]
    if not levels:
        return None
    rows = [
        {"set": i, "levels": [one(s.id, lv.id) for lv in levels], "gaps": [one(s.id, gap) for gap in gaps]}
        for i, s in enumerate(facts.sets)
    ]
    return {
        "metric": facts.metric(metric),
        "common": common,
        "classes": _over(found) if common and (found := one(chosen, levels[0].id)["cell"]) else None,
        "of": len(facts.card.classes),
        "levels": [
            {
                "id": lv.id,
                "name": lv.name,
                "missing": lv.missing,
                "units": (one(chosen, lv.id)["cell"] or {}).get("n_units"),
            }
            for lv in levels
        ],
        "gaps": [{"id": gap, "name": GAPS[gap]} for gap in gaps],
        "rows": rows,
    }


def _over(found: View) -> int | None:
    """Return over how many classes an average is."""
    return None if found["n_classes"] is None else int(found["n_classes"])


def _brief(metrics: list[View], facts: Facts) -> View | None:
    """Return the line of a folded source, of the chosen set."""
    first = metrics[0]
    row = first["rows"][0]
    levels = [(lv, one["cell"]) for lv, one in zip(first["levels"], row["levels"], strict=True)]
    at = [gap["id"] for gap in first["gaps"]]
    gap = row["gaps"][at.index("last-first")]["cell"] if "last-first" in at else None
    name = lower_first(first["metric"]["short"])
    return brief(name, levels, gap, lower=facts.lower(first["metric"]["id"]))


def _interaction(test: Interaction, group: GroupSpec, facts: Facts) -> View:
    names = {lv.id: lv.name for lv in group.levels}
    known = test.p_adjusted if test.p_adjusted is not None else test.p
    return {
        "a": facts.place.get(test.a),
        "b": facts.place.get(test.b),
        "metric": facts.metric(test.metric),
        "levels": [names.get(lv, lv) for lv in test.levels],
        "statistic": test.statistic,
        "df": test.df,
        "p": None if test.p is None else p_text(test.p),
        "p_adjusted": None if test.p_adjusted is None else _bare(test.p_adjusted),
        "told": known is not None and known < ALPHA,
        "reason": test.reason,
    }


def _bare(p: float) -> str:
    return p_text(p).removeprefix("p = ").removeprefix("p ")
