"""McNemar's exact test: of the units that only one of two models gets right, does one model have more.

In: which rows each model decided rightly, and their units. Out: `Discordance`, the 2 x 2 table with the p-value.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from vlmeval.stats.table import Bools


@dataclass(frozen=True)
class Discordance:
    """Units that both models, only ours, only theirs or neither decided rightly; ``p`` is two-sided and exact."""

    both: int
    only_ours: int
    only_theirs: int
    neither: int
    p: float


def mcnemar(ours: Bools, theirs: Bools, units: npt.NDArray[np.generic]) -> Discordance:
    """Test whether two models decide equally many units rightly (McNemar 1947, exact form).

    Parameters
    ----------
    ours, theirs
        bool [n], whether each row was decided rightly.
    units
        [n] the unit of each row. Rows of one unit are no independent observations: the test counts a unit once, as
        right when more than half of its rows are.

    Returns
    -------
    Discordance
        Under no difference a unit on which the models disagree is as likely to favour either: the smaller count is
        binomial(discordant units, 1/2), its tail doubled. 1 where they disagree on none.
    """
    _, member = np.unique(units, return_inverse=True)
    rows = np.bincount(member)
    a, b = (2 * np.bincount(member, weights=right) > rows for right in (ours, theirs))
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return Discordance(int((a & b).sum()), only_a, only_b, int((~a & ~b).sum()), _p(only_a, only_b))


def _p(only_a: int, only_b: int) -> float:
    n, fewer = only_a + only_b, min(only_a, only_b)
    # Whole numbers of any size: exact, and never 0 by rounding until the very last division.
    tail = sum(comb(n, i) for i in range(fewer + 1))
    return min(1.0, float(2 * tail / 2**n))
