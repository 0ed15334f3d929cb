"""What stands on the leaderboard: one entry a run and method, with its numbers as cells and the marks it carries.

In: a RunRecord and its folder. Out: `Entry`s. An entry keeps of its record only what is needed to read its predictions
again: a thousand records with all their rows would not fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vlmeval.records import Benchmark, Examined, GroupSpec, Level, MethodUsed, MetricRow, RunRecord
from vlmeval.records.run import MADE_UP
from vlmeval.report.about import searched
from vlmeval.report.contamination import contamination_view
from vlmeval.report.headline import badges_view
from vlmeval.report.leaderboard.facts import curves, throughput
from vlmeval.report.leaderboard.filters import options_of
from vlmeval.report.lookup import FEW_SHOT, Rows, View, cell, headline_method, whole_methods, zero_shot_method
from vlmeval.report.methods import GAP
from vlmeval.report.strata import extremes, group_view, leading_metric

CALIBRATION: Final = ("ece", "brier")
BY_CLASS: Final = ("auroc", "sensitivity", "average-precision")
"""Metrics that a class can be looked at by; those that the runs have."""
LEADING: Final = {"single-label": "balanced-accuracy", "multi-label": "auroc"}
"""What tables of cards without headline metrics are ordered by."""
MARKS: Final = {
    "contamination": "the data was in training",
    "leakage": "the protocol leaks",
    "synthetic": "synthetic",
    "partial": "partial run",
}
"""Badges that keep a row from being ranked among others, each with the words of its rank cell."""


@dataclass(frozen=True)
class Key:
    """What runs must share to stand in one table: the card, the evaluated samples, and what a row of them is."""

    card: str
    tests: str
    level: Level


@dataclass(frozen=True)
class Entry:
    """One method of one run. ``record`` holds no rows; ``row`` is the leading metric's; ``marks`` are badge kinds."""

    record: RunRecord
    folder: Path
    method: MethodUsed
    row: MetricRow | None
    marks: tuple[str, ...]
    view: View

    @property
    def value(self) -> float | None:
        """Value of the leading metric."""
        return None if self.row is None else self.row.value

    @property
    def not_ranked(self) -> str | None:
        """Why the entry has no rank number; None when it has one."""
        reasons = [MARKS[kind] for kind in self.marks]
        if not reasons and self.value is None:
            reasons = [self.row.reason or "no value" if self.row is not None else "not computed"]
        return None if not reasons else f"not ranked: {', '.join(reasons)}"


def metrics_of(record: RunRecord) -> tuple[str, ...]:
    """Return the metrics that a table of these runs shows; the first orders it."""
    return record.benchmark.headline_metrics or (LEADING[record.benchmark.task],)


def key_of(record: RunRecord) -> Key:
    """Return what makes runs comparable.

    Predictions that belong to no benchmark have a card made up from their file: its title, the file's name, does not
    count there, and the data's digest (truth, units and groups) does.
    """
    card = record.benchmark_digest
    if record.plan.benchmark == MADE_UP:
        plain = record.benchmark.model_copy(update={"title": ""})
        card = f"{plain.content_digest[:32]}{record.data.digest[:32]}"
    return Key(card, record.data.test_ids_digest, headline_method(record).level)


def entries_of(record: RunRecord, folder: Path, *, few_shot: bool = False) -> Iterator[Entry]:
    """Give one entry a method at the run's leading level: the headline prompt set, probes, scored predictions.

    ``few_shot``: the points of few-shot curves, too.
    """
    rows, lead = Rows(record.rows), metrics_of(record)[0]
    slim = record.model_copy(update={"rows": (), "differences": (), "examined": Examined(), "findings": ()})
    marks = _marks(record)
    run = _run_view(record)
    for method in _methods(record, few_shot=few_shot):
        view = {**run, **_method_view(record, rows, method)}
        view["facets"] = options_of(view)
        yield Entry(slim, folder, method, rows.average(method, lead), marks, view)


def _marks(record: RunRecord) -> tuple[str, ...]:
    """Return what keeps a run from being ranked. On synthetic data all are alike, and their table says so."""
    alike = "synthetic" if record.benchmark.synthetic else None
    return tuple(dict.fromkeys(b.kind for b in record.badges if b.kind in MARKS and b.kind != alike))


