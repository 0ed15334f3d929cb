"""What stays in sight and what is folded away: one line for a folded source of groups, and the families of metrics.

Four sources of skin tone, each with the same tables, make a page that nobody reads. So each section shows the first
source whole and folds the others under one line: the weakest level and the gap, with intervals. In: cells of the view.
Out: plain dicts; no number is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vlmeval.report.lookup import View

QUOTED: Final = frozenset({
    "accuracy", "balanced-accuracy", "auroc", "average-precision", "sensitivity", "specificity", "precision", "f1",
    "cohen-kappa", "mcc", "ece", "brier", "log-loss",
})  # fmt: skip
"""The metrics that papers quote; they and what the card leads with are never folded away."""
FOLDS: Final = {
    "malignancy": ("Malignant against benign", "Classes that the card calls malignant against those it calls benign"),
    "ranking": ("More on ranking", "Whether what has the condition scores higher than what has not"),
    "decisions": ("More on decisions", "How often the answer is right"),
    "operating": ("Operating points", "What a threshold could reach on these samples; it was not chosen on other ones"),
    "probabilities": (
        "Parts of the Brier score, and more on probabilities",
        "How far the scores can be read as probabilities",
    ),
    "other": ("More metrics", "All other metrics"),
    "weighted": ("The same, weighted by class size", "Averages weighted by class size: frequent classes rule"),
}
"""Title and caption of each fold, in the order of the page."""


def fold_of(line: View, leading: Iterable[str]) -> str | None:
    """Return the fold that a line of the overall table stands in, or None for those in sight."""
    metric = line["metric"]
    if line["weighted"]:
        return "weighted"
    if metric["id"] in QUOTED or metric["id"] in leading:
        return None
    return metric["family"] if metric["family"] in FOLDS else "other"


def folds_view(lines: list[View]) -> list[View]:
    """Return the folds that have lines; one without any number says why instead."""
    made = []
    for name, (title, caption) in FOLDS.items():
        own = [line for line in lines if line["fold"] == name]
        cells = [one for line in own for one in line["cells"] if one is not None]
        empty = bool(own) and all(one["value"] is None for one in cells)
        reason = next((one["reason"] for one in cells if one["reason"]), "not computed") if empty else None
        if own:
            made.append({"id": name, "title": title, "caption": caption, "reason": reason})
    return made


def brief(
    metric: str, levels: Iterable[tuple[View, View | None]], gap: View | None = None, *, lower: bool = False
) -> View | None:
    """Return the one line of a folded source: its weakest level and its gap; None where no level has a number.

    Parameters
    ----------
    metric
        What the numbers are, as it stands in a sentence.
    levels
        Each level (``name``, ``missing``) with its cell.
    gap
        Last minus first level, or another gap with its ``name``.
    lower
        Whether lower is better.
    """
    known = [
        (float(cell["value"]), level["name"], cell)
        for level, cell in levels
        if not level["missing"] and cell is not None and cell["value"] is not None
    ]
    if not known:
        return None
    _, name, weakest = (max if lower else min)(known, key=lambda one: one[0])
    shown = None if gap is None or gap["value"] is None else {"test": None, "name": "Last minus first level"} | gap
    return {"metric": metric, "level": name if len(known) > 1 else None, "only": name, "cell": weakest, "gap": shown}
