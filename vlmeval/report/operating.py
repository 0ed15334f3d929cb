"""The section "Operating points and decision curves": thresholds chosen on validation units, and their worth."""

from __future__ import annotations

from typing import Final

from vlmeval.examine.measured_gap import LAST_FIRST
from vlmeval.records import GroupSpec, MethodUsed, RunRecord, Variant
from vlmeval.report.examined import NOT_EXAMINED, Found, level_view, line, measure_view, no_tones, tone_groups
from vlmeval.report.folds import brief
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.text import lower_first

TARGETS: Final = ("sensitivity-90", "sensitivity-95", "specificity-90")
METRICS: Final = ("sensitivity", "specificity", "precision", "npv", "flagged")
NAMES: Final = {"precision": "Positive predictive value", "npv": "Negative predictive value"}
MALIGNANT: Final = "operating:malignant-"
TREAT_ALL: Final = "decision:treat-all"


def operating_view(record: RunRecord, headline: MethodUsed) -> View:
    """Return what each target achieves, of malignancy or as the mean over classes, and decision curves."""
    found = Found(record, headline)
    prefix, averaging = (MALIGNANT, "overall") if found.variants(MALIGNANT) else ("operating:", "macro")
    targets = [v for t in TARGETS if (v := found.first((f"{prefix}{t}",))) is not None]
    return {
        "reason": None if targets else found.missing("operating"),
        "malignant": prefix == MALIGNANT,
        "fitted_on": targets[0].fitted_on if targets else None,
        "metrics": [_named(m, record) for m in METRICS],
        "targets": [
            {
                "id": v.id,
                "title": _title(v),
                "cells": [_cell(found.rows(v.id), headline, m, averaging) for m in METRICS],
            }
            for v in targets
        ],
        "tones": [_tone(g, found, targets, headline, averaging) for g in tone_groups(record)] if targets else [],
        "no_tones": no_tones(record),
        "classes": _classes(record, found, headline),
        "decision": _decision(record, found),
    }


def _title(variant: Variant) -> str:
    """Return the target, per cent signs kept with their numbers."""
    title = variant.title.removeprefix("Malignant: ").replace(" %", "\u00a0%")
    return title[:1].upper() + title[1:]


def _named(metric: str, record: RunRecord) -> View:
    view = measure_view(metric, record.benchmark.task)
    return view | {"short": NAMES.get(metric, view["short"])}


def _cell(
    rows: Rows, headline: MethodUsed, metric: str, averaging: str, group: str | None = None, level: str | None = None
) -> View | None:
    return cell(rows.averaged(headline, metric, averaging, group, level))


def _tone(group: GroupSpec, found: Found, targets: list[Variant], headline: MethodUsed, averaging: str) -> View:
    made: list[View] = [
        {
            "title": _title(v),
            "rows": [
                {
                    **level_view(lv),
                    "cells": [_cell(found.rows(v.id), headline, m, averaging, group.id, lv.id) for m in METRICS],
                }
                for lv in group.levels
            ],
        }
        for v in targets
    ]
    leading, first = made[0], targets[0]
    levels = [(row, row["cells"][0]) for row in leading["rows"]]
    gap = _cell(found.rows(first.id), headline, METRICS[0], averaging, group.id, LAST_FIRST)
    return {
        "id": group.id,
        "name": group.name,
        "estimated": group.estimated,
        "brief": brief(f"sensitivity at the target “{lower_first(leading['title'])}”", levels, gap),
        "targets": made,
    }


def _classes(record: RunRecord, found: Found, headline: MethodUsed) -> list[View]:
    """Return each class at the first target; nothing where only averages were reported."""
    rows = found.rows(f"operating:{TARGETS[0]}")
    made: list[View] = [
        {"id": c.id, "name": c.name, "cells": [cell(rows.of_class(headline, m, c.id)) for m in METRICS]}
        for c in record.benchmark.classes
    ]
    return [one for one in made if any(c is not None for c in one["cells"])]


def _decision(record: RunRecord, found: Found) -> View:
    """Return one panel a target: the model, and treating everyone."""
    curves = found.curves("decision")
    names = {c.id: c.name for c in record.benchmark.classes} | {None: "Malignant"}
    everyone = {c.class_id: c for c in curves if c.variant == TREAT_ALL}
    panels = [
        {
            "name": names.get(c.class_id, c.class_id),
            "reason": c.reason,
            "lines": [line(0, "The model", c), line(1, "Treat everyone", everyone.get(c.class_id))]
            if not c.reason
            else [],
        }
        for c in curves
        if c.variant != TREAT_ALL
    ]
    reason = None if panels else found.missing("decision")
    return {"reason": reason if reason != NOT_EXAMINED or not panels else None, "panels": panels}
