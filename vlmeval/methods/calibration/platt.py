"""Platt scaling: a slope and an intercept a class, fitted by log-loss on given rows.

In: logits [n, K], truth bool [n, K], and a weight a row (so that every unit counts once). Out: `Platt`, which turns
logits into probabilities, or the reason why there is no fit.

sigmoid(a x + b) class by class (Platt 1999), a and b at the minimum of the cross-entropy against Platt's smoothed
targets (N+ + 1) / (N+ + 2) and 1 / (N- + 2), by Newton steps with halving (Lin, Lin & Weng 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.methods.calibration.logits import Bools, Floats

_MOST_STEPS: Final = 100
_TOLERANCE: Final = 1e-12


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


def scarcer_units(truth: Bools, units: npt.NDArray[np.str_]) -> npt.NDArray[np.intp]:
    """[K] how many units have a row with the class, or how many have one without it: the smaller of the two."""
    _, unit = np.unique(units, return_inverse=True)
    found = []
    for mark in (truth, ~truth):
        has = np.zeros((unit.max(initial=-1) + 1, mark.shape[1]), dtype=bool)
        np.logical_or.at(has, unit, mark)
        found.append(has.sum(axis=0))
    fewer: npt.NDArray[np.intp] = np.minimum(*found)
    return fewer


def fit_platt(logits: Floats, truth: Bools, weight: Floats, scarcer: npt.NDArray[np.intp], least: int) -> Platt | str:
    """Fit a slope and an intercept a class.

    Parameters
    ----------
    logits, truth, weight
        [n, K], bool [n, K] and [n].
    scarcer, least
        [K] the scarcer of positive and negative units: classes with fewer than ``least`` take the median slope of the
        others and have an intercept of their own.

    Returns
    -------
    Platt or str
        The reason where no class has units enough. A slope that would be negative is 0 (the best one that keeps the
        order of the scores): the class then has its frequency as probability everywhere.
    """
    own = (scarcer >= least) & np.isfinite(logits).all(axis=0)
    if not own.any():
        return f"no class has {least} positive and {least} negative validation units"
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
