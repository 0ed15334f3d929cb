"""Shifts of classes: what makes the mean probability of every class equal to a given prior.

In: logits [n, K], a prior [K] with every entry above 0 (and below 1), a weight a row. Out: the shifts [K] that are
added to the logits. Both problems have exactly one solution (softmax: up to a constant, which is set so that the shifts
add up to 0).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vlmeval.methods.calibration.logits import Floats

_SCALINGS: Final = 100
_MOST_STEPS: Final = 100
_EXACT: Final = 1e-12


def match_softmax(logits: Floats, prior: Floats, weight: Floats) -> Floats:
    """Return the shifts b with sum_i weight_i softmax(z_i + b) / sum weight = prior.

    They minimise the convex mean of log sum_k exp(z_ik + b_k), less prior . b. Some rounds of matrix scaling (Sinkhorn
    & Knopp 1967: every round multiplies by the ratio of wanted to mean probability) come near from anywhere, then
    Newton steps.

    Parameters
    ----------
    logits, prior, weight
        [n, K], [K] adding up to 1, [n].
    """
    from scipy.special import log_softmax, logsumexp

    log_weight = np.log(weight / weight.sum())[:, None]
    shift = np.zeros(logits.shape[1])
    target = np.log(prior)
    for _ in range(_SCALINGS):
        mean = logsumexp(log_weight + log_softmax(logits + shift, axis=1), axis=0)
        shift = shift + target - mean
        if np.abs(np.expm1(mean - target)).max() < _EXACT:
            break
    shift = _newton(logits, prior, np.exp(log_weight), shift)
    return np.asarray(shift - shift.mean())


def _newton(logits: Floats, prior: Floats, weight: Floats, shift: Floats) -> Floats:
    from scipy.special import logsumexp, softmax

    def loss(b: Floats) -> float:
        return float((weight[:, 0] * logsumexp(logits + b, axis=1)).sum() - prior @ b)

    now = loss(shift)
    for _ in range(_MOST_STEPS):
        p = softmax(logits + shift, axis=1)
        error = (weight * p).sum(axis=0) - prior
        if np.abs(error / prior).max() < _EXACT:
            break
        # A common shift of all classes changes nothing: the constant takes that direction out.
        curve = np.diag((weight * p).sum(axis=0)) - p.T @ (weight * p) + 1 / len(prior)
        step = np.linalg.lstsq(curve, error, rcond=None)[0]
        size, gain = 1.0, float(error @ step)
        while (after := loss(shift - size * step)) > now - 1e-4 * size * gain and size > 1e-9:
            size /= 2
        if after >= now:
            break
        shift, now = shift - size * step, after
    return shift


def match_labels(logits: Floats, prior: Floats, weight: Floats) -> Floats:
    """Return the shifts b with sum_i weight_i sigmoid(z_ik + b_k) / sum weight = prior_k, label by label.

    The mean rises with b, and the root lies where the largest or the smallest logit alone would be at the prior.

    Parameters
    ----------
    logits, prior, weight
        [n, K], [K] between 0 and 1, [n].
    """
    from scipy.optimize import brentq
    from scipy.special import expit, logit

    share = weight / weight.sum()
    shift = np.empty(logits.shape[1])
    for k, wanted in enumerate(prior):
        z, goal = logits[:, k], float(logit(wanted))
        low, high = goal - float(z.max()), goal - float(z.min())

        def over(b: float, z: Floats = z, wanted: float = wanted) -> float:
            return float(share @ expit(z + b)) - wanted

        inside = high > low and over(low) < 0 < over(high)
        shift[k] = brentq(over, low, high, xtol=1e-13, rtol=1e-14) if inside else (low + high) / 2
    return shift
