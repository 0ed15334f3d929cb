"""How far a fit can be from its optimum, from strong convexity.

With the intercept minimised out the objective is 1-strongly convex in W, so f(W) - f* <= |g|^2 / 2 and |W - W*| <= |g|,
g its gradient in W (Nesterov, Lectures on Convex Optimization, 2018, theorem 2.1.10). The intercept is minimised by
Newton steps until they are at the rounding of float64; what they leave is charged to the bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlmeval.logistic.batch import Batch, objective
from vlmeval.logistic.losses import evaluate

if TYPE_CHECKING:
    from torch import Tensor

INTERCEPT_STEPS = 60
SMALL_STEP = 1e-11
LOGIT_SLACK = 40.0
EPSILON = 2.220446049250313e-16


@dataclass(frozen=True)
class Stand:
    """Where every fit of a batch stands: objective and relative gap bound [P, F], gradient, probabilities."""

    f: Tensor
    g: Tensor
    gb: Tensor
    prob: Tensor
    gap: Tensor

    def keep(self, fits: Tensor) -> Stand:
        """Return the fits at these positions."""
        return Stand(*(t[:, fits] for t in (self.f, self.g, self.gb, self.prob, self.gap)))


def stand(batch: Batch, w: Tensor, logits: Tensor) -> Stand:
    """Measure without minimising the intercept: ``gap`` is an estimate, good enough to steer by."""
    loss, residual, prob = evaluate(logits, batch.y)
    g, gb = batch.back(batch.cw * residual)
    g += w
    f = objective(w, loss, batch.cw)
    return Stand(f, g, gb, prob, 0.5 * (g.square().sum((-1, -2)) + gb.square().sum(-1)) / f)


def certified(batch: Batch, w: Tensor, b: Tensor, logits: Tensor) -> tuple[Stand, Tensor, Tensor]:
    """Minimise the intercept for fixed W and bound the gap; returns intercepts and logits as they are then."""
    step = None
    if batch.intercept:
        b, logits, step = minimised_intercept(batch, b, logits)
    at = stand(batch, w, logits)
    bound = 0.5 * at.g.square().sum((-1, -2))
    if step is not None:
        # One more step would move a row's derivatives by at most |curvature of its loss| |step|, and that is at most
        # 2 sum p (1 - p) |step|; once more 2 because the curvature moves too.
        rows = 4 * batch.cw[:, :, 0] * (at.prob * (1 - at.prob)).sum(2) * batch.length[:, None]
        left = rows.sum(-1) * step.square().sum(-1).sqrt()
        bound = 0.5 * ((2 * bound).sqrt() + left).square() + (at.gb * step).abs().sum(-1)
    gap = (bound / at.f.clamp(min=1e-300)).clamp(min=EPSILON)
    return Stand(at.f, at.g, at.gb, at.prob, gap), b, logits


def minimised_intercept(batch: Batch, b: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return intercepts [P, F, K] at the minimum for fixed W, the logits there, and the last step, not taken."""
    import torch

    taken = torch.zeros_like(b)
    best = torch.full(b.shape[:2], torch.inf, dtype=b.dtype, device=b.device)
    for _ in range(INTERCEPT_STEPS):
        loss, residual, prob = evaluate(logits, batch.y)
        f = (batch.cw[:, :, 0] * loss).sum(-1)
        worse = f > best * (1 + 1e-12)
        newton = _newton_step((batch.cw * residual).sum(-1), prob, batch.cw)
        # Where the loss has no curvature left a Newton step is huge; no minimum lies farther than the logits do.
        far = LOGIT_SLACK + logits.abs().amax(-1)
        newton = newton.clamp(min=-far, max=far)
        step = torch.where(worse[..., None], -taken / 2, newton)
        if not bool((step.abs() > SMALL_STEP * (1 + b.abs())).any()):
            break
        best = torch.where(worse, best, f)
        taken = torch.where(worse[..., None], -step, step)
        b, logits = b + step, logits + step[..., None]
    return b, logits, newton


def _newton_step(gb: Tensor, prob: Tensor, cw: Tensor) -> Tensor:
    """Return the Newton step in the intercepts; for softmax the one that keeps their sum."""
    import torch

    weighted = cw * prob
    if prob.shape[2] == 1:
        return -gb / (weighted * (1 - prob)).sum(-1).clamp(min=1e-300)
    off = weighted @ prob.transpose(-1, -2)
    off = off - torch.diag_embed(off.diagonal(dim1=-2, dim2=-1))
    # Rows sum to 0 exactly: the diagonal from the others, not from p - p^2, which cancels where p is near 1.
    h = torch.diag_embed(off.sum(-1)) - off
    size = h.diagonal(dim1=-2, dim2=-1).amax(-1).clamp(min=1e-300)[..., None, None]
    step: Tensor = torch.linalg.solve(h / size + 1 / h.shape[-1], -gb[..., None] / size)[..., 0]
    return step
