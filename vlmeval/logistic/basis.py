"""Orthonormal coordinates in which features are uncorrelated: min(n, d) columns, and the same optimum.

The optimum's coefficients lie in the span of the rows, and a rotation changes neither their length nor the logits. With
fewer rows than features the eigenvectors of the Gram matrix of rows give the basis, else those of the columns'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

RANK = 1e-12
"""Directions whose variance is below this part of the largest are left out."""
SMALL = 256
ROWS = 2


def basis(x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the basis [P, d, r] and the rows in it [P, n, r], in float32.

    ``x`` float64 [P, n, d], ``weight`` [P, n]. It only has to be nearly orthonormal and nearly uncorrelated: it is used
    to find directions, not to measure. So large matrices are decomposed in float32.
    """
    import torch

    low = x.float()
    share = (weight / weight.amax(-1, keepdim=True)).sqrt()
    scale = x.abs().amax((-1, -2), keepdim=True).clamp(min=1e-300)
    n, d = x.shape[1:]
    if n > d:
        # Every so many rows are enough for axes that need only be nearly uncorrelated.
        some = slice(None, None, max(1, n // (ROWS * d)))
        rows = (x if d <= SMALL else low)[:, some] / scale
        rows = (rows * share[:, some, None]).to(rows.dtype)
        turn = torch.linalg.eigh(rows.transpose(1, 2) @ rows)[1].float()
    else:
        gram = (x @ x.transpose(1, 2)) * (share[:, None, :] * share[..., None])
        values, vectors = torch.linalg.eigh(gram / scale.square())
        kept = values > RANK * values.amax(-1, keepdim=True)
        # Where a direction is left out (the one that centring takes, repeated rows) its column is 0.
        shrink = torch.where(kept, values.clamp(min=1e-300).rsqrt(), 0)[:, None, :] / scale
        turn = low.transpose(1, 2) @ (share[..., None] * vectors * shrink).float()
    return turn, low @ turn


def moments(z: Tensor, weight: Tensor) -> Tensor:
    """Return the mean square of every column of z [P, n, r], weighted by [P, n]: [P, r]."""
    share = (weight / weight.sum(-1, keepdim=True)).to(z.dtype)
    return (share[:, None, :] @ z.square())[:, 0]
