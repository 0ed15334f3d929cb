"""Curves and matrices from per-sample scores: ROC, precision-recall, reliability, confusion; as thin, plain lists.

The numbers come from `vlmeval.stats`; this module thins the curves to what a screen can show and rounds them, so that
the page stays small and the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.records import MethodUsed, Predictions, RunRecord
from vlmeval.report.lookup import View

POINTS: Final = 80
DIGITS: Final = 4
READ_AT_SPECIFICITY: Final = (0.80, 0.90, 0.95)
READ_AT_RECALL: Final = (0.50, 0.80, 0.90)
LEAST: Final = 10
Floats = npt.NDArray[np.float64]


def find_predictions(predictions: Sequence[Predictions], method: MethodUsed) -> Predictions | None:
    """Return the predictions of a method at its level, if they were kept."""
    return next((p for p in predictions if p.method == method.id and p.level == method.level), None)


def curves_view(record: RunRecord, found: Predictions | None) -> View:
    """Return ROC and precision-recall curves per class; a class with too few positives or negatives has none."""
    if found is None:
        return {"reason": "the per-sample scores were not kept with this run", "classes": []}
    classes = []
    for k, spec in enumerate(record.benchmark.classes):
        y, s = found.y_true[:, k], found.scores[:, k]
        classes.append({"id": spec.id, "name": spec.name, **_class_curves(y, s)})
    return {"reason": None, "classes": classes}


def _class_curves(y: npt.NDArray[np.bool_], s: Floats) -> View:
    positives, n = int(y.sum()), len(y)
    view: View = {"n": n, "n_positive": positives, "reason": None, "roc": None, "pr": None}
    if min(positives, n - positives) < LEAST:
        side = "positive" if positives < LEAST else "negative"
        count = positives if positives < LEAST else n - positives
        view["reason"] = f"{count} {side}{'' if count == 1 else 's'}, fewer than {LEAST}"
        return view
    fpr, tpr = _roc(y, s)
    recall, precision = _pr(y, s)
    at_spec = [float(tpr[fpr <= 1 - level + 1e-12].max()) for level in READ_AT_SPECIFICITY]
    at_recall = [float(precision[recall >= level - 1e-12].max()) for level in READ_AT_RECALL]
    view["roc"] = {"points": _thin(fpr, tpr), "read": _reading(READ_AT_SPECIFICITY, at_spec)}
    view["pr"] = {
        "points": _thin(recall, precision),
        "read": _reading(READ_AT_RECALL, at_recall),
        "chance": round(positives / n, DIGITS),
    }
    return view


def _reading(levels: tuple[float, ...], values: list[float]) -> list[View]:
    return [{"at": at, "value": round(v, DIGITS)} for at, v in zip(levels, values, strict=True)]


def _thin(x: Floats, y: Floats) -> list[list[float]]:
    """Keep the first, the last and at most POINTS corners evenly spaced along the curve's length."""
    steps = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    wanted = np.linspace(0.0, steps[-1], POINTS)
    keep = np.unique(np.concatenate([[0], np.searchsorted(steps, wanted).clip(0, len(x) - 1), [len(x) - 1]]))
    return [[round(float(a), DIGITS), round(float(b), DIGITS)] for a, b in zip(x[keep], y[keep], strict=True)]


def confusion_view(record: RunRecord, found: Predictions | None) -> View | None:
    """Return the confusion matrix of highest-score decisions, with the most frequent confusions, or None."""
    if found is None or record.benchmark.task != "single-label" or found.decision.rule != "argmax":
        return None
    truth, chosen = found.y_true.argmax(axis=1), found.scores.argmax(axis=1)
    k = len(record.benchmark.classes)
    counts = np.zeros((k, k), dtype=np.int64)
    np.add.at(counts, (truth, chosen), 1)
    totals = counts.sum(axis=1)
    off = [(int(counts[i, j]), i, j) for i in range(k) for j in range(k) if i != j and counts[i, j]]
    names = [c.name for c in record.benchmark.classes]
    pairs = [
        {"truth": names[i], "called": names[j], "count": c, "of": int(totals[i]), "share": c / int(totals[i])}
        for c, i, j in sorted(off, key=lambda t: (-t[0], t[1], t[2]))[:5]
    ]
    return {"names": names, "counts": counts.tolist(), "totals": totals.tolist(), "pairs": pairs}


def reliability_view(found: Predictions | None) -> View:
    """Return the reliability diagram's bins, or the reason why these scores are no probabilities."""
    if found is None:
        return {"reason": "the per-sample scores were not kept with this run", "bins": []}
    if found.kind in ("cosine", "logit"):
        reason = f"the scores are {found.kind} values, not probabilities; nothing to calibrate against"
        return {"reason": reason, "bins": [], "what": None}
    if found.decision.rule == "argmax":
        top = found.scores.argmax(axis=1)
        confidence = found.scores.max(axis=1)
        hit = found.y_true[np.arange(len(top)), top]
        what = "probability of the chosen class against how often it was right"
    else:
        confidence, hit = found.scores.ravel(), found.y_true.ravel()
        what = "probability of each class against how often it was present, all classes together"
    return {"reason": None, "bins": _bins(confidence, hit), "what": what}


def _bins(confidence: Floats, hit: npt.NDArray[np.bool_], number: int = 10) -> list[View]:
    place = np.minimum((confidence * number).astype(np.intp), number - 1)
    bins = []
    for b in range(number):
        inside = place == b
        n = int(inside.sum())
        bins.append(
            {
                "from": b / number,
                "to": (b + 1) / number,
                "n": n,
                "confidence": round(float(confidence[inside].mean()), DIGITS) if n else None,
                "observed": round(float(hit[inside].mean()), DIGITS) if n else None,
            }
        )
    return bins


def _roc(y: npt.NDArray[np.bool_], s: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(-s, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)
    tp = np.cumsum(y[order])[ends]
    fp = 1 + ends - tp
    return np.append(0.0, fp / max(fp[-1], 1)), np.append(0.0, tp / max(tp[-1], 1))


def _pr(y: npt.NDArray[np.bool_], s: Floats) -> tuple[Floats, Floats]:
    order = np.argsort(-s, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(s[order])), len(s) - 1)
    tp = np.cumsum(y[order])[ends]
    precision = tp / (1 + ends)
    return np.append(0.0, tp / max(tp[-1], 1)), np.append(precision[0], precision)
