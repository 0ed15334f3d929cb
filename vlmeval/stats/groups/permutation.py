"""Permutations of who is in which level of a group: units whole, and only among units alike in truth.

In: a `Table`, its level codes, and the rows that take part. Out: the codes of every row under every permutation.

If a method's scores do not depend on the level given the truth, then the levels of two units with the same truth may
change places without changing anything's probability, so that the sample's own assignment is one of equally probable
ones, and a test against them is exact in every sample size (Fisher 1935; Good 2005, chapter 3; stratified as by
Cochran, Mantel & Haenszel). Levels that differ in case mix do not trigger it, because units change places only with
units of the same classes. What changes places is the whole unit: all its rows together. A unit with rows in several
levels (pictures of two body sites) gives its levels, row by row, to a unit with as many rows of the same truth. So
units are exchanged within strata of equal truth and equal number of rows; a unit that is the only one of its stratum
stays where it is, which costs power, never exactness.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.stats.table import Bools, Index, Table

Codes = npt.NDArray[np.int16]
_STREAM = 0x9E37
"""Keeps permutations apart from the draws of units and seeds, which the same number seeds."""


@dataclass(frozen=True)
class Permuted:
    """The rows that take part, and the level of each under every permutation, int16 [n, 1 + B], the sample's first."""

    rows: Index
    codes: Codes


def permuted(table: Table, codes: Codes, rows: Bools, permutations: int, seed: int) -> Permuted:
    """Permute the level codes of whole units within strata of equal truth.

    Parameters
    ----------
    table
        Rows in the order of their units.
    codes
        int16 [n] level of each row.
    rows
        bool [n], the rows of levels that take part; no others are permuted.
    permutations, seed
        How many, and the seed of the numpy Generator. The same arguments give the same permutations, whatever the
        order in which rows, classes or levels were given.
    """
    index = np.flatnonzero(rows)
    own = codes[index]
    out = np.repeat(own[:, None], 1 + permutations, axis=1)
    rng = np.random.default_rng((seed, _STREAM))
    for stratum in strata(table, index):
        levels = own[stratum]
        units = len(stratum)
        order = rng.permuted(np.tile(np.arange(units), (permutations, 1)), axis=1)
        for at in range(stratum.shape[1]):
            out[stratum[:, at], 1:] = levels[order, at].T
    return Permuted(index, out)


def strata(table: Table, index: Index) -> list[Index]:
    """Positions in ``index`` of the units that may change places, [units, rows a unit] a stratum of two units or more.

    In the order of the strata's first units, so that the order of classes or levels does not matter.
    """
    if len(index) == 0:
        return []
    _, truth = np.unique(table.truth[index], axis=0, return_inverse=True)
    starts = np.flatnonzero(np.diff(table.unit[index], prepend=-1))
    found: dict[tuple[int, ...], list[Index]] = {}
    for start, end in itertools.pairwise([*starts.tolist(), len(index)]):
        found.setdefault(tuple(truth[start:end].tolist()), []).append(np.arange(start, end))
    return [np.array(units) for units in found.values() if len(units) > 1]
