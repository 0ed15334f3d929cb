"""Newton directions by the whole Hessian and its Cholesky factor: for fits that conjugate gradients cannot finish.

Fits with few unknowns but a curvature that differs by many orders of magnitude (heavy tails, separable classes on one
feature) stall in conjugate gradients; their Hessian is small enough to be written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmeval.logistic.batch import Batch

if TYPE_CHECKING:
    from torch import Tensor

UNKNOWNS = 1600
"""The most unknowns of one fit, classes x (columns + 1), that a Hessian should be written down for."""


def dense_direction(g: Tensor, gb: Tensor, prob: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return (d, db) that solve H (d, db) = -(g, gb), one fit after the other, in the dtype of ``batch``."""
    import torch

    d, db = torch.zeros_like(g), torch.zeros_like(gb)
    r = batch.z.shape[2]
    for p in range(g.shape[0]):
        z = torch.cat([batch.z[p], torch.ones_like(batch.z[p][:, :1])], dim=1)
        for f in range(g.shape[1]):
            h = _hessian(z, prob[p, f], batch.cw[p, f, 0], intercept=batch.intercept)
            right = -torch.cat([g[p, f], gb[p, f, :, None]], dim=1).reshape(-1)
            # Scaled to a diagonal of ones, so that the factor does not fail for the units of the features.
            scale = h.diagonal().rsqrt()
            factor, failed = torch.linalg.cholesky_ex(h * scale * scale[:, None])
            if int(failed) == 0:
                step = scale * torch.cholesky_solve((scale * right)[:, None], factor)[:, 0]
                d[p, f], db[p, f] = step.reshape(-1, r + 1)[:, :-1], step.reshape(-1, r + 1)[:, -1]
    return d, db


def _hessian(z: Tensor, prob: Tensor, cw: Tensor, *, intercept: bool) -> Tensor:
    """Return the Hessian [K (r + 1), K (r + 1)] of one fit: z [n, r + 1] with a last column of ones, prob [K, n]."""
    import torch

    k, size = prob.shape[0], z.shape[1]
    h = torch.zeros(k, size, k, size, dtype=z.dtype, device=z.device)
    for i in range(k):
        for j in range(i + 1):
            own = prob[i] * (1 - prob[i]) if i == j else -prob[i] * prob[j]
            h[i, :, j] = h[j, :, i] = (z * (cw * own)[:, None]).T @ z
    ridge = torch.ones(size, dtype=z.dtype, device=z.device)
    ridge[-1] = 0
    h[range(k), :, range(k)] += torch.diag(ridge)
    if not intercept:
        h[:, -1], h[:, :, :, -1] = 0, 0
        h[range(k), -1, range(k), -1] = 1
    else:
        # The sum of a softmax's intercepts is free: any curvature along it will do. For one label none is needed.
        bend = h[range(k), -1, range(k), -1]
        h[:, -1, :, -1] += bend.mean() * (k > 1) + 1e-300
    return h.reshape(k * size, k * size)
