"""Two methods on the same rows, compared: differences with intervals, permutation p-values, detectable differences.

In: the predictions of both (one a seed), the card, resamples and swaps of the same units. Out: `Compared`: a
`Difference` for every metric, class and group asked for, beside both methods' own numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from vlmeval.records import Benchmark, Difference, MetricRow, Predictions
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.metrics.registry import Metric, all_metrics, metric_info
from vlmeval.stats.paired.detectable import detectable
from vlmeval.stats.paired.exchange import Exchanged
from vlmeval.stats.paired.swaps import Swaps, p_value
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.results import Estimates
from vlmeval.stats.summary import Asked, Groups, estimate
from vlmeval.stats.table import Floats

Key = tuple[str, str, str | None, str | None, str | None]


@dataclass(frozen=True)
class Compared:
    """One `Difference` a cell, with the rows of both methods in the same order."""

    differences: tuple[Difference, ...]
    ours: tuple[MetricRow, ...]
    theirs: tuple[MetricRow, ...]


def compared_metrics(benchmark: Benchmark, names: Collection[str] | None = None) -> tuple[Metric, ...]:
    """Metrics by which a method can be better than another, not descriptions; among ``names`` if given."""
    wanted = None if names is None else {metric_info(name, benchmark.task).id for name in names}
    better = [m for m in all_metrics(benchmark.task) if m.needs != "truth" and m.direction != "none"]
    return tuple(m for m in better if wanted is None or m.id in wanted)


def compare(
    ours: Sequence[Predictions],
    theirs: Sequence[Predictions],
    benchmark: Benchmark,
    resamples: Resamples,
    swaps: Swaps,
    *,
    metrics: Collection[str] | None = None,
    groups: Groups = "full",
) -> Compared:
    """Compare two methods at the same level.

    Parameters
    ----------
    ours, theirs
        One Predictions a seed each, on the same rows with the same truth.
    benchmark
        Task, classes and groups of both.
    resamples, swaps
        Of the same units; `Swaps.draw(resamples.units, ...)`.
    metrics, groups
        As of `estimate`; by default every metric that says something of a method.

    Raises
    ------
    DataError
        Predictions that cannot be used.
    UnknownNameError
        A metric that the task does not have.
    """
    chosen = compared_metrics(benchmark, metrics)
    a = estimate(ours, benchmark, resamples, metrics=metrics, groups=groups)
    b = estimate(theirs, benchmark, resamples, metrics=metrics, groups=groups)
    names = {m.id for m in chosen}
    differences = [d for d in a.minus(b) if d.metric in names]
    draws = _paired(a.estimates, b.estimates)
    permuted: dict[Key, Floats] = {}
    if swaps.permutations and _same_rows(a, b):
        mine, theirs_ = (Asked(one.seeds, chosen, by_name=metrics is not None) for one in (a, b))
        sides = (Exchanged.of(mine, theirs_, swaps), Exchanged.of(theirs_, mine, swaps))
        permuted = _paired(*(side.everything(groups=groups, classes=True) for side in sides))
    rows_of = [{_about(row): row for row in one.rows()} for one in (a, b)]
    found = [
        d.model_copy(
            update={
                "p": p_value(permuted[_about(d)]) if _about(d) in permuted else None,
                "detectable": detectable(draws[_about(d)][1:]),
            }
        )
        if d.value is not None
        else d
        for d in differences
    ]
    return Compared(tuple(found), *(tuple(by_key[_about(d)] for d in found) for by_key in rows_of))


def _same_rows(a: Estimates, b: Estimates) -> bool:
    x, y = a.seeds.table, b.seeds.table
    return np.array_equal(x.ids, y.ids) and np.array_equal(x.unit, y.unit) and np.array_equal(x.truth, y.truth)


def _paired(ours: Sequence[Estimate], theirs: Sequence[Estimate]) -> dict[Key, Floats]:
    of = {_key(e): e.draws for e in theirs}
    return {_key(e): e.draws - of[_key(e)] for e in ours if _key(e) in of}


def _key(e: Estimate) -> Key:
    return e.metric, e.averaging, e.class_id, e.group, e.level


def _about(row: MetricRow | Difference) -> Key:
    return row.metric, row.averaging, row.class_id, row.group, row.group_level