def _methods(record: RunRecord, *, few_shot: bool) -> list[MethodUsed]:
    level = headline_method(record).level
    zero_shot = zero_shot_method(record, level)
    whole = [m for m in whole_methods(record) if m.level == level and m.kind != "zero-shot"]
    points = [m for m in record.methods if few_shot and m.kind == FEW_SHOT and m.level == level]
    return [*([] if zero_shot is None else [zero_shot]), *whole, *points]


def _run_view(record: RunRecord) -> View:
    model = record.model
    return {
        "model": model.title if model is not None else record.plan.model,
        "spec": record.plan.model,
        "family": model.family if model is not None else record.contamination and record.contamination.family,
        "licence": None if model is None else model.licence,
        "parameters_millions": None if model is None else model.parameters_millions,
        "throughput": throughput(record),
        "badges": badges_view(record),
        "contamination": contamination_view(record),
        "split": record.plan.split,
        "digest": record.digest,
        "created": record.created,
        "vlmeval": record.environment.vlmeval,
    }


def _method_view(record: RunRecord, rows: Rows, method: MethodUsed) -> View:
    lead = rows.average(method, metrics_of(record)[0])
    called, prompts = _called(record, method)
    return {
        "method": called,
        "method_id": method.id,
        "kind": method.kind,
        "prompts": prompts,
        "searched": searched(record, method),
        "seeds": len(method.seeds),
        "shots": method.shots,
        "cells": {metric: cell(rows.average(method, metric)) for metric in metrics_of(record)},
        "tones": {g.id: _tone(record, rows, method, g) for g in tone_labels(record.benchmark)},
        "calibration": {metric: cell(rows.average(method, metric)) for metric in CALIBRATION},
        "classes": _classes(record, rows, method),
        "curves": curves(record, rows, method, metrics_of(record)[0]),
        "n": 0 if lead is None else lead.n,
        "n_units": 0 if lead is None else lead.n_units,
    }


def _called(record: RunRecord, method: MethodUsed) -> tuple[str, str | None]:
    """Return what a method is called, and the title of zero-shot's prompt set: written, or chosen on labels."""
    if method.kind == "scored":
        return "Scored predictions", None
    used = next((p for p in record.prompts if p.id == method.prompts), None)
    if used is None or not (method.kind == "zero-shot" or method.calibration):
        return method.title, None
    done = method.title.removeprefix("Zero-shot").replace(f", {used.heading}", "", 1) if method.calibration else ""
    return f"Zero-shot{done}" + (", prompts chosen on validation" if used.searched else ""), used.title


def _classes(record: RunRecord, rows: Rows, method: MethodUsed) -> dict[str, list[View | None]]:
    """Return each metric of single classes that the method has, class by class in the card's order."""
    found = {
        metric: [rows.of_class(method, metric, class_id) for class_id in record.benchmark.class_ids]
        for metric in BY_CLASS
    }
    return {metric: [_short(row) for row in own] for metric, own in found.items() if any(own)}


def _short(row: MetricRow | None) -> View | None:
    return None if row is None else {"value": row.value, "low": row.low, "high": row.high, "reason": row.reason}


def tone_labels(benchmark: Benchmark) -> list[GroupSpec]:
    """Return the card's sources of skin tones; what was estimated from pixels is no label."""
    return [g for g in benchmark.groups if g.kind == "skin-tone" and not g.estimated]


def _tone(record: RunRecord, rows: Rows, method: MethodUsed, group: GroupSpec) -> View | None:
    """Return the weakest level of a source of skin tones and the gap (last minus first level), as the report does."""
    metric = None if group.unavailable is not None else leading_metric(group_view(group, record, rows, method))
    pair = None if metric is None else extremes(metric)
    if metric is None or pair is None:
        return None
    gap = next((g["cell"] for g in metric["gaps"] if g["id"] == GAP), None)
    over = pair[0]["cell"]["n_classes"] if metric["standardised"] else None
    return {"metric": metric["metric"], "classes": over, "level": pair[0]["name"], "cell": pair[0]["cell"], "gap": gap}
