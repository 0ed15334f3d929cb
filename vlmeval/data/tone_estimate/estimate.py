"""A skin-tone group estimated from the pictures, only where somebody asks for it (``--estimate-tone``).

In: Samples and an angle a picture (pixels.py). Out: Samples whose card has one more group, that of
`benchmarks/estimated-tone.yaml`, always named and marked as estimated; the angles are its figures.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, Literal
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlmeval.catalog.yamlfile import read_yaml, validate
from vlmeval.data.images import ImageDecodeError, decode_rgb
from vlmeval.data.tone_estimate.pixels import LONGEST_SIDE, typology_angle
from vlmeval.errors import UsageError
from vlmeval.progress import Progress, silent
from vlmeval.records import GroupSpec, ImageRef, Record, Samples
from vlmeval.resources import data_folder

FILE: Final = "estimated-tone.yaml"
FROM_PIXELS: Final = "individual typology angle"
"""The column of the group that this module adds: what no table has to hold."""
STAGE: Final = "estimate tone"
MAX_THREADS: Final = 16
UNREADABLE: Final = (ImageDecodeError, OSError, KeyError, BadZipFile, zlib.error, NotImplementedError, RuntimeError)
Read = Callable[[ImageRef], bytes]


class EstimatedTone(Record):
    """The content of `estimated-tone.yaml`: the group that is added, and what it cannot tell."""

    schema_: Literal[1] = Field(alias="schema")
    group: GroupSpec
    limits: tuple[str, ...]


def estimated_tone() -> EstimatedTone:
    """Return the group and its limits as they ship (CatalogError where the file is not valid)."""
    file = read_yaml(data_folder("benchmarks") / FILE)
    return validate(EstimatedTone, file)


def angle_of(data: bytes) -> float | None:
    """Return the typology angle of an encoded picture; None where it cannot be estimated. Raises ImageDecodeError."""
    from PIL import Image

    picture = decode_rgb(data)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BOX, reducing_gap=None)
    return typology_angle(np.asarray(picture))


def estimate_angles(
    images: Sequence[ImageRef], read: Read = ImageRef.read_bytes, progress: Progress = silent
) -> list[float | None]:
    """Return the typology angle of each picture, several at a time; None where it cannot be estimated or read.

    Parameters
    ----------
    images
        The pictures.
    read
        How to read a picture's bytes; must be safe in several threads.
    progress
        Told of stage ``estimate tone``.
    """

    def one(ref: ImageRef) -> float | None:
        try:
            return angle_of(read(ref))
        except UNREADABLE:
            return None

    found: list[float | None] = []
    # Threads, not processes: decoding and scaling, most of the work, leave Python's lock.
    with ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1)) as pool:
        for done, angle in enumerate(pool.map(one, images)):
            progress(STAGE, done, len(images))
            found.append(angle)
    progress(STAGE, len(images), len(images))
    return found


def with_estimated_tone(samples: Samples, angles: Sequence[float | None]) -> Samples:
    """Return the samples with the estimated group; a unit has the median of its pictures' angles.

    Raises
    ------
    UsageError
        The card has a group of that name already.
    """
    group = estimated_tone().group
    card = samples.benchmark
    if any(known.id == group.id for known in card.groups):
        raise UsageError(f"{card.id} has a group {group.id!r} of its own", key="--estimate-tone")
    by_row = _by_unit(samples.units, np.array([np.nan if a is None else a for a in angles], dtype=np.float64))
    tones = [i for i, known in enumerate(card.groups) if known.kind == "skin-tone"]
    at = tones[-1] + 1 if tones else 0
    return replace(
        samples,
        benchmark=card.model_copy(update={"groups": (*card.groups[:at], group, *card.groups[at:])}),
        groups={**samples.groups, group.id: _codes(group, by_row)},
        figures={**samples.figures, group.id: by_row[:, None].astype(np.float32)},
    )


def _by_unit(units: npt.NDArray[np.str_], angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return [n] the median angle of each row's unit, NaN where none of its pictures has one."""
    _, member = np.unique(units, return_inverse=True)
    middle = np.full(int(member.max(initial=-1)) + 1, np.nan)
    known = np.flatnonzero(~np.isnan(angles))
    order = known[np.argsort(member[known], kind="stable")]
    for rows in np.split(order, np.flatnonzero(np.diff(member[order])) + 1):
        if len(rows):
            middle[member[rows[0]]] = np.median(angles[rows])
    found: npt.NDArray[np.float64] = middle[member]
    return found


def _codes(group: GroupSpec, angles: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    codes = np.full(len(angles), next(i for i, level in enumerate(group.levels) if level.missing), dtype=np.int16)
    for code, level in enumerate(group.levels):
        if not level.missing:
            low, below = level.from_, level.below
            codes[(angles >= (-np.inf if low is None else low)) & (angles < (np.inf if below is None else below))] = (
                code
            )
    return codes
