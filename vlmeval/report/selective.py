"""The section "If the model may say I do not know": error against the share answered, and who is referred."""

from __future__ import annotations

from typing import Any, Final

from vlmeval.examine.measured_gap import LAST_FIRST
from vlmeval.records import CurveUsed, GroupSpec, MethodUsed, RunRecord
from vlmeval.report.examined import Found, level_lines, level_view, line, no_tones, tone_groups
from vlmeval.report.folds import brief
from vlmeval.report.lookup import Rows, View, cell

AT: Final = "operating:answer-80"
ASIDE: Final = ("risk-at-80-coverage", "aurc", "excess-aurc")
READ_AT: Final = (0.2, 0.4, 0.6, 0.8, 1.0)


def selective_view(record: RunRecord, headline: MethodUsed) -> View:
    """Return the curve, its areas and the referral at one threshold, overall and by skin tone."""
    found = Found(record, headline)
    curves = found.curves("risk-coverage")
    whole = next((c for c in curves if c.group is None), None)
    at, own = found.first((AT,)), Rows(())
    if whole is not None:
        own = found.rows(whole.variant)
    return {
        "reason": found.missing("selective") if whole is None else whole.reason,
        "single": record.benchmark.task == "single-label",
        "chosen_on": at.fitted_on if at else None,
        "no_referral": None if at else found.missing("referral", "selective"),
        "lines": [line(0, "Everyone", whole)] if whole is not None and whole.reason is None else [],
        "read": _read(whole),
        "overall": _cells(own, found.rows(AT), headline, whole, None, None),
        "tones": [_tone(g, found, own, headline, curves) for g in tone_groups(record)],
        "no_tones": no_tones(record),
    }


def _read(curve: CurveUsed | None) -> list[View]:
    """Return the curve at a few coverages."""
    if curve is None or curve.reason is not None:
        return []
    bounds = zip(curve.x, curve.y, curve.low, curve.high, strict=True)
    return [
        {"at": x, "value": y, "low": low, "high": high}
        for x, y, low, high in bounds
        if any(abs(x - at) < 1e-9 for at in READ_AT)
    ]


def _cells(
    own: Rows, at: Rows, headline: MethodUsed, curve: CurveUsed | None, group: str | None, level: str | None
) -> View:
    error: View | None = None
    if curve is not None and curve.reason is None and curve.y:
        low, high = (side[-1] if side else None for side in (curve.low, curve.high))
        error = {"value": curve.y[-1], "low": low, "high": high}
    made: dict[str, Any] = {m: cell(own.averaged(headline, m, "overall", group, level)) for m in ASIDE}
    return {
        "n_units": curve.n_units if curve is not None else None,
        "everyone": error,
        "at_80": made["risk-at-80-coverage"],
        "aurc": made["aurc"],
        "excess": made["excess-aurc"],
        "answered": cell(at.averaged(headline, "coverage-at-threshold", "overall", group, level)),
        "risk": cell(at.averaged(headline, "risk-at-threshold", "overall", group, level)),
    }


def _tone(group: GroupSpec, found: Found, own: Rows, headline: MethodUsed, curves: list[CurveUsed]) -> View:
    by_level = {c.group_level: c for c in curves if c.group == group.id}
    at = found.rows(AT)
    gap = {
        "answered": cell(at.averaged(headline, "coverage-at-threshold", "overall", group.id, LAST_FIRST)),
        "risk": cell(at.averaged(headline, "risk-at-threshold", "overall", group.id, LAST_FIRST)),
    }
    levels = [level_view(lv) | _cells(own, at, headline, by_level.get(lv.id), group.id, lv.id) for lv in group.levels]
    referred = brief("share answered", [(row, row["answered"]) for row in levels], gap["answered"])
    return {
        "id": group.id,
        "name": group.name,
        "estimated": group.estimated,
        "brief": referred or brief("error, all answered", [(row, row["everyone"]) for row in levels], lower=True),
        "lines": level_lines(group, curves),
        "gap": gap,
        "rows": levels,
    }
