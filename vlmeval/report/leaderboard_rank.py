"""Ranks with ties: who is better than whom on the same units, as far as the data can tell.

In: the entries of one table. Out: a `Place` each. A rank is one more than the number of unmarked entries that are
significantly better: the 95 % interval of the paired difference of the leading metric, on the same resamples of units,
excludes zero. Where predictions were not kept, two entries are told apart only if their own intervals do not overlap,
which is stricter. Marked entries (contamination, leakage, synthetic, partial) get no number and push nobody down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vlmeval import store
from vlmeval.errors import DataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Predictions
from vlmeval.report.leaderboard_rows import Entry
from vlmeval.stats import Estimates, Resamples, estimate

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
    """Places of all entries, and how they came about: pairs told apart by paired differences, and those that were not.

    ``unpaired``: why an entry could only be compared by its interval, by position.
    """

    places: list[Place]
    paired: int = 0
    by_interval: int = 0
    unpaired: dict[int, str] = field(default_factory=dict)


def rank(entries: Sequence[Entry], metric: str, *, lower: bool, progress: Progress = silent) -> Ranking:
    """Rank entries that stand in the order of their values, the best first.

    Parameters
    ----------
    entries
        Of one table: the same samples with the same truth.
    metric
        The leading metric.
    lower
        Whether lower is better.
    progress
        Told of each entry whose predictions are read.
    """
    ranked = [i for i, entry in enumerate(entries) if entry.not_ranked is None]
    found = Ranking([Place(None)] * len(entries))
    estimates = _estimates(entries, ranked, metric, found, progress) if len(ranked) > 1 else {}
    better: dict[int, int] = dict.fromkeys(ranked, 0)
    ties: dict[int, list[int]] = {i: [] for i in ranked}
    for at, i in enumerate(ranked):
        for j in ranked[at + 1 :]:
            apart = _paired(entries[i], estimates.get(i), estimates.get(j), lower=lower)
            found.paired += apart is not None
            found.by_interval += apart is None
            if apart if apart is not None else _by_interval(entries[i], entries[j], lower=lower):
                better[j] += 1
            else:
                ties[i].append(j)
                ties[j].append(i)
    for i in ranked:
        found.places[i] = Place(1 + better[i], tuple(sorted(ties[i])))
    return found


def _paired(first: Entry, ours: Estimates | None, theirs: Estimates | None, *, lower: bool) -> bool | None:
    """Tell whether the first is significantly better; None where no paired difference can be computed."""
    if ours is None or theirs is None or first.row is None:
        return None
    averaging = first.row.averaging
    one = next((d for d in ours.minus(theirs) if d.class_id is None and d.averaging == averaging), None)
    if one is None or one.low is None or one.high is None:
        return None
    return one.high < 0 if lower else one.low > 0


def _by_interval(first: Entry, second: Entry, *, lower: bool) -> bool:
    """Tell whether two intervals, side by side, do not overlap; without intervals nothing can be told apart."""
    a, b = first.row, second.row
    if a is None or b is None or a.low is None or a.high is None or b.low is None or b.high is None:
        return False
    return a.high < b.low if lower else a.low > b.high


def _estimates(
    entries: Sequence[Entry], wanted: Sequence[int], metric: str, found: Ranking, progress: Progress
) -> dict[int, Estimates]:
    """Estimate the leading metric of each wanted entry on shared resamples of units."""
    made: dict[int, Estimates] = {}
    resamples: Resamples | None = None
    for done, i in enumerate(wanted):
        progress("ranks", done, len(wanted))
        entry = entries[i]
        try:
            predictions = _predictions(entry)
            if resamples is None:
                resamples = Resamples.draw(predictions[0].units, DRAWS, SEED)
            one = estimate(
                predictions, entry.record.benchmark, resamples, metrics=(metric,), groups="none", classes=False
            )
        except DataError as error:
            found.unpaired[i] = error.message
            continue
        if _agrees(one, entry):
            made[i] = one
        else:
            found.unpaired[i] = OTHER_NUMBER
    progress("ranks", len(wanted), len(wanted))
    return made


def _predictions(entry: Entry) -> list[Predictions]:
    only = entry.record.model_copy(update={"methods": (entry.method,)})
    return store.read_predictions(entry.folder, only, seeds=True)


def _agrees(made: Estimates, entry: Entry) -> bool:
    """Tell whether predictions give the number that the record says: a file from elsewhere may lie beside it."""
    row = entry.row
    if row is None or row.value is None:
        return False
    values = [e.draws[0] for e in made.estimates if e.class_id is None and e.averaging == row.averaging]
    return bool(values) and bool(np.isclose(values[0], row.value, rtol=0, atol=TOLERANCE))
