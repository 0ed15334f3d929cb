"""How sure the truth is: the same scores under other truths, answers against the differential, and how readers agree.

In: a RunRecord (its metric rows and what the truth examiner found). Out: one view, or the reason why there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vlmeval.records import MethodUsed, MetricRow, RunRecord, Variant
from vlmeval.report.lookup import Rows, View, cell, whole_methods
from vlmeval.report.methods import UNTRAINED, method_name
from vlmeval.report.names import metric_view
from vlmeval.report.tables import leading_chance
from vlmeval.report.text import capitalize_first

DIFFERENTIAL, SAMPLED, DIFFERENCE = "truth:differential", "truth:sampled", ":difference"
PANEL, ONE, SAME = "ceiling:panel", "ceiling:one-dermatologist", "ceiling:same-cases"
THE_PANEL, ONE_READER = "panel", "one-dermatologist"
TOPS: Final = (1, 3, 5)
KINDS: Final = ("truth", "ceiling")
AS_READ: Final = "As the card reads it"
DRAWN: Final = "Drawn from the differential"
WEIGHTS_NAME, READER_NAME = "The dermatologists' weights", "One dermatologist"
NOT_EXAMINED: Final = "how sure the truth is was not examined in this run"


def truth_view(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return what was found of how sure the truth is, for all methods examined at the headline's level."""
    found = _Found(record)
    methods = [m for m in whole_methods(record) if m.level == headline.level and found.has(m)]
    methods.sort(key=lambda m: m.id != headline.id)
    mixed = len({m.kind for m in record.methods}) > 1
    reason = None if methods else record.examined.missing.get("truth", NOT_EXAMINED)
    return {
        "reason": reason,
        "note": record.benchmark.truth.note if methods else None,
        "methods": [{"id": m.id, "name": method_name(record, m, mixed=mixed)} for m in methods],
        "metrics": [] if reason else _metrics(record, rows, methods, found),
        "tops": _tops(record, methods, found, mixed=mixed),
        "same": _same(record, methods, found, mixed=mixed),
        "agreement": _agreement(found),
        "ceiling_reason": record.examined.missing.get("truth-ceiling") if methods else None,
        "sampled": SAMPLED in found.variants,
        "trained": any(m.kind not in UNTRAINED for m in methods),
    }


class _Found:
    """Rows of the truth examiner over all classes, by variant, method and metric."""

    def __init__(self, record: RunRecord) -> None:
        self.variants = {v.id: v for v in record.examined.variants if v.kind in KINDS}
        self._rows = {
            (r.variant, r.method, r.metric): r
            for r in record.examined.rows
            if r.variant in self.variants and r.averaging in ("overall", "macro") and r.group is None
        }
        self._methods = {(method, variant) for variant, method, _ in self._rows}

    def has(self, method: MethodUsed) -> bool:
        """Tell whether anything was found of a method."""
        return any((method.id, variant) in self._methods for variant in self.variants)

    def row(self, variant: str, method: str, metric: str) -> MetricRow | None:
        """Return the row, if there is one."""
        return self._rows.get((variant, method, metric))

    def readings(self) -> list[Variant]:
        """Return the card's other readings, in its order."""
        plain = (SAMPLED, DIFFERENTIAL)
        return [
            v
            for v in self.variants.values()
            if v.kind == "truth" and v.id not in plain and not v.id.endswith(DIFFERENCE)
        ]


def _metrics(record: RunRecord, rows: Rows, methods: Sequence[MethodUsed], found: _Found) -> list[View]:
    """Return each headline metric under every truth: one line a truth, one cell a method."""
    wanted = dict.fromkeys(("auroc", *record.benchmark.headline_metrics))
    made = []
    for metric in wanted:
        lines = [_line("card", AS_READ, [cell(rows.average(m, metric)) for m in methods])]
        if SAMPLED in found.variants:
            lines.append(_line("sampled", DRAWN, [cell(found.row(SAMPLED, m.id, metric)) for m in methods]))
        for variant in found.readings():
            cells = [cell(found.row(variant.id, m.id, metric)) for m in methods]
            moved = [_moved(found.row(variant.id + DIFFERENCE, m.id, metric)) for m in methods]
            title = capitalize_first(variant.title)
            lines.append(_line(variant.id, title, cells, moved, variant.parameters))
        lines = [line for line in lines if any(c is not None for c in line["cells"])]
        ceilings = [
            {"id": name, "name": title, "cell": cell(row)}
            for name, title, row in (
                (PANEL, WEIGHTS_NAME, found.row(PANEL, THE_PANEL, metric)),
                (ONE, READER_NAME, found.row(ONE, ONE_READER, metric)),
            )
            if row is not None
        ]
        if len(lines) > 1:
            shown = metric_view(metric, record.benchmark.task)
            chance = leading_chance(record, rows, methods[0], metric) if metric == "auroc" else None
            made.append({"metric": shown | {"chance": chance}, "rows": lines, "ceilings": ceilings})
    return made


