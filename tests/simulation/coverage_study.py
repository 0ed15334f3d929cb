"""How often 95 % intervals hold the population's value: of metrics, and of gaps between the levels of a group."""

from __future__ import annotations

import numpy as np
from rates import Counts, Rate
from simulated_world import DRAWS, LEVELS, K, World, by_rows

from vlmeval.records import MetricRow
from vlmeval.records.numbers import GAPS
from vlmeval.stats import Resamples, estimate, metric_info
from vlmeval.stats.groups.fairness import RATES

REQUIRED = (0.92, 0.98)
EXTREMES = ("worst", "max-min", "ratio")
"""Their intervals bound an error, and hold 95 % or more."""


def metrics_coverage(world: World, units: int, count: int) -> list[Rate]:
    """Coverage of every metric's interval over all rows, by class and averaged."""
    counts = Counts()
    for p, resamples in world.samples(units, count):
        for row in estimate([p], world.card, resamples, metrics=world.metrics, groups="none").rows():
            if metric_info(row.metric, world.task).needs != "truth" and _whole(row):
                truth = world.true_values.get((row.metric, row.averaging, row.class_id, None))
                _count(counts, row, row.metric, truth)
    return counts.rates(REQUIRED, count // 2)


def gaps_coverage(world: World, units: int, count: int) -> list[Rate]:
    """Coverage of every gap's interval, by class and averaged."""
    counts = Counts()
    required = {}
    for p, resamples in world.samples(units, count, seed=1):
        rows = estimate([p], world.card, resamples, metrics=world.metrics).rows()
        compared: dict[tuple[str, str, str | None], list[str]] = {}
        for row in rows:
            if row.group_level in LEVELS and row.value is not None:
                compared.setdefault((row.metric, row.averaging, row.class_id), []).append(row.group_level)
        for row in rows:
            if row.group_level in GAPS and _whole(row):
                what = f"{row.metric} {row.group_level}"
                required[what] = (REQUIRED[0], 1.0) if row.group_level in EXTREMES else REQUIRED
                levels = compared.get((row.metric, row.averaging, row.class_id), list(LEVELS))
                _count(counts, row, what, _true_gap(world, row, levels))
    return counts.rates(required, count // 2)


def naive_coverage(world: World, units: int, count: int) -> list[Rate]:
    """Coverage of intervals that take rows for independent: they must not reach what is required."""
    counts = Counts()
    for p, _ in world.samples(units, count):
        rows = by_rows(p)
        resamples = Resamples.draw(rows.units, DRAWS)
        found = estimate([rows], world.card, resamples, metrics=world.metrics, groups="none", classes=False)
        for row in found.rows():
            _count(counts, row, row.metric, world.true_values[row.metric, row.averaging, None, None])
    return counts.rates(REQUIRED, count // 2)


def _count(counts: Counts, row: MetricRow, what: str, truth: float | None) -> None:
    if row.value is None or row.low is None or row.high is None or truth is None or np.isnan(truth):
        return
    # Nothing is lost by rounding where both are 0 or 1.
    hit = row.low - 1e-9 <= truth <= row.high + 1e-9
    counts.add(what, row.class_id or row.averaging, hit)


def _whole(row: MetricRow) -> bool:
    """Averages over fewer classes have another true value."""
    return row.n_classes in (None, K)


def _true_gap(world: World, row: MetricRow, levels: list[str]) -> float:
    if row.metric in RATES:
        classes = [row.class_id] if row.class_id is not None else world.card.class_ids
        return float(np.mean([_largest_range(world, row.metric, one) for one in classes]))
    averaging = "macro" if row.averaging == "macro-common" else row.averaging
    each = [world.true_values[row.metric, averaging, row.class_id, level] for level in levels]
    lower = metric_info(row.metric, world.task).direction == "lower"
    return {
        "worst": max(each) if lower else min(each),
        "max-min": max(each) - min(each),
        "last-first": each[-1] - each[0],
        "ratio": min(each) / max(each),
    }[str(row.group_level)]


def _largest_range(world: World, metric: str, class_id: str) -> float:
    each = [[world.true_values[rate, "class", class_id, level] for level in LEVELS] for rate in RATES[metric]]
    return max(max(rate) - min(rate) for rate in each)
