"""How far a fit can be from its optimum, from strong convexity, in float64 and in the coordinates that were given.

With the intercept minimised out the objective is 1-strongly convex in W, so f(W) - f* <= |g|^2 / 2 and |W - W*| <= |g|,
g its gradient in W. (Nesterov, Lectures on Convex Optimization, 2018, theorem 2.1.10.) The intercept is minimised by
Newton steps; what is left of its gradient is charged to the bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmeval.logistic.losses import evaluate, per_fit, value
from vlmeval.logistic.newton import Batch, back, forth, objective

if TYPE_CHECKING:
    from torch import Tensor

INTERCEPT_STEPS = 50
EPSILON = 2.220446049250313e-16


def certify(batch: Batch, w: Tensor, b: Tensor, cs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the intercept minimised out [P, C, K], the objective and the relative gap bound [P, C, 1|K].

    ``batch`` holds the rows themselves (centred), not a rotation of them.
    """
    cw = batch.weight * cs[None, :, None, None]
    task = batch.task
    logits = forth(w, b, batch)
    if batch.offset is not None:
        logits = logits + batch.offset
    left = 0.0
    if batch.intercept:
        b, logits, left = minimise_intercept(logits, b, cw, batch)
    loss, residual, _ = evaluate(logits, batch.y, task)
    g, gb = back(cw * residual, batch)
    g = g + w
    f = objective(w, loss, cw, task)
    norm = per_fit((g * g).sum(-1), task).sqrt()
    if batch.intercept:
        # |change of g| <= sum of c w |x| |p' - p|, |p' - p| <= |db| / 2, where db minimises what is left; twice for safety
        rows = (cw * batch.z.norm(dim=2)[:, None, None, :]).sum(-1)
        norm = norm + rows * per_fit(left * left, task).sqrt()
        f_left = per_fit((gb * left).abs(), task)
    else:
        f_left = 0.0
    gap = (0.5 * norm * norm + f_left) / f.clamp(min=1e-300)
    return b, f, gap.clamp(min=EPSILON)


def minimise_intercept(logits: Tensor, b: Tensor, cw: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Return the intercepts at the minimum for fixed W, the logits there, and the last (untaken) Newton step."""
    import torch

    task = batch.task
    f = (cw * value(logits, batch.y, task)).sum(-1)
    for _ in range(INTERCEPT_STEPS):
        _, residual, p = evaluate(logits, batch.y, task)
        gb = (cw * residual).sum(-1)
        step = _newton_step(gb, p, cw, task)
        if not bool((step.abs() > 1e-14 * (1 + b.abs())).any()):
            break
        t = torch.ones_like(f)
        for _ in range(40):
            new = (cw * value(logits + (t * step)[..., None], batch.y, task)).sum(-1)
            bad = ~(new <= f * (1 + 1e-15))
            if not bool(bad.any()):
                break
            t = torch.where(bad, t / 2, t)
        t = torch.where(bad, 0, t)
        if not bool((t > 0).any()):
            break
        b, logits, f = b + t * step, logits + (t * step)[..., None], torch.where(bad, f, new)
    return b, logits, step


def _newton_step(gb: Tensor, p: Tensor, cw: Tensor, task: str) -> Tensor:
    import torch

    if task == "sigmoid":
        return -gb / (cw * p * (1 - p)).sum(-1).clamp(min=1e-300)
    weighted = cw * p
    h = torch.diag_embed(weighted.sum(-1)) - weighted @ p.transpose(-1, -2)
    scale = weighted.sum(-1).mean(-1)[..., None, None]
    return -torch.linalg.solve(h + scale / h.shape[-1], gb[..., None])[..., 0]
