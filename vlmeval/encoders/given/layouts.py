"""Which arrays of a foreign file are names and which are vectors.

In: arrays by key, as `npz_objects` reads them. Out: names and vectors, and the layout they were found in. Known are

    plain      arrays `ids` [n] and `vectors` [n, d], or the two that --ids and --vectors name
    by key     one array a picture, the key is its name (Derm Foundation's vectors of SCIN: `dataset/images/-123.png`)
    dict       one array that holds a dict {name: vector}; --vectors says which of several
    rows       one array of objects [n, columns], a row holds a name, a vector and perhaps more (MedSigLIP's vectors
               of SCIN: path, vector, labels); of several columns of vectors the longest is taken
    two arrays the only array of texts [n] and the only array of n vectors

`KEY:COLUMN` stands for a column of a two-dimensional array, as in ``--vectors data:1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.encoders.given.join import number_name
from vlmeval.encoders.given.npz_objects import Arrays
from vlmeval.errors import DataError, UsageError

Floats = npt.NDArray[np.floating]
_HINT: Final = "say which: --ids KEY --vectors KEY (KEY:COLUMN for a column of an array)"


@dataclass(frozen=True)
class Found:
    """Names [n], one vector (or None where there is none) for each, the layout, and the dtype as the file has it."""

    names: list[str]
    vectors: list[Floats]
    layout: str
    dtype: str


def find_vectors(arrays: Arrays, file: Path, ids: str | None = None, vectors: str | None = None) -> Found:
    """Find names and vectors.

    Parameters
    ----------
    arrays
        Arrays by key.
    file
        For messages.
    ids, vectors
        Keys of the two arrays, where the layout does not say.

    Raises
    ------
    UsageError
        Only one of the keys, a key that is not there, or more than one way to read the file.
    DataError
        No names and vectors in it.
    """
    dicts = {key: found for key, array in arrays.items() if (found := _as_dict(array)) is not None}
    if ids is None and vectors in dicts:
        return _dict(dicts[vectors], file)
    if (ids is None) != (vectors is None):
        raise UsageError("--ids and --vectors go together", file=file, hint="only a dict {name: vector} has both")
    if ids is not None and vectors is not None:
        return _two(_column(arrays, ids, file), _column(arrays, vectors, file), file, f"{ids} and {vectors}")
    return _by_layout(arrays, dicts, file)


def _by_layout(arrays: Arrays, dicts: dict[str, dict[Any, Any]], file: Path) -> Found:
    if {"ids", "vectors"} <= arrays.keys():
        return _two(arrays["ids"], arrays["vectors"], file, "plain arrays ids and vectors")
    kept = [found for found in dicts.values() if len(arrays) == 1 or _holds_vectors(found)]
    if len(kept) == 1:
        return _dict(kept[0], file)
    key, first = next(iter(arrays.items()), ("", np.zeros(0)))
    if len(arrays) == 1 and first.dtype == object and first.ndim == 2:
        return _rows(first, key, file)
    if arrays and all(as_vector(array) is not None for array in arrays.values()) and not _numbered(arrays):
        return _named(list(arrays), list(arrays.values()), file, "one array a picture, by key")
    return _by_kind(arrays, file)


def _holds_vectors(content: dict[Any, Any]) -> bool:
    return as_vector(next(iter(content.values()), None)) is not None


def _as_dict(array: npt.NDArray[Any]) -> dict[Any, Any] | None:
    content = array.item() if array.dtype == object and array.ndim == 0 else None
    return content if isinstance(content, dict) else None


def as_vector(value: Any, depth: int = 2) -> Floats | None:
    """Return one vector [d] of an array [d] or [1, d], a list of numbers, or one of these inside ``depth`` others.

    Returns None for anything else.
    """
    if isinstance(value, np.ndarray) and value.dtype != object:
        plain = value.dtype.kind in "fiu" and value.ndim and value.size and value.size == max(value.shape)
        return value.reshape(-1) if plain else None
    if isinstance(value, np.ndarray):
        value = value.reshape(-1).tolist() if value.size == max(value.shape, default=1) else None
    if not isinstance(value, list | tuple) or not value:
        return None
    if len(value) == 1 and isinstance(value[0], list | tuple | np.ndarray):
        return as_vector(value[0], depth - 1) if depth else None
    return np.array(value, dtype=np.float64) if all(type(number) in (int, float) for number in value) else None


def as_names(array: npt.NDArray[Any], file: Path) -> list[str] | None:
    """Return [n] names of an array of texts or whole numbers; None for anything else.

    Raises DataError for numbers that have lost their digits.
    """
    flat = array.reshape(-1) if array.size == max(array.shape, default=0) else None
    if flat is None or not array.ndim:
        return None
    values = flat.tolist()
    if flat.dtype.kind in "fiuSU":
        return [number_name(value, file) for value in values]
    if flat.dtype != object or not all(isinstance(value, str | bytes) or type(value) is int for value in values):
        return None
    return [number_name(value, file) for value in values]


def _two(names: npt.NDArray[Any], vectors: npt.NDArray[Any], file: Path, layout: str) -> Found:
    read = as_names(names, file)
    if read is None:
        raise DataError("the ids are no list of texts", file=file, found=f"{names.dtype} {list(names.shape)}")
    if vectors.dtype.kind not in "fiuO" or not vectors.ndim or (vectors.dtype != object and vectors.ndim < 2):
        found = f"{vectors.dtype} {list(vectors.shape)}"
        raise DataError("wrong vectors", file=file, expected="numbers [n, d], or [n] vectors", found=found)
    if len(read) != len(vectors):
        raise DataError(
            "ids and vectors differ in number", file=file, found=f"{len(read)} ids and {len(vectors)} vectors"
        )
    return _named(read, list(vectors), file, layout)


def _named(names: Sequence[str], values: Sequence[Any], file: Path, layout: str) -> Found:
    vectors = [as_vector(value) for value in values]
    bad = [name for name, vector in zip(names, vectors, strict=True) if vector is None]
    if bad:
        value = values[list(names).index(bad[0])]
        found = f"{value.dtype} {list(value.shape)}" if isinstance(value, np.ndarray) else type(value).__name__
        raise DataError(
            f"{len(bad)} names have no vector of numbers", file=file, key=bad[0], expected="numbers [d]", found=found
        )
    kept = [vector for vector in vectors if vector is not None]
    if not kept:
        raise DataError("no vectors in the file", file=file)
    dtypes = sorted({str(vector.dtype) for vector in kept})
    return Found(list(names), kept, layout, ", ".join(dtypes))


def _dict(content: dict[Any, Any], file: Path) -> Found:
    if {"ids", "vectors"} <= content.keys():
        return _two(_as_array(content["ids"]), _as_array(content["vectors"]), file, "a dict of ids and vectors")
    return _named([number_name(key, file) for key in content], list(content.values()), file, "a dict {name: vector}")


def _as_array(values: Any) -> npt.NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    array = np.empty(len(values) if isinstance(values, list | tuple) else 0, dtype=object)
    for position, value in enumerate(values if len(array) else ()):
        array[position] = value
    return array


def _rows(table: npt.NDArray[Any], key: str, file: Path) -> Found:
    """Read rows of (name, vector, ...): the one column of texts, and the longest of the columns of vectors."""
    texts = [k for k in range(table.shape[1]) if len(table) and all(isinstance(v, str | bytes) for v in table[:, k])]
    lengths = {k: _length(table[:, k]) for k in range(table.shape[1])}
    longest = [k for k, length in lengths.items() if length and length == max(lengths.values())]
    if len(texts) != 1 or len(longest) != 1:
        raise UsageError(
            "it is not clear which column holds the names and which the vectors",
            file=file,
            key=key or None,
            expected="one column of texts and one column of longest vectors",
            found=f"{len(texts)} columns of texts; lengths of vectors by column: {list(lengths.values())}",
            hint=_HINT,
        )
    layout = f"rows of an array: names in column {texts[0]}, vectors in column {longest[0]}"
    names = [number_name(value, file) for value in table[:, texts[0]]]
    return _named(names, table[:, longest[0]].tolist(), file, layout)


def _length(column: npt.NDArray[Any]) -> int:
    first = as_vector(column[0]) if len(column) else None
    return 0 if first is None else len(first)


def _by_kind(arrays: Arrays, file: Path) -> Found:
    """Take the only array of texts and the only array of as many vectors."""
    texts = [key for key, array in arrays.items() if array.dtype.kind in "SUO" and as_names(array, file)]
    pairs = [(t, v) for t in texts for v, array in arrays.items() if v != t and _as_many(arrays[t], array)]
    if len(pairs) == 1:
        (names, vectors) = pairs[0]
        return _two(arrays[names], arrays[vectors], file, f"arrays {names} and {vectors}")
    listed = [f"{key or 'the array'} {array.dtype} {list(array.shape)}" for key, array in arrays.items()]
    found = "; ".join(listed[:8]) + ("; ..." if len(listed) > 8 else "")
    if pairs:
        raise UsageError("more than one pair of arrays could be names and vectors", file=file, found=found, hint=_HINT)
    raise DataError(
        "no names and vectors in the file",
        file=file,
        expected="a layout such as arrays 'ids' [n] and 'vectors' [n, d], or one array a picture",
        found=found or "no arrays",
        hint=_HINT if arrays else None,
    )


def _as_many(names: npt.NDArray[Any], vectors: npt.NDArray[Any]) -> bool:
    if not vectors.ndim or len(vectors) != names.size or not len(vectors):
        return False
    if vectors.dtype == object:
        return vectors.ndim == 1 and as_vector(vectors[0]) is not None
    return vectors.dtype.kind in "fiu" and vectors.ndim >= 2


def _numbered(arrays: Arrays) -> bool:
    """Whether the keys are numpy's own for arrays without names (``arr_0``, and an npy's)."""
    return all(key == "" or key.removeprefix("arr_").isdigit() for key in arrays)


def _column(arrays: Arrays, key: str, file: Path) -> npt.NDArray[Any]:
    if key in arrays:
        return arrays[key]
    name, _, column = key.rpartition(":")
    if name in arrays and column.isdigit() and arrays[name].ndim == 2 and int(column) < arrays[name].shape[1]:
        return arrays[name][:, int(column)]
    raise UsageError("no such array in the file", file=file, key=key, found=", ".join(list(arrays)[:8]))
