"""What is read off the ROC curve of every draw at once: operating points and partial areas.

In: steps of the curve, block by block, as `ranking.py` goes down the rows in descending order of score. Out: `POINTS`
sums a draw. A step is a threshold (rows of equal score are one) at which positives are gained; where none are gained
the curve runs flat. Only the draws that pass a limit within a block are looked at step by step, each once a limit.

Limits are compared as whole numbers (100 x weight against percent x total), so that 9 of 10 is 90 %.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

PERCENTS: Final = (80, 90, 95)
"""The fixed specificities and sensitivities."""
PARTIAL: Final = 80
"""Partial areas: where specificity, or sensitivity, is at least so many percent."""
POINTS: Final = (
    *(f"reached-{p}" for p in PERCENTS),
    *(f"passed-{p}" for p in PERCENTS),
    "area-specific",
    "area-before-sensitive",
)
"""Sums by name. ``reached-p``: weight of positives found by the lowest threshold with specificity p % or more.
``passed-p``: weight of negatives called positive by the highest threshold with sensitivity p % or more.
``area-specific``: area under the curve, in pairs, up to 20 % of the negatives; ``area-before-sensitive``: to the left
of where the curve, a straight line between its points, reaches 80 % of the positives."""


class Steps(NamedTuple):
    """Weights at the steps of a block, [T, D]: gained at the step, and in all once it is taken.

    ``midway``: negatives above the step and half of those tied with it.
    """

    gained: npt.NDArray[Any]
    positives: Floats
    negatives: Floats
    midway: Floats


class Readings:
    """Collects the sums of `POINTS` for D draws; ``values`` is [len(POINTS), D] after `finish`."""

    def __init__(self, positives: Floats, negatives: Floats) -> None:
        self._totals = positives, negatives
        self.values = np.zeros((len(POINTS), len(positives)))
        self._reaching = np.ones((len(PERCENTS), len(positives)), dtype=bool)

    def add(self, steps: Steps, before: Floats, lost: Floats) -> None:
        """Take in one block; ``before`` [D] positives above it, ``lost`` [D] the pairs lost by them."""
        for i, percent in enumerate(PERCENTS):
            limit = self._totals[1] * (100 - percent)
            ending = self._reaching[i] & (steps.negatives[-1] * 100 > limit)
            at = np.flatnonzero(ending)
            if len(at):
                self._specific(i, steps, at, before, lost)
            self._reaching[i] &= ~ending
            need = self._totals[0] * percent
            at = np.flatnonzero((before * 100 < need) & (steps.positives[-1] * 100 >= need))
            if len(at):
                self._sensitive(i, steps, at, lost)

    def _specific(self, i: int, steps: Steps, at: Index, before: Floats, lost: Floats) -> None:
        """Read draws ``at``, whose specificity falls below the limit in this block."""
        limit = self._totals[1][at] * (100 - PERCENTS[i])
        taken = (steps.negatives[:, at] * 100 <= limit).sum(axis=0)
        found = np.where(taken > 0, steps.positives[np.maximum(taken - 1, 0), at], before[at])
        self.values[i, at] = found
        if PERCENTS[i] == PARTIAL:
            whole = found * limit / 100 - lost[at] - _lost_until(steps, taken, at)
            # The step not taken may begin before the limit: a slope of tied rows that is cut.
            start = 2 * steps.midway[taken, at] - steps.negatives[taken, at]
            width = steps.negatives[taken, at] - start
            inside = np.maximum(limit / 100 - start, 0)
            slope = np.zeros(len(at))
            np.divide(steps.gained[taken, at] * inside**2, 2 * width, out=slope, where=width > 0)
            self.values[POINTS.index("area-specific"), at] = whole + slope

    def _sensitive(self, i: int, steps: Steps, at: Index, lost: Floats) -> None:
        """Read draws ``at``, whose sensitivity reaches the limit in this block."""
        need = self._totals[0][at] * PERCENTS[i]
        step = (steps.positives[:, at] * 100 < need).sum(axis=0)
        self.values[len(PERCENTS) + i, at] = steps.negatives[step, at]
        if PERCENTS[i] == PARTIAL:
            gained, reached = steps.gained[step, at], steps.positives[step, at]
            begun = reached - gained
            start = 2 * steps.midway[step, at] - steps.negatives[step, at]
            run = (need / 100 - begun) / gained * (steps.negatives[step, at] - start)
            area = begun * start - lost[at] - _lost_until(steps, step, at)
            self.values[POINTS.index("area-before-sensitive"), at] = area + run * (begun + need / 100) / 2

    def finish(self, positives: Floats, lost: Floats) -> Floats:
        """Complete the draws that never left a limit; the totals of positives and of the pairs lost, [D]."""
        for i, percent in enumerate(PERCENTS):
            still = self._reaching[i]
            self.values[i, still] = positives[still]
            if percent == PARTIAL:
                area = positives * self._totals[1] * (100 - percent) / 100 - lost
                self.values[POINTS.index("area-specific"), still] = area[still]
        return self.values


def _lost_until(steps: Steps, count: Index, at: Index) -> Floats:
    """Pairs lost in the first ``count`` steps of a block, draw by draw."""
    lost = steps.gained[:, at] * steps.midway[:, at]
    lost[np.arange(len(lost))[:, None] >= count] = 0
    total: Floats = lost.sum(axis=0, dtype=np.float64)
    return total
