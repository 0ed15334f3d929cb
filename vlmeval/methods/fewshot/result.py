"""What the few-shot sweep hands on: points of curves, each with its seeds, and what was drawn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.methods.scored import Scored
from vlmeval.records import Certificate, FewShotUsed, FewShotVariant, Finding, Regime, Shots


@dataclass(frozen=True)
class SeedPoint:
    """One seed of a point.

    Attributes
    ----------
    scored
        Rows of the evaluated split at the benchmark's headline level.
    out_of_fold
        Multi-label: labels bool [R, K] and scores float64 [R, K] of the draw's own units, each by a fit that has not
        seen it; thresholds are chosen on them. None where nothing was held out, and for single-label.
    parameters
        Hyperparameters by name, how they were chosen, and counts of the draw.
    unscored
        Ids of classes that are left out at this shot count; their columns say nothing.
    rates
        Multi-label fits: float64 [K], the weighted share of the draw that has each label, which is the mean of what a
        fit with a free intercept says of it. NaN where no share is between 0 and 1; None for other variants.
    """

    seed: int
    scored: Scored
    out_of_fold: tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]] | None
    parameters: dict[str, Any]
    unscored: tuple[str, ...] = ()
    rates: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Point:
    """One variant at one shot count in one regime, over all seeds."""

    variant: FewShotVariant
    regime: Regime
    shots: Shots
    seeds: list[SeedPoint]
    certificate: Certificate | None
    parameters: dict[str, Any]

    @property
    def curve(self) -> str:
        """Id of the curve that the point belongs to."""
        return f"few-shot:{self.variant}:{self.regime}"

    @property
    def id(self) -> str:
        """Method id of the point."""
        return f"{self.curve}@{self.shots}"


@dataclass(frozen=True)
class FewShotResult:
    """All points, what was drawn and left out, and what was noticed."""

    points: list[Point]
    used: FewShotUsed
    findings: list[Finding] = field(default_factory=list)
