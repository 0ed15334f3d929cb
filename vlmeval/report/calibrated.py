"""Zero-shot calibrated: what was learned from which rows and labels, and what that changed.

In: a RunRecord. Out: the view of the section, or None for a run that was not asked to calibrate zero-shot. The numbers
are the paired differences of `vlmeval.evaluate.numbers`; nothing is computed here.
"""

from __future__ import annotations

from typing import Any, Final

from vlmeval.records import MethodUsed, RunRecord
from vlmeval.report.lookup import Differences, Rows, View, cell, counted, zero_shot_method
from vlmeval.report.names import metric_view, references
from vlmeval.report.text import lower_first

METRICS: Final = ("balanced-accuracy", "accuracy", "hamming-loss", "auroc", "log-loss", "ece")
SHORT: Final = {"centred": "Centred", "prior": "Priors", "bias-temperature": "Bias, temperature"}
LABELS: Final = {"none": "none", "class frequencies": "how often each class occurs, no more"}
COLUMNS: Final = {
    "class_bias": "Added to its logit",
    "class_slope": "Logit times",
    "class_prior": "Frequency",
    "class_mean_before": "Mean probability before",
}
LEFT_OUT: Final = "calibration-left-out"


def calibrated_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View | None:
    """Return the calibrated zero-shot methods at the headline's level beside plain zero-shot."""
    left_out = [f.message for f in record.findings if f.code == LEFT_OUT]
    methods = [m for m in record.methods if m.calibration is not None and m.level == headline.level]
    plain = zero_shot_method(record, headline.level)
    if plain is None or not (methods or left_out):
        return None
    metrics = [m for m in METRICS if rows.average(plain, m) is not None]
    names = [metric_view(m, record.benchmark.task) for m in metrics]
    return {
        "metrics": names,
        "plain": {"title": plain.title, "cells": [cell(rows.average(plain, m)) for m in metrics]},
        "rows": [_row(record, rows, m, plain, names) for m in methods],
        "left_out": left_out,
        "single": record.benchmark.task == "single-label",
    }


def _row(record: RunRecord, rows: Rows, method: MethodUsed, plain: MethodUsed, metrics: list[View]) -> View:
    differences = Differences(record.differences)
    found = [rows.average(method, m["id"]) for m in metrics]
    versus = [differences.of(row, plain) for row in found]
    labels = str(method.parameters.get("labels", ""))
    return {
        "id": method.id,
        "calibration": method.calibration,
        "name": _in_section(record, method),
        "short": SHORT.get(method.calibration or "", method.title),
        "labels": LABELS.get(labels, labels),
        "learned_from": _learned_from(method, record.benchmark.unit.name),
        "cells": [cell(row) for row in found],
        "versus": versus,
        **_verdicts(metrics, versus),
        "guessing": _guessing(record, rows, method),
        "temperature": method.parameters.get("temperature"),
        "classes": _classes(record, method.parameters),
    }


def short_title(record: RunRecord, method: MethodUsed) -> str:
    """Return a calibrated method's title without its prompt set, which is always the headline one."""
    title = next((p.title for p in record.prompts if p.id == method.prompts), "")
    return method.title.replace(f", {title}", "", 1)


def chart_label(record: RunRecord, method: MethodUsed) -> str:
    """Return what a calibrated method is called beside a chart: without the rows and labels it learned from."""
    return short_title(record, method).split(" (")[0].split(" fitted on ")[0]


def _in_section(record: RunRecord, method: MethodUsed) -> str:
    title = short_title(record, method).removeprefix("Zero-shot, ")
    return title[:1].upper() + title[1:]


def _guessing(record: RunRecord, rows: Rows, method: MethodUsed) -> bool:
    """Whether balanced accuracy is no better than guessing: the answer is always the same class, or as good as that."""
    row = rows.average(method, "balanced-accuracy")
    if row is None or row.value is None:
        return False
    chance = references(rows, method, "balanced-accuracy", row.averaging, record.benchmark.task)
    return bool(chance) and row.value <= chance[0]["value"] + 1e-9


def _learned_from(method: MethodUsed, unit: str) -> str:
    words, units = method.parameters.get("fitted_on", ""), method.parameters.get("fitted_units")
    return f"{words}: {counted(units, unit)}" if isinstance(units, int) else str(words)


def _verdicts(metrics: list[View], versus: list[View | None]) -> View:
    """Sort the metrics by what their paired intervals say: surely better, surely worse, or neither."""
    said: dict[str, list[str]] = {"better": [], "worse": [], "unclear": []}
    for metric, found in zip(metrics, versus, strict=True):
        if found is None or found["value"] is None:
            continue
        gains = (found["value"] > 0) == (metric["direction"] != "lower")
        which = "unclear" if not found["excludes_zero"] else "better" if gains else "worse"
        said[which].append(lower_first(metric["short"]))
    return said


def _classes(record: RunRecord, parameters: dict[str, Any]) -> View:
    """Return the numbers that were fitted, one row a class."""
    columns = [name for name in COLUMNS if isinstance(parameters.get(name), dict)]
    notes = dict.fromkeys(parameters.get("shared_slope", ()), "slope of the others")
    notes |= dict.fromkeys(parameters.get("no_units", ()), "no unit to learn from")
    return {
        "columns": [COLUMNS[name] for name in columns],
        "rows": [
            {
                "name": c.name,
                "values": [parameters[name].get(c.id) for name in columns],
                "note": notes.get(c.id),
            }
            for c in record.benchmark.classes
        ],
    }
