"""Skin to draw on: the ten Monk tones, fine creases, mottling and hair.

The colours are those published with the Monk Skin Tone Scale (E. Monk, 2019, https://skintone.google/get-started,
https://doi.org/10.31235/osf.io/pdf4c), sRGB, from lightest to darkest.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vlmeval.data.demo_drawing.chance import Array, Chance
from vlmeval.data.demo_drawing.fields import Noise, smooth

MONK: Final = (
    "f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420",
)  # fmt: skip


def monk_colour(tone: float) -> Array:
    """Return sRGB [3] from 0 to 1 for a tone from 1 to 10; tones between two steps are mixed."""
    colours = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in MONK]) / 255
    lower = min(int(tone), len(MONK) - 1)
    share = tone - lower
    return np.asarray(colours[lower - 1] * (1 - share) + colours[lower] * share)


def bare_skin(tone: float, noise: Noise, x: Array, y: Array, chance: Chance) -> Array:
    """Return skin [S, S, 3] of a Monk tone, before light falls on it.

    Parameters
    ----------
    tone
        1 (lightest) to 10 (darkest), fractions allowed.
    noise
        The photo's noise.
    x, y
        [S, S] coordinates in the picture's frame; skin texture is about 1/20 of it.
    chance
        The photo's numbers.
    """
    # The published tones are those of a flat swatch; blood gives living skin a little more red.
    base = monk_colour(tone) * np.array([1.0, 0.925, 0.885])
    # Skin lines: two sets of fine, nearly straight lines that cross, each broken up by noise.
    one = noise.ridges(x * 7 + y * 17, (y * 7 - x * 3) * 0.7)
    two = noise.ridges(x * 16 - y * 8 + 30, (y * 6 + x * 4) * 0.7)
    creases = smooth(0.72, 1.0, one) + smooth(0.72, 1.0, two)
    grain = noise.rough(x * 30, y * 30, 2) - 0.5
    mottle = noise.rough(x * 1.8 + 40, y * 1.8 + 13, 2) - 0.5
    lightness = 1 - chance.uniform(0.02, 0.08) * creases + chance.uniform(0.05, 0.13) * grain
    rgb = base * lightness[..., None]
    flush = chance.uniform(0.06, 0.20) * mottle
    return np.asarray(rgb * (1 - flush[..., None] * np.array([0.3, 1.0, 0.9])))


def hair_mask(size: int, chance: Chance, amount: int) -> Array:
    """Return how much hair covers each pixel, [size, size] from 0 to 1: ``amount`` thin arcs of one general direction.

    Drawn by Pillow's whole-number line routine at three times the size, then averaged.
    """
    from PIL import Image, ImageDraw

    scale = 3
    sheet = Image.new("L", (size * scale, size * scale), 0)
    pen = ImageDraw.Draw(sheet)
    dx, dy = chance.direction()
    for _ in range(amount):
        x, y, reach, bend, turn, weight = chance.array(6)
        ux, uy = dx + 0.5 * (turn - 0.5) * dy, dy - 0.5 * (turn - 0.5) * dx
        points = []
        for step in range(9):
            t = step / 8
            along, across = (0.10 + 0.30 * reach) * t, 0.16 * (bend - 0.5) * t * t
            points.append((x + ux * along - uy * across, y + uy * along + ux * across))
        pen.line([(int(px * size * scale), int(py * size * scale)) for px, py in points], fill=150 + int(105 * weight),
                 width=2 if weight < 0.7 else 3)  # fmt: skip
    fine = np.asarray(sheet, dtype=np.float64) / 255
    return np.asarray(fine.reshape(size, scale, size, scale).mean(axis=(1, 3)))
