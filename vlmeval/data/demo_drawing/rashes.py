"""Morphologies of many lesions: wheals, grouped blisters, follicular bumps. Each draws on a Canvas.

As in spots.py, ``chance`` belongs to the case and the drawings are cartoons of morphological terms.
"""

from __future__ import annotations

import math

import numpy as np

from vlmeval.data.demo_drawing.canvas import Canvas
from vlmeval.data.demo_drawing.chance import Chance
from vlmeval.data.demo_drawing.fields import length, smooth
from vlmeval.data.demo_drawing.spots import RED

FLUID = (0.93, 0.86, 0.70)
PUS = (0.95, 0.90, 0.72)


def wheals(canvas: Canvas, chance: Chance) -> None:
    """Draw several smooth, raised, pale-centred welts, each in a pink flare, some running together."""
    u, v, noise = canvas.u, canvas.v, canvas.noise
    bend = 0.55 * (noise.rough(u * 1.6 + 12, v * 1.6 + 51, 2) - 0.5)
    distance = np.full_like(u, 9.0)
    for _ in range(chance.integer(3, 8)):
        x, y = _place(chance, 1.25)
        radius, squeeze = chance.uniform(0.20, 0.46), chance.uniform(0.55, 1.0)
        ax, ay = chance.direction()
        along, across = (u - x) * ax + (v - y) * ay, (v - y) * ax - (u - x) * ay
        distance = np.minimum(distance, length(along, across / squeeze) - radius)
    distance = distance + bend
    flare, welt = smooth(0.24, -0.12, distance), smooth(0.06, -0.22, distance)
    canvas.stain(flare, RED, chance.uniform(0.30, 0.80))
    canvas.blush(smooth(-0.06, -0.26, distance), (1.0, 0.88, 0.84), chance.uniform(0.12, 0.30))
    canvas.raise_(0.14 * welt)


def blisters(canvas: Canvas, chance: Chance) -> None:
    """Draw a cluster of small, clear, glossy blisters along a band of red skin."""
    u, v, noise = canvas.u, canvas.v, canvas.noise
    band = length(u * 0.72, v * chance.uniform(1.2, 2.0)) + 0.6 * (noise.rough(u * 1.5 + 5, v * 1.5 + 61, 3) - 0.5)
    canvas.stain(smooth(0.95, 0.55, band), RED, chance.uniform(0.50, 0.90))
    clearness = chance.uniform(0.15, 0.55)
    for _ in range(chance.integer(7, 20)):
        x, y = chance.uniform(-1.05, 1.05), chance.uniform(-0.42, 0.42)
        radius = chance.uniform(0.07, 0.16)
        distance = length(u - x, v - y)
        bead = smooth(radius + 0.02, radius - 0.03, distance)
        canvas.stain(smooth(radius + 0.07, radius, distance) * (1 - bead), RED, 0.45)
        canvas.blush(bead, FLUID, clearness)
        canvas.raise_(0.6 * radius * smooth(radius, 0.0, distance))
        canvas.shine(bead)


def follicular_bumps(canvas: Canvas, chance: Chance) -> None:
    """Draw many small red bumps, evenly scattered as hair follicles are, some with a hair or a white head."""
    u, v = canvas.u, canvas.v
    spacing = chance.uniform(0.42, 0.58)
    strength = chance.uniform(0.45, 1.1)
    heads = chance.uniform(0.1, 0.6)
    for x, y in _scattered(chance, spacing):
        radius = chance.uniform(0.07, 0.13)
        distance = length(u - x, v - y)
        canvas.stain(smooth(radius * 2.3, radius * 0.5, distance), RED, strength * chance.uniform(0.6, 1.0))
        canvas.raise_(0.55 * radius * smooth(radius * 1.4, 0.0, distance))
        centre = smooth(radius * 0.65, radius * 0.25, distance)
        if chance.yes(heads):
            canvas.blush(centre, PUS, 0.75)
        else:
            canvas.stain(centre, (0.5, 0.5, 0.45))


def _scattered(chance: Chance, spacing: float) -> list[tuple[float, float]]:
    """Return points about ``spacing`` apart: a grid, each point moved by up to a third of a step, some left out."""
    steps = np.arange(-1.4, 1.41, spacing)
    points: list[tuple[float, float]] = []
    for row, y in enumerate(steps):
        for x in steps + (spacing / 2 if row % 2 else 0.0):
            dx, dy, stays = chance.array(3) - 0.5
            if x * x + y * y < 2.2 and stays < 0.25:
                points.append((float(x + dx * spacing * 0.66), float(y + dy * spacing * 0.66)))
    return points


def _place(chance: Chance, reach: float) -> tuple[float, float]:
    x, y = chance.direction()
    away = reach * math.sqrt(chance.uniform())
    return x * away, y * away
