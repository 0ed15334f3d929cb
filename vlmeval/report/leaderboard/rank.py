"""Ranks with ties: who is better than whom on the same units, as far as the data can tell.

In: the entries of one table. Out: a `Place` each. A rank is one more than the number of unmarked entries that are
clearly better: the 95 % interval of the paired difference of the leading metric, on the same resamples of units,
excludes zero. Where predictions were not kept, two entries are told apart only if their own intervals do not overlap,
which is stricter. Marked entries (contamination, leakage, synthetic, partial) get no number and push nobody down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vlmeval import store
from vlmeval.errors import DataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Difference, Predictions
from vlmeval.report.leaderboard.pairs import Comparable, Sampled, difference
from vlmeval.report.leaderboard.rows import Entry
from vlmeval.report.lookup import AVERAGES
from vlmeval.stats import Resamples, estimate
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.results import Estimates

DRAWS: Final = 2000
SEED: Final = 0
TOLERANCE: Final = 1e-6
PAIRS_SHOWN: Final = 60
"""Tables of so many rows carry the paired difference of every two of them; in longer ones only ranks are known."""
OTHER_NUMBER: Final = "its predictions give another number than its record"


@dataclass(frozen=True)
class Place:
    """Where an entry stands: ``rank`` (None: not ranked) to ``last``, and the positions of those it is tied with.

    ``last`` is the number of ranked entries less those that are clearly worse: what the rank could be at worst.
    """

    rank: int | None
    last: int | None = None
    ties: tuple[int, ...] = ()


@dataclass
class Ranking:
    """Places of all entries, and how many pairs were told apart by paired differences and by their own intervals.

    ``unpaired``: why an entry could only be compared by its interval, by position. ``differences``: by metric, those of
    every two entries that compare, by their positions, first minus second; empty for long tables.
    """

    places: list[Place]
    paired: int = 0
    by_interval: int = 0
    unpaired: dict[int, str] = field(default_factory=dict)
    differences: dict[str, dict[tuple[int, int], Difference]] = field(default_factory=dict)


def rank(entries: Sequence[Entry], metrics: Sequence[str], *, lower: bool, progress: Progress = silent) -> Ranking:
    """Rank entries that stand in the order of their values, the best first.

    Parameters
    ----------
    entries
        Of one table: the same card, samples and level.
    metrics
        The card's; the first one leads.
    lower
        Whether lower is better.
    progress
        Told of each entry whose predictions are read.
    """
    ranked = [i for i, entry in enumerate(entries) if entry.not_ranked is None]
    found = Ranking([Place(None)] * len(entries))
    few = len(entries) <= PAIRS_SHOWN
    wanted = [i for i, entry in enumerate(entries) if entry.value is not None] if few else ranked
    shown = metrics if few else metrics[:1]
    sampled = _sample(entries, wanted, shown, found, progress) if len(wanted) > 1 else {}
    _places(entries, ranked, sampled, found, (metrics[0], lower))
    if few:
        found.differences = _differences(entries, sampled, shown)
    return found


def ranges(positions: Iterable[int]) -> list[list[int]]:
    """Return ascending positions as ranges, first and last of each: ``0, 1, 2, 5`` is ``[[0, 2], [5, 5]]``."""
    made: list[list[int]] = []
    for position in positions:
        if made and position == made[-1][1] + 1:
            made[-1][1] = position
        else:
            made.append([position, position])
    return made


def _places(
    entries: Sequence[Entry],
    ranked: Sequence[int],
    sampled: dict[int, Sampled],
    found: Ranking,
    leading: tuple[str, bool],
) -> None:
    metric, lower = leading
    pairs = Comparable(sampled, metric, entries[0].record.benchmark.task) if sampled else None
    ties: dict[int, list[int]] = {i: [] for i in ranked}
    better, worse = dict.fromkeys(ranked, 0), dict.fromkeys(ranked, 0)
    for at, j in enumerate(ranked):
        ahead = ranked[:at]
        clear = {} if pairs is None else pairs.against(j, ahead)
        found.paired += len(clear)
        found.by_interval += len(ahead) - len(clear)
        for i in ahead:
            if clear[i] if i in clear else _by_interval(entries[i], entries[j], lower=lower):
                better[j] += 1
                worse[i] += 1
            else:
                ties[i].append(j)
                ties[j].append(i)
    for i in ranked:
        found.places[i] = Place(1 + better[i], len(ranked) - worse[i], tuple(sorted(ties[i])))


def _by_interval(first: Entry, second: Entry, *, lower: bool) -> bool:
    """Tell whether two intervals, side by side, do not overlap; without intervals nothing can be told apart."""
    a, b = first.row, second.row
    if a is None or b is None or a.low is None or a.high is None or b.low is None or b.high is None:
        return False
    return a.high < b.low if lower else a.low > b.high


def _differences(
    entries: Sequence[Entry], sampled: dict[int, Sampled], metrics: Sequence[str]
) -> dict[str, dict[tuple[int, int], Difference]]:
    made: dict[str, dict[tuple[int, int], Difference]] = {metric: {} for metric in metrics}
    order = sorted(sampled)
    for at, i in enumerate(order):
        for j in order[at + 1 :]:
            for one in difference(sampled[i], sampled[j], metrics, entries[i].record.benchmark.task):
                if one.value is not None:
                    made[one.metric][i, j] = one
    return made


def _sample(
    entries: Sequence[Entry], wanted: Sequence[int], metrics: Sequence[str], found: Ranking, progress: Progress
) -> dict[int, Sampled]:
    """Estimate the metrics of each wanted entry on shared resamples of units."""
    made: dict[int, Sampled] = {}
    resamples: Resamples | None = None
    for done, i in enumerate(wanted):
        progress("ranks", done, len(wanted))
        try:
            predictions = _predictions(entries[i])
            if resamples is None:
                resamples = Resamples.draw(predictions[0].units, DRAWS, SEED)
            one = _sampled(entries[i], predictions, metrics, resamples)
        except DataError as error:
            found.unpaired[i] = error.message
            continue
        if metrics[0] not in one.estimates:
            found.unpaired[i] = OTHER_NUMBER
        else:
            made[i] = one
    progress("ranks", len(wanted), len(wanted))
    return made


def _predictions(entry: Entry) -> list[Predictions]:
    only = entry.record.model_copy(update={"methods": (entry.method,)})
    return store.read_predictions(entry.folder, only, seeds=True)


def _sampled(entry: Entry, predictions: Sequence[Predictions], metrics: Sequence[str], resamples: Resamples) -> Sampled:
    """Return the metrics in every resample, less those that are not the record's: another file may lie beside it."""
    made = estimate(predictions, entry.record.benchmark, resamples, metrics=metrics, groups="none", classes=False)
    found = {}
    for metric in metrics:
        cell, one = entry.view["cells"][metric], _average(made, metric)
        if one is None or one.reason is not None or cell is None or cell["value"] is None:
            continue
        if np.isclose(one.draws[0], cell["value"], rtol=0, atol=TOLERANCE):
            found[metric] = one
    table = made.seeds.table
    said = hashlib.sha256("\0".join([*table.ids.tolist(), *table.unit.astype(str).tolist()]).encode())
    said.update(np.ascontiguousarray(table.truth).tobytes())
    return Sampled(found, said.hexdigest(), entry.method.level)


def _average(made: Estimates, metric: str) -> Estimate | None:
    """Return the average that stands in the table, as `Rows.average` chooses it."""
    own = {e.averaging: e for e in made.estimates if e.metric == metric and e.class_id is None}
    return next((own[averaging] for averaging in AVERAGES if averaging in own), None)
