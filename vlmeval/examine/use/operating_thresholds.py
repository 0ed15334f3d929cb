"""Thresholds at a target sensitivity or specificity, chosen on given rows with a weight each. Arrays in and out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from vlmeval.stats.cells import SUPPRESS_BELOW

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Target:
    """What is asked of a threshold: at least ``percent`` sensitivity or specificity on the rows it is chosen on."""

    of: Literal["sensitivity", "specificity"]
    percent: int

    @property
    def id(self) -> str:
        """``sensitivity-90``."""
        return f"{self.of}-{self.percent}"

    @property
    def title(self) -> str:
        """``Sensitivity of at least 90 %``."""
        return f"{self.of.capitalize()} of at least {self.percent} %"


TARGETS: Final = (Target("sensitivity", 90), Target("sensitivity", 95), Target("specificity", 90))


def choose(target: Target, truth: Bools, scores: Floats, weight: Floats) -> float:
    """Return the threshold that reaches the target at the least cost to the other side; at or above it means yes.

    For sensitivity the highest score that enough positives reach; for specificity the next number above the lowest
    score that enough negatives do not exceed. Rows of equal score are on one side together.
    """
    side = truth if target.of == "sensitivity" else ~truth
    own, heavy = scores[side], weight[side]
    order = np.argsort(-own if target.of == "sensitivity" else own, kind="stable")
    reached = np.cumsum(heavy[order])
    found = float(own[order][np.searchsorted(reached, target.percent / 100 * reached[-1] - 1e-9)])
    return found if target.of == "sensitivity" else float(np.nextafter(found, np.inf))


def why_not(scarcer: int) -> str | None:
    """Return why no threshold is chosen with so many positive or negative units (the fewer of the two), or None."""
    if scarcer >= SUPPRESS_BELOW:
        return None
    return f"no threshold: fewer than {SUPPRESS_BELOW} positive or negative validation units ({scarcer})"
