"""Expected metrics when the truth is drawn from the differential: one dermatologist's opinion a unit and draw.

In: a method's tables (one a seed), the differential of each row, and the run's resamples. Out: `Found`s, by class and
averaged: the mean over labellings of the sample, and joint draws of units and labels for the interval.

Which classes are shown is decided by the expected number of positive units, once for all draws. A row whose drawn
opinion is none of the card's conditions is negative for every class, and wrong where one answer is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from vlmeval.examine.truth.draws import LABELINGS, Block, blocks
from vlmeval.examine.truth.ranks import Bools, ClassRanks, Codes, Floats, class_ranks, drawn_sums
from vlmeval.examine.truth.rows import Found, is_grey, mostly_grey, too_few
from vlmeval.records.numbers import Averaging
from vlmeval.stats import Metric, metric_info
from vlmeval.stats.cells import SUPPRESS_BELOW
from vlmeval.stats.metrics.overall import nanmean
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import Sums
from vlmeval.stats.table import Table

ALWAYS: Final = ("auroc", "average-precision")
RANKED: Final = frozenset({None, "wins", "precision-mass"})


def sampled_metrics(task: str, headline: Sequence[str]) -> tuple[Metric, ...]:
    """Return the metrics computed under drawn labels: the card's first ones and those of ranks."""
    wanted = [*headline, *ALWAYS, *(("accuracy",) if task == "single-label" else ())]
    found = [metric_info(name, "single-label" if task == "single-label" else "multi-label") for name in wanted]
    return tuple(dict.fromkeys(m for m in found if m.columns is None and m.ranks in RANKED and m.needs != "truth"))


def sampled(seeds: Seeds, differential: Floats, metrics: Sequence[Metric], labelings: int = LABELINGS) -> list[Found]:
    """Compute the metrics of one method under drawn labels.

    Parameters
    ----------
    seeds
        The method's tables.
    differential
        [n, K] in the tables' row order.
    metrics
        As `sampled_metrics` gives them.
    labelings
        How many draws of labels the value is the mean of.
    """
    support = _Support.of(seeds, differential, labelings)
    counts = _seed_draws(seeds, labelings)
    values: dict[str, list[Floats]] = {m.id: [] for m in metrics}
    for table in seeds.tables:
        sums = _sums(table, differential, support.classes & ~seeds.unscored, labelings)
        for metric in metrics:
            values[metric.id].append(metric.formula(sums))
    found: list[Found] = []
    for metric in metrics:
        mean = _mean_over_seeds(np.array(values[metric.id]), counts)
        why = seeds.missing(metric)
        found += (
            support.by_class(metric, mean, why) if metric.scope == "class" else [support.overall(metric, mean, why)]
        )
    return found


def _sums(table: Table, differential: Floats, classes: Bools, labelings: int) -> Sums:
    """Weighted sums of all rows in every draw; rank sums of the ``classes`` only."""
    k, draws = differential.shape[1], labelings + table.resamples.draws
    ranks = {j: class_ranks(table.scores[:, j], differential[:, j] > 0) for j in np.flatnonzero(classes).tolist()}
    weight, made = np.zeros(draws), {name: np.full((draws, k), np.nan) for name in ("wins", "mass")}
    positives, flagged, hits = (np.zeros((draws, k)) for _ in range(3))
    predicted = None if table.predicted is None else table.predicted.astype(np.float64)
    for block in blocks(differential, table.unit, table.resamples, labelings):
        at = block.draws
        weight[at] = block.weights.sum(axis=1)
        positives[at] = _by_class(block, block.weights, k)
        if predicted is None:
            flagged[at], hits[at] = np.nan, np.nan
        else:
            flagged[at] = block.weights @ predicted
            hits[at] = _by_class(block, block.weights * _answered(predicted, block.labels), k)
        _add_ranks(made, ranks, block)
    return Sums(
        weight=weight,
        positives=positives,
        flagged=flagged,
        hits=hits,
        wins=made["wins"],
        precision_mass=made["mass"],
        points=np.full((0, draws, k), np.nan),
        columns={},
    )


def _add_ranks(made: dict[str, Floats], ranks: dict[int, ClassRanks], block: Block) -> None:
    for j, prepared in ranks.items():
        drawn = drawn_sums(prepared, block.weights, block.labels, j)
        made["wins"][block.draws, j], made["mass"][block.draws, j] = drawn.wins, drawn.precision_mass


