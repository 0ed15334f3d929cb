"""What metrics are formulas of: weighted sums over the rows of one cell, for the sample and every draw at once.

In: the `Table`s of a method's seeds (one for a method without) and the rows of a cell (all, or one level of a group).
Out: `Sums`. Anything that adds up over rows is a matrix product of resample counts with per-unit sums; the rank sums
come from `ranking.py` and `pairs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.stats.pairs import few_positives, pair_sums
from vlmeval.stats.ranking import RankSums, Weights, rank_sums
from vlmeval.stats.roc import POINTS
from vlmeval.stats.table import Bools, Floats, Index, Table

Columns = Callable[[Table], Floats]
"""What a metric wants summed: row values [n, m] of a table."""

_UNITS_AT_ONCE = 1024


@dataclass(frozen=True)
class Sums:
    """Weighted sums of one cell; D = 1 + draws, index 0 is the sample itself.

    With S seeds every array has S * D rows, one seed's draws after the other's; row 0 is the first seed's sample.

    Attributes
    ----------
    weight
        [D] weight of all rows.
    positives, flagged, hits
        [D, K] weight of rows that have the class, that were given the class, and both. The last two are NaN where the
        predictions have no decisions.
    wins, precision_mass
        [D, K] rank sums, see `ranking.rank_sums`; NaN for classes that were not asked for, and in draws that did not
        draw the seed.
    points
        [len(roc.POINTS), D, K] readings of the ROC curve, NaN like the rank sums and where nobody asked.
    columns
        What made them -> [D, m], sums of the row columns that metrics asked for.
    """

    weight: Floats
    positives: Floats
    flagged: Floats
    hits: Floats
    wins: Floats
    precision_mass: Floats
    points: Floats
    columns: Mapping[Columns, Floats]

    @property
    def negatives(self) -> Floats:
        """[D, K] weight of rows that do not have the class."""
        return self.weight[:, None] - self.positives

    def point(self, name: str) -> Floats:
        """[D, K] one reading of the ROC curve, one of `roc.POINTS`."""
        found: Floats = self.points[POINTS.index(name)]
        return found


@dataclass(frozen=True)
class Drawn:
    """The draws that drew one seed: their numbers among all D, the sample first, and the counts of units [U, n] there.

    Rank sums are what costs time, and a draw of ten seeds leaves out three or four.
    """

    index: Index
    counts: Weights

    @classmethod
    def all_of(cls, counts: Weights) -> Drawn:
        """Every draw: for a method of one seed."""
        return cls(np.arange(counts.shape[1]), counts)


@dataclass(frozen=True)
class Ranked:
    """Which rank sums are asked for: classes, bool [K]; with precision masses, with points; and, by seed, the draws."""

    classes: Bools
    precision: bool
    drawn: Sequence[Drawn]
    points: bool = False


def cell_sums(
    tables: Sequence[Table],
    rows: Bools,
    ranked: Ranked,
    columns: Sequence[Mapping[Columns, Floats]],
) -> Sums:
    """Sum up one cell.

    Parameters
    ----------
    tables
        All rows, by seed; the seeds differ in scores and decisions only.
    rows
        bool [n], the cell's rows.
    ranked
        The rank sums to compute: of classes that will not be suppressed, if any metric needs them.
    columns
        By seed: what made them -> [n, m] values to sum over the rows.
    """
    table, count = tables[0], len(tables)
    truth, counts = table.truth[rows], table.resamples.counts
    k, draws = truth.shape[1], counts.shape[1]
    parts = [np.ones((len(truth), 1)), truth]
    for one in tables:
        predicted = np.full(truth.shape, np.nan) if one.predicted is None else one.predicted[rows]
        parts += [predicted, truth * predicted]
    # Sums of 0 and 1 with small integer weights are exact in float32.
    whole = counts.dtype == np.uint8 and len(truth) < 2**16
    sums = weighted_sums(counts, table.unit[rows], np.concatenate(parts, axis=1, dtype=np.float32 if whole else float))
    weight, positives = sums[:, 0], sums[:, 1 : 1 + k]
    flagged, hits = np.split(np.concatenate(np.split(sums[:, 1 + k :], count, axis=1)), 2, axis=1)
    # One after the other: together they would be a copy of everything.
    extra = {
        make: np.concatenate([weighted_sums(counts, table.unit[rows], own[make][rows]) for own in columns])
        for make in columns[0]
    }
    wins, mass = (np.full((count * draws, k), np.nan) for _ in range(2))
    points = np.full((len(POINTS) if ranked.points else 0, count * draws, k), np.nan)
    for s, one in enumerate(tables):
        at = s * draws + ranked.drawn[s].index
        for j, found in _ranks(one, rows, ranked, s, (weight, positives)):
            wins[at, j], mass[at, j], points[:, at, j] = found
    return Sums(
        weight=np.tile(weight, count),
        positives=np.tile(positives, (count, 1)),
        flagged=flagged,
        hits=hits,
        wins=wins,
        precision_mass=mass,
        points=points,
        columns=extra,
    )


def _ranks(
    table: Table, rows: Bools, ranked: Ranked, seed: int, totals: tuple[Floats, Floats]
) -> Iterator[tuple[int, RankSums]]:
    """Rank sums of each class of one seed, by the way that is faster for it; ``totals``: of all rows, of positives."""
    classes, precision, drawn = np.flatnonzero(ranked.classes), ranked.precision, ranked.drawn[seed]
    truth, unit = table.truth[rows], table.unit[rows]
    by_pairs = len(ranked.drawn) > 1 and not ranked.points
    rare = few_positives(truth, classes) if by_pairs else np.zeros(len(classes), dtype=bool)
    if rare.any():
        few = classes[rare]
        cell, ties = np.ix_(rows, few), bool(table.tied[few].any())
        found = pair_sums(drawn.counts, unit, table.scores[cell], table.truth[cell], precision=precision, ties=ties)
        yield from zip(few.tolist(), found, strict=True)
    for j in classes[~rare].tolist():
        order = table.descending(j)
        order = order[rows[order]]
        where = table.unit[order], table.scores[order, j], table.truth[order, j]
        positives = totals[1][drawn.index, j]
        both = (positives, totals[0][drawn.index] - positives) if ranked.points else None
        yield j, rank_sums(drawn.counts, *where, precision=precision, totals=both)


def weighted_sums(counts: Weights, unit: Index, values: npt.NDArray[np.floating]) -> Floats:
    """[D, m] sums of the row values [n, m], each row weighted by how often its unit [n] was drawn."""
    total = np.zeros((values.shape[1], counts.shape[1]))
    order = np.argsort(unit, kind="stable")
    starts = np.flatnonzero(np.diff(unit[order], prepend=-1))
    present, used = unit[order[starts]], np.flatnonzero(values.any(axis=0))
    by_unit = values[:, used][order]
    if len(present) < len(order):
        by_unit = np.add.reduceat(by_unit, starts, axis=0)
    for start in range(0, len(present), _UNITS_AT_ONCE):
        chunk = slice(start, start + _UNITS_AT_ONCE)
        total[used] += by_unit[chunk].T @ counts[present[chunk]].astype(values.dtype)
    return total.T
