"""Training pictures: drawn cases of a series, shrunk to the model's input size.

In: a series name and how many. Out: the cases and uint8 [n, S, S, 3]. The series must not be the bench's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.demo import SERIES as BENCH_SERIES
from vlmeval.data.demo_drawing import MORPHOLOGIES, Chance, DrawnCase, draw, make_case
from vlmeval.progress import Progress, silent

LIGHT_TONES: Final = (20, 20, 17, 14, 10, 7, 5, 3, 2, 2)
"""How often each Monk tone comes in training: mostly light, as in most public collections of skin pictures."""


@dataclass(frozen=True)
class Pictures:
    """Drawn cases and one picture of each."""

    cases: list[DrawnCase]
    pixels: npt.NDArray[np.uint8]


def draw_series(series: str, count: int, size: int, progress: Progress = silent) -> Pictures:
    """Draw one picture of each of the series' first ``count`` cases, shrunk to ``size`` pixels.

    Raises ValueError when the series is the bench's.
    """
    from PIL import Image

    cases = series_cases(series, count)
    pixels = np.empty((count, size, size, 3), dtype=np.uint8)
    for number, case in enumerate(cases):
        progress(f"draw {series}", number, count)
        picture = Image.fromarray(draw(case, 0)).resize((size, size), Image.Resampling.BICUBIC)
        pixels[number] = np.asarray(picture)
    return Pictures(cases, pixels)


def series_cases(series: str, count: int) -> list[DrawnCase]:
    """Return the first ``count`` cases of a training series, every morphology equally often.

    Raises
    ------
    ValueError
        When the series is the bench's: a model must not be trained on what it is tested on.
    """
    if series == BENCH_SERIES:
        raise ValueError(f"series {series!r} is the bench's; training draws from another")
    names = list(MORPHOLOGIES)
    return [make_case(series, number, names[number % len(names)], LIGHT_TONES) for number in range(count)]


def turned(pixels: npt.NDArray[np.uint8], chance: Chance) -> npt.NDArray[np.uint8]:
    """Return the pictures [n, S, S, 3], each turned by quarters and perhaps mirrored; a lesion has no up or down."""
    turns = (chance.array(len(pixels)) * 8).astype(int)
    return np.stack(
        [np.rot90(one[:, ::-1] if turn >= 4 else one, turn % 4) for one, turn in zip(pixels, turns, strict=True)]
    )
