"""Other readings of predictions: one binary question put to the same rows, e.g. malignant against benign.

In: the seeds of a method, and a function that reads a `Table` anew as a `Binary`. Out: `Viewed`, seeds whose tables
have one class; cells, sums and the small-cell rule are then those of any class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vlmeval.stats.cells import Cell, cell_of
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.table import Binary, Index, Table, View


@dataclass(frozen=True)
class Viewed:
    """A method's seeds as one view reads them; ``rows`` are positions in the original tables."""

    rows: Index
    seeds: Seeds

    @classmethod
    def of(cls, seeds: Seeds, view: View) -> Viewed:
        """Read every seed's table anew."""
        found = [view(table) for table in seeds.tables]
        tables = tuple(_table(t, b) for t, b in zip(seeds.tables, found, strict=True))
        return cls(found[0].rows, Seeds(tables, seeds.counts))

    def cell(self, cell: Cell) -> Cell:
        """Return the same cell of the rows that the view has."""
        return cell_of(self.seeds.table, cell.rows[self.rows], cell.group, cell.level, cell.missing)


def _table(table: Table, binary: Binary) -> Table:
    rows = binary.rows
    return replace(
        table,
        ids=table.ids[rows],
        unit=table.unit[rows],
        truth=binary.truth[:, None],
        scores=binary.scores[:, None],
        top=np.zeros(len(rows), dtype=np.intp),
        predicted=None,
        groups={name: codes[rows] for name, codes in table.groups.items()},
        unscored=np.zeros(1, dtype=bool),
        _orders={},
    )