def _by_class(block: Block, weights: Floats, k: int) -> Floats:
    """[d, K] sums of the row weights [d, n] by drawn class; what is none of the classes is left out."""
    draws = len(weights)
    cell = block.labels + (k + 1) * np.arange(draws)[:, None]
    sums: Floats = np.bincount(cell.ravel(), weights=weights.ravel(), minlength=draws * (k + 1)).astype(np.float64)
    return sums.reshape(draws, k + 1)[:, :k]


def _answered(predicted: Floats, labels: Codes) -> Floats:
    """[d, n] whether the drawn class was answered."""
    padded = np.concatenate([predicted, np.zeros((len(predicted), 1))], axis=1)
    return padded[np.arange(len(predicted)), labels]


def _seed_draws(seeds: Seeds, labelings: int) -> Floats:
    """[S, labelings + B] how often each draw has drawn each seed; once in the draws of labels alone."""
    own = seeds.counts[:, 1:].astype(np.float64)
    return np.concatenate([np.ones((len(own), labelings)), own], axis=1)


def _mean_over_seeds(values: Floats, counts: Floats) -> Floats:
    """Mean of values [S, D] or [S, D, K] over the seeds that each draw has drawn."""
    weight = counts.reshape(*counts.shape, *(1,) * (values.ndim - 2))
    total: Floats = np.where(weight > 0, values * weight, 0.0).sum(axis=0) / len(values)
    return total


@dataclass(frozen=True)
class _Support:
    """How many units the differential puts into each class, and what may be shown."""

    seeds: Seeds
    labelings: int
    expected: Floats
    classes: Bools
    positives: Floats
    n_units: int

    @classmethod
    def of(cls, seeds: Seeds, differential: Floats, labelings: int) -> _Support:
        table = seeds.table
        _, first = np.unique(table.unit, return_index=True)
        # Pictures of a unit share one opinion: the first one's differential stands for the unit's.
        expected = differential[first].sum(axis=0)
        classes = np.minimum(expected, len(first) - expected) >= SUPPRESS_BELOW
        return cls(seeds, labelings, expected, classes, differential.sum(axis=0), len(first))

    def by_class(self, metric: Metric, values: Floats, why: str | None) -> list[Found]:
        """Return the metric of each class, and its mean over the classes that can be shown."""
        found = []
        for j, class_id in enumerate(self.seeds.table.benchmark.class_ids):
            scarce = min(self.expected[j], self.n_units - self.expected[j])
            about = {"class_id": class_id, "n_positive": round(float(self.positives[j]))}
            found.append(
                self._found(metric, "class", values[:, j], why or self._why_not(j), scarce, is_grey(scarce), **about)
            )
        shown = self.classes & ~self.seeds.unscored & ~np.isnan(values[: self.labelings]).all(axis=0)
        reason = why or too_few(self.n_units, self._noun) or (None if shown.any() else self._none)
        mean = nanmean(values[:, shown]) if shown.any() else np.full(len(values), np.nan)
        about = {"n_classes": int(shown.sum()), "n_positive": round(float(self.positives[shown].sum()))}
        scarcest = np.minimum(self.expected, self.n_units - self.expected)[shown]
        support = float(scarcest.min(initial=self.n_units))
        return [*found, self._found(metric, "macro", mean, reason, support, mostly_grey(scarcest), **about)]

    def overall(self, metric: Metric, values: Floats, why: str | None) -> Found:
        """Return a metric over all classes together."""
        reason = why or too_few(self.n_units, self._noun)
        return self._found(metric, "overall", values, reason, self.n_units, is_grey(self.n_units))

    @property
    def _noun(self) -> str:
        return self.seeds.table.benchmark.unit.name

    @property
    def _none(self) -> str:
        return f"no class has {SUPPRESS_BELOW} positive {self._noun}s in expectation"

    def _why_not(self, j: int) -> str | None:
        if self.seeds.unscored[j]:
            return "no score: the method was fitted without this class"
        if self.classes[j]:
            return None
        counts = f"{self.expected[j]:.1f} and {self.n_units - self.expected[j]:.1f} in expectation"
        return f"suppressed: fewer than {SUPPRESS_BELOW} positive or negative {self._noun}s ({counts})"

    def _found(
        self,
        metric: Metric,
        averaging: Averaging,
        values: Floats,
        reason: str | None,
        support: float,
        greyed: bool,
        **about: Any,
    ) -> Found:
        return Found(
            metric=metric.id,
            averaging=averaging,
            sample=values[: self.labelings],
            draws=values[self.labelings :],
            n=len(self.seeds.table.unit),
            n_units=self.n_units,
            greyed=greyed,
            reason=reason,
            support=support,
            kind=metric.interval,
            bounds=metric.bounds,
            **about,
        )
