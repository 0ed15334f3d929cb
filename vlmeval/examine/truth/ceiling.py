"""How far dermatologists agree: what one of them reaches when the others are the truth.

In: each reader's own differential over the card's classes. Out: `Found`s. Every unit with two or more readers who can
be told apart counts, in any split: agreement is a property of the data, no model has part in it.

One reader is left out in turn (at random, one a unit and draw), and what is asked of a model is asked of that reader:
the reader's weights are the scores, and the truth is an opinion drawn from the others. The left-out reader has no part
in that truth; a measure that counts every reader in is too high, the more so the fewer readers there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.examine.truth.differential import COVERED, INSIDE, mean_draws, tops
from vlmeval.examine.truth.draws import CELLS_AT_ONCE, LABELINGS, bounds_of, drawn_classes, unit_weights
from vlmeval.examine.truth.ranks import Bools, Codes, Floats, class_ranks, drawn_sums
from vlmeval.examine.truth.rows import Found, is_grey, mostly_grey, too_few
from vlmeval.records import Samples
from vlmeval.records.numbers import Averaging
from vlmeval.stats import Resamples, metric_info
from vlmeval.stats.cells import SUPPRESS_BELOW
from vlmeval.stats.metrics.classwise import ratio
from vlmeval.stats.metrics.overall import nanmean

AGREEMENT, SAME_FIRST, BEST = "expected-agreement", "same-first-choice", "best-answer-agreement"
_STREAM = 0x0C31


@dataclass(frozen=True)
class Panel:
    """Units with several readers; U units, at most R readers, K classes.

    ``opinions`` [U, R, K] are weights over the classes, NaN where there is no such reader; ``present`` bool [U, R].
    """

    units: npt.NDArray[np.str_]
    opinions: Floats
    present: Bools
    noun: str
    class_ids: tuple[str, ...]

    @classmethod
    def of(cls, samples: Samples, units: npt.NDArray[np.str_] | None = None) -> Panel | None:
        """Return the units (of those named, or all) whose readers can be told apart, two at least; None if unknown."""
        if samples.opinions is None:
            return None
        names, first = np.unique(samples.units, return_index=True)
        opinions = samples.opinions[first].astype(np.float64)
        present: Bools = np.asarray(np.isfinite(opinions).all(axis=2))
        kept: Bools = present.sum(axis=1) >= 2
        if units is not None:
            kept &= np.isin(names, units)
        card = samples.benchmark
        return cls(names[kept], opinions[kept], present[kept], card.unit.name, card.class_ids)

    def __len__(self) -> int:
        return len(self.units)

    @property
    def others(self) -> Floats:
        """[U, R, K] the mean of the other readers' weights; NaN where there is no such reader."""
        told = np.where(self.present[:, :, None], self.opinions, 0.0)
        count = self.present.sum(axis=1)[:, None, None]
        mean = (told.sum(axis=1, keepdims=True) - told) / np.maximum(count - 1, 1)
        return np.where(self.present[:, :, None], np.maximum(mean, 0.0), np.nan)

    @property
    def mean(self) -> Floats:
        """[U, K] the mean of all readers' weights."""
        told = np.where(self.present[:, :, None], self.opinions, 0.0).sum(axis=1)
        mean: Floats = told / self.present.sum(axis=1)[:, None]
        return mean


def agreement(panel: Panel, resamples: Resamples) -> list[Found]:
    """How often two readers agree, and how often the best single answer would.

    `expected-agreement`: two readers, one opinion drawn from each, are the same condition (all conditions outside the
    card count as one). `best-answer-agreement`: the condition that the whole panel gives most weight to, against one
    opinion drawn from the panel: no answer is right more often, and this one was chosen knowing the panel.
    """
    other = np.concatenate([panel.opinions, 1 - panel.opinions.sum(axis=2, keepdims=True)], axis=2)
    other = np.clip(np.where(panel.present[:, :, None], other, 0.0), 0.0, 1.0)
    readers = panel.present.sum(axis=1)
    total = other.sum(axis=1)
    # All ordered pairs of two readers: the square of the sum less each reader paired with the same one.
    pairs = ((total**2).sum(axis=1) - (other**2).sum(axis=(1, 2))) / (readers * (readers - 1))
    best = (total / readers[:, None]).max(axis=1)
    return [_plain(panel, resamples, name, values) for name, values in ((AGREEMENT, pairs), (BEST, best))]


def one_against_others(panel: Panel, resamples: Resamples) -> list[Found]:
    """Compute the figures of `truth_differential` for one reader against the differential of the others.

    Where several conditions share a reader's highest weight, each counts as the first in equal parts. A reader names at
    most a few conditions: with more answers allowed than named, those that were named count.
    """
    found = []
    others = np.where(panel.present[:, :, None], panel.others, 0.0)
    asked = panel.present & (others.sum(axis=2) > 0)
    for k in tops(len(panel.class_ids)):
        inside, covered = _reader_hits(panel.opinions, others, k)
        for name, values in ((INSIDE, inside), (COVERED, covered)):
            mean = ratio(np.where(asked, values, 0.0).sum(axis=1), asked.sum(axis=1).astype(np.float64))
            found.append(_plain(panel, resamples, name.format(k), mean, rows=asked.any(axis=1)))
    return found


