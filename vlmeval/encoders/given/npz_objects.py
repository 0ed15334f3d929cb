"""The arrays of an npz or npy file, those that hold Python objects included, without unpickling anything.

In: a file. Out: its arrays by key (an npy's array has the key ""). Headers are read by numpy's own functions, numbers
are taken from the bytes, and the pickle inside an object array goes through `pickled.read_pickle`, which knows arrays,
numbers and strings and refuses everything else by name.
"""

from __future__ import annotations

import io
import lzma
import math
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy_format

from vlmeval.encoders.given.pickled import read_pickle
from vlmeval.encoders.given.pickled_arrays import RefusedError, check_text
from vlmeval.errors import DataError, MissingDataError, UsageError

_DAMAGED: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)
BAD_ARRAY: Final = (ValueError, TypeError, SyntaxError, OverflowError, tokenize.TokenError)
"""What numpy raises for a damaged header, beside errors of the file itself."""
Arrays = dict[str, npt.NDArray[Any]]
SUFFIX: Final = ".npy"
MAX_RATIO: Final = 50  # vectors hardly shrink when compressed; an archive that grows 50-fold is no file of vectors
SMALL: Final = 64 << 20
_HEADERS: Final = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


def read_arrays(file: Path) -> Arrays:
    """Read every array of an npz or npy file.

    Raises
    ------
    MissingDataError
        No such file.
    UsageError
        A suffix that is neither npz nor npy.
    DataError
        Not such a file, cut off, or an array that holds anything but arrays, numbers and strings; names file and key.
    """
    if file.suffix.lower() not in (".npz", ".npy"):
        raise UsageError("not a kind of file that can be converted", file=file, expected=".npz, .npy")
    if not file.is_file():
        raise MissingDataError("no such file of embeddings", file=file)
    if file.suffix.lower() == ".npy":
        return {"": read_array(file.read_bytes(), file, None)}
    try:
        with zipfile.ZipFile(file) as archive:
            _check_sizes(archive, file)
            names = [name for name in archive.namelist() if name.endswith(SUFFIX)]
            keys = [name.removesuffix(SUFFIX) for name in names]
            return {key: read_array(archive.read(name), file, key) for key, name in zip(keys, names, strict=True)}
    except _DAMAGED as error:
        raise DataError("a damaged npz archive", file=file, found=str(error) or "its end is missing") from error


def _check_sizes(archive: zipfile.ZipFile, file: Path) -> None:
    size = sum(member.file_size for member in archive.infolist())
    packed = file.stat().st_size
    if size > SMALL and size > MAX_RATIO * packed:
        raise DataError(
            "an archive far larger inside than vectors can be", file=file, found=f"{size} in {packed} bytes"
        )


def read_array(data: bytes, file: Path, key: str | None) -> npt.NDArray[Any]:
    """Return the array of one npy file's bytes; ``file`` and ``key`` are for messages."""
    stream = io.BytesIO(data)
    try:
        version = npy_format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"npy version {version}")
        shape, fortran, dtype = _HEADERS[version](stream)
        if dtype.hasobject:
            return _objects(data[stream.tell() :], dtype, shape)
        return _numbers(data, stream.tell(), dtype, shape, "F" if fortran else "C")
    except RefusedError as error:
        raise DataError(
            "the file holds something else than arrays, numbers and strings; it was not read",
            file=file,
            key=key,
            expected="numpy arrays, numbers, strings, lists and dicts",
            found=str(error),
            hint="ask who made the file for plain arrays: numpy.savez(FILE, ids=numpy.array(ids, dtype=str), "
            "vectors=vectors)",
        ) from error
    except BAD_ARRAY as error:
        raise DataError("not a whole npy array", file=file, key=key, found=first_line(error)) from error


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _numbers(
    data: bytes, start: int, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["C", "F"]
) -> npt.NDArray[Any]:
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or len(data) - start != size:
        raise ValueError(f"{len(data) - start} bytes where the header says {size}")
    return check_text(np.ndarray(shape, dtype, buffer=data, offset=start, order=order))


def _objects(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if dtype != np.dtype(object):
        raise RefusedError(f"an array with fields of objects ({dtype})")
    found = read_pickle(data)
    if not isinstance(found, np.ndarray) or found.shape != shape:
        what = f"an array {list(found.shape)}" if isinstance(found, np.ndarray) else type(found).__name__
        raise RefusedError(f"{what} where the header says {list(shape)}")
    return found
