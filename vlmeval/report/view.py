"""The one view schema: a run as a plain dict that feeds the HTML page and the JSON output alike.

In: a RunRecord and the Predictions kept beside it. Out: nested dicts, lists, strings and numbers, nothing else; the
same record gives the same dict. Keys and their makers: `headline` headline.py; `verdict`, `not_for` verdict.py;
`takeaways` (a sentence a section) takeaways.py; `multiples` multiples.py; `overall`, `classes`, `thresholds`
tables.py; `comparison`, `examples`, `for_whom`, `alerts` methods.py; `fitted`, `noticed` fitted.py; `calibrated`
calibrated.py; `few_shot` fewshot.py; `tones`, `groups` strata.py; `tone_sources` tone_sources.py; `crossed`
crossed.py; `confusion`, `curves` curves.py; `calibration`, `selective`, `conformal`, `operating`, `truth` in modules of
that name; `prompts`, `data`, `about`, `environment` about.py; `audit` leaks.py; `contamination` contamination.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vlmeval.records import Predictions, RunRecord
from vlmeval.report import (
    about,
    calibrated,
    calibration,
    conformal,
    crossed,
    curve_marks,
    curves,
    fewshot,
    fitted,
    headline,
    leaks,
    methods,
    multiples,
    operating,
    selective,
    strata,
    tables,
    takeaways,
    tone_sources,
    truth,
    verdict,
)
from vlmeval.report.cases import cases_view
from vlmeval.report.contamination import contamination_view
from vlmeval.report.lookup import Rows, headline_method

VIEW_SCHEMA: Final = 1


def build_view(record: RunRecord, predictions: Sequence[Predictions]) -> dict[str, Any]:
    """Return everything a run's report shows.

    Parameters
    ----------
    record
        The run.
    predictions
        Per-sample truth and scores by method and level; curves are drawn for the headline method. May be empty: then
        the page says that the scores were not kept.

    Returns
    -------
    dict
        JSON-able (no NaN, no numpy types), the same for the same record.
    """
    rows = Rows(record.rows)
    leading = headline_method(record)
    found = curves.find_predictions(predictions, leading)
    tones, groups = strata.strata_view(record, rows, leading)
    sources = tone_sources.tone_sources_view(record, rows, leading)
    classes = tables.classes_view(record, rows, leading)
    comparison = methods.comparison_view(record, rows, leading)
    few_shot = fewshot.few_shot_view(record, rows, tones)
    reliability = curves.reliability_view(found)
    points = operating.operating_view(record, leading)
    lead = headline.headline_view(record, rows, leading, tones, classes)
    view = {
        "schema": VIEW_SCHEMA,
        "kind": "run",
        "title": f"{record.model.title if record.model else 'Scored predictions'} on {record.benchmark.title}",
        "digest": record.digest,
        "created": record.created,
        "vlmeval": record.environment.vlmeval,
        "banner": headline.banner(record),
        "badges": headline.badges_view(record),
        "contamination": contamination_view(record),
        "unit": record.benchmark.unit.name,
        "level": leading.level,
        "method": leading.title,
        "headline": lead,
        "verdict": verdict.verdict_view(lead, leading.level),
        "not_for": verdict.not_for_view(record, lead, leading.level),
        "overall": tables.overall_view(record, rows, leading),
        "alerts": methods.alerts_view(record),
        "comparison": comparison,
        "multiples": multiples.multiples_view(record, rows, leading),
        "examples": methods.examples_view(comparison, few_shot),
        "for_whom": methods.for_whom_view(record, rows, leading, tones),
        "calibrated": calibrated.calibrated_view(record, rows, leading),
        "few_shot": few_shot,
        "fitted": fitted.fitted_view(record, leading.level),
        "noticed": fitted.noticed_view(record),
        "shown_seed": found.seed if found is not None and len(leading.seeds) > 1 else None,
        "seeds": len(leading.seeds),
        "classes": classes,
        "tones": tones,
        "groups": groups,
        "crossed": crossed.crossed_view(record, rows, leading),
        "tone_sources": sources,
        "confusion": curves.confusion_view(record, found),
        "thresholds": tables.thresholds_view(record, rows, leading),
        "curves": curve_marks.with_marks(curves.curves_view(record, rows, leading, found), classes, points),
        "calibration": calibration.calibration_view(record, rows, leading, reliability),
        "selective": selective.selective_view(record, leading),
        "conformal": conformal.conformal_view(record, leading),
        "operating": points,
        "truth": truth.truth_view(record, rows, leading),
        "cases": cases_view(record, leading, predictions),
        "prompts": about.prompts_view(record),
        "data": about.data_view(record),
        "audit": leaks.audit_view(record, rows, leading),
        "about": about.method_view(record, rows, leading),
        "environment": about.environment_view(record),
    }
    return view | {"takeaways": takeaways.takeaways_view(view)}
