"""The broken-probe pattern: a probe that ranks well and decides badly.

A published probe scored 0.176 balanced accuracy over seven classes (chance is 0.143) on an encoder with AUROC 0.88.
Comes in: two numbers of a method over all samples. Goes out: a finding, or None.
"""

from __future__ import annotations

from typing import Final

from vlmeval.records import Finding, Task

AUROC: Final = 0.75
"""Macro AUROC from which on ranking is good."""
SHARE: Final = 0.1
"""Decisions are bad when balanced accuracy is within this share of the way from chance to 1."""


def broken_probe(
    method: str, auroc: float | None, balanced_accuracy: float | None, classes: int, task: Task
) -> Finding | None:
    """Return a warning when ``method`` has macro AUROC >= 0.75 but hardly decides better than chance.

    Parameters
    ----------
    method
        Id, named in the message.
    auroc, balanced_accuracy
        Macro averages over all evaluated samples at one level; None where undefined.
    classes
        Number of classes; chance is 1 / classes for single-label, 1/2 for every label of multi-label.
    task
        Of the benchmark.
    """
    if auroc is None or balanced_accuracy is None:
        return None
    chance = 1 / classes if task == "single-label" else 0.5
    if auroc < AUROC or balanced_accuracy > chance + SHARE * (1 - chance):
        return None
    single = task == "single-label"
    mend = "class weights, or a larger C (knn: fewer neighbours)" if single else "thresholds chosen on validation"
    message = (
        f"{method}: scores rank well (AUROC {auroc:.3f}) but decisions are hardly better than chance (balanced "
        f"accuracy {balanced_accuracy:.3f}, chance {chance:.3f}). The embedding is not to blame: too strong a penalty "
        f"or the imbalance of classes lets the frequent classes win every decision. Try {mend}."
    )
    return Finding(code="broken-probe", severity="warning", message=message, count=1, examples=(method,))
