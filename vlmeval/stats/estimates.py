"""From sums to estimates: one value with all its draws, its counts, and the reason where there is none.

In: a `Counted` cell and a `Metric`. Out: `Estimate`s for the classes, their averages, or all classes together.

Averages over classes are over those that are not suppressed in the cell, that the method can predict and where the
metric is defined (in every seed); how many is reported. In each draw the average is over the same classes, less those
for which that draw gives no value. Seeds are averaged first, class by class.

Classes that a method cannot predict have no class values and enter no average of class values. Metrics over all
classes together keep their published meaning: a row of such a class counts as wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vlmeval.records.numbers import Averaging
from vlmeval.stats.cells import GREY_BELOW, SUPPRESS_BELOW, Cell
from vlmeval.stats.metrics.classwise import ratio
from vlmeval.stats.metrics.overall import nanmean
from vlmeval.stats.metrics.registry import Metric
from vlmeval.stats.seeds import Seeds, Values
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Bools, Floats, View

NO_CLASS = f"no class has {SUPPRESS_BELOW} positive and {SUPPRESS_BELOW} negative {{}}s here"
NO_SCORE = "no score: the method was fitted without this class"
NO_SCORES = "no score: the method was fitted without the classes that have support here"


@dataclass(frozen=True)
class Estimate:
    """One number to be: ``draws`` is [D], index 0 the sample's own value, NaN where undefined.

    ``draws`` are kept even if ``reason`` says that the value is not to be shown. ``by_seed`` is [S], the value of each
    seed, whose mean is ``draws[0]``; None where it is not (extremes over groups). ``classes`` [K] marks the classes
    that an average is over, None where it is over none in particular. ``support``: how many units the value rests on
    (of an average: of its scarcest class).

    Gaps between levels have ``compared``, the levels that take part; ``limits``, which computes their interval where
    it is not one of ``draws`` (see `extremes.py`); and ``p`` and ``p_adjusted`` of the permutation test.
    """

    metric: str
    averaging: Averaging
    draws: Floats
    n: int
    n_units: int
    n_positive: int | None = None
    class_id: str | None = None
    group: str | None = None
    level: str | None = None
    greyed: bool = False
    reason: str | None = None
    n_classes: int | None = None
    classes: Bools | None = None
    by_seed: Floats | None = None
    support: int | None = None
    compared: tuple[str | None, ...] = ()
    limits: Callable[[], tuple[float, float]] | None = None
    p: float | None = None
    p_adjusted: float | None = None


@dataclass(frozen=True)
class Counted:
    """One cell of one method: its counts, its sums in every draw of every seed, and the same as views read it."""

    cell: Cell
    seeds: Seeds
    sums: Sums
    views: Mapping[View, Counted] = field(default_factory=dict)

    def of(self, metric: Metric) -> Counted:
        """Return the cell as the metric reads it (itself, but for metrics of a view that can be had here)."""
        return self if metric.view is None else self.views.get(metric.view, self)

    def values(self, metric: Metric) -> Values:
        """Return the metric's mean over seeds in every draw, and by seed; NaN where it has none."""
        shape = (len(self.sums.weight), len(self.cell.positives))[: 2 if metric.scope == "class" else 1]
        missing = self.seeds.missing(metric) is not None
        return self.seeds.mean(np.full(shape, np.nan) if missing else metric.formula(self.sums))

    @cached_property
    def positives(self) -> Floats:
        """[D, K] weight of rows that have the class: the same in all seeds."""
        return self.sums.positives[: self.seeds.counts.shape[1]]

    def scored(self, metric: Metric) -> Bools:
        """[K] classes that the method can predict (all of them for descriptions of the truth)."""
        return np.ones(len(self.cell.positives), dtype=bool) if metric.needs == "truth" else ~self.seeds.unscored


def estimates_of(metric: Metric, counted: Counted, *, classes: bool = True) -> list[Estimate]:
    """All estimates of one metric in one cell, those without a value included; ``classes``: of single classes too."""
    counted = counted.of(metric)
    values = counted.values(metric)
    if metric.scope == "overall":
        return [_overall(metric, counted, values)]
    count = len(counted.cell.positives) if classes else 0
    by_class = [_of_class(metric, counted, values, k) for k in range(count)]
    return by_class + [average(metric, name, counted, values) for name in metric.averages]


