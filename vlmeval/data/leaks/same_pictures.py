"""Which rows of a benchmark show the same picture: byte for byte, or saved, resized, cropped, flipped or turned anew.

Comes in: Samples, content hashes and fingerprints, which are known once every picture has been read. Goes out:
`SamePictures`, of which the audit, the leaving out of repeats and the leak group are made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from vlmeval.data.leaks.fingerprint import LENGTH, Fingerprints
from vlmeval.data.leaks.near_identical import Pairs, near_identical
from vlmeval.progress import Progress, silent
from vlmeval.records import NearIdentical, Samples

Rows = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
NO_PICTURES: Final = "no picture was read"


@dataclass(frozen=True)
class SamePictures:
    """Pictures there more than once.

    Attributes
    ----------
    contents
        [n] a name for each row's picture, the same for the same bytes; of a picture that was not read, its own.
    read
        bool [n], whether the picture was read.
    near
        Pairs of rows of different units whose pictures differ in bytes and are near-identical.
    rule
        The thresholds.
    why_not
        Why pictures were not compared; None where they were.
    """

    contents: tuple[str, ...]
    read: Bools
    near: Pairs
    rule: NearIdentical
    why_not: str | None = None

    def take(self, keep: Bools) -> Self:
        """Return the same for the rows that a mask selects."""
        number = np.cumsum(keep) - 1
        both = keep[self.near.first] & keep[self.near.second]
        left = self.near.take(both)
        near = replace(left, first=number[left.first], second=number[left.second])
        contents = tuple(self.contents[row] for row in np.flatnonzero(keep))
        return replace(self, contents=contents, read=self.read[keep], near=near)

    def repeated(self) -> list[Rows]:
        """Return the rows of each content that is there more than once."""
        rows_of: dict[str, list[int]] = defaultdict(list)
        for row, content in enumerate(self.contents):
            rows_of[content].append(row)
        return [np.array(rows, dtype=np.intp) for rows in rows_of.values() if len(rows) > 1]

    def links(self) -> list[Rows]:
        """Return the rows of each repeated content, and of each near-identical pair."""
        pairs = np.column_stack((self.near.first, self.near.second))
        return [*self.repeated(), *pairs]


def no_pictures(samples: Samples, why: str = NO_PICTURES) -> SamePictures:
    """Return what is known where pictures were not read."""
    fingerprints = np.full((len(samples), LENGTH), np.nan, dtype=np.float32)
    return replace(same_pictures(samples, {}, fingerprints), why_not=why)


def same_pictures(
    samples: Samples, hashes: Mapping[str, str], fingerprints: Fingerprints, progress: Progress = silent
) -> SamePictures:
    """Compare all pictures with each other.

    Parameters
    ----------
    samples
        All splits of a benchmark; the card has the thresholds.
    hashes
        Sample id -> SHA-256 of the picture's bytes, as far as known.
    fingerprints
        float32 [n, 256] by row, NaN where there is none.
    progress
        Told of stage ``compare pictures``.
    """
    ids = samples.ids.tolist()
    contents = tuple(hashes.get(name, f"unknown:{name}") for name in ids)
    _, first, content = np.unique(np.array(contents), return_index=True, return_inverse=True)
    rule = samples.benchmark.near_identical
    pairs = _by_row(near_identical(fingerprints[first], rule, progress), content.ravel())
    near = _between_units(pairs, samples)
    read = np.array([name in hashes for name in ids], dtype=np.bool_)
    return SamePictures(contents, read, near, rule, None if read.any() else NO_PICTURES)


def _by_row(pairs: Pairs, content: Rows) -> Pairs:
    """Turn pairs of contents into pairs of rows: a content may stand in several."""
    rows_of: dict[int, Rows] = {}
    for number in {*pairs.first.tolist(), *pairs.second.tolist()}:
        rows_of[number] = np.flatnonzero(content == number)
    found: list[tuple[int, int, int]] = []
    for pair, (a, b) in enumerate(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)):
        found += [(int(i), int(j), pair) for i in rows_of[a] for j in rows_of[b]]
    table = np.array(found, dtype=np.intp).reshape(-1, 3)
    first, second = table[:, :2].min(axis=1), table[:, :2].max(axis=1)
    order = np.lexsort((second, first))
    return replace(pairs.take(table[order, 2]), first=first[order], second=second[order])


def _between_units(pairs: Pairs, samples: Samples) -> Pairs:
    """Leave out pairs inside a unit: photographs of one lesion are often alike, and are one observation anyway."""
    return pairs.take(np.asarray(samples.units[pairs.first] != samples.units[pairs.second], dtype=np.bool_))
