"""The two losses, for a whole batch of fits at once: softmax over classes, sigmoid a label.

Logits are [P, C, K, n]: problem, value of C, class or label, row. For softmax one fit is a (P, C) and its classes are
coupled; for sigmoid every (P, C, K) is a fit of its own. `per_fit` hides the difference: it sums over what belongs to
one fit and keeps the axis, so that a figure of a fit always broadcasts against [P, C, K].
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlmeval.logistic.problem import Task

if TYPE_CHECKING:
    from torch import Tensor


def per_fit(value: Tensor, task: Task) -> Tensor:
    """[P, C, K] -> [P, C, 1] (softmax: summed over classes) or [P, C, K] (sigmoid: as it is)."""
    return value.sum(dim=2, keepdim=True) if task == "softmax" else value


def evaluate(logits: Tensor, y: Tensor, task: Task) -> tuple[Tensor, Tensor, Tensor]:
    """Return loss [P, C, 1|K, n], its derivative p - y [P, C, K, n] and the probabilities p.

    Both loss and derivative keep their relative accuracy where a row is fitted nearly perfectly: 1 - p of the true
    class is the sum of the others, never a difference of numbers close to 1.
    """
    import torch

    if task == "sigmoid":
        sign = 1 - 2 * y
        wrong = torch.sigmoid(sign * logits)
        return torch.nn.functional.softplus(sign * logits, threshold=1e6), sign * wrong, torch.sigmoid(logits)
    top = logits.amax(dim=2, keepdim=True)
    e = torch.exp(logits - top)
    others = e * (1 - y)
    rest = others.sum(dim=2, keepdim=True)
    true = (e * y).sum(dim=2, keepdim=True)
    total = rest + true
    plain = torch.log(total) - ((logits - top) * y).sum(dim=2, keepdim=True)
    loss = torch.where(true > rest, torch.log1p(rest / true), plain)
    return loss, (others - y * rest) / total, e / total


def value(logits: Tensor, y: Tensor, task: Task) -> Tensor:
    """Return the loss alone, [P, C, 1|K, n]; see `evaluate`."""
    return evaluate(logits, y, task)[0]


def curve(p: Tensor, u: Tensor, weight: Tensor, task: Task) -> Tensor:
    """Return weight * (second derivative of the loss at probabilities p) applied to logit changes u, [P, C, K, n]."""
    if task == "sigmoid":
        return p * (1 - p) * u * weight
    pu = p * u
    return (pu - p * pu.sum(dim=2, keepdim=True)) * weight
