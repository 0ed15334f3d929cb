"""What metrics are formulas of: weighted sums over the rows of one cell, for the sample and every draw at once.

In: a `Table` and the rows of a cell (all, or one level of a group). Out: `Sums`. Anything that adds up over rows is a
matrix product of resample counts with per-unit sums; the rank sums come from `ranking.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.stats.ranking import rank_sums
from vlmeval.stats.table import Bools, Floats, Index, Table

_UNITS_AT_ONCE = 1024


@dataclass(frozen=True)
class Sums:
    """Weighted sums of one cell; D = 1 + draws, index 0 is the sample itself.

    Attributes
    ----------
    table
        Where the rows came from (for K and the task).
    weight
        [D] weight of all rows.
    positives, flagged, hits
        [D, K] weight of rows that have the class, that were given the class, and both. The last two are NaN where the
        predictions have no decisions.
    wins, precision_mass
        [D, K] rank sums, see `ranking.rank_sums`; NaN for classes that were not asked for.
    columns
        Metric id -> [D, m], sums of the row columns that the metric asked for.
    """

    table: Table
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


def cell_sums(table: Table, rows: Bools, ranked: Bools, columns: Mapping[str, Floats]) -> Sums:
    """Sum up one cell.

    Parameters
    ----------
    table
        All rows.
    rows
        bool [n], the cell's rows.
    ranked
        bool [K], classes to compute rank sums for (those that will not be suppressed).
    columns
        Metric id -> [n, m] values to sum over the rows.
    """
    k = table.truth.shape[1]
    truth = table.truth[rows]
    predicted = np.full(truth.shape, np.nan) if table.predicted is None else table.predicted[rows]
    parts = [np.ones((len(truth), 1)), truth, predicted, truth * predicted, *(c[rows] for c in columns.values())]
    sums = weighted_sums(table.resamples.counts, table.unit[rows], np.concatenate(parts, axis=1, dtype=np.float64))
    ends = np.cumsum([p.shape[1] for p in parts])[:-1]
    weight, positives, flagged, hits, *extra = np.split(sums, ends, axis=1)
    wins, mass = (np.full((sums.shape[0], k), np.nan) for _ in range(2))
    for j in np.flatnonzero(ranked):
        order = table.descending(int(j))
        order = order[rows[order]]
        wins[:, j], mass[:, j] = rank_sums(
            table.resamples.counts, table.unit[order], table.scores[order, j], table.truth[order, j]
        )
    named = dict(zip(columns, extra, strict=True))
    return Sums(table, weight[:, 0], positives, flagged, hits, wins, mass, named)


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
