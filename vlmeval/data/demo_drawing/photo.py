"""One photograph of a drawn case: the lesion on skin, light, a limb's curve, hair, and a modest camera.

In: a `DrawnCase` and the number of the photo. Out: uint8 RGB [S, S, 3], the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.demo_drawing import rashes, spots
from vlmeval.data.demo_drawing.canvas import Canvas
from vlmeval.data.demo_drawing.cases import DrawnCase
from vlmeval.data.demo_drawing.chance import Array, Chance
from vlmeval.data.demo_drawing.fields import Noise, blur, grid, slope, smooth
from vlmeval.data.demo_drawing.skin import bare_skin, hair_mask

SIZE: Final = 160
"""Side of a picture in pixels."""

MORPHOLOGIES: Final[dict[str, Callable[[Canvas, Chance], None]]] = {
    "even-spot": spots.even_spot,
    "uneven-patch": spots.uneven_patch,
    "scaly-plaque": spots.scaly_plaque,
    "ring": spots.ring,
    "wheals": rashes.wheals,
    "blisters": rashes.blisters,
    "red-dome": spots.red_dome,
    "follicular-bumps": rashes.follicular_bumps,
}
"""What can be drawn, by the label that the benchmark card's classes use."""

LIMBS: Final = frozenset({"arm", "leg", "hand"})
BACKDROPS: Final = (
    (0.20, 0.29, 0.40), (0.80, 0.82, 0.84), (0.33, 0.42, 0.38), (0.60, 0.56, 0.50), (0.16, 0.16, 0.18),
    (0.66, 0.74, 0.80), (0.50, 0.34, 0.32),
)  # fmt: skip


def draw(case: DrawnCase, photo: int) -> npt.NDArray[np.uint8]:
    """Return photo number ``photo`` (from 0) of a case as uint8 [SIZE, SIZE, 3]."""
    chance = Chance(case.seed, "photo", photo)
    x, y = grid(SIZE)
    u, v = _view(chance, x, y)
    skin = bare_skin(case.tone, Noise(Chance(case.seed, "skin", photo)), x, y, chance)
    canvas = Canvas(skin, u, v, Noise(Chance(case.seed, "shape")))
    MORPHOLOGIES[case.morphology](canvas, Chance(case.seed, "lesion"))
    towards = chance.direction()
    _relight(canvas, towards)
    _lay_hair(canvas, case, chance)
    rgb = canvas.rgb * _light(chance, x, y, towards)[..., None]
    if case.site in LIMBS:
        rgb = _limb(rgb, chance, x, y)
    return _camera(rgb, case.tone, chance)


def _view(chance: Chance, x: Array, y: Array) -> tuple[Array, Array]:
    """Return the lesion's coordinates as this photo sees it: moved, turned, nearer or farther, slightly tilted."""
    cos, sin = chance.direction()
    scale, tilt = chance.uniform(0.40, 0.74), chance.uniform(0.84, 1.0)
    x, y = x - chance.uniform(-0.20, 0.20), (y - chance.uniform(-0.20, 0.20)) / tilt
    return (x * cos + y * sin) / scale, (y * cos - x * sin) / scale


def _relight(canvas: Canvas, towards: tuple[float, float]) -> None:
    """Turn relief into light and shade, and glossy slopes that face the light into highlights."""
    facing = slope(canvas.relief, towards) * (SIZE / 18)
    canvas.rgb *= np.clip(1 + 0.85 * facing, 0.45, 1.5)[..., None]
    canvas.blush(smooth(0.12, 0.34, facing) * canvas.gloss, (1.0, 0.98, 0.95), 0.7)


def _lay_hair(canvas: Canvas, case: DrawnCase, chance: Chance) -> None:
    amount = case.hair + chance.integer(0, 4) if case.hair else 0
    if amount:
        dark = np.array([0.16, 0.12, 0.10]) if case.tone > 3 or chance.yes(0.6) else np.array([0.42, 0.30, 0.18])
        canvas.paint(hair_mask(SIZE, chance, amount), tuple(dark), chance.uniform(0.45, 0.8))


def _light(chance: Chance, x: Array, y: Array, towards: tuple[float, float]) -> Array:
    """Return the light that falls on each pixel: a gradient from the light's side and darker corners."""
    gradient = chance.uniform(0.04, 0.20) * (x * towards[0] + y * towards[1])
    corners = chance.uniform(0.02, 0.14) * (x * x + y * y)
    return np.asarray(chance.uniform(0.86, 1.04) * (1 + gradient - corners))


def _limb(rgb: Array, chance: Chance, x: Array, y: Array) -> Array:
    """Bend the picture around a limb: shade towards its edges, and cloth behind where the picture reaches past it."""
    ax, ay = chance.direction()
    across = np.abs(x * ax + y * ay + chance.uniform(-0.12, 0.12)) / chance.uniform(0.92, 1.7)
    round_ = np.sqrt(np.clip(1 - across * across, 0.0, 1.0))
    rgb = rgb * (0.48 + 0.52 * np.sqrt(round_))[..., None]
    cloth = np.asarray(chance.pick(BACKDROPS)) * chance.uniform(0.7, 1.1)
    weave = 1 + 0.05 * np.where((np.arange(SIZE)[:, None] + np.arange(SIZE)) % 4 < 2, 1.0, -1.0)
    # A soft shadow of the limb lies on the cloth beside it.
    behind = cloth * (weave * smooth(0.7, 1.35, across) * 0.5 + 0.5 * weave)[..., None]
    edge = smooth(0.985, 1.005, across)[..., None]
    return np.asarray(rgb * (1 - edge) + behind * edge)


def _camera(rgb: Array, tone: float, chance: Chance) -> npt.NDArray[np.uint8]:
    """Expose, tint, blur, add noise and thin the colour out as JPEG does; then round to 8 bits."""
    # Automatic exposure: cameras lift dark scenes somewhat.
    rgb = rgb * (1 + 0.10 * max(0.0, tone - 4)) * chance.uniform(0.90, 1.06)
    warmth = chance.uniform(-0.05, 0.05)
    rgb = rgb * np.array([1 + warmth, 1.0, 1 - warmth])
    rgb = blur(rgb, chance.pick((0, 1, 2, 5, 10), (6, 3, 2.5, 1.5, 1)))
    grain = chance.array(SIZE, SIZE) + chance.array(SIZE, SIZE) - 1
    rgb = rgb + chance.uniform(0.004, 0.028) * grain[..., None]
    if chance.yes(0.5):
        rgb = _thin_colour(rgb)
    return np.floor(np.clip(rgb, 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def _thin_colour(rgb: Array) -> Array:
    """Keep the lightness of every pixel, and the colour only of blocks of 4 x 4."""
    light = (rgb[..., 0] * 0.299 + rgb[..., 1] * 0.587 + rgb[..., 2] * 0.114)[..., None]
    colour = rgb - light
    blocks = sum(colour[i::4, j::4] for i in range(4) for j in range(4)) / 16
    return np.asarray(light + blur(np.repeat(np.repeat(blocks, 4, axis=0), 4, axis=1), 2))
