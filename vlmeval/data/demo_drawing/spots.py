"""Morphologies of one lesion: even spot, uneven patch, scaly plaque, ring, red dome. Each draws on a Canvas.

They are cartoons of morphological terms, not of diseases. ``chance`` belongs to the case: every photo of a case draws
the same numbers in the same order.
"""

from __future__ import annotations

from vlmeval.data.demo_drawing.canvas import Canvas
from vlmeval.data.demo_drawing.chance import Array, Chance
from vlmeval.data.demo_drawing.fields import length, smooth

BROWN = (0.44, 0.62, 0.74)
BLACK = (0.86, 0.90, 0.90)
RED = (0.12, 0.52, 0.48)
SCALE = (0.93, 0.91, 0.88)
CHERRY = (0.72, 0.06, 0.10)


def even_spot(canvas: Canvas, chance: Chance) -> None:
    """Draw one round, evenly brown spot with a regular border."""
    radius, strength = chance.uniform(0.30, 0.62), chance.uniform(0.50, 1.0)
    edge, dome = chance.uniform(0.05, 0.14), chance.uniform(0.0, 0.14)
    distance = _outline(canvas, chance.uniform(0.76, 1.0), wobble=chance.uniform(0.06, 0.30), fineness=1.3)
    mask = smooth(radius + edge, radius - edge, distance)
    canvas.stain(mask, BROWN, strength)
    speckled = canvas.noise.rough(canvas.u * 2.6 + 8, canvas.v * 2.6 + 17, 2)
    canvas.stain(mask * smooth(0.45, 0.75, speckled), BLACK, chance.uniform(0.0, 0.30))
    canvas.stain(smooth(radius * 0.8, 0.0, distance), BROWN, 0.22)
    canvas.raise_(dome * _dome(distance, radius))


def uneven_patch(canvas: Canvas, chance: Chance) -> None:
    """Draw one patch with a ragged border and several browns, black and grey."""
    radius, edge = chance.uniform(0.42, 0.80), chance.uniform(0.04, 0.14)
    distance = _outline(canvas, chance.uniform(0.62, 0.96), wobble=chance.uniform(0.30, 0.80), fineness=1.7)
    mask = smooth(radius + edge, radius - edge, distance)
    u, v, noise = canvas.u, canvas.v, canvas.noise
    canvas.stain(mask, BROWN, chance.uniform(0.45, 0.75))
    dark = smooth(0.42, 0.62, noise.rough(u * 2.3 + 31, v * 2.3 + 7, 2))
    canvas.stain(mask * dark, BLACK, chance.uniform(0.28, 0.85))
    veil = smooth(0.58, 0.74, noise(u * 1.9 + 11, v * 1.9 + 43))
    canvas.blush(mask * veil, (0.40, 0.42, 0.47), chance.uniform(0.10, 0.50))
    rosy = smooth(0.60, 0.78, noise(u * 1.7 + 53, v * 1.7 + 19))
    canvas.stain(mask * rosy, RED, 0.6)
    canvas.raise_(0.05 * mask * noise(u * 3, v * 3))


def scaly_plaque(canvas: Canvas, chance: Chance) -> None:
    """Draw a sharply bordered red plaque under broken white scale."""
    radius, edge = chance.uniform(0.68, 1.0), chance.uniform(0.04, 0.10)
    distance = _outline(canvas, chance.uniform(0.68, 1.0), wobble=0.42, fineness=1.4)
    mask = smooth(radius + edge, radius - edge, distance)
    canvas.stain(mask, RED, chance.uniform(0.55, 1.15))
    canvas.stain(mask, BROWN, 0.12)
    u, v, noise = canvas.u, canvas.v, canvas.noise
    flakes = smooth(0.46, 0.60, noise.rough(u * 5 + 3, v * 5 + 29, 3)) * smooth(radius, radius - 0.25, distance)
    cracks = smooth(0.80, 0.96, noise.ridges(u * 6 + 9, v * 6 + 2))
    canvas.blush(flakes * (1 - 0.7 * cracks), SCALE, chance.uniform(0.12, 0.85))
    canvas.raise_(mask * 0.07 + 0.05 * flakes * noise(u * 14, v * 14))


def ring(canvas: Canvas, chance: Chance) -> None:
    """Draw a ring with a raised, red, finely scaling border and a clearer middle."""
    radius, width = chance.uniform(0.62, 0.92), chance.uniform(0.10, 0.20)
    distance = _outline(canvas, chance.uniform(0.78, 1.0), wobble=0.26, fineness=1.2)
    u, v, noise = canvas.u, canvas.v, canvas.noise
    from_border = abs(distance - radius)
    border = smooth(width, width * 0.35, from_border) * (0.55 + 0.45 * noise(u * 2.5 + 4, v * 2.5 + 8))
    inside = smooth(radius, radius - width, distance)
    canvas.stain(inside, RED, chance.uniform(0.06, 0.55))
    canvas.stain(inside, BROWN, chance.uniform(0.04, 0.16))
    canvas.stain(border, RED, chance.uniform(0.45, 1.10))
    flakes = smooth(0.54, 0.68, noise.rough(u * 9 + 6, v * 9 + 1, 2)) * smooth(width, 0.0, from_border)
    canvas.blush(flakes, SCALE, chance.uniform(0.25, 0.60))
    canvas.raise_(0.09 * border)


def red_dome(canvas: Canvas, chance: Chance) -> None:
    """Draw one smooth, shining, cherry-red dome, sometimes with tiny ones beside it."""
    radius = chance.uniform(0.26, 0.46)
    distance = _outline(canvas, chance.uniform(0.86, 1.0), wobble=0.08, fineness=1.2)
    _cherry(canvas, distance, radius, chance.uniform(0.72, 0.95))
    for _ in range(chance.pick((0, 0, 1, 2))):
        x, y = chance.direction()
        away, small = chance.uniform(0.75, 1.15), chance.uniform(0.06, 0.12)
        _cherry(canvas, length(canvas.u - x * away, canvas.v - y * away), small, 0.75)


def _cherry(canvas: Canvas, distance: Array, radius: float, opacity: float) -> None:
    mask = smooth(radius + 0.04, radius - 0.04, distance)
    canvas.blush(mask, CHERRY, opacity)
    canvas.stain(smooth(radius * 0.55, radius, distance) * mask, (0.35, 0.30, 0.30))
    canvas.raise_(0.45 * radius * _dome(distance, radius))
    canvas.shine(mask)


def _outline(canvas: Canvas, squeeze: float, wobble: float, fineness: float) -> Array:
    """Return the distance from the middle, squeezed to an ellipse and bent by noise (``wobble`` in lesion units)."""
    bend = canvas.noise.rough(canvas.u * fineness + 23, canvas.v * fineness + 37, 3) - 0.5
    return length(canvas.u, canvas.v / squeeze) + wobble * bend


def _dome(distance: Array, radius: float) -> Array:
    inside = distance / radius
    return smooth(1.0, 0.0, inside)
