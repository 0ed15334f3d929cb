"""Ranks with ties: who is better than whom on the same units, as far as the data can tell.

In: the entries of one table. Out: a `Place` each. A rank is one more than the number of unmarked entries that are
significantly better: the 95 % interval of the paired difference of the leading metric, on the same resamples of units,
excludes zero. Where predictions were not kept, two entries are told apart only if their own intervals do not overlap,
which is stricter. Marked entries (contamination, leakage, synthetic, partial) get no number and push nobody down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vlmeval import store
from vlmeval.errors import DataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Predictions
from vlmeval.report.leaderboard_rows import Entry
from vlmeval.stats import Resamples, estimate
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.intervals import intervals
from vlmeval.stats.paired.differences import ROUNDING

DRAWS: Final = 2000
SEED: Final = 0
TOLERANCE: Final = 1e-6
OTHER_NUMBER: Final = "its predictions give another number than its record"


@dataclass(frozen=True)
class Place:
    """Rank of an entry (None: not ranked) and the positions of those it cannot be told apart from."""

    rank: int | None
    ties: tuple[int, ...] = ()


@dataclass
class Ranking:
    """Places of all entries, and how many pairs were told apart by paired differences and by their own intervals.

    ``unpaired``: why an entry could only be compared by its interval, by position.
    """

    places: list[Place]
    paired: int = 0
    by_interval: int = 0
    unpaired: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Sampled:
    """The leading metric of one entry in every resample; ``rows`` tells ids, units and truth of its rows apart."""

    estimate: Estimate
    rows: str

    def compares(self, other: _Sampled) -> bool:
        """Whether a difference would be of like and like: the same rows, and an average over the same classes."""
        ours, theirs = self.estimate.classes, other.estimate.classes
        return self.rows == other.rows and (ours is None or theirs is None or np.array_equal(ours, theirs))


def rank(entries: Sequence[Entry], metric: str, *, lower: bool, progress: Progress = silent) -> Ranking:
    """Rank entries that stand in the order of their values, the best first.

    Parameters
    ----------
    entries
        Of one table: the same card, samples and level.
    metric
        The leading metric.
    lower
        Whether lower is better.
    progress
        Told of each entry whose predictions are read.
    """
    ranked = [i for i, entry in enumerate(entries) if entry.not_ranked is None]
    found = Ranking([Place(None)] * len(entries))
    sampled = _sample(entries, ranked, metric, found, progress) if len(ranked) > 1 else {}
    ties: dict[int, list[int]] = {i: [] for i in ranked}
    for at, j in enumerate(ranked):
        ahead = ranked[:at]
        clear = _clearly_better([sampled.get(i) for i in ahead], sampled.get(j), lower=lower)
        found.paired += sum(c is not None for c in clear)
        found.by_interval += sum(c is None for c in clear)
        better = 0
        for i, said in zip(ahead, clear, strict=True):
            if said if said is not None else _by_interval(entries[i], entries[j], lower=lower):
                better += 1
            else:
                ties[i].append(j)
                ties[j].append(i)
        found.places[j] = Place(1 + better)
    for i in ranked:
        found.places[i] = Place(found.places[i].rank, tuple(sorted(ties[i])))
    return found


def _clearly_better(ahead: Sequence[_Sampled | None], one: _Sampled | None, *, lower: bool) -> list[bool | None]:
    """Tell of each of those ahead whether it is significantly better; None where no paired difference can be had."""
    said: list[bool | None] = [None] * len(ahead)
    alike = [(i, a) for i, a in enumerate(ahead) if a is not None and one is not None and a.compares(one)]
    if one is None or not alike:
        return said
    draws = np.array([a.estimate.draws - one.estimate.draws for _, a in alike])
    draws[np.abs(draws) < ROUNDING] = 0.0
    low, high, _ = intervals(draws[:, 1:])
    for (i, _), below, above in zip(alike, low.tolist(), high.tolist(), strict=True):
        if not np.isnan(below):
            said[i] = above < 0 if lower else below > 0
    return said


def _by_interval(first: Entry, second: Entry, *, lower: bool) -> bool:
    """Tell whether two intervals, side by side, do not overlap; without intervals nothing can be told apart."""
    a, b = first.row, second.row
    if a is None or b is None or a.low is None or a.high is None or b.low is None or b.high is None:
        return False
    return a.high < b.low if lower else a.low > b.high


def _sample(
    entries: Sequence[Entry], wanted: Sequence[int], metric: str, found: Ranking, progress: Progress
) -> dict[int, _Sampled]:
    """Estimate the leading metric of each wanted entry on shared resamples of units."""
    made: dict[int, _Sampled] = {}
    resamples: Resamples | None = None
    for done, i in enumerate(wanted):
        progress("ranks", done, len(wanted))
        try:
            predictions = _predictions(entries[i])
            if resamples is None:
                resamples = Resamples.draw(predictions[0].units, DRAWS, SEED)
            one = _estimated(entries[i], predictions, metric, resamples)
        except DataError as error:
            found.unpaired[i] = error.message
            continue
        if one is None:
            found.unpaired[i] = OTHER_NUMBER
        else:
            made[i] = one
    progress("ranks", len(wanted), len(wanted))
    return made


def _predictions(entry: Entry) -> list[Predictions]:
    only = entry.record.model_copy(update={"methods": (entry.method,)})
    return store.read_predictions(entry.folder, only, seeds=True)


def _estimated(entry: Entry, predictions: Sequence[Predictions], metric: str, resamples: Resamples) -> _Sampled | None:
    """Return the metric in every resample; None where it is not the record's: another file may lie beside it."""
    card, row = entry.record.benchmark, entry.row
    made = estimate(predictions, card, resamples, metrics=(metric,), groups="none", classes=False)
    same = [e for e in made.estimates if e.class_id is None and row is not None and e.averaging == row.averaging]
    if not same or row is None or row.value is None:
        return None
    if not np.isclose(same[0].draws[0], row.value, rtol=0, atol=TOLERANCE):
        return None
    table = made.seeds.table
    said = hashlib.sha256("\0".join([*table.ids.tolist(), *table.unit.astype(str).tolist()]).encode())
    said.update(np.ascontiguousarray(table.truth).tobytes())
    return _Sampled(same[0], said.hexdigest())
