"""What one Newton step's conjugate directions teach the next one's preconditioner.

Directions q_j of conjugate gradients are conjugate under the Hessian H that they were made for. With Q of these columns
and E = Q^T H Q (diagonal) the preconditioner M becomes

    Q E^-1 Q^T + (I - Q E^-1 (HQ)^T) M^-1 (I - HQ E^-1 Q^T),

the block form of BFGS, exact on the span of Q and positive definite whatever H has become since (Morales and Nocedal,
Automatic preconditioning by limited memory quasi-Newton updating, SIAM J. Optim. 10, 2000).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 32
"""Directions kept of each fit; more cost as much memory traffic as they save."""


@dataclass(frozen=True)
class Memory:
    """Directions q, H q [P, F, m, K d + K] and 1 / q H q [P, F, m] (0: none) of fits."""

    q: Tensor
    hq: Tensor
    inverse: Tensor

    @classmethod
    def empty(cls, g: Tensor) -> Memory:
        """Return room for `KEPT` directions of fits with gradients like ``g`` [P, F, K, d]."""
        p, f, k, d = g.shape
        q = g.new_zeros(p, f, KEPT, k * (d + 1))
        return cls(q, q.clone(), g.new_zeros(p, f, KEPT))

    def keep(self, fits: Tensor) -> Memory:
        """Return it for the fits at these positions."""
        return Memory(self.q[:, fits], self.hq[:, fits], self.inverse[:, fits])

    def note(self, slot: int, fits: Tensor, q: Tensor, hq: Tensor, bend: Tensor) -> None:
        """Write the direction ``slot`` of these fits; where ``bend`` [P, F] is not positive, none."""
        import torch

        self.q[:, fits, slot], self.hq[:, fits, slot] = q, hq
        self.inverse[:, fits, slot] = torch.where(bend > 0, 1 / bend, 0)


def flat(w: Tensor, b: Tensor) -> Tensor:
    """Return w [P, F, K, d] and b [P, F, K] as one vector a fit."""
    import torch

    return torch.cat([w.flatten(2), b], dim=2)


def corrected(
    precondition: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], memory: Memory | None, r: Tensor, rb: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the preconditioned residual, corrected by ``memory``."""
    if memory is None:
        return precondition(r, rb)
    k = rb.shape[2]
    known = (memory.q @ flat(r, rb)[..., None])[..., 0] * memory.inverse
    less = (known[..., None, :] @ memory.hq)[..., 0, :]
    z, zb = precondition(r - less[..., :-k].reshape(r.shape), rb - less[..., -k:])
    more = known - (memory.hq @ flat(z, zb)[..., None])[..., 0] * memory.inverse
    add = (more[..., None, :] @ memory.q)[..., 0, :]
    return z + add[..., :-k].reshape(r.shape), zb + add[..., -k:]
