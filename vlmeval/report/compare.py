"""A Comparison -> the view of its page: verdicts, differences by class, skin tone and group, and how they were made.

In: a `Comparison`. Out: a plain dict for `render_comparison`. Nothing is computed here: which side is better is what
`vlmeval.compare` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from vlmeval.compare.families import is_headline
from vlmeval.compare.verdicts import better, p_text
from vlmeval.records import Benchmark, Comparison, GroupSpec, PairCompared, PairedNumber
from vlmeval.records.run import MADE_UP
from vlmeval.report.headline import BADGE_NAMES, NO_CARD, SYNTHETIC_BANNER, SYNTHETIC_DATA, SYNTHETIC_MODEL
from vlmeval.report.lookup import View, counted
from vlmeval.report.names import AVERAGING_NAMES, metric_view

COMPARISON_VIEW: Final = 1
CLASS_METRICS: Final = ("auroc", "average-precision", "sensitivity", "specificity")
GAP_NAMES: Final = {
    "worst": "Worst level",
    "max-min": "Largest minus smallest level",
    "last-first": "Last minus first level",
    "ratio": "Smallest over largest level",
}
Key = tuple[str, str, str | None, str | None, str | None]


class Numbers:
    """The numbers of a pair by what they are about."""

    def __init__(self, pair: PairCompared, card: Benchmark) -> None:
        self._card = card
        self._all: dict[Key, PairedNumber] = {
            (n.metric, n.averaging, n.class_id, n.group, n.group_level): n for n in pair.numbers
        }

    def of(
        self,
        metric: str,
        averaging: str,
        class_id: str | None = None,
        group: str | None = None,
        level: str | None = None,
    ) -> View | None:
        """Return a number as the page shows it."""
        found = self._all.get((metric, averaging, class_id, group, level))
        return None if found is None else number_view(found, self._card)

    def average(self, metric: str, group: str | None = None, level: str | None = None) -> View | None:
        """Return a metric's leading average."""
        for averaging in ("overall", "macro"):
            if (found := self.of(metric, averaging, None, group, level)) is not None:
                return found
        return None

    @property
    def about(self) -> list[Key]:
        """What all numbers are about, in their order."""
        return list(self._all)


def build_comparison(found: Comparison) -> View:
    """Return everything that the page of a comparison shows."""
    card = found.benchmark
    labels = [run.label for run in found.runs]
    leading = [p for p in found.pairs if p.leading]
    shown = dict.fromkeys(n.metric for pair in found.pairs for n in pair.numbers)
    return {
        "schema": COMPARISON_VIEW,
        "kind": "comparison",
        "title": (f"{labels[0]}: {leading[0].a.name} against {leading[0].b.name}" if len(leading) == 1 else labels[0])
        if len(labels) == 1
        else " against ".join(labels[:2]) + (f" and {len(labels) - 2} more" if labels[2:] else ""),
        "vlmeval": found.vlmeval,
        "banner": _banner(found),
        "badges": [
            {"kind": b.kind, "name": BADGE_NAMES[b.kind], "text": f"{run.label}: {b.text}", "source": b.source}
            for run in found.runs
            for b in run.badges
        ],
        "benchmark": None if card.id == MADE_UP else card.title,
        "unit": card.unit.name,
        "level": found.level,
        "tested": _tested(found),
        "runs": [run.model_dump(mode="json") for run in found.runs],
        "pairs": [_pair(pair, found) for pair in leading],
        "others": _others([p for p in found.pairs if not p.leading], card),
        "metrics": [metric_view(m, card.task) for m in shown],
        "how": {
            "draws": found.draws,
            "permutations": found.permutations,
            "seed": found.seed,
            "headline_tests": found.headline_tests,
            "metric_tests": sum(found.metric_tests.values()),
            "test_ids_digest": found.test_ids_digest,
            "truth_digest": found.truth_digest,
            "against": found.against,
            "seeds": any(side.seeds > 1 for p in found.pairs for side in (p.a, p.b)),
            "notes": list(found.notes),
        },
    }


def number_view(n: PairedNumber, card: Benchmark) -> View:
    """Return a difference as a cell: value, interval, both sides, p-values, which side is better if that is clear."""
    return {
        "value": n.value,
        "low": n.low,
        "high": n.high,
        "a": n.a,
        "b": n.b,
        "p": None if n.p is None else p_text(n.p),
        "p_adjusted": None if n.p_adjusted is None else p_text(n.p_adjusted).removeprefix("p = ").removeprefix("p "),
        "detectable": n.detectable,
        "n": n.n,
        "n_units": n.n_units,
        "n_positive": n.n_positive if n.averaging == "class" else None,
        "greyed": n.greyed,
        "reason": n.reason,
        "family": n.family,
        "better": better(n, card),
    }


def _banner(found: Comparison) -> str | None:
    models = any(run.synthetic_model for run in found.runs)
    if found.benchmark.synthetic:
        return SYNTHETIC_BANNER if models else SYNTHETIC_DATA
    if models:
        return SYNTHETIC_MODEL
    return SYNTHETIC_BANNER if any(b.kind == "synthetic" for run in found.runs for b in run.badges) else None


def _tested(found: Comparison) -> str:
    units = counted(found.n_units, found.benchmark.unit.name)
    return units if found.n == found.n_units else f"{counted(found.n, 'image')} of {units}"


