"""For whom: every group attribute of the card with levels, gaps and a class by level table; or why there is none."""

from __future__ import annotations

from typing import Final

from vlmeval.records import GroupLevel, GroupSpec, MethodUsed, RunRecord
from vlmeval.report.folds import brief
from vlmeval.report.gaps import GAPS, class_gaps, error_gaps, gap_cell, verdict
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.names import AVERAGING_NAMES, SAME_FOR_ALL, metric_view
from vlmeval.report.suppressed import suppressed_view
from vlmeval.report.tables import leading_chance
from vlmeval.report.text import lower_first

TABLE_METRIC: Final = "auroc"
TINY: Final = 1e-12
# Case mix differs between levels; so each metric follows once more over the classes that every level has: if those are
# at least half of all (over fewer it is another question), or if the levels cannot be compared otherwise.
STANDARDISED: Final = {"balanced-accuracy": "sensitivity"}


def strata_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> tuple[list[View], list[View]]:
    """Return the skin-tone attributes and the other attributes, each in the card's order; crossed ones: crossed.py."""
    plain = [g for g in record.benchmark.groups if g.crossed is None]
    views = [(g.kind == "skin-tone", group_view(g, record, rows, headline)) for g in plain]
    return [v for tone, v in views if tone], [v for tone, v in views if not tone]


