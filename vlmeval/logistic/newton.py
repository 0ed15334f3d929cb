"""Newton's method with conjugate gradients inside, for a batch of problems of one shape, every C at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlmeval.logistic.losses import curve, evaluate, per_fit, value
from vlmeval.logistic.problem import Task

if TYPE_CHECKING:
    from torch import Tensor

NEWTON_STEPS = 60
CG_STEPS = 400
HALVINGS = 40


@dataclass(frozen=True)
class Batch:
    """Problems of one shape on one device: z [P, n, r], y [P, 1, K, n], weight [P, 1, 1, n], offset like y or None."""

    z: Tensor
    y: Tensor
    weight: Tensor
    offset: Tensor | None
    task: Task
    intercept: bool


def solve(batch: Batch, cs: Tensor, tolerance: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return W [P, C, K, r], b [P, C, K] and the Newton steps taken [P, C, 1|K]."""
    import torch

    p, _n, r = batch.z.shape
    k = batch.y.shape[2]
    w = torch.zeros(p, len(cs), k, r, dtype=batch.z.dtype, device=batch.z.device)
    b = torch.zeros(p, len(cs), k, dtype=batch.z.dtype, device=batch.z.device)
    cw = batch.weight * cs[None, :, None, None]
    offset = 0 if batch.offset is None else batch.offset
    logits = torch.zeros(p, len(cs), k, batch.z.shape[1], dtype=w.dtype, device=w.device) + offset
    steps = torch.zeros_like(per_fit(b, batch.task))
    for _ in range(NEWTON_STEPS):
        loss, residual, prob = evaluate(logits, batch.y, batch.task)
        g, gb = back(cw * residual, batch)
        g = g + w
        f = objective(w, loss, cw, batch.task)
        size = per_fit((g * g).sum(-1) + gb * gb, batch.task)
        active = size > 0.5 * tolerance * f
        if not bool(active.any()):
            break
        steps += active
        goal = torch.minimum(0.25 * size, size * size / (size + f)).clamp(min=0.1 * tolerance * f)
        d, db = conjugate_gradients(g, gb, prob, cw, goal, batch)
        t, du = line_search(logits, w, d, db, f, (g, gb), cw, batch)
        w, b = w + t[..., None] * d, b + t * db
        logits = logits + t[..., None] * du
        if not bool((t > 0).any()):
            break
    return w, b, steps


def back(s: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Sums over rows of s [P, C, K, n]: against features [P, C, K, r], and plain [P, C, K] (0 without intercept)."""
    p, c, k, n = s.shape
    g = (s.reshape(p, c * k, n) @ batch.z).reshape(p, c, k, -1)
    return g, s.sum(-1) * float(batch.intercept)


def forth(w: Tensor, b: Tensor, batch: Batch) -> Tensor:
    """Logit changes [P, C, K, n] of a step w [P, C, K, r], b [P, C, K]."""
    p, c, k, r = w.shape
    return (w.reshape(p, c * k, r) @ batch.z.transpose(1, 2)).reshape(p, c, k, -1) + b[..., None]


def objective(w: Tensor, loss: Tensor, cw: Tensor, task: Task) -> Tensor:
    """Return the objective of every fit, [P, C, 1|K]."""
    return 0.5 * per_fit((w * w).sum(-1), task) + (cw * loss).sum(-1)


def conjugate_gradients(
    g: Tensor, gb: Tensor, prob: Tensor, cw: Tensor, goal: Tensor, batch: Batch
) -> tuple[Tensor, Tensor]:
    """Solve H (d, db) = -(g, gb) until the squared residual is under ``goal`` [P, C, 1|K] in every fit."""
    import torch

    task = batch.task
    p, c, k, n = prob.shape
    diagonal = cw * prob * (1 - prob)
    scale = 1 + (diagonal.reshape(p, c * k, n) @ batch.z.square()).reshape(g.shape)
    scale_b = diagonal.sum(-1).clamp(min=1e-300)
    d, db = torch.zeros_like(g), torch.zeros_like(gb)
    r, rb = -g, -gb
    s, sb = r / scale, rb / scale_b
    q, qb = s, sb
    rho = per_fit((r * s).sum(-1) + rb * sb, task)
    for _ in range(CG_STEPS):
        hq, hqb = back(curve(prob, forth(q, qb, batch), cw, task), batch)
        hq = hq + q
        bend = per_fit((q * hq).sum(-1) + qb * hqb, task)
        live = (per_fit((r * r).sum(-1) + rb * rb, task) > goal) & (bend > 0)
        if not bool(live.any()):
            break
        a = torch.where(live, rho / bend, 0)
        d, db = d + a[..., None] * q, db + a * qb
        r, rb = r - a[..., None] * hq, rb - a * hqb
        s, sb = r / scale, rb / scale_b
        rho, old = per_fit((r * s).sum(-1) + rb * sb, task), rho
        beta = torch.where(live, rho / old, 0)
        q, qb = s + beta[..., None] * q, sb + beta * qb
    return d, db


def line_search(
    logits: Tensor, w: Tensor, d: Tensor, db: Tensor, f: Tensor, g: tuple[Tensor, Tensor], cw: Tensor, batch: Batch
) -> tuple[Tensor, Tensor]:
    """Halve the step of every fit until the objective falls enough: t [P, C, 1|K] and the logit change of t = 1."""
    import torch

    task = batch.task
    du = forth(d, db, batch)
    slope = per_fit((g[0] * d).sum(-1) + g[1] * db, task)
    t = torch.ones_like(f)
    for _ in range(HALVINGS):
        new = objective(w + t[..., None] * d, value(logits + t[..., None] * du, batch.y, task), cw, task)
        bad = new > f + 1e-4 * t * slope + 1e-14 * f
        if not bool(bad.any()):
            break
        t = torch.where(bad, t / 2, t)
    return torch.where(bad, 0, t), du
