"""The sheet that morphologies are drawn on: colour, relief, and the lesion's own coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vlmeval.data.demo_drawing.chance import Array
from vlmeval.data.demo_drawing.fields import Noise


@dataclass
class Canvas:
    """A picture in the making.

    Attributes
    ----------
    rgb
        [S, S, 3] colours from 0 to 1; starts as skin.
    u, v
        [S, S] coordinates in the lesion's frame: its middle is 0, its usual radius about 1.
    noise
        The case's noise, so that every photo of a case shows the same lesion.
    relief
        [S, S] height above the skin in lesion units; the lighting turns it into shade.
    gloss
        [S, S] how much a surface shines, from 0 to 1.
    skin_light
        The skin's greatest red value, from 0 to 1: how light the skin is.
    """

    rgb: Array
    u: Array
    v: Array
    noise: Noise
    relief: Array = field(init=False)
    gloss: Array = field(init=False)
    skin_light: float = field(init=False)

    def __post_init__(self) -> None:
        self.relief = np.zeros_like(self.u)
        self.gloss = np.zeros_like(self.u)
        self.skin_light = float(self.rgb[..., 0].max())

    def stain(self, mask: Array, absorbed: Sequence[float], strength: float = 1.0) -> None:
        """Take a share of the red, green and blue light away where ``mask`` is 1.

        A stain works on what the skin reflects. On dark skin, which reflects little, the same redness changes the
        picture less: that is the demonstration's built-in difference between skin tones.
        """
        box = _box(mask)
        self.rgb[box] *= 1 - mask[box][..., None] * (np.asarray(absorbed) * strength)

    def paint(self, mask: Array, colour: Sequence[float], opacity: float = 1.0) -> None:
        """Cover the skin with an opaque colour where ``mask`` is 1."""
        box = _box(mask)
        self.rgb[box] += (mask[box] * opacity)[..., None] * (np.asarray(colour) - self.rgb[box])

    def blush(self, mask: Array, colour: Sequence[float], opacity: float = 1.0) -> None:
        """Cover the skin with a colour seen through skin: half as light as the colour where the skin is black."""
        through = 0.5 + 0.5 * self.skin_light
        self.paint(mask, [part * through for part in colour], opacity)

    def raise_(self, height: Array) -> None:
        """Add relief."""
        self.relief = self.relief + height

    def shine(self, mask: Array) -> None:
        """Make a surface glossy."""
        self.gloss = np.maximum(self.gloss, mask)


def _box(mask: Array) -> tuple[slice, slice]:
    """Return the rows and columns that hold all of the mask: most marks are small, and the rest need no work."""
    drawn = mask > 0
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if len(rows) == 0:
        return slice(0, 0), slice(0, 0)
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
