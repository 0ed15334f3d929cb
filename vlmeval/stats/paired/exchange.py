"""What each of two models would have reached, had some units had the other model's predictions.

In: what is asked of two methods on the same rows, and `Swaps`. Out: the estimates of both, their draws the
permutations.

How: the rows of both models are put one below the other, and a 0/1 weight says whose row of a unit counts; so the same
sums, metrics, averages and small-cell rules serve as for the bootstrap, and there is no second way to compute a metric.
Scores of different models are on different scales. What depends on a row alone is computed from each model's own scores
before anything changes places: decisions as decisions, calibration and top-k as they are. What depends on the order of
rows (AUROC, average precision) is computed from mid-ranks within the rows of the cell, class by class (Venkatraman &
Begg 1996; Bandos, Rockette & Gur 2005).

Models with equally many seeds are paired seed by seed, else each seed meets so many of the other's that all count
alike. A permutation changes units, not seeds: the test is about the models as they were trained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from vlmeval.stats.cells import Cell
from vlmeval.stats.estimates import Counted
from vlmeval.stats.metrics.registry import Metric
from vlmeval.stats.paired.swaps import Swaps
from vlmeval.stats.resamples import Resamples
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.summary import Asked
from vlmeval.stats.sums import Columns, Drawn, Ranked, cell_sums
from vlmeval.stats.table import Bools, Floats, Table, View


@dataclass(frozen=True)
class Mixed(Seeds):
    """Tables of rows of both models; what either model cannot have, the mixture cannot."""

    sides: tuple[Seeds, Seeds]

    def missing(self, metric: Metric) -> str | None:
        """Why one of the models cannot have this metric, or None."""
        return next((why for side in self.sides if (why := side.missing(metric)) is not None), None)


@dataclass(frozen=True)
class Exchanged(Asked):
    """What is asked of one method, some of whose units have the predictions of another on the same rows."""

    other: Asked = field(kw_only=True)
    swaps: Swaps = field(kw_only=True)

    @classmethod
    def of(cls, asked: Asked, other: Asked, swaps: Swaps) -> Exchanged:
        """Ask the same of both methods."""
        return cls(asked.seeds, asked.metrics, asked.by_name, other=other, swaps=swaps)

    @cached_property
    def resamples(self) -> Resamples:
        """Weights [2U, 1 + permutations]: first the units with this method's rows, then those with the other's."""
        swapped = self.swaps.swapped
        units = np.concatenate([self.swaps.units, self.swaps.units])
        return Resamples(units, np.concatenate([1 - swapped, swapped]), self.seeds.table.resamples.seed)

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """Which seed of this method meets which of the other's."""
        own, others = len(self.seeds.tables), len(self.other.seeds.tables)
        return [(i % own, i % others) for i in range(math.lcm(own, others))]

    def count(self, cell: Cell) -> Counted:
        """Sum up a cell in every permutation; the cell and its small-cell rule are those of the observed rows."""
        columns = [
            {make: np.concatenate([mine[make][cell.rows], theirs[make][cell.rows]]) for make in mine if make in theirs}
            for mine, theirs in ((self.columns[i], self.other.columns[j]) for i, j in self.pairs)
        ]
        views = {
            view: self._mixed((viewed.seeds, self.other.views[view].seeds), viewed.cell(cell), view, None)
            for view, viewed in self.views.items()
            if view in self.other.views
        }
        return replace(self._mixed((self.seeds, self.other.seeds), cell, None, columns), views=views)

    def _mixed(
        self,
        sides: tuple[Seeds, Seeds],
        cell: Cell,
        view: View | None,
        columns: list[dict[Columns, Floats]] | None,
    ) -> Counted:
        tables = [self._stacked(sides[0].tables[i], sides[1].tables[j], cell.rows) for i, j in self.pairs]
        weight = np.ones((len(tables), self.swaps.permutations + 1), dtype=np.uint8)
        seeds = Mixed(tuple(tables), weight, sides)
        needed = {m.ranks for m in self.metrics if m.view is view} - {None}
        ranked = Ranked(
            cell.supported & ~seeds.unscored & bool(needed),
            precision="precision-mass" in needed,
            drawn=[Drawn.all_of(self.resamples.counts)] * len(tables),
            points="points" in needed,
        )
        everything = np.ones(len(tables[0].unit), dtype=bool)
        return Counted(cell, seeds, cell_sums(tables, everything, ranked, columns or [{}] * len(tables)))

    def _stacked(self, a: Table, b: Table, rows: Bools) -> Table:
        """Rows of a cell, once with this method's predictions and once with the other's."""
        return replace(
            a,
            resamples=self.resamples,
            ids=np.concatenate([a.ids[rows], b.ids[rows]]),
            unit=np.concatenate([a.unit[rows], len(self.swaps.units) + b.unit[rows]]),
            truth=np.concatenate([a.truth[rows], b.truth[rows]]),
            scores=np.concatenate([mid_ranks(a.scores[rows]), mid_ranks(b.scores[rows])]),
            top=np.concatenate([a.top[rows], b.top[rows]]),
            predicted=_joined(a, b, rows),
            groups={},
            unscored=a.unscored | b.unscored,
            _orders={},
        )


def mid_ranks(scores: Floats) -> Floats:
    """Rank the rows [n, K] class by class from 1; equal scores share the mean of their ranks."""
    ranks = np.empty_like(scores)
    for k in range(scores.shape[1]):
        _, place, count = np.unique(scores[:, k], return_inverse=True, return_counts=True)
        ranks[:, k] = (np.cumsum(count) - (count - 1) / 2)[place]
    return ranks


def _joined(a: Table, b: Table, rows: Bools) -> Bools | None:
    if a.predicted is None or b.predicted is None:
        return None
    return np.concatenate([a.predicted[rows], b.predicted[rows]])
