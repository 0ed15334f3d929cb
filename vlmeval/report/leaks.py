"""The audit on the page: what was looked for, what was found, what could not be looked for; what a leak is worth.

In: RunRecord, its rows. Out: the view's ``audit``.
"""

from __future__ import annotations

from vlmeval.data.leaks.leak_group import GROUP, SEEN, UNSEEN
from vlmeval.records import AuditCheck, LeakEffect, MethodUsed, RunRecord
from vlmeval.report.lookup import Rows, View, cell, whole_methods
from vlmeval.report.methods import method_name
from vlmeval.report.names import metric_view

GAP = "last-first"


def audit_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return the findings, gravest first, the checks, and for leaky protocols what the leak is worth."""
    grave = {"violation": 0, "warning": 1, "info": 2}
    found = sorted(record.findings, key=lambda f: grave[f.severity])
    return {
        "findings": [f.model_dump(mode="json") for f in found],
        "checks": [_check(check) for check in record.audit if check.not_looked is None],
        "not_looked": [_check(check) for check in record.audit if check.not_looked is not None],
        "leaky": record.benchmark.protocol.leaky,
        "effects": [_effect(effect, record, rows) for effect in record.leaks],
        "seen": _seen(record, rows, headline),
    }


def _check(check: AuditCheck) -> View:
    return check.model_dump(mode="json")


def _effect(effect: LeakEffect, record: RunRecord, rows: Rows) -> View:
    """Return one method with and without the leak: headline metrics over everyone, and over seen and unseen units."""
    method = next(m for m in record.methods if (m.id, m.level) == (effect.method, effect.level))
    lines = [
        line
        for metric in record.benchmark.headline_metrics
        for who in (None, SEEN, UNSEEN)
        if (line := _line(effect, record, rows, method, metric, who)) is not None
    ]
    return effect.model_dump(mode="json", exclude={"rows", "differences"}) | {
        "title": method.title,
        "lines": lines,
        "first": next((line for line in lines if line["who"] is None and line["worth"]["value"] is not None), None),
    }


def _line(
    effect: LeakEffect, record: RunRecord, rows: Rows, method: MethodUsed, metric: str, who: str | None
) -> View | None:
    before = rows.average(method, metric, GROUP if who else None, who)
    if before is None:
        return None
    about = ("metric", "averaging", "class_id", "group", "group_level")
    key = [getattr(before, name) for name in about]
    after = next((r for r in effect.rows if [getattr(r, name) for name in about] == key), None)
    worth = next((d for d in effect.differences if [getattr(d, name) for name in about] == key), None)
    if worth is None:
        return None
    sure = worth.low is not None and worth.high is not None and not worth.low <= 0 <= worth.high
    return {
        "metric": metric_view(metric, record.benchmark.task),
        "who": who,
        "with": cell(before),
        "without": cell(after),
        "worth": {**worth.model_dump(mode="json", include={"value", "low", "high", "reason"}), "excludes_zero": sure},
    }


def _seen(record: RunRecord, rows: Rows, headline: MethodUsed) -> View | None:
    """Return each method's figures for units seen in training and for those not; None where there is no such group."""
    group = next((g for g in record.benchmark.groups if g.id == GROUP), None)
    if group is None:
        return None
    methods = [m for m in whole_methods(record) if m.level == headline.level]
    mixed = len({m.kind for m in methods}) > 1
    units = record.data.group_units.get(GROUP, {})
    lines = [
        {
            "method": method_name(record, m, mixed=mixed),
            "learned": m.kind != "zero-shot",
            "metric": metric_view(metric, record.benchmark.task),
            "seen": cell(rows.average(m, metric, GROUP, SEEN)),
            "unseen": cell(rows.average(m, metric, GROUP, UNSEEN)),
            "gap": cell(rows.average(m, metric, GROUP, GAP)),
        }
        for m in methods
        for metric in record.benchmark.headline_metrics
        if rows.average(m, metric, GROUP, SEEN) is not None
    ]
    return {"units": units.get(SEEN, 0), "of": sum(units.values()), "note": group.note, "lines": lines}
