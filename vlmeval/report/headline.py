"""What a reader learns in thirty seconds: what was run on what, how good, for whom it fails, which condition."""

from __future__ import annotations

from typing import Final

from vlmeval.records import MethodUsed, RunRecord
from vlmeval.records.run import MADE_UP
from vlmeval.report.about import searched
from vlmeval.report.lookup import Rows, View, cell, counted
from vlmeval.report.names import AVERAGING_NAMES, metric_view, references
from vlmeval.report.strata import extremes, leading_metric

BADGE_NAMES: Final = {
    "leakage": "Leakage",
    "contamination": "Contamination",
    "synthetic": "Synthetic",
    "partial": "Partial run",
}
NO_CARD: Final = (
    "the file was scored without a benchmark card, which would say what is a skin tone; columns that were named with "
    "--group are other groups"
)
HOW: Final = {
    "zero-shot": "given only written descriptions and no training on these pictures",
    "linear-probe": "with a linear probe fitted to its vectors of training pictures",
    "mlp-probe": "with a small neural net trained on its vectors of training pictures",
    "knn": "by the training pictures that lie nearest to each",
    "few-shot": "with a few labelled examples of each condition",
}
HOW_SEARCHED: Final = (
    "given written descriptions that a search chose on labelled validation pictures, so no plain zero-shot"
)
SYNTHETIC_BANNER: Final = "Synthetic data and model: not a clinical result"
SYNTHETIC_DATA: Final = "Synthetic data: not a clinical result"
SYNTHETIC_MODEL: Final = "Synthetic model: not a clinical result"


def badges_view(record: RunRecord) -> list[View]:
    """Return the badges, each with the name a reader sees."""
    return [{"kind": b.kind, "name": BADGE_NAMES[b.kind], "text": b.text, "source": b.source} for b in record.badges]


def banner(record: RunRecord) -> str | None:
    """Return the line that stands on every page of a run on synthetic data or with a synthetic model."""
    model = record.model is not None and record.model.synthetic
    if record.benchmark.synthetic and model:
        return SYNTHETIC_BANNER
    if record.benchmark.synthetic:
        return SYNTHETIC_DATA
    if model:
        return SYNTHETIC_MODEL
    return SYNTHETIC_BANNER if any(b.kind == "synthetic" for b in record.badges) else None


def headline_view(record: RunRecord, rows: Rows, headline: MethodUsed, tones: list[View], classes: View) -> View:
    """Return the headline: the run in a sentence, the leading figures, the worst tone group, the extreme classes."""
    figures = [
        figure
        for metric in record.benchmark.headline_metrics
        if (figure := _figure(metric, record, rows, headline)) is not None
    ]
    return {
        "lead": _lead(record, rows, headline),
        "figures": figures,
        "against": _against(record, rows, headline),
        "tone": _tone(tones, record),
        "classes": _extreme_classes(classes),
    }


def _figure(metric: str, record: RunRecord, rows: Rows, headline: MethodUsed) -> View | None:
    row = rows.average(headline, metric)
    if row is None:
        return None
    task = record.benchmark.task
    shown, lines = metric_view(metric, task), references(rows, headline, metric, row.averaging, task)
    return {
        "metric": shown,
        "averaging": AVERAGING_NAMES[row.averaging],
        "cell": cell(row),
        "references": lines,
        "versus": _versus(cell(row) or {}, lines, lower=shown["direction"] == "lower"),
    }


def _versus(found: View, lines: list[View], *, lower: bool) -> str | None:
    """Tell whether the interval lies wholly on the better side of guessing, wholly on the worse, or holds it."""
    if not lines or found["low"] is None or found["high"] is None:
        return None
    line = lines[0]["value"]
    if found["low"] <= line <= found["high"]:
        return "unclear"
    return "better" if (found["high"] < line) == lower else "worse"


