"""Cells: all rows, or the rows of one level of a group attribute, and the small-cell rule.

In: a `Table`. Out: `Cell`s with their counts. The rule counts independent units, not rows: below 10 a value is
suppressed, below 20 it is greyed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.records import GroupSpec
from vlmeval.stats.table import Bools, Table

SUPPRESS_BELOW = 10
GREY_BELOW = 20


@dataclass(frozen=True)
class Cell:
    """Rows that are reported together, and how many there are.

    ``positive_units`` and ``negative_units`` are [K]: units with at least one row that has (has not) the class.
    ``positives`` is [K], in rows. ``unit`` is what a unit is called, for reasons that people read.
    """

    rows: Bools
    group: str | None
    level: str | None
    missing: bool
    n: int
    n_units: int
    positives: npt.NDArray[np.intp]
    positive_units: npt.NDArray[np.intp]
    negative_units: npt.NDArray[np.intp]
    unit: str = "unit"

    @property
    def scarcest(self) -> npt.NDArray[np.intp]:
        """[K] the smaller of positive and negative units."""
        return np.minimum(self.positive_units, self.negative_units)

    @property
    def supported(self) -> Bools:
        """[K] classes whose value is not suppressed here."""
        return self.scarcest >= SUPPRESS_BELOW

    def why_suppressed(self, k: int | None) -> str | None:
        """Return the reason to suppress class ``k`` here, or (with None) the whole cell; None if there is none."""
        if self.n == 0:
            return "no rows"
        if k is None:
            few = self.n_units < SUPPRESS_BELOW
            return f"suppressed: fewer than {SUPPRESS_BELOW} {self.unit}s ({self.n_units})" if few else None
        if self.supported[k]:
            return None
        counts = f"{self.positive_units[k]} and {self.negative_units[k]}"
        return f"suppressed: fewer than {SUPPRESS_BELOW} positive or negative {self.unit}s ({counts})"


def whole(table: Table) -> Cell:
    """All rows together."""
    return cell_of(table, np.ones(len(table.unit), dtype=bool), None, None, False)


def levels(table: Table, group: GroupSpec) -> list[Cell]:
    """One cell for each level of an attribute, in the card's order, missing levels and empty ones included."""
    codes = table.groups[group.id]
    return [cell_of(table, codes == i, group.id, level.id, level.missing) for i, level in enumerate(group.levels)]


def cell_of(table: Table, rows: Bools, group: str | None, level: str | None, missing: bool) -> Cell:
    """Count the rows of one cell."""
    truth, unit = table.truth[rows], table.unit[rows]
    count = len(table.resamples.units)
    return Cell(
        rows=rows,
        group=group,
        level=level,
        missing=missing,
        n=len(unit),
        n_units=len(np.unique(unit)),
        positives=truth.sum(axis=0),
        positive_units=_units_with(truth, unit, count),
        negative_units=_units_with(~truth, unit, count),
        unit=table.benchmark.unit.name,
    )


def _units_with(mark: Bools, unit: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    found = np.zeros((mark.shape[1], count), dtype=bool)
    rows, classes = np.nonzero(mark)
    found[classes, unit[rows]] = True
    total: npt.NDArray[np.intp] = found.sum(axis=1)
    return total