def _pair(pair: PairCompared, found: Comparison) -> View:
    card = found.benchmark
    numbers = Numbers(pair, card)
    return {
        "title": f"{pair.a.name} against {pair.b.name}",
        "a": pair.a.model_dump(mode="json"),
        "b": pair.b.model_dump(mode="json"),
        "same_method": pair.a.method == pair.b.method,
        "verdicts": [
            {
                "metric": metric_view(v.metric, card.task),
                "outcome": v.outcome,
                "words": v.words,
                "number": numbers.of(v.metric, v.averaging),
            }
            for v in pair.verdicts
        ],
        "classes": _classes(numbers, card),
        "tones": [_group(g, numbers, card) for g in card.groups if g.kind == "skin-tone"],
        "no_tones": _no_tones(card),
        "groups": [_group(g, numbers, card) for g in card.groups if g.kind != "skin-tone"],
        "averages": _averages(numbers, card),
        "mcnemar": _mcnemar(pair),
    }


def _no_tones(card: Benchmark) -> str | None:
    if any(g.kind == "skin-tone" for g in card.groups):
        return None
    return NO_CARD if card.id == MADE_UP else "the benchmark card declares no skin-tone attribute that the runs share"


def _classes(numbers: Numbers, card: Benchmark) -> View:
    """Return one row a class: the difference in every class metric that there is."""
    present = {key[0] for key in numbers.about if key[1] == "class" and key[3] is None}
    ordered = dict.fromkeys([*(m for m in card.headline_metrics if m in CLASS_METRICS), *CLASS_METRICS])
    metrics = [m for m in ordered if m in present]
    rows = [{"name": c.name, "cells": [numbers.of(m, "class", c.id) for m in metrics]} for c in card.classes]
    return {"metrics": [metric_view(m, card.task) for m in metrics], "rows": rows}


def _group(group: GroupSpec, numbers: Numbers, card: Benchmark) -> View:
    """Return one attribute: differences in the headline metrics by level, in its gaps, and by class and level."""
    facts: View = {"id": group.id, "name": group.name, "unavailable": group.unavailable, "note": group.note}
    none: View = {"metrics": [], "rows": [], "gaps": [], "common": [], "classes": []}
    view: View = facts | none | {"levels": [lv.name for lv in group.levels]}
    metrics = [m for m in card.headline_metrics if any(numbers.average(m, group.id, lv.id) for lv in group.levels)]
    if group.unavailable is not None or not metrics:
        return view | {"unavailable": group.unavailable or "this pair is not compared by group"}
    view["metrics"] = [metric_view(m, card.task) for m in metrics]
    view["everyone"] = [numbers.average(m) for m in metrics]
    view["rows"] = [
        {"name": lv.name, "missing": lv.missing, "cells": [numbers.average(m, group.id, lv.id) for m in metrics]}
        for lv in group.levels
    ]
    view["gaps"] = [
        {"name": name, "cells": cells}
        for gap, name in GAP_NAMES.items()
        if any(cells := [numbers.average(m, group.id, gap) for m in metrics])
    ]
    view["common"] = [
        {"name": name, "cells": cells}
        for level, name in [*((lv.id, lv.name) for lv in group.levels), *GAP_NAMES.items()]
        if any(cells := [numbers.of(m, "macro-common", None, group.id, level) for m in metrics])
    ]
    first = next(
        (
            m
            for m in CLASS_METRICS
            if any(numbers.of(m, "class", c.id, group.id, lv.id) for c in card.classes for lv in group.levels)
        ),
        None,
    )
    if first is not None:
        view["class_metric"] = metric_view(first, card.task)
        view["classes"] = [
            {"name": c.name, "cells": [numbers.of(first, "class", c.id, group.id, lv.id) for lv in group.levels]}
            for c in card.classes
        ]
    return view


def _averages(numbers: Numbers, card: Benchmark) -> list[View]:
    """Return every average over all samples, headline metrics first."""
    pairs = [(k[0], k[1]) for k in numbers.about if k[2] is None and k[3] is None]
    first = {name: i for i, name in enumerate(card.headline_metrics)}
    return [
        {
            "metric": metric_view(metric, card.task),
            "averaging": AVERAGING_NAMES.get(averaging, averaging),
            "cell": numbers.of(metric, averaging),
        }
        for metric, averaging in sorted(pairs, key=lambda pair: first.get(pair[0], len(first)))
    ]


def _mcnemar(pair: PairCompared) -> View:
    test = pair.mcnemar
    return test.model_dump(mode="json") | {"p": None if test.p is None else p_text(test.p)}


def _others(pairs: Sequence[PairCompared], card: Benchmark) -> View:
    """Return the headline metrics of the pairs that do not lead."""
    metrics = [m for m in card.headline_metrics if any(_first(p.numbers, m, card) for p in pairs)]
    rows = [
        {
            "name": p.a.title if p.a.method == p.b.method else f"{p.a.name} against {p.b.name}",
            "runs": [p.a.run, p.b.run],
            "cells": [None if (n := _first(p.numbers, m, card)) is None else number_view(n, card) for m in metrics],
        }
        for p in pairs
    ]
    return {"metrics": [metric_view(m, card.task) for m in metrics], "rows": rows}


def _first(numbers: Iterable[PairedNumber], metric: str, card: Benchmark) -> PairedNumber | None:
    return next((n for n in numbers if n.metric == metric and is_headline(n, card.headline_metrics)), None)
