"""Scalar fields to draw with: coordinates, smooth steps, lattice noise, blur.

Everything is built from additions, products, quotients and square roots, which IEEE 754 rounds alike everywhere; sine,
exponential and the like are avoided because their last digit differs between machines.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlmeval.data.demo_drawing.chance import Array, Chance

LATTICE = 64  # noise repeats after so many cells, which no eye notices; a power of two
WRAP = LATTICE - 1  # n & WRAP is n modulo LATTICE, also below zero, and several times faster


def grid(size: int) -> tuple[Array, Array]:
    """Return x [1, size] and y [size, 1] of pixel centres in a frame from -1 to 1; numpy spreads them as needed."""
    axis = (np.arange(size, dtype=np.float64) * 2 + 1) / size - 1
    return axis[None, :], axis[:, None]


def smooth(low: float, high: float, value: Array) -> Array:
    """Return the cubic step from 0 at ``low`` to 1 at ``high`` (falling where high < low)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t))


def length(x: Array, y: Array) -> Array:
    """Return the Euclidean length."""
    return np.sqrt(x * x + y * y)


class Noise:
    """Smooth noise in [0, 1] over the plane: random values on a lattice, blended by smooth steps (value noise)."""

    def __init__(self, chance: Chance) -> None:
        values = chance.array(LATTICE, LATTICE)
        # One more row and column, equal to the first, so that every cell has its right and lower neighbour in place.
        self._table = np.pad(values, (0, 1), mode="wrap").ravel()

    def __call__(self, x: Array, y: Array) -> Array:
        """Return the noise at x, y; features are about one unit wide."""
        column, row = np.floor(x), np.floor(y)
        s, t = x - column, y - row
        s *= s * (3 - 2 * s)
        t *= t * (3 - 2 * t)
        cell = (row.astype(np.int64) & WRAP) * (LATTICE + 1) + (column.astype(np.int64) & WRAP)
        corners = [self._table.take(cell + step) for step in (0, 1, LATTICE + 1, LATTICE + 2)]
        upper = corners[0] + (corners[1] - corners[0]) * s
        lower = corners[2] + (corners[3] - corners[2]) * s
        return np.asarray(upper + (lower - upper) * t)

    def rough(self, x: Array, y: Array, octaves: int = 3) -> Array:
        """Return the sum of ``octaves`` noises, each twice as fine and half as strong, scaled to [0, 1]."""
        total, weight, reach = np.zeros(()), 1.0, 0.0
        for octave in range(octaves):
            step = 2.0**octave
            total = total + weight * self(x * step + 17.3 * octave, y * step + 5.9 * octave)
            reach += weight
            weight *= 0.5
        return total / reach

    def ridges(self, x: Array, y: Array) -> Array:
        """Return thin lines (1 on the line, falling to 0): the creases of skin or the cracks of scale."""
        return 1 - np.abs(2 * self(x, y) - 1)


def blur(image: Array, rounds: int) -> Array:
    """Return ``image`` [H, W, ...] after so many rounds of the binomial filter 1-2-1 along both axes."""
    for _ in range(rounds):
        for axis in (0, 1):
            before, after = _shifted(image, axis)
            image = (before + 2 * image + after) / 4
    return image


def slope(height: Array, towards: Sequence[float]) -> Array:
    """Return how steeply ``height`` [H, W] rises in a direction (x, y), by central differences."""
    left, right = _shifted(height, 1)
    above, below = _shifted(height, 0)
    return np.asarray((right - left) * towards[0] + (below - above) * towards[1]) / 2


def _shifted(image: Array, axis: int) -> tuple[Array, Array]:
    """Return ``image`` moved by one pixel either way along an axis, its edge repeated."""
    pad = [(1, 1) if i == axis else (0, 0) for i in range(image.ndim)]
    wide = np.pad(image, pad, mode="edge")
    return (wide[:-2], wide[2:]) if axis == 0 else (wide[:, :-2], wide[:, 2:])
