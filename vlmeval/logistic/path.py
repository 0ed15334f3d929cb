"""All fits of a bucket of alike problems, along the path of C: small C first, larger ones from where those ended.

A bucket's values of C are taken in ascending order and in a few waves: fits of one wave run side by side, and the next
wave starts from the last two of it, extrapolated in log C. Each wave is solved three times over, each time from where
the last one ended: in float32 and in the basis of `vlmeval.logistic.basis`, which mostly reaches the tolerance by its
own estimate; in float64 and the rows' own coordinates, with certificates; and, for fits that missed the tolerance, in
float64 throughout, by the whole Hessian where it is small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlmeval.logistic.basis import basis, moments
from vlmeval.logistic.batch import Batch
from vlmeval.logistic.dense import UNKNOWNS
from vlmeval.logistic.newton import Solution, solve
from vlmeval.logistic.problem import Task

if TYPE_CHECKING:
    from torch import Tensor

ROUGH, LEAST_ROUGH = 0.5, 1e-9
"""Tolerance in float32: this part of the one asked for, so that the certificate confirms it, but not below that."""
ROUGH_STEPS, FINE_STEPS = 40, 10
WAVE = 3
ELEMENTS = 2**24
"""Logits that one wave may hold at most, unless a single C has more."""


@dataclass(frozen=True)
class Bucket:
    """Alike problems: x [P, n, d] centred, y and offset [P, 1, K, n] (offset or None), weight [P, n]; all float64."""

    x: Tensor
    y: Tensor
    weight: Tensor
    offset: Tensor | None
    task: Task
    intercept: bool


def follow(bucket: Bucket, cs: list[float], tolerance: float, max_steps: int) -> Solution:
    """Fit all problems of the bucket with every C, ascending; fits are C, or C by label, label running fastest."""
    import torch

    turn, z = basis(bucket.x, bucket.weight)
    moment, length = moments(z, bucket.weight), bucket.x.norm(dim=2)
    parts: list[Solution] = []
    done = 0
    for count in _waves(len(cs), bucket.y[:, 0].numel()):
        wave = cs[done : done + count]
        batch = _batch(bucket, wave, moment, length)
        low = replace(batch, z=z, turn=turn).to(torch.float32)
        start = _start(batch, parts, cs[:done], wave)
        parts.append(_solve(batch, low, start, bucket.weight, tolerance, max_steps))
        done += count
    return Solution(*(torch.cat(t, dim=1) for t in zip(*(_fields(s) for s in parts), strict=True)))


def _solve(batch: Batch, low: Batch, start: Solution, weight: Tensor, tolerance: float, max_steps: int) -> Solution:
    import torch

    rough = max(ROUGH * tolerance, LEAST_ROUGH)
    inward = Solution.start(low.inward(start.w), start.b.float())
    found = solve(low, replace(low, turn=None), inward, rough, steps=min(ROUGH_STEPS, max_steps), certify=False)
    w, b = low.outward(found.w, torch.float64), found.b.double()
    fine = (w.isfinite().all(-1).all(-1) & b.isfinite().all(-1))[..., None]
    start = Solution.start(torch.where(fine[..., None], w, 0), torch.where(fine, b, 0))
    start = replace(start, steps=found.steps)
    out = solve(batch, low, start, tolerance, steps=min(FINE_STEPS, max_steps), certify=True)
    missed = (~(out.gap <= tolerance)).any(dim=0).nonzero()[:, 0]
    if len(missed) > 0:
        again = Solution(*(t[:, missed] for t in _fields(out)))
        again = _solve_exactly(batch.keep(missed), low, again, weight, tolerance, max_steps)
        for whole, part in zip(_fields(out), _fields(again), strict=True):
            whole[:, missed] = part
    return out


def _solve_exactly(
    batch: Batch, low: Batch, start: Solution, weight: Tensor, tolerance: float, max_steps: int
) -> Solution:
    """Go on in float64 alone, in a basis orthonormal to its rounding; by whole Hessians where they are small."""
    import torch

    n, d = batch.z.shape[1:]
    dense = batch.y.shape[2] * (min(n, d) + 1) <= UNKNOWNS
    inner = batch
    if n < d or not dense:
        assert low.turn is not None  # noqa: S101
        turn = torch.linalg.qr(batch.z.transpose(1, 2) if dense else low.turn.double())[0]
        z = batch.z @ turn
        inner = replace(batch, z=z, turn=turn, moment=moments(z, weight))
        start = replace(start, w=inner.outward(inner.inward(start.w), start.w.dtype))
    return solve(batch, inner, start, tolerance, steps=max_steps, certify=True, dense=dense)


def _waves(count: int, elements: int) -> list[int]:
    """Sizes of the waves: half of the grid, where fits are easy, then a few at a time; fewer where memory asks it."""
    most = max(1, ELEMENTS // max(1, elements))
    sizes: list[int] = []
    while count > 0:
        size = min(most, count if count <= WAVE else (WAVE if sizes else (count + 1) // 2))
        sizes.append(size)
        count -= size
    return sizes


def _batch(bucket: Bucket, cs: list[float], moment: Tensor, length: Tensor) -> Batch:
    """Lay out the fits of these C: for labels, each pair of a C and a label is a fit of one class."""
    import torch

    y, offset = bucket.y, bucket.offset
    p, _, k, n = y.shape
    tensor = torch.as_tensor(cs, dtype=torch.float64, device=y.device)
    if bucket.task == "sigmoid":
        tensor = tensor.repeat_interleave(k)
        y = y.expand(p, len(cs), k, n).reshape(p, -1, 1, n)
        offset = None if offset is None else offset.expand(p, len(cs), k, n).reshape(p, -1, 1, n)
    cw = tensor[None, :, None, None] * bucket.weight[:, None, None, :]
    return Batch(bucket.x, y, cw, offset, bucket.intercept, moment, length)


def _start(batch: Batch, parts: list[Solution], before: list[float], wave: list[float]) -> Solution:
    """Extrapolate from the two last C in log C, or start at coefficients 0 and the log of the classes' shares."""
    import torch

    p, f, k = batch.cw.shape[0], batch.cw.shape[1], batch.y.shape[2]
    if not parts:
        w = torch.zeros(p, f, k, batch.z.shape[2], dtype=torch.float64, device=batch.z.device)
        b = torch.zeros(p, f, k, dtype=torch.float64, device=batch.z.device)
        if batch.intercept and batch.offset is None:
            share = ((batch.cw * batch.y).sum(-1) / batch.cw.sum(-1)).clamp(1e-12, 1 - 1e-12)
            b += torch.logit(share) if k == 1 else share.log() - share.log().mean(-1, keepdim=True)
        return Solution.start(w, b)
    each = f // len(wave)
    w, b = (torch.cat([getattr(s, name) for s in parts[-2:]], dim=1)[:, -2 * each :] for name in ("w", "b"))
    last_w, last_b = w[:, -each:], b[:, -each:]
    gone = math.log(before[-1] / before[-2]) if len(before) > 1 else 0.0
    ahead = [min(math.log(c / before[-1]) / gone, 3.0) if gone > 0 else 0.0 for c in wave]
    ws = [last_w + a * (last_w - w[:, :each]) for a in ahead]
    bs = [last_b + a * (last_b - b[:, :each]) for a in ahead]
    return Solution.start(torch.cat(ws, dim=1), torch.cat(bs, dim=1))


def _fields(s: Solution) -> tuple[Tensor, ...]:
    return s.w, s.b, s.objective, s.gap, s.steps
