"""The section "Calibration": can the numbers be read as probabilities, before and after a fit on validation units."""

from __future__ import annotations

from typing import Any, Final

from vlmeval.examine.calibration.recalibrated import probability_metrics
from vlmeval.examine.measured_gap import LAST_FIRST
from vlmeval.records import CurveUsed, GroupSpec, MethodUsed, RunRecord, Variant
from vlmeval.report.examined import Found, level_lines, level_view, line, measure_view, no_tones, tone_groups
from vlmeval.report.folds import brief
from vlmeval.report.lookup import Rows, View, cell
from vlmeval.report.text import lower_first

VARIANTS: Final = ("calibration:temperature", "calibration:platt")
NAMES: Final = dict(zip(VARIANTS, ("temperature scaling", "Platt scaling"), strict=True))
LEADING: Final = ("ece", "brier", "log-loss")
AS_GIVEN: Final = "As the model gives them"


def calibration_view(record: RunRecord, rows: Rows, headline: MethodUsed, bins: View) -> View:
    """Return metrics and reliability before and after, overall and by skin tone.

    ``bins`` is the reliability diagram of the scores kept with the run (`curves.reliability_view`): it is shown where
    no line was examined.
    """
    found = Found(record, headline)
    fit = found.first(VARIANTS)
    after = found.rows(fit.id) if fit else Rows(())
    curves = found.curves("reliability")
    lines = _overall(curves, fit, bins)
    metrics = _metrics(record, rows, after, headline)
    return {
        "reason": None if fit else found.missing("calibration"),
        "fit": _fit(fit, headline) if fit else None,
        "single": record.benchmark.task == "single-label",
        "no_probability": bins["reason"],
        "lines": lines,
        "metrics": metrics,
        "tones": [_tone(g, record, (rows, after), headline, curves) for g in tone_groups(record)],
        "no_tones": no_tones(record),
    }


def _overall(curves: list[CurveUsed], fit: Variant | None, bins: View) -> list[View]:
    whole = {c.variant: c for c in curves if c.group is None}
    made = [line(0, AS_GIVEN, whole[None])] if None in whole else [_of_bins(bins)] if bins["bins"] else []
    if fit is not None and fit.id in whole:
        made.append(line(1, f"After {NAMES[fit.id]}", whole[fit.id]))
    return [one for one in made if one["points"]]


def _of_bins(bins: View) -> View:
    used = [b for b in bins["bins"] if b["n"]]
    return {
        "key": 0,
        "name": AS_GIVEN,
        "points": [[b["confidence"], b["observed"], b["observed"], b["observed"]] for b in used],
        "counts": [b["n"] for b in used],
        "n_units": sum(b["n"] for b in used),
        "reason": None,
    }


def _fit(fit: Variant, headline: MethodUsed) -> View:
    """Return what was fitted, in words and, class by class, in numbers."""
    own: dict[str, Any] = fit.parameters.get(headline.id, {})
    seeds = own.get("by seed", [own])
    temperatures = [one["T"] for one in seeds if "T" in one]
    classes = (
        [] if temperatures or len(seeds) != 1 else [{"id": k, **v} for k, v in seeds[0].get("by class", {}).items()]
    )
    return {
        "id": fit.id,
        "title": fit.title,
        "name": NAMES[fit.id],
        "note": fit.note,
        "fitted_on": fit.fitted_on,
        "temperatures": temperatures,
        "classes": [{"id": c["id"], "a": c["a"], "b": c["b"], "shared": "shared slope" in c} for c in classes],
    }


def _metrics(record: RunRecord, before: Rows, after: Rows, headline: MethodUsed) -> list[View]:
    """Return every metric of probabilities over all samples, before and after; those that say most come first."""
    wanted = set(probability_metrics(record.benchmark))
    pairs = [(m, a) for m, a in after.averages_of([headline]) if a in ("overall", "macro") and m in wanted]
    first = {name: i for i, name in enumerate(LEADING)}
    return [
        {
            "metric": measure_view(metric, record.benchmark.task),
            "before": cell(before.averaged(headline, metric, averaging)),
            "after": cell(after.averaged(headline, metric, averaging)),
        }
        for metric, averaging in sorted(pairs, key=lambda pair: first.get(pair[0], len(first)))
    ]


def _tone(
    group: GroupSpec, record: RunRecord, rows: tuple[Rows, Rows], headline: MethodUsed, curves: list[CurveUsed]
) -> View:
    before, after = rows
    fitted = [c for c in curves if c.variant is not None]
    panels = [
        {"name": name, "lines": lines}
        for name, lines in (
            (AS_GIVEN, level_lines(group, [c for c in curves if c.variant is None])),
            ("Recalibrated", level_lines(group, fitted)),
        )
        if lines
    ]
    metric = measure_view("ece", record.benchmark.task)
    levels = [
        {
            **level_view(lv),
            "before": cell(before.average(headline, "ece", group.id, lv.id)),
            "after": cell(after.average(headline, "ece", group.id, lv.id)),
        }
        for lv in group.levels
    ]
    gap = cell(before.average(headline, "ece", group.id, LAST_FIRST))
    return {
        "id": group.id,
        "name": group.name,
        "estimated": group.estimated,
        "brief": brief(
            f"{lower_first(metric['short'])} as given", [(row, row["before"]) for row in levels], gap, lower=True
        ),
        "metric": metric,
        "panels": panels,
        "rows": levels,
    }
