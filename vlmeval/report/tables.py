"""The tables of one method over all samples: overall metrics, one row a class, thresholds."""

from __future__ import annotations

from typing import Any, Final

from vlmeval.records import MethodUsed, MetricRow, RunRecord
from vlmeval.report.about import decided
from vlmeval.report.folds import fold_of, folds_view
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.names import AVERAGING_NAMES, REFERENCES, metric_view, references

CLASS_METRICS: Final = ("auroc", "average-precision", "sensitivity", "specificity", "precision", "f1")


def overall_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return every average of the headline method, unit and image level side by side, with what guessing reaches."""
    task = record.benchmark.task
    methods = sorted((m for m in record.methods if m.id == headline.id), key=lambda m: m.level != headline.level)
    first = {name: i for i, name in enumerate(record.benchmark.headline_metrics)}
    pairs = [pair for pair in rows.averages_of(methods) if pair[0] not in REFERENCES]
    lines: list[View] = [
        {
            "metric": metric_view(metric, task),
            "averaging": AVERAGING_NAMES[averaging],
            "weighted": averaging == "weighted",
            "cells": [cell(rows.averaged(m, metric, averaging)) for m in methods],
            "references": references(rows, headline, metric, averaging, task),
        }
        for metric, averaging in sorted(pairs, key=lambda pair: first.get(pair[0], len(first)))
    ]
    # Where the card knows nothing of malignancy, one line says so.
    unknown = [line for line in lines if line["metric"]["family"] == "malignancy" and _is_empty(line)]
    lines = [line for line in lines if line not in unknown[1:]]
    for line in lines:
        line["fold"] = fold_of(line, first)
    return {"levels": [m.level for m in methods], "rows": lines, "folds": folds_view(lines)}


def _is_empty(line: View) -> bool:
    return all(one is None or one["value"] is None for one in line["cells"])


def leading_chance(record: RunRecord, rows: Rows, method: MethodUsed, metric: str) -> float | None:
    """Return what guessing reaches on a metric's leading average, for the line in a chart."""
    row = rows.average(method, metric)
    if row is None:
        return None
    found = references(rows, method, metric, row.averaging, record.benchmark.task)
    return float(found[0]["value"]) if found else None


def classes_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return one row a class: counts, prevalence and the class metrics at the headline's level."""
    present = rows.class_metrics(headline)
    metrics = [m for m in CLASS_METRICS if m in present]
    lines = []
    for spec in record.benchmark.classes:
        found = [rows.of_class(headline, metric, spec.id) for metric in metrics]
        counts = next((r for r in found if r is not None), None)
        lines.append(
            {
                "id": spec.id,
                "name": spec.name,
                "malignant": spec.malignant,
                "note": spec.note,
                "n": counts.n if counts else None,
                "n_positive": counts.n_positive if counts else None,
                "prevalence": _prevalence(counts),
                "cells": [cell(r) for r in found],
            }
        )
    return {"metrics": [metric_view(m, record.benchmark.task) for m in metrics], "rows": lines, "level": headline.level}


def _prevalence(counts: MetricRow | None) -> float | None:
    if counts is None or counts.n_positive is None or counts.n == 0:
        return None
    return counts.n_positive / counts.n


def thresholds_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View | None:
    """Return the decision threshold of each class and what it gives, or None for highest-score decisions."""
    if headline.decision != "threshold":
        return None
    metrics = [m for m in ("sensitivity", "specificity", "precision") if m in rows.class_metrics(headline)]
    thresholds = headline.thresholds or next((s.thresholds for s in headline.seeds if s.thresholds), {})
    lines: list[dict[str, Any]] = [
        {
            "id": spec.id,
            "name": spec.name,
            "threshold": thresholds.get(spec.id),
            "cells": [cell(rows.of_class(headline, m, spec.id)) for m in metrics],
        }
        for spec in record.benchmark.classes
    ]
    return {
        "metrics": [metric_view(m, record.benchmark.task) for m in metrics],
        "rows": lines,
        "chosen_on": decided(headline.chosen_on),
    }
