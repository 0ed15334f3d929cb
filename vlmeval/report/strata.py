"""For whom: every group attribute of the card with its levels, gaps, and a class by level table; or why there is none."""

from __future__ import annotations

from typing import Final

from vlmeval.records import GroupSpec, MethodUsed, RunRecord
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.names import metric_view

GAPS: Final = {"worst": "Worst level", "max-min": "Largest minus smallest", "last-first": "Last minus first level"}
TABLE_METRIC: Final = "auroc"


def strata_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> tuple[list[View], list[View]]:
    """Return the skin-tone attributes and the other attributes, each in the card's order."""
    views = [(g.kind == "skin-tone", group_view(g, record, rows, headline)) for g in record.benchmark.groups]
    return [v for tone, v in views if tone], [v for tone, v in views if not tone]


def group_view(group: GroupSpec, record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return one attribute: its metrics per level with gap rows, and AUROC per class and level."""
    view: View = {
        "id": group.id,
        "name": group.name,
        "kind": group.kind,
        "scale": group.scale,
        "note": group.note,
        "unavailable": group.unavailable,
        "levels": [{"id": lv.id, "name": lv.name, "missing": lv.missing} for lv in group.levels],
        "metrics": [],
        "classes": [],
    }
    if group.unavailable is not None:
        return view
    metrics = [m for m in record.benchmark.headline_metrics if rows.average(headline, m) is not None]
    view["metrics"] = [_metric(metric, group, rows, headline) for metric in metrics]
    view["classes"] = [
        {
            "id": spec.id,
            "name": spec.name,
            "cells": [cell(rows.of_class(headline, TABLE_METRIC, spec.id, group.id, lv.id)) for lv in group.levels],
            "overall": cell(rows.of_class(headline, TABLE_METRIC, spec.id)),
        }
        for spec in record.benchmark.classes
    ]
    return view


def _metric(metric: str, group: GroupSpec, rows: Rows, headline: MethodUsed) -> View:
    overall = rows.average(headline, metric)
    averaging = overall.averaging if overall is not None else "macro"
    levels = [
        {
            "id": level.id,
            "name": level.name,
            "missing": level.missing,
            "cell": cell(rows.averaged(headline, metric, averaging, group.id, level.id)),
        }
        for level in group.levels
    ]
    gaps = [
        {"id": gap, "name": name, "cell": cell(rows.averaged(headline, metric, averaging, group.id, gap))}
        for gap, name in GAPS.items()
    ]
    return {
        "metric": metric_view(metric),
        "averaging": averaging,
        "overall": cell(overall),
        "levels": levels,
        "gaps": [g for g in gaps if g["cell"] is not None],
    }


def extremes(metric: View) -> tuple[View, View] | None:
    """Return the worst and the best answered level of a group's metric, or None when fewer than two have values."""
    known = [lv for lv in metric["levels"] if not lv["missing"] and lv["cell"] and lv["cell"]["value"] is not None]
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda lv: float(lv["cell"]["value"]), reverse=metric["metric"]["higher_is_better"])
    return ordered[-1], ordered[0]
