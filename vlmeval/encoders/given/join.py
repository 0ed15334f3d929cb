"""Rows of given vectors to samples: by id, by image path, by file name.

In: the names that the file gives its rows, and the samples' ids and image paths. Out: a row (or none) for each sample,
and how each was found. A name that could mean two different rows means neither.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.errors import DataError

Parts = tuple[str, ...]
Score = tuple[int, int]  # parts of the path that agree, counted from its end; whether the suffix does, too

WAYS: Final = ("by id", "by image path", "by file name")
BY_ID: Final[Score] = (10_000, 1)
NOTHING: Final[Score] = (0, 0)
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".dcm", ".npy")
_EXACT: Final = 2**53  # the largest range in which every whole number is a float64
_LONG_NUMBER: Final = re.compile(r"-?\d{16,20}")
_ROUNDED: Final = re.compile(r"-?\d(\.\d+)?[eE]\+?\d+|-?\d{16,20}\.0*")


def number_name(value: Any, file: Path) -> str:
    """Return the text of a name that a file holds as text, bytes or a number.

    Raises
    ------
    DataError
        A number with a fraction or beyond 2^53: it was an id once, and has lost its last digits.
    """
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError("an id is not UTF-8", file=file, found=repr(value[:40])) from error
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise DataError("an id is not UTF-8", file=file, found=ascii(value[:40]))
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _EXACT:
            raise mangled(file, repr(value))
        return str(int(value))
    return str(value)


def mangled(file: Path, found: str, expected: str | None = None) -> DataError:
    """Return the error for ids that somebody read as floating-point numbers."""
    return DataError(
        "the ids have been read as floating-point numbers and have lost their last digits",
        file=file,
        expected=expected or "ids as text, or as whole numbers of 64 bits",
        found=found,
        hint="write the file again from a table whose id column was read as text, e.g. "
        "pandas.read_csv(FILE, dtype={'case_id': str}); lost digits cannot be brought back",
    )


@dataclass(frozen=True)
class Matches:
    """``rows`` [m], -1 for none; ``ways`` counts how they were found, ``ambiguous`` names undecidable samples."""

    rows: npt.NDArray[np.intp]
    ways: dict[str, int]
    ambiguous: tuple[str, ...]


def match(names: Sequence[str], ids: Sequence[str], images: Sequence[str], same: Callable[[int, int], bool]) -> Matches:
    """Find a row for each sample.

    Parameters
    ----------
    names
        [n] distinct names of the rows.
    ids, images
        [m] sample ids, and the path of each sample's image (as much of it as is known).
    same
        Whether two rows hold the same vector: then it does not matter which is taken.
    """
    by_name = {name: row for row, name in enumerate(names)}
    by_stem: dict[str, list[tuple[int, Parts]]] = {}
    for row, name in enumerate(names):
        parts = _parts(name)
        by_stem.setdefault(_stem(parts[-1]) if parts else "", []).append((row, parts))
    rows = np.full(len(ids), -1, dtype=np.intp)
    scores = [NOTHING] * len(ids)
    undecided = set()
    for position, (sample, image) in enumerate(zip(ids, images, strict=True)):
        if sample in by_name:
            rows[position], scores[position] = by_name[sample], BY_ID
            continue
        parts = _parts(image)
        best, score = _closest(parts, by_stem.get(_stem(parts[-1]), []) if parts else [])
        if best and all(same(best[0], other) for other in best[1:]):
            rows[position], scores[position] = best[0], score
        elif best:
            undecided.add(position)
    undecided |= _give_up_shared(rows, scores, images)
    found = [score for row, score in zip(rows, scores, strict=True) if row >= 0]
    by_id, by_path = sum(s == BY_ID for s in found), sum(s[0] > 1 and s != BY_ID for s in found)
    ways = dict(zip(WAYS, (by_id, by_path, len(found) - by_id - by_path), strict=True))
    return Matches(rows, ways, tuple(ids[position] for position in sorted(undecided)))


def _give_up_shared(rows: npt.NDArray[np.intp], scores: Sequence[Score], images: Sequence[str]) -> set[int]:
    """Take a row away from all samples but those it fits best, and from these too if they are different pictures.

    Returns the latter: ``1.png`` cannot be told to mean ``train/1.png`` or ``test/1.png``.
    """
    holders: dict[int, list[int]] = {}
    for position in np.flatnonzero(rows >= 0).tolist():
        holders.setdefault(int(rows[position]), []).append(position)
    undecided: set[int] = set()
    for positions in holders.values():
        top = max(scores[position] for position in positions)
        best = [position for position in positions if scores[position] == top]
        unclear = top != BY_ID and len({images[position] for position in best}) > 1
        undecided |= set(best) if unclear else set()
        rows[[position for position in positions if unclear or position not in best]] = -1
    return undecided


def check_digits(file: Path, unused: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse names that equal a sample's only after rounding: they were 64-bit numbers and have become floats.

    Parameters
    ----------
    unused
        Names of the file that joined nothing.
    wanted
        Ids and image paths of the samples without a vector.
    """
    rounded = {float(name): name for name in map(_last, unused) if _rounded(name)}
    for text in wanted if rounded else ():
        for number in map(_stem, _parts(text)):
            if _LONG_NUMBER.fullmatch(number) and rounded.get(float(number), number) != number:
                raise mangled(file, rounded[float(number)], expected=number)


def _rounded(name: str) -> bool:
    return bool(_ROUNDED.fullmatch(name) or _LONG_NUMBER.fullmatch(name))


def _closest(image: Parts, candidates: Sequence[tuple[int, Parts]]) -> tuple[list[int], Score]:
    """Return the rows whose path shares the longest end with the image's, and how close that is.

    The last part may lack its suffix or have another (a picture that was converted): that counts less than the same.
    """
    best: list[int] = []
    reached = NOTHING
    for row, parts in candidates:
        shared = 1
        for ours, theirs in zip(image[-2::-1], parts[-2::-1], strict=False):
            if ours != theirs:
                break
            shared += 1
        score = (shared, int(image[-1] == parts[-1]))
        if score > reached:
            best, reached = [row], score
        elif score == reached:
            best.append(row)
    return best, reached


def _parts(text: str) -> Parts:
    return tuple(part for part in text.replace("\\", "/").split("/") if part not in ("", "."))


def _last(text: str) -> str:
    parts = _parts(text)
    return _stem(parts[-1]) if parts else ""


def _stem(name: str) -> str:
    """Return a file name without the suffix of a picture; ``case.1`` is no file name and stays whole."""
    stem, dot, suffix = name.rpartition(".")
    return stem if stem and dot + suffix.lower() in _PICTURES else name
