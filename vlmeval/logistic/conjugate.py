"""Newton directions by preconditioned conjugate gradients, every fit of a batch at once.

The preconditioner is the Hessian's diagonal as it would be if a row's curvature had nothing to do with its features; in
the basis of `vlmeval.logistic.basis`, where features are uncorrelated, that is close to the Hessian itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmeval.logistic.batch import Batch, squared

if TYPE_CHECKING:
    from torch import Tensor

CG_STEPS = 300


def newton_direction(g: Tensor, gb: Tensor, prob: Tensor, goal: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Solve H (d, db) = -(g, gb) until the squared residual is under ``goal`` [P, F]; what is done is dropped.

    All in the dtype and the coordinates of ``batch``; ``prob`` [P, F, K, n] are the probabilities that H is taken at.
    """
    import torch

    curvature = (batch.cw * prob * (1 - prob)).sum(-1)
    scale = 1 / (1 + curvature[..., None] * batch.moment[:, None, None])
    scale_b = 1 / curvature.clamp(min=1e-30)
    out, out_b = torch.zeros_like(g), torch.zeros_like(gb)
    fits = torch.arange(g.shape[1], device=g.device)
    d, db, r, rb = torch.zeros_like(g), torch.zeros_like(gb), -g, -gb
    q, qb = r * scale, rb * scale_b
    rho = (r * q).sum((-1, -2)) + (rb * qb).sum(-1)
    for _ in range(min(CG_STEPS, 3 * g.shape[2] * (g.shape[3] + 1) + 10)):
        live = squared(r, rb) > goal
        some = live.any(dim=0)
        if not bool(some.all()):
            out[:, fits], out_b[:, fits] = d, db
            at = some.nonzero()[:, 0]
            if len(at) == 0:
                return out, out_b
            fits, batch = fits[at], batch.keep(at)
            d, db, r, rb, q, qb = (t[:, at] for t in (d, db, r, rb, q, qb))
            rho, scale, scale_b, prob, goal, live = (t[:, at] for t in (rho, scale, scale_b, prob, goal, live))
        hq, hqb = batch.curved(prob, q, qb)
        hq += q
        bend = (q * hq).sum((-1, -2)) + (qb * hqb).sum(-1)
        a = torch.where(live & (bend > 0), rho / bend, 0)
        d, db = d + a[..., None, None] * q, db + a[..., None] * qb
        r, rb = r - a[..., None, None] * hq, rb - a[..., None] * hqb
        s, sb = r * scale, rb * scale_b
        rho, old = (r * s).sum((-1, -2)) + (rb * sb).sum(-1), rho
        beta = torch.where(live, rho / old, 0)
        q, qb = s + beta[..., None, None] * q, sb + beta[..., None] * qb
    out[:, fits], out_b[:, fits] = d, db
    return out, out_b
