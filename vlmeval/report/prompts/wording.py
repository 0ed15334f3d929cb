"""One wording instead of many, the names of a class, the order of words, and the pictures that won or lost.

In: the facts of a study. Out: plain dicts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from vlmeval.records.prompt_study import Moved, NameEffect, Single, Spread
from vlmeval.report.lookup import View
from vlmeval.report.prompts.facts import Facts

KINDS: Final = {
    "template": (
        "One template at a time",
        "Each point is one template of the set, alone, filled with all its names.",
        "template",
    ),
    "one-prompt": (
        "One prompt a class",
        "Each point takes one prompt of each class at random, as somebody who writes a single line for each would.",
        "choice of prompts",
    ),
    "one-name": (
        "One name a class",
        "Each point takes one name of each class at random, in all templates.",
        "choice of names",
    ),
}
MOST_METRICS: Final = {"template": 2, "one-prompt": 1, "one-name": 1}
MOST_MOVED: Final = 8
MOST_POINTS: Final = 60
"""Of drawn wordings, so many stand for all: evenly over their order, both ends among them."""


def wordings_view(facts: Facts) -> list[View]:
    """Return, by kind and metric, how far single wordings of each set lie apart and where the whole set stands."""
    return [
        made
        for kind, (title, words, noun) in KINDS.items()
        for metric in _metrics(facts, kind)[: MOST_METRICS[kind]]
        if (made := _spreads(facts, kind, metric, title) | {"words": words, "noun": noun})["rows"]
    ]


def order_view(facts: Facts) -> list[View]:
    """Return, by metric, each set with its words in order and shuffled."""
    return [_spreads(facts, "word-order", metric, "Word order") for metric in _metrics(facts, "word-order")[:2]]


def _metrics(facts: Facts, kind: str) -> list[str]:
    present = dict.fromkeys(s.metric for s in facts.study.spreads if s.kind == kind)
    return sorted(present, key=lambda m: facts.metrics.index(m) if m in facts.metrics else len(facts.metrics))


def _spreads(facts: Facts, kind: str, metric: str, title: str) -> View:
    found = [s for s in facts.study.spreads if (s.kind, s.metric) == (kind, metric) and s.set_id in facts.place]
    rows = [_spread(s, facts, lower=facts.lower(metric)) for s in found]
    return {"kind": kind, "title": title, "metric": facts.metric(metric),
            "rows": sorted(rows, key=lambda row: row["set"])}  # fmt: skip


def _spread(spread: Spread, facts: Facts, *, lower: bool) -> View:
    known = [s for s in spread.singles if s.value is not None]
    ordered = sorted(known, key=lambda s: s.value or 0.0, reverse=not lower)
    drop = None if spread.whole is None or spread.median is None else spread.whole - spread.median
    return {
        "set": facts.place[spread.set_id],
        "whole": spread.whole,
        "best": _single(spread.best),
        "median": spread.median,
        "worst": _single(spread.worst),
        "place": spread.place,
        "count": len(known),
        "of": spread.of,
        "drop": None if drop is None else -drop if lower else drop,
        "reason": spread.reason,
        "singles": [_single(s) for s in ordered] if spread.kind == "template" else [],
        "points": [s.value for s in (ordered if spread.kind == "template" else _thinned(ordered))],
    }


def _thinned(ordered: list[Single]) -> list[Single]:
    last = len(ordered) - 1
    return ordered if last < MOST_POINTS else [ordered[round(i * last / (MOST_POINTS - 1))] for i in range(MOST_POINTS)]


def _single(single: Single | None) -> View | None:
    return None if single is None else single.model_dump(mode="json")


def names_view(facts: Facts) -> list[View]:
    """Return, by set with several names, each class's own metric under each name alone; where it matters most first."""
    by_set: dict[tuple[str, str], list[NameEffect]] = defaultdict(list)
    for effect in facts.study.names:
        if effect.set_id in facts.place:
            by_set[effect.set_id, effect.metric].append(effect)
    keys = sorted(by_set, key=lambda key: (facts.place[key[0]], key[1]))
    made = [_names(set_id, metric, by_set[set_id, metric], facts) for set_id, metric in keys]
    return sorted(made, key=lambda one: 0.0 if one["widest"] is None else -float(one["widest"]["width"]))


def _names(set_id: str, metric: str, effects: Iterable[NameEffect], facts: Facts) -> View:
    lower = facts.lower(metric)
    by_class: dict[str, list[NameEffect]] = defaultdict(list)
    for effect in effects:
        by_class[effect.class_id].append(effect)
    order = [c.id for c in facts.card.classes if c.id in by_class]
    classes = []
    for class_id in order:
        lines = sorted(by_class[class_id], key=lambda e: _first_best(e.value, lower=lower))
        known = [e.value for e in lines if e.value is not None]
        classes.append({
            "name": facts.class_name(class_id),
            "whole": facts.value(set_id, metric, "class", class_id),
            "names": [{"name": e.name, "cell": _effect_cell(e)} for e in lines],
            "width": max(known) - min(known) if len(known) > 1 else None,
        })  # fmt: skip
    several = [c for c in classes if c["width"] is not None]
    widest = max(several, key=lambda c: float(str(c["width"])), default=None)
    return {"set": facts.place[set_id], "metric": facts.metric(metric), "classes": classes, "widest": widest}


def _first_best(value: float | None, *, lower: bool) -> tuple[bool, float]:
    return value is None, 0.0 if value is None else value if lower else -value


def _effect_cell(effect: NameEffect) -> View:
    return {
        "value": effect.value, "low": effect.low, "high": effect.high, "reason": effect.reason, "greyed": False,
        "n_positive": None, "n_classes": None,
    }  # fmt: skip


def moved_view(facts: Facts) -> list[View]:
    """Return, by set, the units whose true class gained or lost most against the chosen set, eight each way."""
    made = []
    for i, one in enumerate(facts.sets):
        found = [m for m in facts.study.moved if m.set_id == one.id]
        if found:
            gained = sorted((m for m in found if m.gain > 0), key=lambda m: (-m.gain, m.class_id, m.unit))
            lost = sorted((m for m in found if m.gain <= 0), key=lambda m: (m.gain, m.class_id, m.unit))
            made.append({"set": i, "gained": [_moved(m, facts) for m in gained[:MOST_MOVED]],
                         "lost": [_moved(m, facts) for m in lost[:MOST_MOVED]]})  # fmt: skip
    return made


def _moved(moved: Moved, facts: Facts) -> View:
    return {
        "class_name": facts.class_name(moved.class_id),
        "unit": moved.unit,
        "pictures": list(moved.pictures),
        "before": moved.before,
        "after": moved.after,
        "gain": moved.gain,
    }
