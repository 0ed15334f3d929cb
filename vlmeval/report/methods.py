"""Methods side by side: headline metrics of each, each by skin tone, and the findings that no reader may miss.

Points of few-shot curves are not here; they are in fewshot.py.
"""

from __future__ import annotations

import statistics
from typing import Final

from vlmeval.records import MethodUsed, RunRecord
from vlmeval.report.about import searched
from vlmeval.report.calibrated import chart_label, short_title
from vlmeval.report.folds import brief
from vlmeval.report.lookup import Differences, Rows, View, cell, whole_methods, zero_shot_method
from vlmeval.report.names import metric_view
from vlmeval.report.strata import leading_metric, shared_classes
from vlmeval.report.tables import leading_chance
from vlmeval.report.text import lower_first

GAP: Final = "last-first"
UNTRAINED: Final = ("zero-shot", "scored")
LOUD: Final = ("broken-probe", "searched-prompts")


def comparison_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return every method at the headline's level with the headline metrics.

    Where zero-shot is the only kind, the methods are the prompt sets; the headline set was named by the card
    beforehand. ``spread`` is over the prompt sets.
    """
    methods = [m for m in whole_methods(record) if m.level == headline.level]
    mixed = len({m.kind for m in methods}) > 1
    metrics = [m for m in record.benchmark.headline_metrics if any(rows.average(one, m) for one in methods)]
    lines = [_line(record, rows, headline, m, metrics, mixed=mixed) for m in methods]
    shown = [
        metric_view(m, record.benchmark.task) | {"chance": leading_chance(record, rows, headline, m)} for m in metrics
    ]
    prompt_sets = [line for line in lines if line["prompts"] is not None and not line["calibrated"]]
    zero_shot = zero_shot_method(record, headline.level)
    spread = [_spread(metric, [line["cells"][i] for line in prompt_sets]) for i, metric in enumerate(shown)]
    return {
        "mixed": mixed,
        "metrics": shown,
        "rows": lines,
        "prompt_sets": len(prompt_sets),
        "spread": spread,
        "zero_shot": [cell(rows.average(zero_shot, m)) if zero_shot else None for m in metrics],
        "calibrated": any(line["calibrated"] for line in lines),
        "versus": any(d is not None for line in lines for d in line["versus"]),
    }


def _line(
    record: RunRecord, rows: Rows, headline: MethodUsed, method: MethodUsed, metrics: list[str], *, mixed: bool
) -> View:
    differences, zero_shot = Differences(record.differences), zero_shot_method(record, method.level)
    found = [rows.average(method, metric) for metric in metrics]
    return {
        "id": method.id,
        "kind": method.kind,
        "calibrated": method.calibration is not None,
        "name": method_name(record, method, mixed=mixed),
        "prompts": method.prompts,
        "label": chart_label(record, method) if method.calibration is not None else None,
        "prompt_set": None if method.calibration is not None else _prompt_title(record, method),
        "headline": method.id == headline.id,
        "searched": searched(record, method),
        "seeds": len(method.seeds) or None,
        "cells": [cell(row) for row in found],
        "versus": [differences.of(row, zero_shot) for row in found],
    }


def method_name(record: RunRecord, method: MethodUsed, *, mixed: bool) -> str:
    """Return what a reader calls a method: its prompt set where only prompt sets differ."""
    title = _prompt_title(record, method)
    if method.calibration is not None:
        return short_title(record, method)
    if title is None:
        return method.title
    return f"Zero-shot: {title}" if mixed else title


def _prompt_title(record: RunRecord, method: MethodUsed) -> str | None:
    return next((p.title for p in record.prompts if p.id == method.prompts), None)


def _spread(metric: View, cells: list[View | None]) -> View:
    values = [c["value"] for c in cells if c is not None and c["value"] is not None]
    if len(values) < 2:
        return {"best": None, "median": None, "worst": None}
    ordered = sorted(values, reverse=metric["direction"] != "lower")
    return {"best": ordered[0], "median": statistics.median(values), "worst": ordered[-1]}


def for_whom_view(record: RunRecord, rows: Rows, headline: MethodUsed, tones: list[View]) -> list[View]:
    """Return each skin-tone source with one row a method: a metric by level, and the gap.

    The metric is the one that the page compares the levels by; it is the same for every method. Methods without rows
    by group (prompt sets beside the headline one) are left out. A source that fewer than two methods have is, too.
    """
    made = [_source(record, rows, headline, tone) for tone in tones if tone["unavailable"] is None]
    return [source for source in made if source is not None]


def _source(record: RunRecord, rows: Rows, headline: MethodUsed, tone: View) -> View | None:
    leading = leading_metric(tone)
    if leading is None:
        return None
    levels = [lv for lv in leading["levels"] if not lv["missing"] and lv["cell"] is not None]
    methods = [m for m in whole_methods(record) if m.level == headline.level]
    lines = [_by_level(record, rows, headline, m, tone, levels) for m in methods]
    lines = [line for line in lines if any(c is not None for c in line["cells"])]
    if len(lines) < 2:
        return None
    prompt_sets = [line for line in lines if line["kind"] == "zero-shot"]
    if len(prompt_sets) == 1:
        prompt_sets[0]["name"] = "Zero-shot"
    answered = [lv for lv in levels if not lv["other"]]
    return {
        "id": tone["id"],
        "name": tone["name"],
        "metric": leading["metric"],
        "averaged": leading["averaged"],
        "estimated": tone["estimated"],
        "brief": _brief(leading, lines, levels),
        "over": shared_classes(leading, record),
        "levels": [{"name": lv["name"], "n_units": lv["cell"]["n_units"]} for lv in levels],
        "gap": f"{answered[-1]['name']} minus {answered[0]['name']}" if len(answered) > 1 else None,
        "rows": lines,
        "versus": any(line["versus"] is not None for line in lines),
    }


def _brief(leading: View, lines: list[View], levels: list[View]) -> View | None:
    """Return the line of a folded source: where the page's own method is weakest, and its gap."""
    own = next((line for line in lines if line["headline"]), lines[0])
    named = f"{own['name']}, {lower_first(leading['metric']['short'])}"
    lower = leading["metric"]["direction"] == "lower"
    return brief(named, list(zip(levels, own["cells"], strict=True)), own["gap"], lower=lower)


