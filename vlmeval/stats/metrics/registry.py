"""The open set of metrics: what a metric is, and where all of them are found by id.

A metric is one function from `Sums` to its values, registered with all that is known of it; its docstring is the
formula people read. They are in `classwise.py`, `overall.py`, `brier.py`, `probabilities.py`, `operating.py` and
`malignancy.py`. To add one: write the function, register it with a worked example (tests compute every example, and
hold every metric to the invariances and to an oracle), and if it needs a sum that `Sums` has not, give it ``columns``
(row values to be summed for it).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from vlmeval.errors import UnknownNameError
from vlmeval.records import Task
from vlmeval.stats.metrics.examples import Example
from vlmeval.stats.sums import Columns, Sums
from vlmeval.stats.table import Floats, Table, View

Formula = Callable[[Sums], Floats]
Scope = Literal["class", "overall", "levels"]
Need = Literal["truth", "scores", "decision", "probability", "distribution"]
Ranks = Literal["wins", "precision-mass", "points"]
Family = Literal["ranking", "decisions", "probabilities", "operating", "malignancy", "levels", "references"]
ByGroup = Literal["full", "averages", "none"]
Interval = Literal["percentile", "score", "symmetric", "debiased"]
BOTH: tuple[Task, ...] = ("single-label", "multi-label")


@dataclass(frozen=True)
class Metric:
    """One metric, complete: everything a list, a report or a page "how we compute this" says about it.

    Attributes
    ----------
    id, name
        Stable identifier and the name for people.
    direction
        Whether ``higher`` or ``lower`` is better, or ``none`` for descriptions such as prevalence.
    bounds
        Smallest and largest possible value.
    tasks
        The tasks it is defined for.
    scope
        ``class``: one value a class, and averages of them; ``overall``: one value for all classes together;
        ``levels``: one value a class, between the levels of a group (`fairness.py`).
    needs
        ``truth`` only, ``scores`` (ranks), a ``decision``, ``probability`` (scores that are probabilities), or
        ``distribution`` (probabilities over the classes that sum to 1).
    example
        A worked example.
    averages
        Averages over classes to report.
    counted
        What the small-cell rule counts: ``positives`` (and negatives) of the class, or all ``units`` of the cell.
    per_present_class
        The value is a mean over the classes present, whose number is reported.
    gaps, standardised
        Whether gaps between groups are reported, and also of the average over classes with support in every group.
    by_class
        Whether single classes are reported, or only their averages.
    by_group
        What is reported by group unless the metric is asked for by name: everything, averages only, or nothing.
    source
        Where the definition comes from.
    interval
        How its 95 % interval is made of its draws, see `intervals.py`; chosen by simulated coverage.
    formula, columns, ranks
        The computation, and what it needs summed beside the counts: columns of its own (metrics that name the same
        function share them), or one of the rank sums.
    view
        Another reading of the predictions that the metric is of: one binary question, see `malignancy.py`.
    unavailable
        Why a table cannot have the metric, where ``needs`` does not say it all.
    """

    id: str
    name: str
    direction: Literal["higher", "lower", "none"]
    bounds: tuple[float, float]
    tasks: tuple[Task, ...]
    scope: Scope
    needs: Need
    source: str
    formula: Formula
    example: Example
    columns: Columns | None = None
    ranks: Ranks | None = None
    averages: tuple[Literal["macro", "weighted"], ...] = ()
    counted: Literal["positives", "units"] = "units"
    per_present_class: bool = False
    gaps: bool = False
    standardised: bool = False
    interval: Interval = "score"
    by_class: bool = True
    by_group: ByGroup = "full"
    view: View | None = None
    unavailable: Callable[[Table], str | None] | None = None

    @property
    def family(self) -> Family:
        """Which question the metric answers; for lists and pages."""
        if self.scope == "levels":
            return "levels"
        if self.view is not None:
            return "malignancy"
        if self.ranks == "points":
            return "operating"
        by_need: dict[Need, Family] = {"truth": "references", "scores": "ranking", "decision": "decisions"}
        return by_need.get(self.needs, "probabilities")

    @property
    def definition(self) -> str:
        """The formula in words: the docstring of its one home."""
        return inspect.cleandoc(self.formula.__doc__ or "")

    def missing(self, table: Table) -> str | None:
        """Why these predictions cannot have this metric, or None."""
        if self.unavailable is not None and (reason := self.unavailable(table)) is not None:
            return reason
        if self.needs == "decision":
            single = self.scope == "overall" and self.tasks == ("single-label",)
            if single and table.predictions.decision.rule != "argmax":
                return "thresholds per class do not give each row one class"
            return table.no_decision
        if self.needs == "probability":
            return table.no_probability
        if self.needs == "distribution":
            return table.no_probability or table.no_distribution
        return None


_REGISTRY: dict[tuple[str, Task], Metric] = {}


def register(metric: Metric) -> None:
    """Add a metric to the open set; the same id twice for one task is an error."""
    for task in metric.tasks:
        if (metric.id, task) in _REGISTRY:
            raise ValueError(f"metric {metric.id!r} is registered twice for {task}")
        _REGISTRY[metric.id, task] = metric


def all_metrics(task: Task | None = None) -> tuple[Metric, ...]:
    """Every metric of a cell in the order of registration, or those of one task."""
    return tuple(m for m in _registered(task) if m.scope != "levels")


def metrics_between_levels(task: Task | None = None) -> tuple[Metric, ...]:
    """Every metric between the levels of a group."""
    return tuple(m for m in _registered(task) if m.scope == "levels")


def _registered(task: Task | None) -> tuple[Metric, ...]:
    return tuple(dict.fromkeys(m for (_, t), m in _REGISTRY.items() if task in (None, t)))


def metric_info(metric_id: str, task: Task | None = None) -> Metric:
    """Look a metric up; without a task the single-label reading comes first where the two differ.

    Raises
    ------
    UnknownNameError
        With the nearest known ids.
    """
    for t in BOTH if task is None else (task,):
        if (metric_id, t) in _REGISTRY:
            return _REGISTRY[metric_id, t]
    raise UnknownNameError("metric", metric_id, {i for i, t in _REGISTRY if task in (None, t)})
