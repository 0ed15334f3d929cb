"""The memory of conjugate directions: a preconditioner that is positive definite and exact where it knows."""

from __future__ import annotations

import numpy as np
import torch

from vlmeval.logistic import memory as room
from vlmeval.logistic.memory import Memory, corrected, flat

K, D = 2, 5
SIZE = K * (D + 1)


def hessian(seed: int) -> torch.Tensor:
    a = torch.from_numpy(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))
    return a @ a.T + 0.1 * torch.eye(SIZE, dtype=torch.float64)


def plain(r: torch.Tensor, rb: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return 0.5 * r, 0.5 * rb


def filled(h: torch.Tensor, count: int) -> Memory:
    """Directions that are conjugate under ``h``: its eigenvectors."""
    memory = Memory.empty(torch.zeros(1, 1, K, D, dtype=torch.float64))
    values, vectors = torch.linalg.eigh(h)
    for slot in range(count):
        q = vectors[:, -1 - slot][None, None]
        memory.note(slot, torch.tensor([0]), q, (h @ q[0, 0])[None, None], values[-1 - slot][None, None])
    return memory


def matrix(memory: Memory | None) -> torch.Tensor:
    """The preconditioner as a matrix, column by column."""
    columns = []
    for unit in torch.eye(SIZE, dtype=torch.float64):
        r, rb = unit[: K * D].reshape(1, 1, K, D), unit[K * D :].reshape(1, 1, K)
        columns.append(flat(*corrected(plain, memory, r, rb))[0, 0])
    return torch.stack(columns, dim=1)


def test_without_directions_it_is_the_plain_one() -> None:
    torch.testing.assert_close(matrix(None), 0.5 * torch.eye(SIZE, dtype=torch.float64))
    torch.testing.assert_close(matrix(filled(hessian(0), 0)), matrix(None))


def test_it_inverts_the_hessian_on_what_it_knows() -> None:
    h = hessian(1)
    values, vectors = torch.linalg.eigh(h)
    p = matrix(filled(h, 4))
    for slot in range(4):
        q = vectors[:, -1 - slot]
        torch.testing.assert_close(p @ q, q / values[-1 - slot])
    torch.testing.assert_close(matrix(filled(h, SIZE)), torch.linalg.inv(h))


def test_it_stays_symmetric_and_positive_definite_for_another_hessian() -> None:
    memory = filled(hessian(2), 6)
    for slot in range(6):  # products with another Hessian than the directions are conjugate under
        q = memory.q[:, :, slot].clone()
        memory.note(slot, torch.tensor([0]), q, q @ hessian(3), (q @ hessian(3) * q).sum(-1))
    p = matrix(memory)
    torch.testing.assert_close(p, p.T)
    assert torch.linalg.eigvalsh(p)[0] > 0


def test_there_is_room_for_as_many_as_are_kept() -> None:
    assert Memory.empty(torch.zeros(2, 3, K, D)).q.shape == (2, 3, room.KEPT, SIZE)
