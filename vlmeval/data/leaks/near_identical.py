"""Find pictures that are the same picture saved, resized, slightly cropped, flipped or turned anew.

Comes in: fingerprints (`fingerprint.py`) and the thresholds of a card. Goes out: `Pairs`. Every picture is compared
with every other in all eight orientations by the Hamming distance of their hashes, which takes two seconds for 10,000
pictures. What is close is confirmed by the correlation of the pictures' gradients, since among fifty million pairs of
dermatoscopic pictures (a dark blob in the middle) twenty thousand hashes are close by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from vlmeval.data.leaks.fingerprint import ORIENTATIONS, Fingerprints, Hashes, contrast, gradients, hashes, oriented
from vlmeval.progress import Progress, silent
from vlmeval.records import NearIdentical

STAGE: Final = "compare pictures"
FLAT: Final = 2.0
"""Grey levels of contrast (of 255) below which a picture has no structure to be told by, such as an empty frame."""

BLOCK: Final = 256
STRIPE: Final = 4096  # a block against a stripe fits into a core's cache
CHUNK: Final = 8192
Rows = npt.NDArray[np.intp]
_BITS: Final = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


@dataclass(frozen=True)
class Pairs:
    """Pairs of near-identical pictures, row numbers ``first`` < ``second``, sorted.

    Attributes
    ----------
    first, second
        [p] rows.
    distance
        uint8 [p], bits of 64 in which the hashes differ, in the orientation in which the pictures are most alike.
    correlation
        float32 [p], of the grey gradients in that orientation.
    orientation
        uint8 [p], what was done to the second picture, see `fingerprint.ORIENTATION_NAMES`.
    compared
        How many pictures were compared with each other: those that have a fingerprint and are not flat.
    flat
        How many were left out because they have no structure.
    """

    first: Rows
    second: Rows
    distance: npt.NDArray[np.uint8]
    correlation: npt.NDArray[np.float32]
    orientation: npt.NDArray[np.uint8]
    compared: int
    flat: int

    def __len__(self) -> int:
        return len(self.first)

    def take(self, which: Rows | npt.NDArray[np.bool_]) -> Self:
        """Return some of the pairs, by position or mask."""
        names = ("first", "second", "distance", "correlation", "orientation")
        return replace(self, **{name: getattr(self, name)[which] for name in names})


def near_identical(fingerprints: Fingerprints, rule: NearIdentical, progress: Progress = silent) -> Pairs:
    """Return all pairs of near-identical pictures.

    Parameters
    ----------
    fingerprints
        float32 [n, 256]; NaN in rows of pictures that could not be read.
    rule
        The card's thresholds: ``hash_distance`` and ``correlation``.
    progress
        Told of stage ``compare pictures``.
    """
    known = np.isfinite(fingerprints[:, 0])
    structured = known & (contrast(np.where(known[:, None], fingerprints, 0)) >= FLAT)
    rows = np.flatnonzero(structured)
    chosen = fingerprints[rows]
    bits, shapes = hashes(chosen), gradients(chosen)
    candidates = _close(bits, rule.hash_distance, progress)
    found = [_confirmed(shapes, close, rule.correlation) for close in candidates]
    table = _best(np.concatenate(found)) if found else np.empty((0, 5))
    return Pairs(
        first=rows[table[:, 0].astype(np.intp)],
        second=rows[table[:, 1].astype(np.intp)],
        distance=table[:, 2].astype(np.uint8),
        correlation=table[:, 4].astype(np.float32),
        orientation=table[:, 3].astype(np.uint8),
        compared=len(rows),
        flat=int(known.sum()) - len(rows),
    )


def _close(bits: Hashes, limit: int, progress: Progress) -> Iterator[npt.NDArray[np.int64]]:
    """Yield [c, 4] first, second, distance, orientation of close pairs, each in one orientation.

    A pair may come in several orientations.
    """
    n = bits.shape[1]
    for start in range(0, n, BLOCK):
        progress(STAGE, start, n)
        mine = bits[0, start : start + BLOCK, None]
        for left in range(start, n, STRIPE):
            for k in range(ORIENTATIONS):
                distance = popcount(mine ^ bits[k, None, left : left + STRIPE])
                i, j = np.nonzero(distance <= limit)
                later = i + start < j + left
                i, j = i[later], j[later]
                if len(i):
                    yield np.column_stack((i + start, j + left, distance[i, j], np.full(len(i), k)))
    progress(STAGE, n, n)


def popcount(words: Hashes) -> npt.NDArray[np.uint8]:
    """Return the number of ones of each 64-bit word."""
    if hasattr(np, "bitwise_count"):  # numpy 2
        return np.asarray(np.bitwise_count(words), dtype=np.uint8)
    octets = np.ascontiguousarray(words).view(np.uint8).reshape(*words.shape, 8)
    return np.asarray(_BITS[octets].sum(axis=-1), dtype=np.uint8)


def _confirmed(shapes: npt.NDArray[np.float32], close: npt.NDArray[np.int64], least: float) -> npt.NDArray[np.float64]:
    """Return [c, 5] the close pairs of one orientation whose gradients correlate, with the correlation."""
    k = int(close[0, 3])
    found = []
    for start in range(0, len(close), CHUNK):
        some = close[start : start + CHUNK]
        other = oriented(shapes[some[:, 1]], k)
        alike = np.einsum("nij,nij->n", shapes[some[:, 0]], other)
        enough = alike >= least
        found.append(np.column_stack((some[enough], alike[enough])))
    return np.concatenate(found)


def _best(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return each pair once, in the orientation in which it is most alike, sorted."""
    order = np.lexsort((table[:, 3], -table[:, 4], table[:, 1], table[:, 0]))
    table = table[order]
    new = np.ones(len(table), dtype=np.bool_)
    new[1:] = (table[1:, :2] != table[:-1, :2]).any(axis=1)
    return table[new]
