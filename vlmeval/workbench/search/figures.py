"""What the objective is worth on some rows, with its interval: draws of the cluster bootstrap, units kept whole.

Comes in: `Judged` (scores, decisions, truth, units, folds), the `Target`, `Resamples`. Goes out: an `Estimate` like
those of `stats.estimate`, with the same values, draws and limits where the objective is one of its metrics; a mix is
mixed draw by draw. AUROC of scores from several folds compares pairs within a fold only, since another choice's scores
are on another scale: sum_f wins_f / sum_f (positives_f x negatives_f).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from vlmeval.records import Task
from vlmeval.records.search import Figure
from vlmeval.stats import Resamples, metric_info
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.groups.extremes import Levels, worst_limits
from vlmeval.stats.intervals import limits, number
from vlmeval.stats.metrics.classwise import ratio
from vlmeval.stats.metrics.overall import nanmean
from vlmeval.stats.paired.differences import paired
from vlmeval.stats.ranking import rank_sums
from vlmeval.stats.sums import weighted_sums
from vlmeval.workbench.search.target import Target

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Scores of one choice (or of one a fold) on some rows, what they decide, and what is true of the rows.

    ``fold`` [n] numbers the choice that scored a row.
    """

    scores: Floats
    decided: Bools
    labels: Bools
    units: npt.NDArray[np.str_]
    tone: npt.NDArray[np.int16] | None
    fold: npt.NDArray[np.int8]


@dataclass(frozen=True)
class _Part:
    draws: Floats
    support: int
    limits: Callable[[], tuple[float, float]] | None = None


def estimate_of(judged: Judged, target: Target, resamples: Resamples) -> Estimate:
    """Estimate the objective in the sample and in every draw."""
    unit = resamples.index_of(judged.units)
    parts = {part: _PARTS[part](judged, target, (unit, resamples)) for part in target.shares}
    draws = np.sum([share * parts[part].draws for part, share in target.shares.items()], axis=0)
    alone = next(iter(parts.values())) if len(parts) == 1 else None
    tone = set(parts) == {"worst-tone"}
    return Estimate(
        metric="balanced-accuracy" if set(parts) == {"balanced-accuracy"} else "auroc",
        averaging="macro-common" if tone else "macro",
        draws=draws,
        n=len(judged.units),
        n_units=len(np.unique(judged.units)),
        support=min(part.support for part in parts.values()),
        level="worst" if tone else None,
        limits=None if alone is None else alone.limits,
        reason="undefined on these rows" if np.isnan(draws[0]) else None,
    )


def figure(estimate: Estimate, task: Task) -> Figure:
    """Return the value with its 95 % interval of the metric's kind."""
    if estimate.reason is not None:
        return Figure(value=None, reason=estimate.reason)
    metric = metric_info(estimate.metric, task)
    if len(estimate.draws) == 1:
        low, high = np.nan, np.nan
    elif estimate.limits is not None:
        low, high = estimate.limits()
    else:
        ends = limits(metric.interval, estimate.draws[None], [estimate.support or estimate.n_units], metric.bounds)
        low, high = float(ends[0][0]), float(ends[1][0])
    return Figure(value=float(estimate.draws[0]), low=number(low), high=number(high))


def difference(a: Estimate, b: Estimate, task: Task) -> Figure:
    """Return ``a - b`` on the same units with the interval of the paired draws."""
    found = paired([a], [b], ("a", "b", "unit"), task=task, same_rows=True)[0]
    return Figure(value=found.value, low=found.low, high=found.high, reason=found.reason)


_Units = tuple[npt.NDArray[np.intp], Resamples]


def _macro_auroc(judged: Judged, target: Target, units: _Units) -> _Part:
    rows = np.ones(len(judged.units), dtype=bool)
    draws = _auroc(judged, rows, target.classes, units)
    return _Part(nanmean(draws), _support(judged, rows, target.classes))


def _worst_tone(judged: Judged, target: Target, units: _Units) -> _Part:
    if judged.tone is None or target.shared is None:
        raise ValueError("the objective has no skin-tone levels")
    cells = [judged.tone == code for code in target.levels]
    draws = np.array([nanmean(_auroc(judged, rows, target.shared, units)) for rows in cells])
    support = [_support(judged, rows, target.shared) for rows in cells]
    return _Part(draws.min(axis=0), min(support), partial(worst_limits, Levels(draws, support), largest=False))


def _balanced_accuracy(judged: Judged, target: Target, units: _Units) -> _Part:
    truth, unit, resamples = judged.labels, *units
    columns = (truth, truth & judged.decided, ~truth, ~truth & ~judged.decided)
    sums = [weighted_sums(resamples.counts, unit, one.astype(np.float64)) for one in columns]
    sensitivity, specificity = ratio(sums[1], sums[0]), ratio(sums[3], sums[2])
    if target.single:
        return _Part(nanmean(sensitivity), len(np.unique(judged.units)))
    rows = np.ones(len(judged.units), dtype=bool)
    both = ((sensitivity + specificity) / 2)[:, target.classes]
    return _Part(nanmean(both), _support(judged, rows, target.classes))


def _auroc(judged: Judged, rows: Bools, classes: Bools, units: _Units) -> Floats:
    """Return [D, classes] one-vs-rest AUROC in every draw, of pairs within a fold."""
    unit, resamples = units
    found = []
    for k in np.flatnonzero(classes).tolist():
        wins, pairs = (np.zeros(resamples.counts.shape[1]) for _ in range(2))
        for f in np.unique(judged.fold[rows]):
            own = np.flatnonzero(rows & (judged.fold == f))
            own = own[np.argsort(-judged.scores[own, k], kind="stable")]
            truth = judged.labels[own, k]
            won = rank_sums(resamples.counts, unit[own], judged.scores[own, k], truth, precision=False).wins
            marks = np.stack([truth, ~truth], axis=1).astype(np.float64)
            totals = weighted_sums(resamples.counts, unit[own], marks)
            wins, pairs = wins + won, pairs + totals[:, 0] * totals[:, 1]
        found.append(ratio(wins, pairs))
    return np.stack(found, axis=1)


def _support(judged: Judged, rows: Bools, classes: Bools) -> int:
    """Return the units that an average rests on: of its scarcest class, with it or without."""
    labels, units = judged.labels[rows][:, classes], judged.units[rows]
    counts = [len(np.unique(units[mark])) for own in labels.T for mark in (own, ~own)]
    return min(counts, default=0)


_PARTS = {"auroc": _macro_auroc, "balanced-accuracy": _balanced_accuracy, "worst-tone": _worst_tone}
