"""Curves and matrices from per-sample scores: ROC, precision-recall, reliability, confusion; as thin, plain lists.

The numbers come from `vlmeval.stats`; this module rounds them and adds what a reader asks next: the curve at fixed
points and the most frequent confusions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.records import MethodUsed, Predictions, RunRecord
from vlmeval.report.lookup import Rows, View
from vlmeval.stats import Curve, Reliability, confusion, pr_curve, reliability, roc_curve

POINTS: Final = 80
DIGITS: Final = 4
READ_AT_SPECIFICITY: Final = (0.80, 0.90, 0.95)
READ_AT_RECALL: Final = (0.50, 0.80, 0.90)
Floats = npt.NDArray[np.float64]


def find_predictions(predictions: Sequence[Predictions], method: MethodUsed) -> Predictions | None:
    """Return the predictions of a method at its level, if they were kept."""
    return next((p for p in predictions if p.method == method.id and p.level == method.level), None)


def curves_view(record: RunRecord, rows: Rows, headline: MethodUsed, found: Predictions | None) -> View:
    """Return ROC and precision-recall curves per class; a class whose AUROC is suppressed has none either."""
    if found is None:
        return {"reason": "the per-sample scores were not kept with this run", "classes": []}
    classes = []
    for k, spec in enumerate(record.benchmark.classes):
        row = rows.of_class(headline, "auroc", spec.id)
        reason = row.reason if row is not None else "AUROC was not computed"
        curves = _class_curves(found.y_true[:, k], found.scores[:, k], reason)
        classes.append({"id": spec.id, "name": spec.name, **curves})
    return {"reason": None, "classes": classes}


def _class_curves(y: npt.NDArray[np.bool_], s: Floats, reason: str | None) -> View:
    positives, n = int(y.sum()), len(y)
    view: View = {"n": n, "n_positive": positives, "reason": reason, "roc": None, "pr": None}
    roc, pr = roc_curve(y, s, n + 1), pr_curve(y, s, n + 1)
    if reason is not None or roc is None or pr is None:
        return view | {"reason": reason or "only one of positives and negatives is there"}
    at_specificity = [_highest(roc, roc.x <= 1 - level + 1e-12) for level in READ_AT_SPECIFICITY]
    at_recall = [_highest(pr, pr.x >= level - 1e-12) for level in READ_AT_RECALL]
    view["roc"] = {"points": _points(roc_curve(y, s, POINTS)), "read": _reading(READ_AT_SPECIFICITY, at_specificity)}
    view["pr"] = {
        "points": _points(pr_curve(y, s, POINTS)),
        "read": _reading(READ_AT_RECALL, at_recall),
        "chance": round(positives / n, DIGITS),
    }
    return view


def _highest(curve: Curve, among: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the highest of some points of a curve; of several the leftmost."""
    best = int(np.flatnonzero(among)[curve.y[among].argmax()])
    return float(curve.x[best]), float(curve.y[best])


def _reading(levels: tuple[float, ...], points: list[tuple[float, float]]) -> list[View]:
    return [
        {"at": at, "x": round(x, DIGITS), "value": round(y, DIGITS)} for at, (x, y) in zip(levels, points, strict=True)
    ]


def _points(curve: Curve | None) -> list[list[float]]:
    """Return a curve's points, rounded so that the page is small and the same on every machine."""
    if curve is None:
        return []
    return [[round(float(x), DIGITS), round(float(y), DIGITS)] for x, y in zip(curve.x, curve.y, strict=True)]


def confusion_view(record: RunRecord, found: Predictions | None) -> View | None:
    """Return the confusion matrix of highest-score decisions, with the most frequent confusions, or None."""
    if found is None or record.benchmark.task != "single-label" or found.decision.rule != "argmax":
        return None
    counts = confusion(found.y_true, found.scores)
    k, totals = len(counts), counts.sum(axis=1)
    off = [(int(counts[i, j]), i, j) for i in range(k) for j in range(k) if i != j and counts[i, j]]
    names = [c.name for c in record.benchmark.classes]
    pairs = [
        {"truth": names[i], "called": names[j], "count": c, "of": int(totals[i]), "share": c / int(totals[i])}
        for c, i, j in sorted(off, key=lambda t: (-t[0], t[1], t[2]))[:5]
    ]
    return {
        "names": names,
        "counts": counts.tolist(),
        "totals": totals.tolist(),
        "called": counts.sum(axis=0).tolist(),
        "pairs": pairs,
    }


def reliability_view(found: Predictions | None) -> View:
    """Return the reliability diagram's bins, or the reason why these scores are no probabilities."""
    if found is None:
        return {"reason": "the per-sample scores were not kept with this run", "bins": [], "what": None}
    if found.kind in ("cosine", "logit"):
        kind = "cosines" if found.kind == "cosine" else "logits"
        return {"reason": f"the scores are {kind}, not probabilities", "bins": [], "what": None}
    if found.decision.rule == "argmax":
        top = found.scores.argmax(axis=1)
        probability, hit = found.scores.max(axis=1), found.y_true[np.arange(len(top)), top]
        what = "the probability of the chosen class against how often it was right"
    else:
        probability, hit = found.scores.ravel(), found.y_true.ravel()
        what = "the probability of each class against how often it was present, all classes together"
    return {"reason": None, "bins": _bins(reliability(hit, probability)), "what": what}


def _bins(bins: Reliability) -> list[View]:
    made = []
    for i, n in enumerate(bins.n.tolist()):
        confidence, observed = float(bins.confidence[i]), float(bins.observed[i])
        made.append(
            {
                "from": round(float(bins.edges[i]), DIGITS),
                "to": round(float(bins.edges[i + 1]), DIGITS),
                "n": n,
                "confidence": round(confidence, DIGITS) if n else None,
                "observed": round(observed, DIGITS) if n else None,
            }
        )
    return made
