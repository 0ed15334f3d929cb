"""How small a difference so many units can show: the minimum detectable difference of a paired comparison.

In: bootstrap draws of a paired difference. Out: the true difference that a two-sided test at the 5 % level finds in
four of five studies of this size and case mix.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from vlmeval.stats.intervals import MAX_UNDEFINED
from vlmeval.stats.table import Floats

POWER, LEVEL = 0.80, 0.05
_Z = NormalDist().inv_cdf(1 - LEVEL / 2) + NormalDist().inv_cdf(POWER)


def detectable(draws: Floats) -> float | None:
    """(z of 97.5 % + z of 80 %) x standard error, the standard deviation of the paired draws [B].

    The usual normal approximation (Bloom 1995). None with fewer than two draws, with more than 5 % of them undefined,
    and where the two models never differ: then the draws say nothing of how much such models could differ.
    """
    known = draws[~np.isnan(draws)]
    if len(known) < 2 or len(known) < (1 - MAX_UNDEFINED) * len(draws):
        return None
    error = float(np.std(known, ddof=1))
    return _Z * error if error > 0 else None
