"""Percentile intervals of draws."""

from __future__ import annotations

import numpy as np

from vlmeval.stats.table import Floats

MAX_UNDEFINED = 0.05


def intervals(draws: Floats) -> tuple[Floats, Floats, Floats]:
    """Percentile intervals of draws [E, B]: low, high and share of undefined draws, each [E]; NaN where none."""
    low, high, undefined = (np.full(len(draws), np.nan) for _ in range(3))
    if draws.shape[1] == 0:
        return low, high, undefined
    nan = np.isnan(draws)
    undefined = nan.mean(axis=1)
    clean = ~nan.any(axis=1)
    if clean.any():
        low[clean], high[clean] = np.quantile(draws[clean], (0.025, 0.975), axis=1)
    for i in np.flatnonzero(~clean & (undefined <= MAX_UNDEFINED)):
        low[i], high[i] = np.quantile(draws[i, ~nan[i]], (0.025, 0.975))
    return low, high, undefined


def number(value: float) -> float | None:
    """Return a plain float, None for NaN."""
    return None if np.isnan(value) else float(value)
