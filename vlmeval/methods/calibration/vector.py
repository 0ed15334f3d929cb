"""Bias-corrected temperature scaling: one temperature for all classes and a bias a class, by maximum likelihood.

In: logits [n, K], truth bool [n, K] with one class a row, a weight a row. Out: `BiasTemperature`, or the reason why
there is no fit.

softmax(z / T + b) (Alexandari, Kundaje & Shrikumar 2020: BCTS; vector scaling of Guo et al. 2017 has a slope a class
beside). The log-loss is convex in (1/T, b), and at its minimum the mean probability of every class is the class's
frequency. A class without a row would have a bias of minus infinity: it counts as half a unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vlmeval.methods.calibration.logits import Bools, Floats

_MOST_STEPS: Final = 200
_TOLERANCE: Final = 1e-24
_NO_LOSS: Final = 1e-6
UNSEEN: Final = 0.5
"""Units that a class without one counts as."""


@dataclass(frozen=True)
class BiasTemperature:
    """softmax(logits / temperature + bias); ``bias`` [K] adds up to 0."""

    temperature: float
    bias: Floats

    def apply(self, logits: Floats) -> Floats:
        """Return probabilities [n, K] of logits [n, K]."""
        from scipy.special import softmax

        found: Floats = softmax(logits / self.temperature + self.bias, axis=1)
        return found


def frequencies(truth: Bools, weight: Floats) -> Floats:
    """Return how often each class occurs, [K] adding up to 1; a class without a row counts as half a unit."""
    counts = weight @ truth
    counts = np.where(counts > 0, counts, UNSEEN)
    return np.asarray(counts / counts.sum())


def fit_bias_temperature(logits: Floats, truth: Bools, weight: Floats) -> BiasTemperature | str:
    """Fit one temperature and a bias a class.

    Parameters
    ----------
    logits, truth, weight
        [n, K] finite, bool [n, K] with one class a row, and [n].

    Returns
    -------
    BiasTemperature or str
        The reason where there is no such fit: scores that say nothing of the class, or that are always right.
    """
    share = weight / weight.sum()
    # Neither a constant a row nor one a class changes the family; without them the steps are well scaled.
    z = logits - logits.mean(axis=1, keepdims=True)
    centre = share @ z
    z = z - centre
    width = float(np.sqrt((share @ z**2).mean()))
    if not width > 1e-12 * max(1.0, float(np.abs(centre).max())):
        return "the scores are the same for every validation row"
    prior = frequencies(truth, weight)
    own = float(share @ (z * truth).sum(axis=1)) / width
    sharpness, bias, loss = _minimum(z / width, own, prior, share)
    if sharpness <= 0:
        return "on validation units the scores say nothing about the class once its frequency is known"
    if loss < _NO_LOSS:
        return "the scores are so nearly always right on validation units that no temperature can be told"
    bias = bias - sharpness / width * centre
    return BiasTemperature(width / sharpness, bias - bias.mean())


def _minimum(z: Floats, own: float, prior: Floats, share: Floats) -> tuple[float, Floats, float]:
    """Minimise mean log sum_k exp(a z_k + b_k) - a own - prior . b by Newton steps with halving, from a = 0."""
    from scipy.special import logsumexp, softmax

    classes = len(prior)
    slope = np.concatenate([[own], prior])

    def loss(at: Floats) -> float:
        return float(share @ logsumexp(at[0] * z + at[1:], axis=1) - slope @ at)

    at = np.concatenate([[0.0], np.log(prior)])
    now = loss(at)
    for _ in range(_MOST_STEPS):
        p = softmax(at[0] * z + at[1:], axis=1)
        mean = (p * z).sum(axis=1, keepdims=True)
        along = p * (z - mean)
        error = np.concatenate([[share @ mean[:, 0]], share @ p]) - slope
        curve = np.empty((classes + 1, classes + 1))
        curve[0, 0] = share @ (along * z).sum(axis=1)
        curve[0, 1:] = curve[1:, 0] = share @ along
        curve[1:, 1:] = np.diag(share @ p) - p.T @ (share[:, None] * p) + 1 / classes
        step = np.linalg.lstsq(curve, error, rcond=None)[0]
        gain, size = float(error @ step), 1.0
        if gain < _TOLERANCE:
            break
        while (after := loss(at - size * step)) > now - 1e-4 * size * gain and size > 1e-9:
            size /= 2
        if after >= now:
            break
        at, now = at - size * step, after
    return float(at[0]), at[1:], now