def _reader_hits(own: Floats, others: Floats, k: int) -> tuple[Floats, Floats]:
    """[U, R] whether, and with how much weight, the reader's k first conditions are in the others' differential."""
    own = np.nan_to_num(own)
    if k == 1:
        first = (own == own.max(axis=2, keepdims=True)) & (own > 0)
        share: Floats = first / np.maximum(first.sum(axis=2, keepdims=True), 1)
        return np.asarray((share * (others > 0)).sum(axis=2)), np.asarray((share * others).sum(axis=2))
    best = np.argsort(-own, axis=2, kind="stable")[:, :, :k]
    named = np.take_along_axis(own, best, axis=2) > 0
    covered = np.take_along_axis(others, best, axis=2) * named
    inside = np.asarray((covered > 0).any(axis=2))
    return inside.astype(np.float64), np.minimum(covered.sum(axis=2), 1.0)


def _plain(panel: Panel, resamples: Resamples, metric: str, values: Floats, rows: Bools | None = None) -> Found:
    rows = np.ones(len(panel), dtype=bool) if rows is None else rows
    unit = resamples.index_of(panel.units[rows])
    draws = mean_draws(values[rows][:, None], unit, resamples, np.ones((1, resamples.counts.shape[1])))
    n = int(rows.sum())
    return Found(metric, "overall", draws[:1], draws[1:], n, n, greyed=is_grey(n), reason=too_few(n, panel.noun))


def ranks_of_one(panel: Panel, resamples: Resamples, labelings: int = LABELINGS) -> list[Found]:
    """AUROC and average precision of one reader's weights against opinions drawn from the others.

    Rows are (unit, reader) pairs; in each draw one reader a unit has a weight, the others none.
    """
    owner, reader = np.nonzero(panel.present)
    scores, others = panel.opinions[owner, reader], panel.others[owner, reader]
    expected = panel.mean.sum(axis=0)
    shown = np.minimum(expected, len(panel) - expected) >= SUPPRESS_BELOW
    k, draws = scores.shape[1], labelings + resamples.draws
    values = {name: np.full((draws, k), np.nan) for name in ("auroc", "average-precision")}
    prepared = {j: class_ranks(scores[:, j], others[:, j] > 0) for j in np.flatnonzero(shown).tolist()}
    # Two streams, so that a draw does not depend on how many are made at once.
    streams = tuple(np.random.default_rng((resamples.seed, _STREAM, i)) for i in range(2))
    unit = resamples.index_of(panel.units)
    width = max(1, CELLS_AT_ONCE // max(1, len(owner)))
    for start in range(0, draws, width):
        part = slice(start, min(start + width, draws))
        counts = unit_weights(part, unit, resamples, labelings)
        weights, labels = _one_left_out(panel, counts, streams, (owner, reader), others)
        for j, ranks in prepared.items():
            sums = drawn_sums(ranks, weights, labels, j)
            negatives = counts.sum(axis=1) - sums.positives
            values["auroc"][part, j] = ratio(sums.wins, sums.positives * negatives)
            values["average-precision"][part, j] = ratio(sums.precision_mass, sums.positives)
    return [one for name, found in values.items() for one in _by_class(panel, name, found, expected, shown, labelings)]


def _one_left_out(
    panel: Panel, counts: Floats, streams: tuple[Any, ...], pairs: tuple[npt.NDArray[np.intp], ...], others: Floats
) -> tuple[Floats, Codes]:
    """Choose one reader a unit and draw, and an opinion of the others: weights [d, rows] and labels [d, rows]."""
    owner, reader = pairs
    readers = panel.present.sum(axis=1)
    chosen = (streams[0].random(counts.shape) * readers).astype(np.intp)
    rank = np.cumsum(panel.present, axis=1)[owner, reader] - 1
    weights = counts[:, owner] * (chosen[:, owner] == rank)
    opinion = streams[1].random(counts.shape, dtype=np.float32)[:, owner]
    return weights, drawn_classes(opinion, bounds_of(others))


def _by_class(panel: Panel, metric: str, values: Floats, expected: Floats, shown: Bools, labelings: int) -> list[Found]:
    n, scarcest = len(panel), np.minimum(expected, len(panel) - expected)

    def found(draws: Floats, averaging: Averaging, support: float, why: str | None, **about: Any) -> Found:
        kind = metric_info(metric).interval
        parts = draws[:labelings], draws[labelings:]
        return Found(metric, averaging, *parts, n, n, reason=why, support=support, kind=kind, **about)

    out = []
    for j, class_id in enumerate(panel.class_ids):
        why = None if shown[j] else f"suppressed: fewer than {SUPPRESS_BELOW} {panel.noun}s in expectation"
        about = {"class_id": class_id, "n_positive": round(float(expected[j])), "greyed": is_grey(scarcest[j])}
        out.append(found(values[:, j], "class", scarcest[j], why, **about))
    mean = nanmean(values[:, shown]) if shown.any() else np.full(len(values), np.nan)
    reason = None if shown.any() else f"no condition is named in {SUPPRESS_BELOW} {panel.noun}s with several readers"
    about = {"n_classes": int(shown.sum()), "greyed": mostly_grey(scarcest[shown])}
    out.append(found(mean, "macro", float(scarcest[shown].min(initial=n)), reason, **about))
    return out
