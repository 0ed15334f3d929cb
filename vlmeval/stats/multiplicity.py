"""Control of the false discovery rate over many tests, by Benjamini & Hochberg (1995).

In: p-values. Out: adjusted ones: calling every test with an adjusted p below q a discovery keeps the expected share of
false ones among them at q. The tests of one metric over groups and classes depend on each other positively (the same
rows, nested averages), where the procedure holds (Benjamini & Yekutieli 2001).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def adjusted(p: Sequence[float | None]) -> list[float | None]:
    """Return Benjamini-Hochberg adjusted p-values of one family; None stays None and counts as no test.

    ``scipy.stats.false_discovery_control`` of those there are.
    """
    from scipy.stats import false_discovery_control

    known = [i for i, value in enumerate(p) if value is not None]
    out: list[float | None] = [None] * len(p)
    if known:
        values = false_discovery_control(np.array([p[i] for i in known], dtype=np.float64), method="bh")
        for i, value in zip(known, values.tolist(), strict=True):
            out[i] = value
    return out


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Return Holm's (1979) adjusted p-values of one family; None stays None and counts as no test.

    Calling every test with an adjusted p below 5 % a finding keeps the chance of any false one below 5 %, however the
    tests depend on each other. For the few tests that conclusions are drawn from.
    """
    known = sorted((value, i) for i, value in enumerate(p) if value is not None)
    out: list[float | None] = [None] * len(p)
    largest = 0.0
    for done, (value, i) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - done) * value))
        out[i] = largest
    return out