def _against(record: RunRecord, rows: Rows, headline: MethodUsed) -> View | None:
    """Return plain accuracy (or Hamming loss) beside its majority line: the comparison that flatters least."""
    metric = "accuracy" if record.benchmark.task == "single-label" else "hamming-loss"
    figure = _figure(metric, record, rows, headline)
    if figure is None or figure["cell"]["value"] is None or not figure["references"]:
        return None
    value, line = figure["cell"]["value"], figure["references"][-1]["value"]
    lower = figure["metric"]["direction"] == "lower"
    beats, low, high = (value < line if lower else value > line), figure["cell"]["low"], figure["cell"]["high"]
    settled = low is None or high is None or not low <= line <= high
    return figure | {"line": line, "beats": beats, "settled": settled}


def _lead(record: RunRecord, rows: Rows, headline: MethodUsed) -> View:
    """Return the parts of the first sentence; the template puts them into words."""
    first = next((r for m in rows.metrics() if (r := rows.average(headline, m)) is not None), None)
    unit = record.benchmark.unit.name
    units = counted(first.n_units if first else record.data.units, unit)
    if first is not None and headline.level == "image" and first.n != first.n_units:
        units = f"{counted(first.n, 'image')} of {units}"
    return {
        "model": record.model.title if record.model else "Predictions from a file",
        "scored": record.model is None,
        "method": headline.kind,
        "how": HOW_SEARCHED if searched(record, headline) else HOW.get(headline.kind, f"({headline.kind})"),
        "benchmark": record.benchmark.title,
        "task": record.benchmark.task,
        "classes": len(record.benchmark.classes),
        "units": units,
        "unit": unit,
        "split": record.plan.split,
        "level": headline.level,
    }


def _tone(tones: list[View], record: RunRecord) -> View:
    """Return one line a tone source, or the reason why there is none."""
    if not tones and record.plan.benchmark == MADE_UP:
        return {"reason": NO_CARD, "sources": []}
    # What was estimated from pixels is no label, and never the headline.
    labels = [t for t in tones if not t["estimated"]]
    if not labels:
        return {"reason": "the benchmark card declares no skin-tone attribute", "sources": []}
    available = [t for t in labels if t["unavailable"] is None]
    if not available:
        return {"reason": labels[0]["unavailable"], "sources": []}
    return {"reason": None, "sources": [_tone_source(t) for t in available]}


def _tone_source(tone: View) -> View:
    source: View = {"id": tone["id"], "name": tone["name"], "metric": None, "worst": None, "best": None, "gap": None}
    metric = leading_metric(tone)
    pair = None if metric is None else extremes(metric)
    if metric is None or pair is None:
        return source
    gap = next((g["cell"] for g in metric["gaps"] if g["id"] == "last-first"), None)
    source |= {"metric": metric["metric"], "standardised": metric["standardised"], "averaged": metric["averaged"]}
    source |= {"worst": pair[0], "best": pair[1]}
    answered = [lv["name"] for lv in metric["levels"] if not lv["missing"] and not lv["other"]]
    silent = [lv["name"] for lv in metric["levels"] if not lv["missing"] and _without_value(lv["cell"])]
    source |= {"gap": gap, "excludes_zero": _excludes_zero(gap), "first": answered[0], "last": answered[-1]}
    source["silent"] = silent
    return source


def _without_value(found: View | None) -> bool:
    """Tell whether people are there of whom too few are known to say anything."""
    return found is not None and found["n"] > 0 and found["value"] is None


def _excludes_zero(gap: View | None) -> bool:
    """Tell whether a difference's interval excludes zero at the two digits that are shown."""
    if gap is None or gap["low"] is None or gap["high"] is None:
        return False
    return not round(gap["low"], 2) <= 0 <= round(gap["high"], 2)


def _extreme_classes(classes: View) -> View | None:
    """Return the worst and the best class by AUROC among those with a value."""
    ids = [m["id"] for m in classes["metrics"]]
    if "auroc" not in ids:
        return None
    at = ids.index("auroc")
    known = [r for r in classes["rows"] if r["cells"][at] and r["cells"][at]["value"] is not None]
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda r: float(r["cells"][at]["value"]))
    hidden = len(classes["rows"]) - len(known)
    worst, best = ({"name": r["name"], "cell": r["cells"][at]} for r in (ordered[0], ordered[-1]))
    return {"metric": classes["metrics"][at], "worst": worst, "best": best, "suppressed": hidden}
