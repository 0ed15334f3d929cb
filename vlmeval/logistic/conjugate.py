"""Newton directions by preconditioned conjugate gradients, every fit of a batch at once.

The preconditioner is the Hessian as it would be if a row's curvature had nothing to do with its features, in the basis
of `vlmeval.logistic.basis`, where features are uncorrelated: 1 + moment of the column times the K x K curvature between
classes summed over rows, a Kronecker product that is inverted by the eigenvectors of the small matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlmeval.logistic.batch import Batch, squared
from vlmeval.logistic.memory import KEPT, Memory, corrected, flat

if TYPE_CHECKING:
    from torch import Tensor

CG_STEPS = 300
COUPLED = 2**19
"""Numbers in z from which on coupling the classes in the preconditioner pays."""


@dataclass(frozen=True)
class Preconditioner:
    """Eigenvectors [P, F, K, K] of the classes' curvature; inverse eigenvalues, w [P, F, K, r] and b [P, F, K, 1]."""

    turn: Tensor | None
    scale: Tensor
    scale_b: Tensor

    @classmethod
    def of(cls, prob: Tensor, batch: Batch) -> Preconditioner:
        """Sum the curvature between classes over the rows; for small problems only that within each, far cheaper."""
        import torch

        weighted = batch.cw * prob
        if prob.shape[2] == 1 or batch.z[0].numel() < COUPLED:
            turn, values = None, (weighted * (1 - prob)).sum(-1)
        else:
            between = torch.diag_embed(weighted.sum(-1)) - weighted @ prob.transpose(-1, -2)
            values, turn = torch.linalg.eigh(between)
        values = values.clamp(min=0)[..., None]
        # The intercepts' sum is free: its eigenvalue is 0, and so is the residual along it.
        least = (1e-5 * values.amax(2, keepdim=True)).clamp(min=1e-30)
        return cls(turn, 1 / (1 + values * batch.moment[:, None, None]), 1 / torch.maximum(values, least))

    def keep(self, fits: Tensor) -> Preconditioner:
        """Return it for the fits at these positions."""
        turn = None if self.turn is None else self.turn[:, fits]
        return Preconditioner(turn, self.scale[:, fits], self.scale_b[:, fits])

    def __call__(self, r: Tensor, rb: Tensor) -> tuple[Tensor, Tensor]:
        """Return the preconditioned residual."""
        if self.turn is None:
            return r * self.scale, rb * self.scale_b[..., 0]
        back = self.turn.transpose(-1, -2)
        return self.turn @ (self.scale * (back @ r)), (self.turn @ (self.scale_b * (back @ rb[..., None])))[..., 0]


def newton_direction(
    g: Tensor, gb: Tensor, prob: Tensor, goal: Tensor, batch: Batch, memory: Memory | None = None
) -> tuple[Tensor, Tensor, Memory | None]:
    """Solve H (d, db) = -(g, gb) until the squared residual is under ``goal`` [P, F]; what is done is dropped.

    All in the dtype and the coordinates of ``batch``; ``prob`` [P, F, K, n] are the probabilities that H is taken at.
    ``memory`` is what the last direction of these fits left, and comes back anew where fits are large enough to gain.
    """
    import torch

    precondition = Preconditioner.of(prob, batch)
    out, out_b = torch.zeros_like(g), torch.zeros_like(gb)
    fits = torch.arange(g.shape[1], device=g.device)
    d, db, r, rb = torch.zeros_like(g), torch.zeros_like(gb), -g, -gb
    new = Memory.empty(g) if g.shape[2] == 1 and batch.z[0].numel() >= COUPLED else None
    q, qb = corrected(precondition, memory, r, rb)
    rho = (r * q).sum((-1, -2)) + (rb * qb).sum(-1)
    for step in range(min(CG_STEPS, 3 * g.shape[2] * (g.shape[3] + 1) + 10)):
        live = squared(r, rb) > goal
        some = live.any(dim=0)
        if not bool(some.all()):
            out[:, fits], out_b[:, fits] = d, db
            at = some.nonzero()[:, 0]
            if len(at) == 0:
                return out, out_b, new
            fits, batch = fits[at], batch.keep(at)
            d, db, r, rb, q, qb = (t[:, at] for t in (d, db, r, rb, q, qb))
            precondition = precondition.keep(at)
            memory = None if memory is None else memory.keep(at)
            rho, prob, goal, live = (t[:, at] for t in (rho, prob, goal, live))
        hq, hqb = batch.curved(prob, q, qb)
        hq += q
        bend = (q * hq).sum((-1, -2)) + (qb * hqb).sum(-1)
        if new is not None and step < KEPT:
            new.note(step, fits, flat(q, qb), flat(hq, hqb), torch.where(live, bend, 0))
        a = torch.where(live & (bend > 0), rho / bend, 0)
        d, db = d + a[..., None, None] * q, db + a[..., None] * qb
        r, rb = r - a[..., None, None] * hq, rb - a[..., None] * hqb
        s, sb = corrected(precondition, memory, r, rb)
        rho, old = (r * s).sum((-1, -2)) + (rb * sb).sum(-1), rho
        beta = torch.where(live, rho / old, 0)
        q, qb = s + beta[..., None, None] * q, sb + beta[..., None] * qb
    out[:, fits], out_b[:, fits] = d, db
    return out, out_b, new