def _by_level(
    record: RunRecord, rows: Rows, headline: MethodUsed, method: MethodUsed, tone: View, levels: list[View]
) -> View:
    leading = leading_metric(tone) or {}
    metric, averaging = leading["metric"]["id"], leading["averaging"]
    gap = rows.averaged(method, metric, averaging, tone["id"], GAP)
    differences, zero_shot = Differences(record.differences), zero_shot_method(record, method.level)
    return {
        "kind": method.kind,
        "name": method_name(record, method, mixed=True),
        "headline": method.id == headline.id,
        "cells": [cell(rows.averaged(method, metric, averaging, tone["id"], lv["id"])) for lv in levels],
        "gap": cell(gap),
        "versus": differences.of(gap, zero_shot),
    }


def examples_view(comparison: View, few_shot: View | None) -> View | None:
    """Return what labelled examples add to zero-shot, or None for a run that has only one of the two.

    The trained method is the run's first, not its best: the best of several on the test rows flatters itself.
    """
    zero_shot = any(line["kind"] == "zero-shot" for line in comparison["rows"])
    learned = [one for one in comparison["rows"] if one["kind"] not in UNTRAINED and not one["calibrated"]]
    trained = [line for line in learned if any(line["cells"])]
    if not zero_shot or not (trained or few_shot) or not comparison["metrics"]:
        return None
    return {
        "metric": comparison["metrics"][0],
        "trained": trained[0] if trained else None,
        "needed": None if few_shot is None else _clearly(few_shot["needed"], comparison["metrics"][0]["id"]),
        "most": None if few_shot is None else few_shot["positions"][-1]["label"],
    }


def _clearly(needed: View, metric: str) -> list[View]:
    """Return the curves that are clearly better than zero-shot by a metric, each with the shots it takes."""
    at = [m["id"] for m in needed["metrics"]]
    if metric not in at:
        return []
    found = [(row, row["cells"][at.index(metric)]) for row in needed["rows"]]
    return [
        {"variant": row["variant"], "regime": row["regime"], "surely": c["surely"]} for row, c in found if c["surely"]
    ]


def alerts_view(record: RunRecord) -> list[View]:
    """Return the findings that stand beside the headline, not only in the audit."""
    return [f.model_dump(mode="json") for f in record.findings if f.code in LOUD]
