"""Repeatable chance: a stream of numbers from a name, the same on every machine and numpy version.

In: a seed string. Out: uniform numbers, picks and shuffles. Only the raw 64-bit words of PCG64 are used, whose stream
numpy promises to keep; the methods of ``numpy.random.Generator`` carry no such promise (NEP 19).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
T = TypeVar("T")


class Chance:
    """A named stream of random numbers."""

    def __init__(self, *name: object) -> None:
        digest = hashlib.sha256("/".join(map(str, name)).encode()).digest()
        self._bits = np.random.PCG64(int.from_bytes(digest[:16], "little"))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return one number in [low, high)."""
        return low + (high - low) * ((int(self._bits.random_raw()) >> 11) * 2.0**-53)

    def array(self, *shape: int) -> Array:
        """Return numbers in [0, 1) of that shape."""
        words = np.asarray(self._bits.random_raw(int(np.prod(shape))), dtype=np.uint64)
        # The top 53 bits make a double exactly.
        return ((words >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)

    def yes(self, probability: float) -> bool:
        """Return True with that probability."""
        return self.uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from low to high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, items: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """Return one item, with probability proportional to its weight."""
        steps = np.cumsum(weights if weights is not None else [1.0] * len(items))
        return items[min(int(np.searchsorted(steps, self.uniform() * steps[-1], side="right")), len(items) - 1)]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in a random order."""
        return [items[i] for i in np.argsort(self.array(len(items)), kind="stable")]

    def direction(self) -> tuple[float, float]:
        """Return a random unit vector; made without sine and cosine, whose last digit differs between machines."""
        t = self.uniform(-1.0, 1.0)
        x, y = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
        return (x, y) if self.yes(0.5) else (-x, y)
