"""Where the names of a few points of a plot go, so that they cross neither each other nor a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

LETTER, LINE, POINT, AWAY = 6.0, 13.0, 6.0, 9.0
"""Widths and heights in pixels: of a letter, of a line of text, of half a point, and from a point to its name."""
SIDES: Final = ((1, -1), (-1, -1), (1, 1), (-1, 1))
"""Right or left of the point, above or below its middle: in the order in which they are tried."""
Box = tuple[float, float, float, float]


def placed(
    points: Sequence[tuple[float, float]], names: Sequence[str], size: tuple[float, float]
) -> list[tuple[int, int] | None]:
    """Return for each point the side its name goes to, or None where no side is free.

    Parameters
    ----------
    points
        Places as shares of the plot: 0 to 1 from the left and from below.
    names
        One a point; earlier ones choose first.
    size
        Width and height of the plot in pixels.
    """
    width, height = size
    centres = [(x * width, (1 - y) * height) for x, y in points]
    taken: list[Box] = [(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in centres]
    made: list[tuple[int, int] | None] = []
    for (x, y), name in zip(centres, names, strict=True):
        boxes = {side: _box(x, y, side, LETTER * len(name)) for side in SIDES}
        free = (
            s for s, box in boxes.items() if box[0] >= 0 and box[2] <= width and not any(_cross(box, t) for t in taken)
        )
        side = next(free, None)
        made.append(side)
        if side is not None:
            taken.append(boxes[side])
    return made


def _box(x: float, y: float, side: tuple[int, int], length: float) -> Box:
    left = x + AWAY if side[0] > 0 else x - AWAY - length
    top = y + (side[1] * 7) - LINE / 2
    return left, top, left + length, top + LINE


def _cross(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
