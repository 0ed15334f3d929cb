"""What metrics are formulas of: weighted sums over the rows of one cell, for the sample and every draw at once.

In: the `Table`s of a method's seeds (one for a method without) and the rows of a cell (all, or one level of a group).
Out: `Sums`. Anything that adds up over rows is a matrix product of resample counts with per-unit sums; the rank sums
come from `ranking.py` and `pairs.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.stats.pairs import few_positives, pair_sums
from vlmeval.stats.ranking import Weights, rank_sums
from vlmeval.stats.table import Bools, Floats, Index, Table

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
    columns
        Metric id -> [D, m], sums of the row columns that the metric asked for.
    """

    weight: Floats
    positives: Floats
    flagged: Floats
    hits: Floats
    wins: Floats
    precision_mass: Floats
    columns: Mapping[str, Floats]

    @property
    def negatives(self) -> Floats:
        """[D, K] weight of rows that do not have the class."""
        return self.weight[:, None] - self.positives


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


def cell_sums(
    tables: Sequence[Table],
    rows: Bools,
    ranked: Bools,
    columns: Sequence[Mapping[str, Floats]],
    drawn: Sequence[Drawn] | None = None,
) -> Sums:
    """Sum up one cell.

    Parameters
    ----------
    tables
        All rows, by seed; the seeds differ in scores and decisions only.
    rows
        bool [n], the cell's rows.
    ranked
        bool [K], classes to compute rank sums for (those that will not be suppressed).
    columns
        By seed: metric id -> [n, m] values to sum over the rows.
    drawn
        By seed: the draws to compute rank sums for; all of them if it is not given.
    """
    table, count = tables[0], len(tables)
    truth, counts = table.truth[rows], table.resamples.counts
    k, draws = truth.shape[1], counts.shape[1]
    parts = [np.ones((len(truth), 1)), truth]
    for one, own in zip(tables, columns, strict=True):
        predicted = np.full(truth.shape, np.nan) if one.predicted is None else one.predicted[rows]
        parts += [predicted, truth * predicted, *(c[rows] for c in own.values())]
    sums = weighted_sums(counts, table.unit[rows], np.concatenate(parts, axis=1, dtype=np.float64))
    by_seed = np.concatenate(np.split(sums[:, 1 + k :], count, axis=1))
    widths = [k, k, *(c.shape[1] for c in columns[0].values())]
    flagged, hits, *extra = np.split(by_seed, np.cumsum(widths)[:-1], axis=1)
    wins, mass = (np.full((count * draws, k), np.nan) for _ in range(2))
    for s, one in enumerate(tables):
        asked = Drawn.all_of(counts) if drawn is None else drawn[s]
        classes = np.flatnonzero(ranked)
        for j, found in _ranks(one, rows, classes, asked, by_pairs=count > 1):
            wins[s * draws + asked.index, j], mass[s * draws + asked.index, j] = found
    return Sums(
        weight=np.tile(sums[:, 0], count),
        positives=np.tile(sums[:, 1 : 1 + k], (count, 1)),
        flagged=flagged,
        hits=hits,
        wins=wins,
        precision_mass=mass,
        columns=dict(zip(columns[0], extra, strict=True)),
    )


def _ranks(
    table: Table, rows: Bools, classes: Index, drawn: Drawn, *, by_pairs: bool
) -> list[tuple[int, tuple[Floats, Floats]]]:
    """Rank sums (wins, precision mass) of each class of one seed, by the way that is faster for it."""
    rare = few_positives(table.truth[rows], classes) if by_pairs else np.zeros(len(classes), dtype=bool)
    out: list[tuple[int, tuple[Floats, Floats]]] = []
    if rare.any():
        units = table.unit[rows]
        found = pair_sums(drawn.counts, units, table.scores[rows], table.truth[rows], classes[rare])
        out += [(int(j), sums) for j, sums in zip(classes[rare], found, strict=True)]
    for j in classes[~rare]:
        order = table.descending(int(j))
        order = order[rows[order]]
        sums = rank_sums(drawn.counts, table.unit[order], table.scores[order, j], table.truth[order, j])
        out.append((int(j), sums))
    return out


def weighted_sums(counts: npt.NDArray[np.uint8], unit: Index, values: Floats) -> Floats:
    """[D, m] sums of the row values [n, m], each row weighted by how often its unit [n] was drawn."""
    total = np.zeros((values.shape[1], counts.shape[1]))
    present, inverse = np.unique(unit, return_inverse=True)
    used = np.flatnonzero(values.any(axis=0))
    by_unit = np.zeros((len(present), len(used)))
    np.add.at(by_unit, inverse, values[:, used])
    for start in range(0, len(present), _UNITS_AT_ONCE):
        chunk = slice(start, start + _UNITS_AT_ONCE)
        total[used] += by_unit[chunk].T @ counts[present[chunk]].astype(np.float64)
    return total.T