def group_view(group: GroupSpec, record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return one attribute: its metrics per level with gap rows, and AUROC per class and level."""
    view: View = {
        "id": group.id,
        "name": group.name,
        "kind": group.kind,
        "scale": group.scale,
        "estimated": group.estimated,
        "silent": False,
        "note": group.note,
        "unavailable": group.unavailable,
        "levels": [_level(lv) for lv in group.levels],
        "metrics": [],
        "too_narrow": None,
        "classes": [],
        "errors": [],
        "class_gaps": None,
        "verdict": None,
        "brief": None,
        "suppressed": [],
    }
    if group.unavailable is not None:
        return view
    metrics = _metrics(group, rows, headline, record)
    if metrics and not any(_cases(metric) for metric in metrics):
        return view | {"unavailable": f"not recorded for any {record.benchmark.unit.name} of this run"}
    k = len(record.benchmark.classes)
    view["metrics"] = [m for m in metrics if not m["narrow"] or (m["alone"] and _common(m) > 0)]
    view["silent"] = bool(metrics) and not any(_has_value(lv) for m in metrics for lv in m["levels"])
    narrow = [_common(m) for m in metrics if m["narrow"]]
    view["errors"] = error_gaps(group, rows, headline, record)
    view["class_gaps"] = class_gaps(group, rows, headline, record)
    view["verdict"] = verdict(view["metrics"], view["errors"], view["class_gaps"])
    view["brief"] = _brief(view)
    view["too_narrow"] = {"common": narrow[0], "classes": k} if narrow else None
    view["classes"] = [
        {
            "id": spec.id,
            "name": spec.name,
            "cells": [cell(rows.of_class(headline, TABLE_METRIC, spec.id, group.id, lv.id)) for lv in group.levels],
            "overall": cell(rows.of_class(headline, TABLE_METRIC, spec.id)),
        }
        for spec in record.benchmark.classes
    ]
    return view | {"suppressed": suppressed_view(view)}


def _metrics(group: GroupSpec, rows: Rows, headline: MethodUsed, record: RunRecord) -> list[View]:
    """Return each headline metric per level with its gaps, then the same over the classes that every level has."""
    views = []
    for leading in record.benchmark.headline_metrics:
        overall = rows.average(headline, leading)
        if overall is None:
            continue
        plain = _metric(leading, overall.averaging, group, rows, headline)
        if plain is not None:
            plain |= {
                "metric": metric_view(leading, record.benchmark.task),
                "overall": cell(overall),
                # The line is drawn for every level, so only where guessing reaches the same in each of them.
                "chance": leading_chance(record, rows, headline, leading) if leading in SAME_FOR_ALL else None,
            }
            views.append(plain)
        common = STANDARDISED.get(leading, leading)
        standardised = _metric(common, "macro-common", group, rows, headline)
        if standardised is not None and not (plain is not None and _same(plain, standardised)):
            alone = plain is not None and not comparable(plain)
            narrow = 2 * _common(standardised) < len(record.benchmark.classes)
            facts = {"metric": metric_view(common, record.benchmark.task), "alone": alone, "narrow": narrow}
            views.append(standardised | facts)
    return views


def _metric(metric: str, averaging: str, group: GroupSpec, rows: Rows, headline: MethodUsed) -> View | None:
    """Return one metric under one averaging: a cell per level and per gap; None if statistics did not compute it."""
    by = {lv.id: cell(rows.averaged(headline, metric, averaging, group.id, lv.id)) for lv in group.levels}
    gaps = {gap: gap_cell(rows.averaged(headline, metric, averaging, group.id, gap)) for gap in GAPS}
    if all(c is None for c in (*by.values(), *gaps.values())):
        return None
    return {
        "averaging": averaging,
        "averaged": AVERAGING_NAMES[averaging],
        "standardised": averaging == "macro-common",
        "narrow": False,
        "overall": None,
        "chance": None,
        "levels": [{**_level(lv), "cell": by[lv.id]} for lv in group.levels],
        "gaps": [{"id": gap, "name": name, "cell": gaps[gap]} for gap, name in GAPS.items() if gaps[gap] is not None],
    }


def comparable(metric: View) -> bool:
    """Tell whether the levels of a metric are over the same classes, so that one can be called weaker than another."""
    return any(gap["cell"]["value"] is not None for gap in metric["gaps"])


def _brief(view: View) -> View | None:
    """Return the line that a folded source has: the weakest level and the gap of the metric its levels compare by."""
    metric = leading_metric(view)
    if metric is None:
        return None
    named = ", ".join(t for t in (lower_first(metric["metric"]["short"]), metric["averaged"]) if t)
    gaps = {g["id"]: g["cell"] | {"name": g["name"]} for g in metric["gaps"]}
    gap = gaps.get("last-first") or gaps.get("max-min")  # levels without an order have no first and last
    lower = metric["metric"]["direction"] == "lower"
    return brief(named, [(lv, lv["cell"]) for lv in metric["levels"]], gap, lower=lower)


def leading_metric(group: View) -> View | None:
    """Return the metric that a group's levels are compared by, or None where no metric allows it.

    Case mix differs between levels: over the classes that every level has is the fairer comparison, and where the
    levels cover different classes it is the only one.
    """
    ordered = sorted(group["metrics"], key=lambda m: 2 * m["narrow"] - m["standardised"])
    return next((m for m in ordered if extremes(m) is not None and comparable(m)), None)


def shared_classes(metric: View, record: RunRecord) -> str | None:
    """Return over how many classes a class-standardised metric compares the levels, in words; None for other ones."""
    if not metric["standardised"]:
        return None
    unit = record.benchmark.unit.name
    of = len(record.benchmark.classes)
    return f"over the {_common(metric)} of {of} conditions that have enough {unit}s in every level"


def _has_value(level: View) -> bool:
    return not level["missing"] and level["cell"] is not None and level["cell"]["value"] is not None


def _cases(metric: View) -> int:
    """Return the number of rows in answered levels."""
    return sum(lv["cell"]["n"] for lv in metric["levels"] if lv["cell"] and not lv["missing"])


def _common(metric: View) -> int:
    """Return over how many classes a class-standardised metric compares the levels; 0 if it has no values."""
    cells = [lv["cell"] for lv in metric["levels"] if lv["cell"] and lv["cell"]["value"] is not None]
    return min((c["n_classes"] or 0 for c in cells), default=0)


def _same(plain: View, standardised: View) -> bool:
    """Tell whether every answered level has the same value either way: then all have the same classes already."""
    pairs = [
        (a["cell"], b["cell"])
        for a, b in zip(plain["levels"], standardised["levels"], strict=True)
        if not a["missing"] and a["cell"] and b["cell"]
    ]
    return all(_close(a["value"], b["value"]) for a, b in pairs)


def _close(a: float | None, b: float | None) -> bool:
    return a is b if a is None or b is None else abs(a - b) < TINY


def _level(level: GroupLevel) -> View:
    return {"id": level.id, "name": level.name, "missing": level.missing, "other": level.other}


def extremes(metric: View) -> tuple[View, View] | None:
    """Return the worst and the best answered level of a group's metric, or None when fewer than two have values."""
    known = [lv for lv in metric["levels"] if not lv["missing"] and lv["cell"] and lv["cell"]["value"] is not None]
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda lv: float(lv["cell"]["value"]), reverse=metric["metric"]["direction"] != "lower")
    return ordered[-1], ordered[0]
