"""From a foreign file of embeddings to a plain one: read, check, merge, write, and say what happened.

In: an npz or npy in any layout of `layouts`. Out: npz or parquet as `plain` writes it, and a `Converted` account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from vlmeval.encoders.given.layouts import Found, find_vectors
from vlmeval.encoders.given.npz_objects import read_arrays
from vlmeval.encoders.given.plain import check_target, write_vectors
from vlmeval.encoders.protocol import Vectors
from vlmeval.environment import own_version
from vlmeval.errors import DataError

MAX_GROWTH: Final = 64  # one array may be named again and again in a pickle; a million times is an attack
SMALL: Final = 256 << 20


@dataclass(frozen=True)
class Converted:
    """What a conversion did: rows, dimension and dtype as found, what was merged or dropped, the layout it was in."""

    source: str
    target: str
    layout: str
    rows_in: int
    rows_out: int
    dim: int
    dtype: str
    repeated: int
    dropped: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return {**asdict(self), "dropped": list(self.dropped)}


def convert(
    source: Path,
    target: Path,
    *,
    ids: str | None = None,
    vectors: str | None = None,
    drop: bool = False,
    model: str | None = None,
) -> Converted:
    """Convert a file of embeddings; nothing in it is unpickled.

    Parameters
    ----------
    source
        An npz or npy of any layout that `layouts` knows.
    target
        Ends in ``.npz`` or ``.parquet``.
    ids, vectors
        Keys of names and vectors where the layout does not say.
    drop
        Leave rows with NaN or infinity out instead of refusing the file.
    model
        The model that made the vectors; its training data and licence are then known where the file is used.

    Raises
    ------
    UsageError
        A suffix or key that is not right, or more than one way to read the file.
    DataError
        The file holds something else, or vectors that cannot be used: of different lengths, not finite, or two for one
        name.
    """
    check_target(target)
    found = find_vectors(read_arrays(source), source, ids, vectors)
    matrix = stack(found, source)
    names, matrix, dropped = _finite(found.names, matrix, source, drop=drop)
    names, matrix = merge_repeats(names, matrix, source)
    converted = Converted(
        source=str(source),
        target=str(target),
        layout=found.layout,
        rows_in=len(found.names),
        rows_out=len(names),
        dim=matrix.shape[1],
        dtype=found.dtype,
        repeated=len(found.names) - len(dropped) - len(names),
        dropped=dropped,
    )
    meta = {"made": "converted", "from": source.name, "layout": found.layout, "dtype": found.dtype}
    write_vectors(target, names, matrix, {**meta, "model": model, "vlmeval": own_version()})
    return converted


def stack(found: Found, file: Path) -> Vectors:
    """Return the vectors as float32 [n, d]; raises DataError when their lengths differ."""
    lengths = np.array([len(vector) for vector in found.vectors])
    usual = int(np.bincount(lengths).argmax()) if lengths.max() < 1 << 24 else int(lengths[0])
    odd = np.flatnonzero(lengths != usual)
    if len(odd):
        some = ", ".join(f"{found.names[row]}: {lengths[row]}" for row in odd[:5])
        raise DataError(
            f"{len(odd)} vectors are longer or shorter than the others",
            file=file,
            expected=f"{usual} numbers",
            found=some,
        )
    size = int(lengths.sum()) * 4
    if size > SMALL and size > MAX_GROWTH * file.stat().st_size:
        raise DataError("far more vectors than the file can hold", file=file, found=f"{len(lengths)} of length {usual}")
    with np.errstate(over="ignore"):  # what does not fit into float32 becomes infinite and is refused by name
        return np.stack([vector.astype(np.float32, copy=False) for vector in found.vectors])


def merge_repeats(names: Sequence[str], vectors: Vectors, file: Path) -> tuple[list[str], Vectors]:
    """Keep the first of rows that have the same name and the same vector.

    Raises
    ------
    DataError
        One name stands for different vectors.
    """
    first: dict[str, int] = {}
    kept, differ = [], []
    for row, name in enumerate(names):
        known = first.setdefault(name, row)
        if known == row:
            kept.append(row)
        elif not np.array_equal(vectors[known], vectors[row], equal_nan=True):
            differ.append(name)
    if differ:
        doubled = sorted(set(differ))
        raise DataError(
            f"{len(doubled)} ids stand for more than one vector",
            file=file,
            expected="one vector an id",
            found=", ".join(doubled[:5]),
        )
    return ([*names], vectors) if len(kept) == len(names) else ([names[row] for row in kept], vectors[kept])


def _finite(
    names: Sequence[str], vectors: Vectors, file: Path, *, drop: bool
) -> tuple[list[str], Vectors, tuple[str, ...]]:
    good = np.asarray(np.isfinite(vectors).all(axis=1))
    bad = tuple(names[row] for row in np.flatnonzero(~good).tolist())
    if bad and (not drop or not good.any()):
        raise DataError(
            f"{len(bad)} of {len(names)} vectors hold NaN or infinity",
            file=file,
            expected="finite numbers within float32",
            found=", ".join(bad[:5]) + (", ..." if len(bad) > 5 else ""),
            hint="--drop-bad leaves them out; the samples they belong to are then counted as missing",
        )
    return [names[row] for row in np.flatnonzero(good).tolist()], vectors[good], bad
