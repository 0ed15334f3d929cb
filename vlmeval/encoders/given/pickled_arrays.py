"""What may stand in a pickle of numpy arrays beside numbers and strings, and what vlmeval makes of it.

In: the few names that numpy writes into a pickle, with their arguments. Out: arrays, dtypes and scalars built here by
`numpy.ndarray(shape, dtype, buffer=...)` from sizes that were checked. The functions that the pickle names are never
looked up: the names are compared with the list below, and nothing else has a meaning.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

MAX_DIMENSIONS: Final = 8
_PLAIN_DTYPE: Final = re.compile(r"[<>|=]?[biufSUO]\d{1,6}")


class RefusedError(Exception):
    """Something in a pickle that is not an array, a number or a string; the message says what."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name written in a pickle; only a name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Unfinished:
    """A dtype or array that the stream has announced and not filled yet (`BUILD` fills it)."""

    __slots__ = ("dtype", "value")

    def __init__(self, dtype: np.dtype[Any] | None = None) -> None:
        self.dtype = dtype
        self.value: npt.NDArray[Any] | None = None

    def build(self, state: Any) -> npt.NDArray[Any] | None:
        """Fill it with the state that numpy wrote; returns the array, or None for a dtype."""
        if self.dtype is None:
            self.value = _array(state)
        else:
            self.dtype = _ordered(self.dtype, state)
        return self.value


def named(module: str, name: str) -> Name:
    """Return the name if numpy writes it for arrays of numbers and strings; raises RefusedError."""
    found = Name(module, name)
    if found not in _MAKERS and found != _NDARRAY:
        raise RefusedError(f"{found}")
    return found


def call(function: Any, arguments: Any) -> Any:
    """Return what numpy's own function of that name would make of the arguments."""
    if not isinstance(function, Name) or function not in _MAKERS or not isinstance(arguments, tuple):
        raise RefusedError(f"a call of {function if isinstance(function, Name) else type(function).__name__}")
    return _MAKERS[function](arguments)


