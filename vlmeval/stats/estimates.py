"""From sums to estimates: one value with all its draws, its counts, and the reason where there is none.

In: a `Cell`, its `Sums`, a `Metric`. Out: `Estimate`s for the classes, their averages, or all classes together; and
`rows_of`, which makes them `MetricRow`s with percentile intervals.

Averages over classes are over those that are not suppressed in the cell and where the metric is defined; how many is
reported. In each draw the average is over the same classes, less those for which that draw gives no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlmeval.records import MetricRow
from vlmeval.records.run import Averaging
from vlmeval.stats.cells import GREY_BELOW, SUPPRESS_BELOW, Cell
from vlmeval.stats.overall import nanmean
from vlmeval.stats.registry import Metric
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Bools, Floats, Table

MAX_UNDEFINED = 0.05
NO_CLASS = f"no class has {SUPPRESS_BELOW} positive and {SUPPRESS_BELOW} negative {{}}s here"


@dataclass(frozen=True)
class Estimate:
    """One number to be: ``draws`` is [D], index 0 the sample's own value, NaN where undefined.

    ``draws`` are kept even if ``reason`` says that the value is not to be shown. ``classes`` [K] marks the classes that
    an average is over, None where it is over none in particular.
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


def estimates_of(metric: Metric, table: Table, cell: Cell, sums: Sums) -> list[Estimate]:
    """All estimates of one metric in one cell, those without a value included."""
    missing = metric.missing(table)
    shape = (len(sums.weight), len(table.benchmark.classes))[: 2 if metric.scope == "class" else 1]
    values = np.full(shape, np.nan) if missing else metric.formula(sums)
    if metric.scope == "overall":
        return [_overall(metric, cell, values, missing)]
    names = table.benchmark.class_ids
    by_class = [_of_class(metric, names[k], cell, values, k, missing) for k in range(shape[1])]
    return by_class + [average(metric, name, cell, sums, values, missing=missing) for name in metric.averages]


def average(
    metric: Metric,
    averaging: Averaging,
    cell: Cell,
    sums: Sums,
    values: Floats,
    *,
    missing: str | None = None,
    among: Bools | None = None,
) -> Estimate:
    """Average class values [D, K] over classes with support (``among`` names them instead, e.g. common to groups)."""
    eligible = _countable(metric, cell) if among is None else among
    entering = eligible & ~np.isnan(values[0])
    chosen = values[:, entering]
    if averaging == "weighted":
        weight = np.where(np.isnan(chosen), 0.0, sums.positives[:, entering])
        total = weight.sum(axis=1)
        sums_ = np.where(np.isnan(chosen), 0.0, chosen * weight).sum(axis=1)
        draws = np.divide(sums_, total, out=np.full(len(values), np.nan), where=total > 0)
    else:
        draws = nanmean(chosen)
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
        ),
        missing or cell.why_suppressed(None) or (None if eligible.any() else NO_CLASS.format(cell.unit)),
    )


def _countable(metric: Metric, cell: Cell) -> Bools:
    return cell.supported if metric.counted == "positives" else np.ones(len(cell.positives), dtype=bool)


def _of_class(metric: Metric, name: str, cell: Cell, values: Floats, k: int, missing: str | None) -> Estimate:
    by_positives = metric.counted == "positives"
    estimate = Estimate(
        metric.id,
        "class",
        values[:, k],
        cell.n,
        cell.n_units,
        n_positive=int(cell.positives[k]),
        class_id=name,
        greyed=bool((cell.scarcest[k] if by_positives else cell.n_units) < GREY_BELOW),
    )
    return _shown(cell, estimate, missing or cell.why_suppressed(k if by_positives else None))


def _overall(metric: Metric, cell: Cell, values: Floats, missing: str | None) -> Estimate:
    present = cell.positives > 0 if metric.per_present_class else None
    estimate = Estimate(
        metric.id,
        "overall",
        values,
        cell.n,
        cell.n_units,
        n_classes=None if present is None else int(present.sum()),
        classes=present,
        greyed=cell.n_units < GREY_BELOW,
    )
    return _shown(cell, estimate, missing or cell.why_suppressed(None))


def _shown(cell: Cell, e: Estimate, reason: str | None) -> Estimate:
    """Complete an estimate: where it is, and why it has no value if it has none."""
    if reason is None and np.isnan(e.draws[0]):
        reason = "undefined: " + _WHY_UNDEFINED.get(e.metric, "an empty denominator")
    return Estimate(**{**vars(e), "group": cell.group, "level": cell.level, "reason": reason})


_WHY_UNDEFINED = {
    "precision": "never predicted",
    "top-3-accuracy": "always 1 with three classes or fewer",
    "mcc": "truth or prediction is a single class",
    "cohen-kappa": "truth and prediction are a single class",
}


def rows_of(estimates: Sequence[Estimate], table: Table) -> list[MetricRow]:
    """Make metric rows with 95 % percentile intervals; only the sample's value where there are no draws.

    Draws in which the metric is undefined are left out and their share is stored; with more than 5 % of them (or a
    suppressed value) there is no interval.
    """
    shown = [i for i, e in enumerate(estimates) if e.reason is None]
    found = np.full((3, len(estimates)), np.nan)
    if shown:
        found[:, shown] = intervals(np.array([estimates[i].draws[1:] for i in shown]))
    facts = [[None if np.isnan(x) else float(x) for x in column] for column in found.T]
    return [_row(e, table, *facts[i]) for i, e in enumerate(estimates)]


def intervals(draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Percentile intervals of draws [E, B]: low, high and share of undefined draws, each [E]; NaN where none."""
    low, high, undefined = (np.full(len(draws), np.nan) for _ in range(3))
    if draws.shape[1] == 0:
        return low, high, undefined
    nan = np.isnan(draws)
    undefined = nan.mean(axis=1)
    clean = ~nan.any(axis=1)
    if clean.any():
        low[clean], high[clean] = np.quantile(draws[clean], (0.025, 0.975), axis=1)
    for i in np.flatnonzero(~clean & (undefined <= MAX_UNDEFINED)):
        low[i], high[i] = np.quantile(draws[i, ~nan[i]], (0.025, 0.975))
    return low, high, undefined


def _row(e: Estimate, table: Table, low: float | None, high: float | None, undefined: float | None) -> MetricRow:
    shown = e.reason is None
    return MetricRow(
        method=table.predictions.method,
        level=table.predictions.level,
        metric=e.metric,
        averaging=e.averaging,
        class_id=e.class_id,
        group=e.group,
        group_level=e.level,
        value=float(e.draws[0]) if shown else None,
        low=low,
        high=high,
        n=e.n,
        n_units=e.n_units,
        n_positive=e.n_positive,
        greyed=e.greyed and shown,
        reason=e.reason,
        n_classes=e.n_classes,
        undefined_draws=undefined,
    )
