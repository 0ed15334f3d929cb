"""Weights of templates on the simplex: a convex problem, solved with a certificate.

Comes in: by element the cosine of every row with every class, [E, n, K]. Goes out: `Weighted`. With ``mean-score``
aggregation the class cosine is linear in the weights w, sum_e w_e c_e, and so are the logits; the log-loss is convex in
them:

- softmax rule: cross-entropy of softmax_k(t s sum_e w_e c_eik), s the model's scale;
- sigmoid rule: mean binary log-loss of sigmoid(t s sum_e w_e c_eik + b_k), b_k free, so that the classes' frequencies
  do not move the weights.

The temperature t in [0, 1] is free too: zero-shot scores are often too sure, and weights should not be spent on making
them less so. In v = t w the problem stays convex, on the simplex with one more corner at the origin. t and b serve the
fit only; scores are made by the model's own rule. Rows count 1 / (rows of their unit).

Solved by projected gradients with momentum (Beck & Teboulle 2009). The certificate is the Frank-Wolfe gap at the final,
rounded weights, g'v - min g: no weights on the simplex have a log-loss that is lower by more (Jaggi 2013).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.methods import Rule

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NO_SCALE: Final = 100.0
"""The scale where a model has none of its own: CLIP's largest."""
SMALLEST: Final = 0.005
"""Weights below this are left out."""
GAP: Final = 1e-4
MOST: Final = 2000
_SIGMOID: Final = Rule("sigmoid", 1.0, 0.0)


@dataclass(frozen=True)
class Weighted:
    """Weights [E] on the simplex, the log-loss before (equal weights) and after, its gap in nats, the temperature."""

    weights: Floats
    before: float
    loss: float
    gap: float
    temperature: float
    iterations: int


def solve(cosines: Floats, labels: Bools, row_weight: Floats, rule: Rule, classes: Bools | None = None) -> Weighted:
    """Find the weights of least log-loss.

    Parameters
    ----------
    cosines
        [E, n, K].
    labels, row_weight
        bool [n, K], and how much each row counts [n].
    rule
        Softmax, or anything else for a binary log-loss; and its scale.
    classes
        bool [K], the classes of a binary log-loss (those that have rows with and without them).
    """
    problem = _Problem.of(cosines, labels, row_weight, rule, classes)
    count = len(cosines)
    v = y = np.full(count, 1.0 / count)
    before, step, momentum = problem.loss(v), 1.0, 1.0
    done = 0
    for done in range(1, MOST + 1):
        value, slope = problem.both(y)
        while True:
            new = _project(y - step * slope)
            move = new - y
            if problem.loss(new) <= value + slope @ move + move @ move / (2 * step) + 1e-15:
                break
            step /= 2
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        if (y - new) @ (new - v) > 0:  # momentum points the wrong way: start it anew (O'Donoghue & Candes 2015)
            following = momentum = 1.0
        y = new + (momentum - 1) / following * (new - v)
        v, momentum, step = new, following, step * 1.1
        if done % 10 == 0 and problem.gap(v) < GAP / 10:
            break
    return _rounded(problem, v, before, done)


def _rounded(problem: _Problem, v: Floats, before: float, done: int) -> Weighted:
    """Leave tiny weights out, and certify what is left."""
    temperature = float(v.sum())
    weights = v / temperature if temperature > 0 else np.full(len(v), 1.0 / len(v))
    kept = np.where(weights >= min(SMALLEST, weights.max()), weights, 0.0)
    kept = np.round(kept / kept.sum(), 4)
    final = kept / kept.sum() * temperature
    return Weighted(kept / kept.sum(), before, problem.loss(final), problem.gap(final), temperature, done)


def _project(v: Floats) -> Floats:
    """Project on {v >= 0, sum v <= 1} (Duchi et al. 2008)."""
    inside = np.maximum(v, 0.0)
    if inside.sum() <= 1:
        return inside
    ordered = np.sort(v)[::-1]
    over = (ordered.cumsum() - 1) / np.arange(1, len(v) + 1)
    last = np.flatnonzero(ordered > over)[-1]
    return np.asarray(np.maximum(v - over[last], 0.0))


@dataclass
class _Problem:
    """Logits [n K] = parts.T v (+ b), and the loss of them."""

    parts: Floats
    truth: Floats
    weight: Floats
    softmax: bool
    bias: Floats

    @classmethod
    def of(cls, cosines: Floats, labels: Bools, row_weight: Floats, rule: Rule, classes: Bools | None) -> _Problem:
        scale = NO_SCALE if rule.scale is None else rule.scale
        softmax = rule.kind == "softmax" or (rule.kind == "cosine" and bool((labels.sum(axis=1) == 1).all()))
        truth = labels.astype(np.float64)
        weight = row_weight.astype(np.float64)
        if softmax:
            total = truth.sum(axis=1, keepdims=True)
            weight = np.where(total[:, 0] > 0, weight, 0.0)
            truth = truth / np.maximum(total, 1.0)
        else:
            both = labels.any(axis=0) & ~labels.all(axis=0)
            used = both if classes is None else both & classes
            cosines, truth = cosines[:, :, used], truth[:, used]
        parts = (scale * cosines).reshape(len(cosines), -1)
        return cls(parts, truth, weight / weight.sum(), softmax, np.zeros(truth.shape[1]))

    def loss(self, v: Floats) -> float:
        return self._loss(self._logits(v))

    def both(self, v: Floats) -> tuple[float, Floats]:
        """Return loss and gradient; those of the free b are 0 at its optimum (envelope theorem)."""
        logits = self._logits(v)
        if self.softmax:
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            wrong = powers / powers.sum(axis=1, keepdims=True) - self.truth
        else:
            wrong = (_SIGMOID.apply(logits) - self.truth) / self.truth.shape[1]
        return self._loss(logits), self.parts @ (wrong * self.weight[:, None]).ravel()

    def gap(self, v: Floats) -> float:
        """Return how much lower the loss can be at most: g'v - min(g, 0), 0 for the corner at the origin."""
        _, slope = self.both(v)
        return float(slope @ v - min(slope.min(), 0.0))

    def _loss(self, logits: Floats) -> float:
        if self.softmax:
            top = logits.max(axis=1)
            total = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
            return float(self.weight @ (total - (self.truth * logits).sum(axis=1)))
        return float(self.weight @ (np.logaddexp(0.0, logits) - self.truth * logits).mean(axis=1))

    def _logits(self, v: Floats) -> Floats:
        logits = (v @ self.parts).reshape(self.truth.shape)
        return logits if self.softmax else logits + self._fitted_bias(logits)

    def _fitted_bias(self, logits: Floats) -> Floats:
        """Return the b [K] of least loss: where the mean of the probabilities is the share of positives."""
        wanted = self.weight @ self.truth
        low, high = -logits.max(axis=0) - 40.0, -logits.min(axis=0) + 40.0
        b = np.clip(self.bias, low, high)
        for _ in range(100):
            p = _SIGMOID.apply(logits + b)
            over = self.weight @ p - wanted
            if np.abs(over).max() < 1e-12:
                break
            low, high = np.where(over < 0, b, low), np.where(over > 0, b, high)
            newton = b - over / np.maximum(self.weight @ (p * (1 - p)), 1e-300)
            b = np.where((newton > low) & (newton < high), newton, (low + high) / 2)
        self.bias = b
        return b
