"""A batch of fits in tensors: problems of one shape side by side, each with all its fits.

Letters of shapes, here and in the rest of the room: P problems, F fits of a problem (its values of C; for labels every
pair of a C and a label), K classes of a fit (1 for a label), n rows, d features, r columns of a basis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlmeval.logistic.losses import curve

if TYPE_CHECKING:
    from torch import Tensor, dtype

BLOCK, MIN_BLOCK = 2**18, 256
"""Numbers of z in a block of rows, and the fewest rows of one."""


@dataclass(frozen=True)
class Batch:
    """Fits of one shape and dtype on one device.

    Parameters
    ----------
    z
        Features [P, n, d], centred where there is an intercept; rows of padding are 0.
    y
        Truth [P, 1 or F, K, n], zeros and ones.
    cw
        C times weight [P, F, 1, n]; 0 for padding.
    offset
        [P, 1 or F, K, n] or None.
    intercept
        Whether there is a free one.
    moment
        Mean square of each column of z, [P, d], weighted as the rows are.
    length
        Length of each row of z, [P, n].
    turn
        Where z is X @ turn for the X that the outer steps work in: [P, d of X, d]. None: z is X.
    """

    z: Tensor
    y: Tensor
    cw: Tensor
    offset: Tensor | None
    intercept: bool
    moment: Tensor
    length: Tensor
    turn: Tensor | None = None

    def keep(self, fits: Tensor) -> Batch:
        """Return the batch with only the fits at these positions."""
        offset = None if self.offset is None else _some(self.offset, fits)
        return replace(self, y=_some(self.y, fits), cw=self.cw[:, fits], offset=offset)

    def to(self, kind: dtype) -> Batch:
        """Return the batch in another dtype."""
        offset, turn = (None if t is None else t.to(kind) for t in (self.offset, self.turn))
        z, y, cw, moment, length = (t.to(kind) for t in (self.z, self.y, self.cw, self.moment, self.length))
        return Batch(z, y, cw, offset, self.intercept, moment, length, turn)

    def logits(self, w: Tensor, b: Tensor) -> Tensor:
        """Return logits [P, F, K, n] of w [P, F, K, d] and b [P, F, K], offset included."""
        out = self.forth(w, b)
        return out if self.offset is None else out + self.offset

    def forth(self, w: Tensor, b: Tensor) -> Tensor:
        """Return the change of logits [P, F, K, n] that w and b make."""
        return times(w, self.z.transpose(1, 2)) + b[..., None]

    def back(self, s: Tensor) -> tuple[Tensor, Tensor]:
        """Return sums over rows of s [P, F, K, n]: times features [P, F, K, d], and plain [P, F, K]."""
        return times(s, self.z), s.sum(-1) * float(self.intercept)

    def curved(self, prob: Tensor, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss's second derivative at probabilities ``prob``, applied to w and b: like `back`.

        By blocks of rows where z is too large for a cache, so that memory is read once and not twice.
        """
        import torch

        n = self.z.shape[1]
        block = n if self.z.is_cuda else max(MIN_BLOCK, BLOCK // max(1, self.z[:, 0].numel()))
        hw, hb = torch.zeros_like(w), torch.zeros_like(b)
        for start in range(0, n, block):
            rows = slice(start, start + block)
            part = replace(self, z=self.z[:, rows])
            s = curve(prob[..., rows], part.forth(w, b), self.cw[..., rows])
            dw, db = part.back(s)
            hw += dw
            hb += db
        return hw, hb

    def inward(self, g: Tensor) -> Tensor:
        """Return a gradient [P, F, K, d of X] in the coordinates of this batch."""
        g = g.to(self.z.dtype)
        return g if self.turn is None else times(g, self.turn)

    def outward(self, w: Tensor, kind: dtype) -> Tensor:
        """Return coefficients of this batch in the coordinates of X, in dtype ``kind``."""
        return (w if self.turn is None else times(w, self.turn.transpose(1, 2))).to(kind)


def times(a: Tensor, m: Tensor) -> Tensor:
    """Return a [P, F, K, i] @ m [P, i, j] as [P, F, K, j], in one product a problem."""
    p, f, k, i = a.shape
    return (a.reshape(p, f * k, i) @ m).reshape(p, f, k, -1)


def squared(g: Tensor, gb: Tensor) -> Tensor:
    """Return the squared norm of g [P, F, K, d] and gb [P, F, K] together, [P, F]."""
    return g.square().sum((-1, -2)) + gb.square().sum(-1)


def objective(w: Tensor, loss: Tensor, cw: Tensor) -> Tensor:
    """Return 1/2 |w|^2 + sum of cw times loss [P, F, n] of every fit, [P, F]."""
    return 0.5 * w.square().sum((-1, -2)) + (cw[:, :, 0] * loss).sum(-1)


def _some(value: Tensor, fits: Tensor) -> Tensor:
    return value if value.shape[1] == 1 else value[:, fits]
