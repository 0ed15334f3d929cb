"""The fingerprint of a picture: its coarse structure in 256 numbers, the same however the picture was saved or resized.

Comes in: an RGB picture. Goes out: the low frequencies of its grey 32x32 version (float32 [256]); of these, 64-bit
perceptual hashes in all eight orientations, and how alike two pictures are. Cheap to import: worker processes do.

The hash is pHash (Zauner 2010, "Implementation and benchmarking of perceptual image hash functions"): the signs of the
8x8 lowest frequencies of the cosine transform, the constant ones left out. pHash compares each with the median of them
all, which is nearly zero; with zero itself, flips and rotations of a picture only exchange and invert bits and need no
second transform: flipping changes the sign of odd frequencies, transposing exchanges the two directions.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE: Final = 32
"""Pictures are squeezed to SIDE x SIDE grey values."""

KEPT: Final = 16
"""So many frequencies a direction are kept: enough to confirm what the hash suggests."""

LENGTH: Final = KEPT * KEPT
ORIENTATIONS: Final = 8
IDENTITY: Final = "vlmeval fingerprint 1: 16x16 of the orthonormal DCT-II of 32x32 grey values (Pillow, L, box filter)"
"""What a fingerprint is: changes whenever the numbers would."""

ORIENTATION_NAMES: Final = (
    "upright",
    "upside down",
    "mirrored",
    "turned by 180°",
    "transposed",
    "turned by 90°",
    "turned by 90°",
    "transposed and turned",
)
"""What makes the second picture of a pair like the first, by orientation."""

Fingerprints = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]


def _cosines() -> Fingerprints:
    """Return the first KEPT rows of the orthonormal DCT-II of length SIDE."""
    frequency, place = np.arange(KEPT)[:, None], np.arange(SIDE)[None, :]
    rows = np.sqrt(2 / SIDE) * np.cos(np.pi * (2 * place + 1) * frequency / (2 * SIDE))
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float32)


_COSINES: Final = _cosines()
_SIGNS: Final = np.where(np.arange(KEPT) % 2, -1, 1).astype(np.float32)
# By Parseval the gradient's products: fine structure counts as much as the blob in the middle.
_WEIGHTS: Final = np.hypot(np.arange(KEPT)[:, None], np.arange(KEPT)[None, :]).astype(np.float32)


def fingerprint(picture: Image.Image) -> Fingerprints:
    """Return float32 [256]: the low frequencies of a picture, row by row; the first is its brightness."""
    small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.float32)
    return np.asarray(_COSINES @ grey @ _COSINES.T, dtype=np.float32).reshape(LENGTH)


def contrast(fingerprints: Fingerprints) -> npt.NDArray[np.float32]:
    """Return [n] the standard deviation of the coarse picture in grey levels (of 255): near 0 for a flat picture."""
    squares = np.square(fingerprints[:, 1:]).sum(axis=1, dtype=np.float32)
    return np.asarray(np.sqrt(squares) / SIDE, dtype=np.float32)


def hashes(fingerprints: Fingerprints) -> Hashes:
    """Return uint64 [8, n]: the perceptual hash of each picture in each orientation."""
    low = fingerprints.reshape(-1, KEPT, KEPT)[:, 1:9, 1:9]
    return np.stack([_packed(oriented(low, k, first=1) > 0) for k in range(ORIENTATIONS)])


def oriented(blocks: npt.NDArray[np.float32], k: int, first: int = 0) -> npt.NDArray[np.float32]:
    """Return the frequencies [n, m, m] of the pictures in orientation ``k``; ``first`` is the lowest of them.

    Bit 1 of ``k`` turns the picture upside down, bit 2 mirrors it, bit 4 then exchanges rows and columns.
    """
    signs = _SIGNS[first : first + blocks.shape[1]]
    if k & 1:
        blocks = blocks * signs[None, :, None]
    if k & 2:
        blocks = blocks * signs[None, None, :]
    return blocks.transpose(0, 2, 1) if k & 4 else blocks


def gradients(fingerprints: Fingerprints) -> npt.NDArray[np.float32]:
    """Return float32 [n, 16, 16] of unit length, whose products are correlations of the pictures' grey gradients."""
    weighted = fingerprints.reshape(-1, KEPT, KEPT) * _WEIGHTS
    length = np.sqrt(np.square(weighted).sum(axis=(1, 2), keepdims=True))
    return np.asarray(weighted / np.where(length > 0, length, 1), dtype=np.float32)


def _packed(bits: npt.NDArray[np.bool_]) -> Hashes:
    flat = np.packbits(bits.reshape(len(bits), 64), axis=1)
    return np.ascontiguousarray(flat).view(np.uint64).reshape(len(bits))
