"""The view of the page "How we compute this": every registered metric with its worked example, and the rules of all.

In: the registry and the constants of the rules, nothing of any run. Out: a plain dict; the same version gives the same
dict. The words of the rules are in the templates `how_we_compute.html.j2` and `sections/rules_*.html.j2`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

from vlmeval.environment import own_version
from vlmeval.examine.measured import MEASURES, Measure
from vlmeval.examine.truth.rows import TRUTH_MEASURES
from vlmeval.report.lookup import View
from vlmeval.report.render import render_how
from vlmeval.report.text import capitalize_first
from vlmeval.stats import Metric, all_metrics, metrics_between_levels
from vlmeval.stats.cells import GREY_BELOW, SUPPRESS_BELOW
from vlmeval.stats.intervals import MAX_UNDEFINED
from vlmeval.stats.metrics.classwise import BINS
from vlmeval.stats.metrics.examples import ALL, Rows

HOW_FILE: Final = "how-we-compute.html"
"""The page's name beside a report, which links to it."""

FAMILIES: Final = {
    "ranking": ("Ranking", "Does what has the condition score higher than what has not? No threshold is involved."),
    "decisions": (
        "Decisions",
        "How often is the answer right, at the decision that the run's record names: the class with the highest score, "
        "or a threshold chosen on other rows.",
    ),
    "probabilities": (
        "Probabilities",
        "Can a score be read as a probability? Only of scores that claim to be one: softmax, sigmoid, probability.",
    ),
    "operating": (
        "Operating points",
        "What a threshold could reach on the rows that are reported. They describe the ROC curve; a threshold for use "
        "is chosen on other rows.",
    ),
    "malignancy": (
        "Malignant against benign",
        "Of single-label benchmarks whose card says which classes are malignant. Rows of classes that it calls neither "
        "are left out.",
    ),
    "levels": ("Between the levels of a group", "How far apart one class's error rates are, at one shared decision."),
    "references": ("For comparison", "What an uninformed answer reaches on the same rows, and what the rows are."),
}
_DIRECTIONS: Final = {"higher": "higher is better", "lower": "lower is better", "none": "neither way is better"}
_NEEDS: Final = {
    "truth": "the labels alone",
    "scores": "scores of any kind",
    "decision": "decisions",
    "probability": "scores that are probabilities",
    "distribution": "probabilities that sum to 1 in each row",
}
_AVERAGES: Final = {"macro": "mean over classes", "weighted": "mean weighted by class size"}
_BY_GROUP: Final = {"full": "every class and average", "averages": "averages", "none": "not reported"}


def build_how() -> View:
    """Return everything that the page shows."""
    return {
        "kind": "how",
        "title": "How we compute this",
        "vlmeval": own_version(),
        "banner": None,
        "badges": [],
        "families": [_family(name, *words) for name, words in FAMILIES.items()],
        "family_contents": [[name, title] for name, (title, _) in FAMILIES.items()],
        "measures": [_measure(name, measure) for name, measure in {**MEASURES, **TRUTH_MEASURES}.items()],
        "examples": [_rows(rows) for rows in ALL],
        "suppress_below": SUPPRESS_BELOW,
        "grey_below": GREY_BELOW,
        "most_undefined": MAX_UNDEFINED,
        "bins": BINS,
    }


def how_page() -> str:
    """Return the page as self-contained HTML; the same bytes for the same version."""
    return render_how(build_how())


def anchor(metric_id: str) -> str:
    """Return the page's anchor of a metric."""
    return f"metric-{metric_id}"


def _family(name: str, title: str, lead: str) -> View:
    found: dict[str, list[Metric]] = {}
    for metric in (*all_metrics(), *metrics_between_levels()):
        if metric.family == name:
            found.setdefault(metric.id, []).append(metric)
    return {"id": name, "title": title, "lead": lead, "metrics": [_metric(readings) for readings in found.values()]}


