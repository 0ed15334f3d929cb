"""Choose one hyperparameter by what each value's fit says of held-out rows, and record how it was chosen.

Comes in: the grid and, for each value, probabilities of the held-out rows. Goes out: the position chosen, its `Choice`
for the record, and findings (the best value is the grid's edge; the criterion was undefined).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.methods.criteria import CRITERIA, HIGHER_IS_BETTER, choose, score
from vlmeval.methods.scored import Matrix
from vlmeval.records import Choice, Criterion, Finding, Task


@dataclass(frozen=True)
class Judged:
    """Held-out truth bool [n, K], weights [n], the task, and which rows these are, in words."""

    truth: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float64]
    task: Task
    rows: str


def tune(
    parameter: str, values: Sequence[float], probabilities: Iterable[Matrix], judged: Judged, criterion: Criterion
) -> tuple[int, Choice, list[Finding]]:
    """Choose the best of ``values``; ``probabilities`` has [n, K] for each, in order.

    Where ``criterion`` is undefined on these rows for every value (e.g. AUROC with one class), log-loss decides, and a
    finding says so.
    """
    table: dict[Criterion, list[float]] = {name: [] for name in CRITERIA}
    for scores in probabilities:
        for name in CRITERIA:
            table[name].append(score(name, judged.truth, scores, judged.task, judged.weight))
    findings: list[Finding] = []
    if np.isnan(table[criterion]).all():
        message = f"{criterion} is undefined on {judged.rows}; {parameter} was chosen by log-loss"
        findings.append(Finding(code="criterion-undefined", severity="warning", message=message, count=1))
        criterion = "log-loss"
    best, at_edge = choose(values, table[criterion], criterion)
    choice = Choice(
        parameter=parameter,
        values=tuple(float(value) for value in values),
        criterion=criterion,
        higher_is_better=HIGHER_IS_BETTER[criterion],
        scores=_known(table[criterion]),
        others={name: _known(table[name]) for name in CRITERIA if name != criterion},
        chosen=float(values[best]),
        at_edge=at_edge,
        chosen_on=judged.rows,
    )
    return best, choice, findings + edge_finding(choice)


def edge_finding(choice: Choice) -> list[Finding]:
    """Return a warning when the chosen value is the grid's first or last."""
    if not choice.at_edge:
        return []
    end, beyond = ("smallest", "smaller") if choice.chosen == choice.values[0] else ("largest", "larger")
    message = (
        f"the best {choice.parameter} by {choice.criterion}, {choice.chosen:g}, is the {end} of the grid "
        f"{choice.values[0]:g} to {choice.values[-1]:g}: {beyond} values may be better, widen the grid"
    )
    return [Finding(code="grid-edge", severity="warning", message=message, count=1)]


def _known(scores: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(score) else float(score) for score in scores)
