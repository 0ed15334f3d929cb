"""Inexact Newton steps for a batch of fits: outer steps in one dtype, directions from a batch that may be in another.

Dembo, Eisenstat and Steihaug, Inexact Newton methods, SIAM J. Numer. Anal. 19 (1982); the tolerance of each direction
follows Eisenstat and Walker, Choosing the forcing terms, SIAM J. Sci. Comput. 17 (1996), choice 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlmeval.logistic.batch import Batch, objective, squared
from vlmeval.logistic.certificate import Stand, certified, stand
from vlmeval.logistic.conjugate import newton_direction
from vlmeval.logistic.dense import dense_direction
from vlmeval.logistic.losses import value
from vlmeval.logistic.memory import Memory

if TYPE_CHECKING:
    from torch import Tensor

HALVINGS = 40
FIRST_RATIO, LEAST_RATIO = 0.25, 1e-3


@dataclass(frozen=True)
class Solution:
    """Fits: w [P, F, K, d], b [P, F, K]; objective, relative gap and Newton steps taken [P, F]."""

    w: Tensor
    b: Tensor
    objective: Tensor
    gap: Tensor
    steps: Tensor

    @classmethod
    def start(cls, w: Tensor, b: Tensor) -> Solution:
        """Return fits that nothing is known about but where they start."""
        import torch

        unknown = torch.full(b.shape[:2], torch.nan, dtype=w.dtype, device=w.device)
        return cls(w.clone(), b.clone(), unknown, unknown.clone(), torch.zeros_like(unknown, dtype=torch.int64))

    def store(self, fits: Tensor, w: Tensor, b: Tensor, at: Stand) -> None:
        """Write what these fits have come to."""
        self.w[:, fits], self.b[:, fits], self.objective[:, fits], self.gap[:, fits] = w, b, at.f, at.gap


@dataclass(frozen=True)
class _Live:
    """Fits still at work: where they are, |g|^2 and objective before the last step (inf: none), whether it failed."""

    fits: Tensor
    w: Tensor
    b: Tensor
    logits: Tensor
    last: Tensor
    last_f: Tensor
    stuck: Tensor
    memory: Memory | None = None

    def keep(self, at: Tensor) -> _Live:
        w, b, logits, last, last_f, stuck = (
            t[:, at] for t in (self.w, self.b, self.logits, self.last, self.last_f, self.stuck)
        )
        memory = None if self.memory is None else self.memory.keep(at)
        return _Live(self.fits[at], w, b, logits, last, last_f, stuck, memory)

    def stalled(self, at: Stand) -> Tensor:
        """Return which fits can go no further, [P, F]: neither objective nor gradient fell beyond rounding."""
        import torch

        same = at.f > self.last_f * (1 - 64 * torch.finfo(at.f.dtype).eps)
        return self.stuck | (same & (squared(at.g, at.gb) > self.last / 4))


def solve(
    batch: Batch, inner: Batch, start: Solution, tolerance: float, *, steps: int, certify: bool, dense: bool = False
) -> Solution:
    """Take Newton steps until every fit's relative gap is within ``tolerance``, or stuck, or ``steps`` are taken.

    ``batch`` is what is minimised; ``inner`` is the same fits in the dtype and coordinates of conjugate gradients.
    ``certify``: gaps are certified ones (else estimates), intercepts exact. ``dense``: no conjugate gradients but the
    whole Hessian.
    """
    import torch

    out = replace(Solution.start(start.w, start.b), steps=start.steps.clone())
    p, f = start.b.shape[:2]
    last = torch.full((p, f), torch.inf, dtype=start.w.dtype, device=start.w.device)
    fits = torch.arange(f, device=last.device)
    live = _Live(fits, start.w, start.b, batch.logits(start.w, start.b), last, last, torch.zeros_like(last).bool())
    for step in range(steps + 1):
        if certify:
            at, b, logits = certified(batch, live.w, live.b, live.logits)
            live = replace(live, b=b, logits=logits)
        else:
            at = stand(batch, live.w, live.logits)
        active = (at.gap > tolerance) & ~live.stalled(at)
        going = active.any(dim=0)
        if step == steps or not bool(going.all()):
            out.store(live.fits, live.w, live.b, at)
            keep = going.nonzero()[:, 0]
            if step == steps or len(keep) == 0:
                break
            batch, inner, live, at, active = (
                batch.keep(keep),
                inner.keep(keep),
                live.keep(keep),
                at.keep(keep),
                active[:, keep],
            )
        out.steps[:, live.fits] += active
        live = _step(batch, inner, live, at, active, None if dense else tolerance)
    return out


def _step(batch: Batch, inner: Batch, live: _Live, at: Stand, active: Tensor, tolerance: float | None) -> _Live:
    """One Newton step with backtracking; exact where ``tolerance`` is None. Converged fits may move too."""
    import torch

    kind, low = live.w.dtype, inner.z.dtype
    size = squared(at.g, at.gb)
    ratio = torch.where(live.last.isinf(), FIRST_RATIO, (size / live.last).square().clamp(LEAST_RATIO, FIRST_RATIO))
    # Of length 1, so that float32 neither overflows nor underflows.
    norm = size.sqrt().clamp(min=1e-30)
    g, gb = at.g / norm[..., None, None], at.gb / norm[..., None]
    memory = None
    if tolerance is None:
        d, db = dense_direction(inner.inward(g), gb.to(low), at.prob.to(low), inner)
    else:
        goal = torch.where(active, torch.maximum(ratio, 0.5 * tolerance * at.f / size), torch.inf)
        d, db, memory = newton_direction(inner.inward(g), gb.to(low), at.prob.to(low), goal.to(low), inner, live.memory)
    d, db = inner.outward(d, kind) * norm[..., None, None], db.to(kind) * norm[..., None]
    # float32 that overflowed is no direction: such a fit is stuck here and goes on in float64.
    d, db = d.nan_to_num(0, 0, 0), db.nan_to_num(0, 0, 0)
    t, du = _line_search(batch, live, at, d, db)
    w, b = live.w + t[..., None, None] * d, live.b + t[..., None] * db
    return replace(
        live,
        w=w,
        b=b,
        logits=live.logits + t[..., None, None] * du,
        last=size,
        last_f=at.f,
        stuck=active & (t == 0),
        memory=memory,
    )


def _line_search(batch: Batch, live: _Live, at: Stand, d: Tensor, db: Tensor) -> tuple[Tensor, Tensor]:
    """Halve every fit's step until its objective falls enough: t [P, F] (0: never) and the logit change of t = 1."""
    import torch

    du = batch.forth(d, db)
    slope = (at.g * d).sum((-1, -2)) + (at.gb * db).sum(-1)
    slack = 64 * torch.finfo(at.f.dtype).eps * at.f
    t = torch.ones_like(at.f)
    bad = torch.ones_like(at.f, dtype=torch.bool)
    for _ in range(HALVINGS):
        s = t[..., None, None]
        new = objective(live.w + s * d, value(live.logits + s * du, batch.y), batch.cw)
        bad = ~(new <= at.f + 1e-4 * t * slope + slack)
        if not bool(bad.any()):
            break
        t = torch.where(bad, t / 2, t)
    return torch.where(bad, 0, t), du
