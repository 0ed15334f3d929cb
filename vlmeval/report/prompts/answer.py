"""What a reader of a prompt study learns in thirty seconds: how much wording matters, which sets lead, for whom.

In: the facts of a study. Out: the parts of the sentences; the template puts them into words. A set leads when no other
is clearly better than it.
"""

from __future__ import annotations

from collections import Counter

from vlmeval.records.prompt_study import Spread
from vlmeval.report.lookup import View
from vlmeval.report.prompts.facts import Facts, clear
from vlmeval.report.prompts.tables import place_view


def answer_view(facts: Facts) -> View:
    """Return the answer of one study, about its first headline metric."""
    metric = facts.metrics[0] if facts.metrics else None
    ranges = [r for m in facts.metrics if (r := _range(m, facts)) is not None]
    found: View = {
        "ranges": ranges,
        "clear_by": [r["metric"]["short"] for r in ranges[1:] if r["any_clear"]],
        "leaders": [],
        "behind": [],
        "chosen_leads": None,
        "chosen_place": None,
        "better": [],
        "worse": [],
        "tones": _tones(facts),
        "single": None,
        "order": None,
    }
    if metric is None:
        return found
    chosen = facts.study.chosen
    places = {s: place_view(facts.rank(metric, s), len(facts.sets)) for s in facts.ordered(metric)}
    ranked = {s: p for s, p in places.items() if p is not None}
    leaders = [s for s, p in ranked.items() if p["rank"] == 1]
    other = [s.id for s in facts.sets[1:] if clear(facts.gain(s.id, chosen, metric))]
    better = [s for s in other if (facts.gain(s, chosen, metric) or {}).get("better") == "a"]
    return found | {
        "leaders": [facts.place[s] for s in leaders],
        "behind": [facts.place[s] for s in ranked if s not in leaders],
        "chosen_leads": chosen in leaders if ranked else None,
        "chosen_place": places.get(chosen),
        "better": [facts.place[s] for s in better],
        "worse": [facts.place[s] for s in other if s not in better],
        "single": _single(facts, metric),
        "order": _of(chosen, "word-order", metric, facts),
    }


def _range(metric: str, facts: Facts) -> View | None:
    """Return the best and the worst set by value, and how far apart they are."""
    known = [s for s in facts.ordered(metric) if (c := facts.average(s, metric)) is not None and c["value"] is not None]
    if not known:
        return None
    best, worst = known[0], known[-1]
    ends = [{"set": facts.place[s], "cell": facts.average(s, metric)} for s in (best, worst)]
    pairs = [facts.gain(a, b, metric) for i, a in enumerate(known) for b in known[i + 1 :]]
    return {
        "metric": facts.metric(metric),
        "best": ends[0],
        "worst": ends[1],
        "difference": facts.gain(best, worst, metric) if best != worst else None,
        "any_clear": any(clear(p) for p in pairs),
        "compared": any(p is not None and p["value"] is not None for p in pairs),
    }


def _tones(facts: Facts) -> View:
    """Return which tests of prompts by skin tone are clear, how many there were, or why there was none."""
    declared = [g for g in facts.card.groups if g.kind == "skin-tone"]
    groups = {g.id: g for g in declared if g.unavailable is None and not g.estimated}
    reason = None
    if not declared:
        reason = "the benchmark card declares no skin-tone attribute"
    elif not groups:
        reason = next(
            (g.unavailable for g in declared if g.unavailable), "skin tone is only estimated from pixels here"
        )
    tests = [t for t in facts.study.interactions if t.group in groups]
    made = [t for t in tests if t.p is not None]
    said = [
        {"group": groups[t.group].name, "set": facts.place[t.a], "metric": facts.metric(t.metric)}
        for t in made
        if (t.p_adjusted if t.p_adjusted is not None else t.p or 0.0) < 0.05 and t.a in facts.place
    ]
    if reason is None and not made:
        reason = next((t.reason for t in tests if t.reason), "no test of prompts by skin tone could be made")
    by_set = Counter(t["set"] for t in said)
    return {
        "reason": reason,
        "tests": len(made),
        "told": said,
        "sets": [{"set": place, "tests": number} for place, number in by_set.most_common()],
        "classes": _classes(facts, {(t.group, t.metric) for t in made}),
        "turned": _turned(facts, list(groups)),
    }


def _classes(facts: Facts, tested: set[tuple[str, str]]) -> View | None:
    """Return over how few and how many of the classes the tests are: those that every level of a group has."""
    counts = {
        found["n_classes"]
        for group, metric in tested
        for level in facts.card.group(group).levels
        if (found := facts.value(facts.study.chosen, metric, "macro-common", None, group, level.id)) is not None
        and found["n_classes"]
    }
    return {"fewest": min(counts), "most": max(counts), "of": len(facts.card.classes)} if counts else None


def _turned(facts: Facts, groups: list[str]) -> list[View]:
    """Return where a set is clearly better than the chosen one though clearly worse over all, or the reverse."""
    metric, chosen = (facts.metrics[0] if facts.metrics else None), facts.study.chosen
    if metric is None:
        return []
    made = []
    for one in facts.sets[1:]:
        whole = facts.gain(one.id, chosen, metric)
        if whole is None or not clear(whole):
            continue
        for group in (facts.card.group(g) for g in groups):
            for level in group.levels:
                part = facts.gain(one.id, chosen, metric, group.id, level.id)
                if part is not None and clear(part) and part["better"] != whole["better"]:
                    made.append({"set": facts.place[one.id], "group": group.name, "level": level.name})
    return made


def _single(facts: Facts, metric: str) -> View | None:
    """Return how far single templates of the chosen set lie apart; where it has one only, of the best set with several.

    Where no set has several templates, it is one prompt a class.
    """
    order = [facts.study.chosen, *(s for s in facts.ordered(metric) if s != facts.study.chosen)]
    for kind in ("template", "one-prompt"):
        known = [found for s in order if (found := _of(s, kind, metric, facts)) is not None]
        if known:
            return known[0]
    return None


def _of(set_id: str, kind: str, metric: str, facts: Facts) -> View | None:
    found: Spread | None = next(
        (s for s in facts.study.spreads if (s.set_id, s.kind, s.metric) == (set_id, kind, metric)), None
    )
    if found is None or found.whole is None or found.median is None or found.best is None or found.worst is None:
        return None
    drop = found.median - found.whole if facts.lower(metric) else found.whole - found.median
    return {
        "kind": kind,
        "set": facts.place[set_id],
        "count": len(found.singles),
        "best": found.best.value,
        "worst": found.worst.value,
        "median": found.median,
        "whole": found.whole,
        "place": found.place,
        "drop": drop,
    }