def average(
    metric: Metric, averaging: Averaging, counted: Counted, values: Values, *, among: Bools | None = None
) -> Estimate:
    """Average class values over classes with support (``among`` names them instead, e.g. common to groups)."""
    cell, missing = counted.cell, counted.seeds.missing(metric)
    supported = _countable(metric, cell) if among is None else among
    eligible = supported & counted.scored(metric)
    if missing is None and supported.any() and not eligible.any():
        missing = NO_SCORES
    entering = eligible & ~np.isnan(values.draws[0])
    draws, by_seed = (
        _mean(values_, weight[:, entering] if averaging == "weighted" else None)
        for values_, weight in (
            (values.draws[:, entering], counted.positives),
            (values.seeds[:, entering], counted.positives[:1]),
        )
    )
    grey = cell.scarcest[entering] < GREY_BELOW if metric.counted == "positives" else np.zeros(0, dtype=bool)
    return _shown(
        cell,
        Estimate(
            metric.id,
            averaging,
            draws,
            cell.n,
            cell.n_units,
            n_positive=int(cell.positives[entering].sum()),
            n_classes=int(entering.sum()),
            classes=entering,
            greyed=bool(2 * grey.sum() >= max(1, len(grey))) or cell.n_units < GREY_BELOW,
            by_seed=by_seed,
            support=int(_support(metric, cell)[entering].min(initial=cell.n_units)),
        ),
        missing or cell.why_suppressed(None) or (None if eligible.any() else NO_CLASS.format(cell.unit)),
    )


def _mean(values: Floats, weight: Floats | None) -> Floats:
    """Mean over classes of what is defined, weighted or not."""
    if weight is None:
        return nanmean(values)
    weight = np.where(np.isnan(values), 0.0, weight)
    total = weight.sum(axis=1)
    sums = np.where(np.isnan(values), 0.0, values * weight).sum(axis=1)
    return ratio(sums, total)


def _countable(metric: Metric, cell: Cell) -> Bools:
    return cell.supported if metric.counted == "positives" else np.ones(len(cell.positives), dtype=bool)


def _support(metric: Metric, cell: Cell) -> npt.NDArray[np.intp]:
    """[K] units that the values rest on: the scarcer of positives and negatives where a metric needs both."""
    if metric.counted == "units":
        return np.full(len(cell.positives), cell.n_units)
    return {"sensitivity": cell.positive_units, "specificity": cell.negative_units}.get(metric.id, cell.scarcest)


def _of_class(metric: Metric, counted: Counted, values: Values, k: int) -> Estimate:
    cell, by_positives = counted.cell, metric.counted == "positives"
    estimate = Estimate(
        metric.id,
        "class",
        values.draws[:, k],
        cell.n,
        cell.n_units,
        n_positive=int(cell.positives[k]),
        class_id=counted.seeds.table.benchmark.class_ids[k],
        greyed=bool((cell.scarcest[k] if by_positives else cell.n_units) < GREY_BELOW),
        by_seed=values.seeds[:, k],
        support=int(_support(metric, cell)[k]),
    )
    missing = counted.seeds.missing(metric) or (None if counted.scored(metric)[k] else NO_SCORE)
    return _shown(cell, estimate, missing or cell.why_suppressed(k if by_positives else None))


def _overall(metric: Metric, counted: Counted, values: Values) -> Estimate:
    cell, missing = counted.cell, counted.seeds.missing(metric)
    # A view asks one binary question, of which the rule counts both answers.
    by_positives = metric.view is not None and missing is None
    present = cell.positives > 0 if metric.per_present_class else None
    estimate = Estimate(
        metric.id,
        "overall",
        values.draws,
        cell.n,
        cell.n_units,
        n_positive=int(cell.positives[0]) if by_positives else None,
        n_classes=None if present is None else int(present.sum()),
        classes=present,
        greyed=bool((cell.scarcest[0] if by_positives else cell.n_units) < GREY_BELOW),
        by_seed=values.seeds,
        support=int(cell.scarcest[0] if by_positives else cell.n_units),
    )
    return _shown(cell, estimate, missing or cell.why_suppressed(0 if by_positives else None))


def _shown(cell: Cell, e: Estimate, reason: str | None) -> Estimate:
    """Complete an estimate: where it is, and why it has no value if it has none."""
    if reason is None and np.isnan(e.draws[0]):
        reason = "undefined: " + _WHY_UNDEFINED.get(e.metric, "an empty denominator") + _in_how_many(e)
    return replace(e, group=cell.group, level=cell.level, reason=reason)


def _in_how_many(e: Estimate) -> str:
    if e.by_seed is None or len(e.by_seed) == 1:
        return ""
    undefined = int(np.isnan(e.by_seed).sum())
    return f" (in {undefined} of {len(e.by_seed)} seeds)" if undefined < len(e.by_seed) else ""


_WHY_UNDEFINED = {
    "precision": "never predicted",
    "top-3-accuracy": "always 1 with three classes or fewer",
    "mcc": "truth or prediction is a single class",
    "cohen-kappa": "truth and prediction are a single class",
}