def _metric(readings: Sequence[Metric]) -> View:
    """Return one id with its reading for each task, where the two differ."""
    first = readings[0]
    return {
        "id": first.id,
        "anchor": anchor(first.id),
        "name": capitalize_first(first.name.split(" (")[0] if len(readings) > 1 else first.name),
        "direction": _DIRECTIONS[first.direction],
        "readings": [_reading(metric) for metric in readings],
    }


def _measure(name: str, measure: Measure) -> View:
    return {
        "id": name,
        "anchor": anchor(name),
        "name": capitalize_first(measure.name),
        "direction": _DIRECTIONS[measure.direction],
        "definition": _typeset(measure.definition),
        "source": measure.source,
    }


def _reading(metric: Metric) -> View:
    paragraphs = [_typeset(" ".join(part.split())) for part in metric.definition.split("\n\n")]
    return {
        "tasks": _joined(metric.tasks),
        "definition": paragraphs,
        "facts": [
            ("Range", " to ".join(_bound(b) for b in metric.bounds)),
            ("Needs", _NEEDS[metric.needs]),
            ("Reported", _reported(metric)),
            ("By group", _by_group(metric)),
            ("Small cells", _counted(metric)),
            ("Interval", metric.interval),
            ("Source", metric.source),
        ],
        "interval": metric.interval,
        "example": {
            "rows": metric.example.rows.id,
            "title": metric.example.rows.title,
            "value": metric.example.value,
            "working": _typeset(metric.example.working),
        },
    }


def _typeset(words: str) -> str:
    """Return formulas with real signs: docstrings have only those of a keyboard."""
    return words.replace(" x ", " × ").replace(" - ", " − ").replace("-ln", "−ln")


def _bound(value: float) -> str:
    if math.isinf(value):
        return "no limit"
    return f"{value:.3g}".replace("-", "\u2212")


def _reported(metric: Metric) -> str:
    if metric.scope == "overall":
        return "one value over all classes" if metric.view is None else "one value"
    if metric.scope == "levels":
        return "each class, and the mean over classes"
    return _joined([*(["each class"] if metric.by_class else []), *(_AVERAGES[a] for a in metric.averages)])


def _by_group(metric: Metric) -> str:
    if metric.scope == "levels":
        return "one value for all levels of a group together"
    what = _BY_GROUP[metric.by_group if metric.scope == "class" or metric.by_group == "none" else "full"]
    what = "one value a level" if metric.scope == "overall" and metric.by_group != "none" else what
    return what + ("; gaps between levels" if metric.gaps else "")


def _counted(metric: Metric) -> str:
    if metric.counted == "positives":
        return "counts units with and without the class, whichever are fewer"
    return "counts all units of the cell"


def _joined(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _rows(rows: Rows) -> View:
    one = len(rows.classes) == 2 and rows.classes[1] == "rest"
    decided = [_given(rows, scores[:1] if one else scores) for scores in rows.scores]
    if one:
        decided = [names or [rows.classes[1]] for names in decided]
    lines = zip(rows.truth, rows.scores, decided, strict=True)
    return {
        "id": rows.id,
        "title": rows.title,
        "classes": list(rows.classes),
        "one": one,
        "threshold": None if rows.thresholds is None else rows.thresholds[0],
        "malignant": [{True: "malignant", False: "benign", None: "neither"}[flag] for flag in rows.malignant],
        "rows": [
            {
                "number": number,
                "truth": [name for name, has in zip(rows.classes, truth, strict=True) if has],
                "scores": list(scores),
                "decided": names,
            }
            for number, (truth, scores, names) in enumerate(lines, start=1)
        ],
    }


def _given(rows: Rows, scores: Sequence[float]) -> list[str]:
    """Return the names of the classes that a row of an example is given."""
    if rows.thresholds is None:
        return [rows.classes[max(range(len(scores)), key=scores.__getitem__)]]
    reached = zip(rows.classes, scores, rows.thresholds, strict=False)
    return [name for name, score, threshold in reached if score >= threshold]
