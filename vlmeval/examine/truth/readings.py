"""The same scores under other readings of the truth: which numbers hold, and by how much they move.

In: a method's predictions, the run's resamples and the readings of the card. Out: `MetricRow`s of each reading, and of
its difference to the card's own truth on the same rows and the same draws.

Scores, thresholds and resamples stay; only labels change. A stricter reading leaves fewer classes with enough
positives: differences of averages are over the classes that both readings have. Rows that a reading does not have (or
that a single-label reading gives no one class) are left out of it, and of the card's side of the difference too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vlmeval.data.readings import Reading
from vlmeval.examine.truth.ranks import Bools
from vlmeval.records import Benchmark, MetricRow, Predictions
from vlmeval.stats import Resamples, estimate
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.intervals import intervals, number
from vlmeval.stats.metrics.overall import nanmean

DIFFERENCE: Final = ":difference"
"""Ends the variant id of a difference to the card's truth."""

OTHER_CLASSES: Final = "the two readings average over different classes"


def reading_rows(
    predictions: Sequence[Predictions], benchmark: Benchmark, resamples: Resamples, reading: Reading, variant: str
) -> list[MetricRow]:
    """Compute a method's headline metrics under a reading, and their differences to the card's truth.

    Parameters
    ----------
    predictions
        One a seed.
    benchmark, resamples
        Of the run.
    reading
        Labels by sample id.
    variant
        Id of the rows' variant.
    """
    first = predictions[0]
    labels, there = reading.of(first.level, first.ids, single_label=benchmark.task == "single-label")
    if not there.any():
        return []
    own = [one.take(there) for one in predictions]
    other = [replace(one.take(there), y_true=labels[there]) for one in predictions]
    metrics = tuple(dict.fromkeys((*benchmark.headline_metrics, "auroc", "average-precision")))
    theirs = estimate(other, benchmark, resamples, metrics=metrics, groups="none")
    ours = estimate(own, benchmark, resamples, metrics=metrics, groups="none")
    rows = [row.model_copy(update={"variant": variant}) for row in theirs.rows()]
    pairs = {_key(e): e for e in ours.estimates}
    kept = [(row, e) for row, e in zip(rows, theirs.estimates, strict=True) if e.averaging != "weighted"]
    shared = _Shared(theirs.estimates, ours.estimates)
    return [row for row, _ in kept] + [_difference(row, *shared.pair(e, pairs[_key(e)])) for row, e in kept]


def _key(e: Estimate) -> tuple[str | None, ...]:
    return e.metric, e.averaging, e.class_id


@dataclass(frozen=True)
class _Shared:
    """Estimates under two readings of the truth, and their class values."""

    theirs: Sequence[Estimate]
    ours: Sequence[Estimate]

    def pair(self, a: Estimate, b: Estimate) -> tuple[Estimate, Estimate]:
        """Return the two, averages over classes taken over those that both readings have."""
        if a.averaging != "macro" or a.classes is None or b.classes is None or a.reason or b.reason:
            return a, b
        shared = a.classes & b.classes
        if not shared.any():
            return a, b
        return self._over(self.theirs, a, shared), self._over(self.ours, b, shared)

    def _over(self, estimates: Sequence[Estimate], average: Estimate, shared: Bools) -> Estimate:
        by_class = [e for e in estimates if e.metric == average.metric and e.averaging == "class"]
        draws = nanmean(np.stack([e.draws for e, in_both in zip(by_class, shared, strict=True) if in_both], axis=1))
        return replace(average, draws=draws, classes=shared, n_classes=int(shared.sum()))


def _difference(row: MetricRow, a: Estimate, b: Estimate) -> MetricRow:
    """Return the reading's number less the card's, on the same rows; None with the reason where one has none."""
    reason = a.reason or b.reason
    if reason is None and a.classes is not None and b.classes is not None and not np.array_equal(a.classes, b.classes):
        reason = OTHER_CLASSES
    if reason is None and np.isnan(a.draws[0] - b.draws[0]):
        reason = "undefined under one of the two readings"
    moved = a.draws - b.draws
    low, high, _ = intervals(moved[None, 1:])
    return row.model_copy(
        update={
            "variant": f"{row.variant}{DIFFERENCE}",
            "value": None if reason else float(moved[0]),
            "n_classes": a.n_classes,
            "low": None if reason else number(float(low[0])),
            "high": None if reason else number(float(high[0])),
            "reason": reason,
            "seed_sd": None,
            "undefined_draws": None,
        }
    )
