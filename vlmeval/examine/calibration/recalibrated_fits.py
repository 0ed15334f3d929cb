"""Temperature and Platt scaling: one parameter for all classes, or two a class, fitted by log-loss on given rows.

In: logits [n, K], truth bool [n, K], and a weight a row (so that every unit counts once). Out: `Temperature` or
`Platt`, which turn logits into probabilities, or the reason why there is no fit. Arrays in, arrays out; nothing here
knows which rows are validation rows.

- Temperature (Guo, Pleiss, Sun & Weinberger 2017): softmax(logits / T), T at the minimum of the log-loss. The loss is
  convex in 1/T, so that the minimum is where its slope is 0.
- Platt (Platt 1999): sigmoid(a x + b) class by class, a and b at the minimum of the cross-entropy against Platt's
  smoothed targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2), by Newton steps with halving (Lin, Lin & Weng 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.records.model import ScoreKind
from vlmeval.stats.cells import SUPPRESS_BELOW

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
FLOOR: Final = 1e-30
SMOOTHING: Final = (1e-7, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
"""What may be added to probabilities of unknown making, where an exact 0 is a count and no belief."""
CEILING: Final = 1 - 2.0**-24
"""The float32 number below 1: scores come from single precision."""
_MOST_STEPS, _TOLERANCE = 100, 1e-12
_EDGE = 12.0


def logits_of(
    scores: Floats,
    kind: ScoreKind,
    *,
    scale: float | None = None,
    multi_label: bool = False,
    smoothing: float = SMOOTHING[0],
) -> Floats:
    """Return scores as logits, by what they are.

    ``cosine``: scale x cosine (1 where the model has no scale); ``logit``: as they are; ``sigmoid``: log p / (1 - p);
    ``softmax`` and ``probability``: log p in single-label tasks, log p / (1 - p) in multi-label ones. Softmax and
    sigmoid are kept off 0 and 1; ``probability``, of unknown making, has ``smoothing`` added to p and to 1 - p. Either
    way the order of scores stays.
    """
    if kind == "logit":
        return scores
    if kind == "cosine":
        return scores * (1.0 if scale is None else scale)
    if kind == "probability":
        p = np.maximum(scores, 0.0) + smoothing
        rest = np.maximum(1 - scores, 0.0) + smoothing
        return np.asarray(np.log(p) - np.log(rest) if multi_label else np.log(p))
    p = np.maximum(scores, FLOOR)
    if kind != "sigmoid" and not multi_label:
        return np.asarray(np.log(p))
    return np.asarray(np.log(p) - np.log1p(-np.minimum(p, CEILING)))


@dataclass(frozen=True)
class Temperature:
    """softmax(logits / value)."""

    value: float

    def apply(self, logits: Floats) -> Floats:
        """Return probabilities [n, K] of logits [n, K]; a class at minus infinity gets 0."""
        from scipy.special import softmax

        found: Floats = softmax(logits / self.value, axis=1)
        return found


@dataclass(frozen=True)
class Platt:
    """sigmoid(slope x + intercept), [K] each; ``shared`` marks classes that borrow the others' slope."""

    slope: Floats
    intercept: Floats
    shared: Bools

    def apply(self, logits: Floats) -> Floats:
        """Return probabilities [n, K] of logits [n, K]; a class at minus infinity gets 0."""
        from scipy.special import expit

        found = np.zeros_like(logits)
        known = np.isfinite(logits)
        line = np.where(known, logits, 0.0) * self.slope + self.intercept
        found[known] = expit(line)[known]
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


def fit_platt(logits: Floats, truth: Bools, weight: Floats, positive_units: npt.NDArray[np.intp]) -> Platt | str:
    """Fit a slope and an intercept a class.

    Parameters
    ----------
    logits, truth, weight
        [n, K], bool [n, K] and [n].
    positive_units
        [K] the scarcer of positive and negative units: classes with fewer than 10 take the median slope of the others
        and have an intercept of their own.

    Returns
    -------
    Platt or str
        The reason where no class has units enough. A slope that would be negative is 0 (the best one that keeps the
        order of the scores): the class then has its frequency as probability everywhere.
    """
    own = (positive_units >= SUPPRESS_BELOW) & np.isfinite(logits).all(axis=0)
    if not own.any():
        return f"no class has {SUPPRESS_BELOW} positive and {SUPPRESS_BELOW} negative validation units"
    x = np.where(np.isfinite(logits), logits, 0.0)
    target = _targets(truth, weight)
    slope, intercept = _newton(x, target, weight, np.zeros(x.shape[1]), own)
    wrong = own & (slope < 0)
    slope[wrong] = 0.0
    slope[~own] = float(np.median(slope[own]))
    again = wrong | ~own
    if again.any():
        held = _newton(x[:, again], target[:, again], weight, slope[again], np.zeros(int(again.sum()), dtype=bool))
        intercept[again] = held[1]
    return Platt(slope, intercept, ~own)


def _targets(truth: Bools, weight: Floats) -> Floats:
    positive = (weight[:, None] * truth).sum(axis=0)
    negative = weight.sum() - positive
    return np.asarray(np.where(truth, (positive + 1) / (positive + 2), 1 / (negative + 2)))


def _newton(x: Floats, target: Floats, weight: Floats, start: Floats, free: Bools) -> tuple[Floats, Floats]:
    """Minimise the weighted cross-entropy of sigmoid(a x + b), class by class at once; where not ``free``, a stays."""
    from scipy.special import expit

    centre = np.average(x, axis=0, weights=weight)
    width = np.sqrt(np.average((x - centre) ** 2, axis=0, weights=weight))
    free = free & (width > 1e-12 * np.maximum(1.0, np.abs(centre)))
    width = np.where(free, width, 1.0)
    u = (x - centre) / width
    mean = np.average(target, axis=0, weights=weight)
    a, b = np.where(free, 0.0, start * width), np.log(mean) - np.log1p(-mean)
    total = weight.sum()

    def loss(a: Floats, b: Floats) -> Floats:
        line = u * a + b
        found: Floats = (weight[:, None] * (np.logaddexp(0.0, line) - target * line)).sum(axis=0) / total
        return found

    now = loss(a, b)
    for _ in range(_MOST_STEPS):
        p = expit(u * a + b)
        error, curve = weight[:, None] * (p - target) / total, weight[:, None] * p * (1 - p) / total
        ga, gb = np.where(free, (error * u).sum(axis=0), 0.0), error.sum(axis=0)
        aa = np.where(free, (curve * u**2).sum(axis=0), 1.0)
        ab, bb = np.where(free, (curve * u).sum(axis=0), 0.0), curve.sum(axis=0) + 1e-300
        det = aa * bb - ab**2
        det = np.where(det > 0, det, aa * bb)
        da, db = (bb * ga - ab * gb) / det, (aa * gb - ab * ga) / det
        gain = ga * da + gb * db
        if (gain < _TOLERANCE**2).all():
            break
        step = np.ones_like(a)
        for _ in range(40):
            new = loss(a - step * da, b - step * db)
            worse = new > now - 1e-4 * step * gain
            if not worse.any():
                break
            step = np.where(worse, step / 2, step)
        better = new < now
        a, b, now = np.where(better, a - step * da, a), np.where(better, b - step * db, b), np.minimum(new, now)
        if not better.any():
            break
    slope = np.where(free, a / width, start)
    return slope, b - slope * centre
