"""One small panel a class: the leading methods on shared axes, the classes that are hardest for the headline first.

Which methods lead is fixed by their kind, never by their result: the headline, zero-shot, the first probe of each kind,
and the few-shot method listed first at the most shots. The best of several on the test rows would flatter itself.
"""

from __future__ import annotations

from typing import Final

from vlmeval.records import MethodUsed, RunRecord
from vlmeval.report.fewshot import VARIANTS, split_curve
from vlmeval.report.lookup import FEW_SHOT, Rows, View, cell, whole_methods, zero_shot_method
from vlmeval.report.methods import method_name
from vlmeval.report.names import metric_view
from vlmeval.report.text import lower_first

METRICS: Final = ("auroc", "average-precision", "sensitivity")
KINDS: Final = ("linear-probe", "mlp-probe", "knn")
MOST: Final = 5
GUESSING: Final = 0.5
SHOWN: Final = 12
"""How many panels stand in sight; the others are folded."""


def multiples_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View | None:
    """Return a panel a class, or None where only one method has numbers by class."""
    present = rows.class_metrics(headline)
    metric = next((m for m in METRICS if m in present), None)
    if metric is None:
        return None
    methods = [m for m in _leading(record, headline) if metric in rows.class_metrics(m)]
    if len(methods) < 2:
        return None
    panels = [_panel(spec.id, spec.name, metric, methods, rows) for spec in record.benchmark.classes]
    return {
        "metric": metric_view(metric, record.benchmark.task),
        "methods": [{"key": i, "name": _name(record, m)} for i, m in enumerate(methods)],
        "panels": sorted(panels, key=_hardest),
        "guessing": metric == "auroc" and any(c and (c["low"] or 1.0) <= GUESSING for p in panels for c in p["cells"]),
        "shown": SHOWN,
        "few_shot": any(m.kind == FEW_SHOT for m in methods),
    }


def _leading(record: RunRecord, headline: MethodUsed) -> list[MethodUsed]:
    """Return the headline, zero-shot, the first probe of each kind, and one point of a few-shot curve."""
    level = headline.level
    whole = [m for m in whole_methods(record) if m.level == level]
    probes = [next((m for m in whole if m.kind == kind), None) for kind in KINDS]
    chosen = [headline, zero_shot_method(record, level), *probes, _few_shot(record, level)]
    found: dict[str, MethodUsed] = {m.id: m for m in chosen if m is not None}
    return list(found.values())[:MOST]


def _few_shot(record: RunRecord, level: str) -> MethodUsed | None:
    """Return the point with the most shots (not all data) of the variant that is listed first."""
    points = [m for m in record.methods if m.kind == FEW_SHOT and m.level == level and m.curve and m.shots != "all"]
    order = list(VARIANTS)
    ranked = sorted(points, key=lambda m: (-int(m.shots or 0), _place(order, split_curve(m.curve or "")[0]), m.id))
    return ranked[0] if ranked else None


def _place(order: list[str], variant: str) -> int:
    return order.index(variant) if variant in order else len(order)


def _name(record: RunRecord, method: MethodUsed) -> str:
    if method.kind == FEW_SHOT:
        variant = split_curve(method.curve or "")[0]
        return f"{method.shots} shots, {lower_first(VARIANTS.get(variant, (variant, ''))[0])}"
    return "Zero-shot" if method.kind == "zero-shot" else method_name(record, method, mixed=True)


def _panel(class_id: str, name: str, metric: str, methods: list[MethodUsed], rows: Rows) -> View:
    cells = [cell(rows.of_class(m, metric, class_id)) for m in methods]
    known = next((c for c in cells if c is not None), None)
    silent = all(c is None or c["value"] is None for c in cells)
    reason = next((c["reason"] for c in cells if c is not None and c["reason"]), "not computed") if silent else None
    return {
        "id": class_id,
        "name": name,
        "n": known["n"] if known else None,
        "n_positive": known["n_positive"] if known else None,
        "cells": cells,
        "reason": reason,
    }


def _hardest(panel: View) -> tuple[bool, float]:
    """Order by the headline's value, lowest first; what has no number comes last."""
    first = panel["cells"][0]
    known = first is not None and first["value"] is not None
    return (not known, float(first["value"]) if known else 0.0)
