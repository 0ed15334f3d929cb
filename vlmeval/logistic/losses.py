"""The two losses, for a whole batch of fits at once: softmax over classes, sigmoid of one label.

Logits are [P, F, K, n]: problem, fit of it (a C, or a C and a label), class, row. The fit of a label has K = 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def evaluate(logits: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return loss [P, F, n], its derivative p - y [P, F, K, n] and the probabilities p [P, F, K, n].

    K = 1: sigmoid, else softmax. Loss and derivative keep their relative accuracy where a row is fitted nearly
    perfectly: 1 - p of the true class is the sum of the others, never a difference of numbers close to 1.
    """
    import torch

    if y.shape[2] == 1:
        sign = 1 - 2 * y
        wrong = torch.sigmoid(sign * logits)
        return value(logits, y), sign * wrong, torch.sigmoid(logits)
    shifted = logits - logits.amax(dim=2, keepdim=True)
    e = torch.exp(shifted)
    hit = e * y
    true = hit.sum(dim=2, keepdim=True)
    others = e - hit
    rest = others.sum(dim=2, keepdim=True)
    total = rest + true
    plain = torch.log(total) - (shifted * y).sum(dim=2, keepdim=True)
    loss = torch.where(true > rest, torch.log1p(rest / true), plain)
    return loss[:, :, 0], (others - y * rest) / total, e / total


def value(logits: Tensor, y: Tensor) -> Tensor:
    """Return the loss alone, [P, F, n]."""
    import torch

    if y.shape[2] > 1:
        return evaluate(logits, y)[0]
    # The threshold above which softplus(z) = z: exp(-40) is below the rounding of float64.
    return torch.nn.functional.softplus((1 - 2 * y) * logits, threshold=40)[:, :, 0]


def curve(p: Tensor, u: Tensor, cw: Tensor) -> Tensor:
    """Return cw [P, F, 1, n] times the loss's second derivative at probabilities p, applied to logit changes u."""
    if p.shape[2] == 1:
        return p * (1 - p) * u * cw
    pu = p * u
    return (pu - p * pu.sum(dim=2, keepdim=True)) * cw
