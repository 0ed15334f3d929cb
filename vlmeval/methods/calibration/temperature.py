"""Temperature scaling: one parameter for all classes, fitted by log-loss on given rows.

In: logits [n, K], truth bool [n, K], and a weight a row (so that every unit counts once). Out: `Temperature`, which
turns logits into probabilities, or the reason why there is no fit.

softmax(logits / T) (Guo, Pleiss, Sun & Weinberger 2017), T at the minimum of the log-loss. The loss is convex in 1/T,
so that the minimum is where its slope is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vlmeval.methods.calibration.logits import Bools, Floats

_EDGE: Final = 12.0


@dataclass(frozen=True)
class Temperature:
    """softmax(logits / value)."""

    value: float

    def apply(self, logits: Floats) -> Floats:
        """Return probabilities [n, K] of logits [n, K]; a class at minus infinity gets 0."""
        from scipy.special import softmax

        found: Floats = softmax(logits / self.value, axis=1)
        return found


def fit_temperature(logits: Floats, truth: Bools, weight: Floats) -> Temperature | str:
    """Fit one temperature for all classes.

    Parameters
    ----------
    logits, truth, weight
        [n, K], bool [n, K] with one class a row, and [n]. Rows whose class is at minus infinity (the method cannot
        predict it) take no part.

    Returns
    -------
    Temperature or str
        The reason where no temperature minimises the loss: scores that say nothing, or that are always right.
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    own = logits[np.arange(len(logits)), truth.argmax(axis=1)]
    use = np.isfinite(own)
    z, own, weight = logits[use], own[use], weight[use]
    known = np.isfinite(z)
    top = z.max(axis=1, initial=-np.inf)
    spread = float(np.average(top - z.min(axis=1, where=known, initial=np.inf), weights=weight)) if len(z) else 0.0
    if spread <= 0:
        return "all scores of a validation row are equal, so that no temperature changes them"
    if not (own < top).any():
        return "every validation unit is classified rightly, so that no temperature is too low"
    finite = np.where(known, z, 0.0)

    def slope(log_sharpness: float) -> float:
        p = softmax(z * (np.exp(log_sharpness) / spread), axis=1)
        return float(np.sum(weight * ((p * finite).sum(axis=1) - own))) / spread

    if slope(-_EDGE) >= 0:
        return "on validation units the scores say nothing about the class, so that no temperature is too high"
    if slope(_EDGE) <= 0:
        return "the scores are so nearly always right on validation units that no temperature can be told"
    return Temperature(spread / float(np.exp(brentq(slope, -_EDGE, _EDGE, xtol=1e-12))))
