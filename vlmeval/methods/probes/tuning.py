"""Choose one hyperparameter by what each value's fit says of held-out rows, and record how it was chosen.

Comes in: the grid and, for each value, probabilities of the held-out rows. Goes out: the position chosen, its `Choice`
for the record, and findings (the best value is the grid's edge; the criterion was undefined).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from vlmeval.methods.criteria import CRITERIA, HIGHER_IS_BETTER, choose, score
from vlmeval.methods.probes.held import Held
from vlmeval.methods.scored import Matrix
from vlmeval.records import Choice, Criterion, Finding, Level, Task


@dataclass(frozen=True)
class Judged:
    """Held-out truth bool [n, K], weights [n], the task, and which rows these are, in words."""

    truth: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float64]
    task: Task
    rows: str

    @classmethod
    def of(cls, held: Sequence[Held], level: Level, rows: str, *, by_unit: bool) -> Self:
        """Take the rows of all tuning fits together, at ``level``; ``by_unit``: every unit counts once."""
        return cls(
            np.concatenate([one.truth(level) for one in held]),
            np.concatenate([one.weight(level, by_unit=by_unit) for one in held]),
            held[0].samples.benchmark.task,
            rows,
        )


@dataclass(frozen=True)
class Grid:
    """Ascending values of a hyperparameter, and at which ends there could be more of them."""

    parameter: str
    values: Sequence[float]
    open_below: bool = True
    open_above: bool = True


def tune(
    grid: Grid, probabilities: Iterable[Matrix], judged: Judged, criterion: Criterion
) -> tuple[int, Choice, list[Finding]]:
    """Choose the best value of ``grid``; ``probabilities`` has [n, K] for each, in order.

    Where ``criterion`` is undefined on these rows for every value (e.g. AUROC with one class), log-loss decides, and a
    finding says so.
    """
    table: dict[Criterion, list[float]] = {name: [] for name in CRITERIA}
    for scores in probabilities:
        for name in CRITERIA:
            table[name].append(score(name, judged.truth, scores, judged.task, judged.weight))
    findings: list[Finding] = []
    if np.isnan(table[criterion]).all():
        message = f"{criterion} is undefined on {judged.rows}; {grid.parameter} was chosen by log-loss"
        findings.append(Finding(code="criterion-undefined", severity="warning", message=message, count=1))
        criterion = "log-loss"
    values = grid.values
    best, at_edge = choose(values, table[criterion], criterion)
    at_edge = at_edge and (grid.open_below if best == 0 else grid.open_above)
    choice = Choice(
        parameter=grid.parameter,
        values=tuple(float(value) for value in values),
        criterion=criterion,
        higher_is_better=HIGHER_IS_BETTER[criterion],
        scores=_known(table[criterion]),
        others={name: _known(table[name]) for name in CRITERIA if name != criterion},
        chosen=float(values[best]),
        at_edge=at_edge,
        chosen_on=judged.rows,
    )
    return best, choice, findings + _edge_finding(choice)


def _edge_finding(choice: Choice) -> list[Finding]:
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
