"""The section "Sets instead of single answers": conformal sets, and whether they keep their promise for everybody."""

from __future__ import annotations

from typing import Any, Final

from vlmeval.examine.measured_gap import LAST_FIRST
from vlmeval.records import GroupSpec, MethodUsed, RunRecord
from vlmeval.report.examined import Found, level_view, no_tones, tone_groups
from vlmeval.report.folds import brief
from vlmeval.report.lookup import Rows, View, cell

GLOBAL: Final = "conformal:global"
PROMISED: Final = 0.9
MEASURED: Final = {"coverage": "conformal-coverage", "size": "conformal-size", "empty": "conformal-empty"}


def conformal_view(record: RunRecord, headline: MethodUsed) -> View:
    """Return coverage, size and empty sets: overall, by skin tone with one threshold and with one a level, by class."""
    found = Found(record, headline)
    one = found.first((GLOBAL,))
    rows = found.rows(GLOBAL)
    classes = [
        {"id": c.id, "name": c.name, "coverage": cell(rows.of_class(headline, MEASURED["coverage"], c.id))}
        for c in record.benchmark.classes
    ]
    return {
        "reason": None if one else found.missing("conformal"),
        "single": record.benchmark.task == "single-label",
        "promised": PROMISED,
        "count": len(record.benchmark.classes),
        "note": one.note if one else None,
        "fitted_on": one.fitted_on if one else None,
        "overall": _cells(rows, headline, None, None),
        "expected": _parameters(found, GLOBAL, headline).get("expected"),
        "tones": [_tone(g, found, headline) for g in tone_groups(record)],
        "no_tones": no_tones(record),
        "classes": [c for c in classes if c["coverage"] is not None],
    }


def _parameters(found: Found, variant: str, headline: MethodUsed) -> dict[str, Any]:
    """Return what was chosen for this method: thresholds, and what they are from."""
    known = found.first((variant,))
    own: dict[str, Any] = known.parameters.get(headline.id, {}) if known else {}
    return own


def _cells(rows: Rows, headline: MethodUsed, group: str | None, level: str | None) -> View:
    return {name: cell(rows.averaged(headline, metric, "overall", group, level)) for name, metric in MEASURED.items()}


def _tone(group: GroupSpec, found: Found, headline: MethodUsed) -> View:
    one, own = found.rows(GLOBAL), found.rows(f"conformal:by-{group.id}")
    chosen = _parameters(found, f"conformal:by-{group.id}", headline)
    gap = {
        "one": _cells(one, headline, group.id, LAST_FIRST),
        "own": _cells(own, headline, group.id, LAST_FIRST),
    }
    levels = [
        {
            **level_view(lv),
            "one": _cells(one, headline, group.id, lv.id),
            "own": _cells(own, headline, group.id, lv.id),
            "units": chosen.get(lv.id, {}).get("units"),
            "expected": chosen.get(lv.id, {}).get("expected"),
        }
        for lv in group.levels
    ]
    covered = [(row, row["one"]["coverage"]) for row in levels]
    return {
        "id": group.id,
        "name": group.name,
        "estimated": group.estimated,
        "brief": brief("share of sets with the truth", covered, gap["one"]["coverage"]),
        "gap": gap,
        "rows": levels,
    }