def check_text(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array; raises RefusedError for text of numbers that are no characters, on which numpy stumbles."""
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        numbers = np.dtype(np.uint32).newbyteorder(array.dtype.byteorder)
        highest = int(np.ascontiguousarray(array).reshape(-1).view(numbers).max())
        if highest > sys.maxunicode:
            raise RefusedError(f"text with a character of number {highest}")
    return array


def _reconstruct(arguments: tuple[Any, ...]) -> Unfinished:
    if len(arguments) != 3 or arguments[0] != _NDARRAY:
        kind = arguments[0] if arguments else "nothing"
        raise RefusedError(f"an array of type {kind if isinstance(kind, Name) else type(kind).__name__}")
    return Unfinished()


def _dtype(arguments: tuple[Any, ...]) -> Unfinished:
    text = arguments[0] if arguments else None
    if not isinstance(text, str) or not _PLAIN_DTYPE.fullmatch(text):
        raise RefusedError(f"dtype {str(text)[:40]!r}")
    try:
        return Unfinished(np.dtype(text))
    except TypeError as error:
        raise RefusedError(f"dtype {text!r}") from error


def _ordered(dtype: np.dtype[Any], state: Any) -> np.dtype[Any]:
    """Apply the state of a dtype: only its byte order may say something new."""
    if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "="):
        raise RefusedError("a dtype with an unknown state")
    if any(part is not None for part in state[2:5]):
        raise RefusedError("a dtype with fields")
    return dtype if state[1] == "|" else dtype.newbyteorder(state[1])


def _array(state: Any) -> npt.NDArray[Any]:
    if not isinstance(state, tuple) or len(state) != 5:
        raise RefusedError("an array with an unknown state")
    _, shape, dtype, fortran, content = state
    return _filled(content, _finished(dtype), shape, "F" if fortran is True or fortran == 1 else "C")


def _from_buffer(arguments: tuple[Any, ...]) -> npt.NDArray[Any]:
    """Protocol 5: (buffer, dtype, shape, order), and in newer numpy the order of the axes for order ``K``."""
    if len(arguments) not in (4, 5):
        raise RefusedError("an array with an unknown state")
    content, dtype, shape, order = arguments[:4]
    axes = arguments[4] if len(arguments) == 5 else None
    if order not in ("C", "F") and not (order == "K" and axes is not None):
        raise RefusedError(f"an array in order {order!r}")
    array = _filled(content, _finished(dtype), shape, "F" if order == "F" else "C")
    if axes is None:
        return array
    if not isinstance(axes, list | tuple) or sorted(axes) != list(range(array.ndim)):
        raise RefusedError("an array with an unknown order of axes")
    return array.transpose(tuple(axes))


def _scalar(arguments: tuple[Any, ...]) -> Any:
    if len(arguments) != 2:
        raise RefusedError("a scalar with an unknown state")
    return _filled(arguments[1], _finished(arguments[0]), (), "C").item()


def _encode(arguments: tuple[Any, ...]) -> bytes:
    """Bytes as protocols 0 to 2 write them: as text of which every character is one byte."""
    if len(arguments) != 2 or not isinstance(arguments[0], str) or arguments[1] not in ("latin1", "latin-1"):
        raise RefusedError("_codecs.encode of something else than bytes")
    return arguments[0].encode("latin1")


def _no_bytes(arguments: tuple[Any, ...]) -> bytes:
    """Empty bytes as protocols 0 to 2 write them."""
    if arguments:
        raise RefusedError("bytes made from something else")
    return b""


def _finished(dtype: Any) -> np.dtype[Any]:
    if not isinstance(dtype, Unfinished) or dtype.dtype is None:
        raise RefusedError("an array without a dtype")
    return dtype.dtype


def _filled(content: Any, dtype: np.dtype[Any], shape: Any, order: Any) -> npt.NDArray[Any]:
    """Return the array of a buffer (or of a list, for objects) whose size is exactly what the shape says."""
    if not isinstance(shape, tuple) or not all(type(side) is int and side >= 0 for side in shape):
        raise RefusedError("an array with an unknown shape")
    if len(shape) > MAX_DIMENSIONS:
        raise RefusedError(f"an array of {len(shape)} dimensions")
    count = math.prod(shape)
    if dtype.hasobject:
        return _filled_with_objects(content, shape, count, order)
    if isinstance(content, str):  # Python 2 knew one type for text and bytes
        content = content.encode("latin1")
    if not isinstance(content, bytes) or len(content) != count * dtype.itemsize:
        size = len(content) if isinstance(content, bytes) else type(content).__name__
        raise RefusedError(f"an array {list(shape)} of {dtype} with {size} instead of {count * dtype.itemsize} bytes")
    return check_text(np.ndarray(shape, dtype, buffer=content, order=order))


def _filled_with_objects(content: Any, shape: tuple[int, ...], count: int, order: Any) -> npt.NDArray[Any]:
    if not isinstance(content, list) or len(content) != count:
        raise RefusedError("an array of objects with more or fewer than its shape says")
    flat = np.empty(count, dtype=object)
    for position, item in enumerate(content):
        flat[position] = item
    return flat.reshape(shape, order=order)


_NDARRAY: Final = Name("numpy", "ndarray")
# Both spellings: numpy 2 moved `core` to `_core`; pickles of protocol 0 to 2 call `builtins` `__builtin__`.
_MAKERS: Final[dict[Name, Callable[[tuple[Any, ...]], Any]]] = {
    **{Name(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{Name(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{Name(f"numpy.{core}.numeric", "_frombuffer"): _from_buffer for core in ("core", "_core")},
    Name("numpy", "dtype"): _dtype,
    Name("_codecs", "encode"): _encode,
    Name("builtins", "bytes"): _no_bytes,
    Name("__builtin__", "bytes"): _no_bytes,
}