def _line(
    name: str,
    title: str,
    cells: list[View | None],
    moved: list[View | None] | None = None,
    facts: dict[str, Any] | None = None,
) -> View:
    facts, moved = facts or {}, moved or [None] * len(cells)
    # A reading that only chooses among the rows changes no label: there is no difference to tell.
    still = [m for m in moved if m is not None and m["value"] is not None]
    chosen = (
        bool(facts.get("left_out")) and bool(still) and all(m["low"] == m["value"] == m["high"] == 0 for m in still)
    )
    return {
        "id": name,
        "name": title,
        "cells": cells,
        "moved": [None] * len(cells) if chosen else moved,
        "chosen": chosen,
        "left_out": facts.get("left_out", 0),
        "of": facts.get("of"),
    }


def _moved(row: MetricRow | None) -> View | None:
    """Return a difference to the card's truth as the page's differences are."""
    if row is None:
        return None
    settled = row.low is not None and row.high is not None and not row.low <= 0 <= row.high
    return {**(cell(row) or {}), "excludes_zero": settled}


def _tops(record: RunRecord, methods: Sequence[MethodUsed], found: _Found, *, mixed: bool) -> View | None:
    """Return the answers of each method against the differential, over all evaluated rows that have one."""
    ks = [k for k in TOPS if any(found.row(DIFFERENTIAL, m.id, f"top-{k}-weight") for m in methods)]
    if not ks:
        return None
    lines = [_top_line(method_name(record, m, mixed=mixed), found, DIFFERENTIAL, m.id, ks) for m in methods]
    facts = found.variants[DIFFERENTIAL].parameters
    return {"ks": ks, "rows": lines, "left_out": facts.get("left_out", 0), "of": facts.get("of", 0)}


def _top_line(name: str, found: _Found, variant: str, method: str, ks: Sequence[int], *, reader: bool = False) -> View:
    return {
        "name": name,
        "reader": reader,
        "inside": [cell(found.row(variant, method, f"top-{k}-in-differential")) for k in ks],
        "weight": [cell(found.row(variant, method, f"top-{k}-weight")) for k in ks],
        "auroc": cell(found.row(variant, method, "auroc")),
    }


def _same(record: RunRecord, methods: Sequence[MethodUsed], found: _Found, *, mixed: bool) -> View | None:
    """Return one dermatologist and each method on the same units; and that dermatologist over all splits."""
    # A dermatologist names up to three conditions: five answers would be the same three.
    ks = [k for k in TOPS[:2] if found.row(SAME, ONE_READER, f"top-{k}-weight")]
    if not ks:
        return None
    lines = [_top_line(READER_NAME, found, SAME, ONE_READER, ks, reader=True)]
    lines += [_top_line(method_name(record, m, mixed=mixed), found, SAME, m.id, ks) for m in methods]
    everywhere = _top_line(f"{READER_NAME}, all splits", found, ONE, ONE_READER, ks, reader=True)
    return {"ks": ks, "rows": lines, "everywhere": everywhere}


def _agreement(found: _Found) -> View | None:
    row = found.row(PANEL, THE_PANEL, "expected-agreement")
    if row is None:
        return None
    facts = found.variants[ONE].parameters
    return {
        "pairs": cell(row),
        "best": cell(found.row(PANEL, THE_PANEL, "best-answer-agreement")),
        "compared": facts.get("compared", row.n_units),
        "several": facts.get("several"),
        "units": facts.get("units"),
    }
