"""Read a pickle stream as data: numbers, strings, lists, dicts and numpy arrays; everything else is refused by name.

In: the bytes of a pickle, protocol 0 to 5. Out: plain Python values and arrays, or `RefusedError`.

Why this is safe where unpickling is not. Python's own unpickler is a machine that imports whatever name the stream says
and calls it. This one has the same stack and memo and none of that: it imports nothing, looks nothing up, sets no
attributes and calls nothing that the stream chose. A name in the stream is compared with the short list of
`pickled_arrays` and is refused, by name, if it is not on it; the arrays are then built here. Lengths are checked
against the bytes that are there before anything is allocated, so that a short file cannot ask for much memory. Classes,
instances, sets, persistent ids and extension codes have no meaning here and are refused by their name, too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final

from vlmeval.encoders.given.pickled_arrays import RefusedError, Unfinished, call, named

MAX_LINE: Final = 1024
MAX_DIGITS: Final = 40
MAX_CONTAINERS: Final = 20_000_000  # an empty list costs one byte in the stream and 56 in memory
NEWEST_PROTOCOL: Final = 5
_MEANINGLESS: Final = {
    "S": "a string of Python 2's protocol 0",
    "i": "an instance of a class (INST)",
    "o": "an instance of a class (OBJ)",
    "\x81": "an instance of a class (NEWOBJ)",
    "\x92": "an instance of a class (NEWOBJ_EX)",
    "P": "a persistent id",
    "Q": "a persistent id",
    "\x82": "an extension code",
    "\x83": "an extension code",
    "\x84": "an extension code",
    "\x8f": "a set",
    "\x90": "a set",
    "\x91": "a frozen set",
    "\x97": "a buffer that is not in the file",
    "\x98": "a buffer that is not in the file",
}


def read_pickle(data: bytes) -> Any:
    """Return what a pickle holds: None, bool, int, float, str, bytes, list, tuple, dict and arrays of these.

    Raises
    ------
    RefusedError
        Anything else in the stream, or a stream that is damaged or cut off.
    """
    try:
        return _Machine(data).run()
    except (IndexError, KeyError, ValueError, TypeError, OverflowError, struct.error) as error:
        raise RefusedError(f"a damaged pickle: {type(error).__name__} {error}") from error


class _Machine:
    """The pickle machine without its powers."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []
        self._memo: dict[int, Any] = {}
        self._containers = 0

    def run(self) -> Any:
        """Carry out the stream up to its STOP."""
        data, operations = self._data, _OPERATIONS
        while True:
            if self._at >= len(data):
                raise RefusedError("a pickle that is cut off")
            code = data[self._at]
            self._at += 1
            if code == _STOP:
                return _finished(self._stack.pop())
            operation = operations.get(code)
            if operation is None:
                raise RefusedError(_MEANINGLESS.get(chr(code), f"the unknown pickle operation {bytes([code])!r}"))
            operation(self)

    # -- the bytes

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise RefusedError("a pickle that is cut off")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def _size(self, width: int) -> int:
        return int.from_bytes(self._take(width), "little")

    def _line(self, encoding: str = "utf-8") -> str:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise RefusedError("a pickle that is cut off")
        line = self._take(end - self._at)
        self._at += 1
        return line.decode(encoding)

    def _short_line(self) -> str:
        line = self._line()
        if len(line) > MAX_LINE:
            raise RefusedError(f"a line of {len(line)} characters where a number or name should be")
        return line

    def _count_container(self) -> None:
        self._containers += 1
        if self._containers > MAX_CONTAINERS:
            raise RefusedError(f"more than {MAX_CONTAINERS} lists and dicts")

    # -- the stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _mark(self) -> None:
        self._count_container()
        self._below.append(self._stack)
        self._stack = []

    def _to_mark(self) -> list[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def _tuple(self, size: int) -> None:
        self._count_container()
        if len(self._stack) < size:
            raise RefusedError("a damaged pickle: the stack is too short")
        items = tuple(self._stack[len(self._stack) - size :])
        del self._stack[len(self._stack) - size :]
        self._push(items)

    def _container(self, value: Any) -> None:
        self._count_container()
        self._push(value)

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise RefusedError(f"items added to {type(target).__name__}")
        target.extend(items)

    def _set(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise RefusedError(f"items set in {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | bytes | int | float):
                raise RefusedError(f"a dict with a key of type {type(key).__name__}")
            if isinstance(key, int) and key.bit_length() > 64:  # many of these can be made to have one hash
                raise RefusedError("a dict with a key beyond 64 bits")
            target[key] = value

    def _dict(self) -> None:
        items = self._to_mark()
        self._container({})
        self._set(items)

    def _remember(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def _recall(self, place: int) -> None:
        value = self._memo[place]
        self._push(value.value if isinstance(value, Unfinished) and value.value is not None else value)

    # -- operations with more than one step

    def _protocol(self) -> None:
        protocol = self._size(1)
        if protocol > NEWEST_PROTOCOL:
            raise RefusedError(f"pickle protocol {protocol}")

    def _integer(self) -> None:
        text = self._short_line()
        if len(text) > MAX_DIGITS:
            raise RefusedError(f"a number of {len(text)} digits")
        self._push(text == "01" if text in ("00", "01") else int(text.removesuffix("L")))

    def _long(self, width: int) -> None:
        size = self._size(width)
        if size > 16:
            raise RefusedError(f"a number of {size} bytes")
        self._push(int.from_bytes(self._take(size), "little", signed=True))

    def _text(self, width: int) -> None:
        self._push(self._take(self._size(width)).decode("utf-8"))

    def _old_string(self, size: int) -> None:
        self._push(self._take(size).decode("latin1"))

    def _global_on_stack(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise RefusedError("a name that is not text")
        self._push(named(module, name))

    def _reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._push(call(function, arguments))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if not isinstance(target, Unfinished) or target.value is not None:
            raise RefusedError(f"a state for {type(target).__name__}")
        array = target.build(state)
        if array is not None:
            self._stack[-1] = array

    def _pop(self) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._to_mark()


def _finished(value: Any) -> Any:
    if isinstance(value, Unfinished):
        raise RefusedError("a dtype or an array without content")
    return value


def _unpacked(layout: str) -> Callable[[_Machine], object]:
    reader = struct.Struct(layout)

    def operation(machine: _Machine) -> None:
        machine._push(reader.unpack_from(machine._take(reader.size))[0])

    return operation


_STOP: Final = ord(".")
_BY_CODE: Final[dict[str, Callable[[_Machine], object]]] = {
    "\x80": _Machine._protocol,
    "\x95": lambda m: m._take(8),  # FRAME: how the stream was cut into pieces when it was written
    "(": _Machine._mark,
    "0": _Machine._pop,
    "1": lambda m: m._to_mark(),
    "2": lambda m: m._push(m._stack[-1]),
    "N": lambda m: m._push(None),
    "\x88": lambda m: m._push(True),
    "\x89": lambda m: m._push(False),
    "I": _Machine._integer,
    "L": _Machine._integer,
    "J": _unpacked("<i"),
    "K": _unpacked("<B"),
    "M": _unpacked("<H"),
    "\x8a": lambda m: m._long(1),
    "\x8b": lambda m: m._long(4),
    "F": lambda m: m._push(float(m._short_line())),
    "G": _unpacked(">d"),
    "V": lambda m: m._push(m._line("raw-unicode-escape")),
    "X": lambda m: m._text(4),
    "\x8c": lambda m: m._text(1),
    "\x8d": lambda m: m._text(8),
    "T": lambda m: m._old_string(m._size(4)),
    "U": lambda m: m._old_string(m._size(1)),
    "B": lambda m: m._push(m._take(m._size(4))),
    "C": lambda m: m._push(m._take(m._size(1))),
    "\x8e": lambda m: m._push(m._take(m._size(8))),
    "\x96": lambda m: m._push(m._take(m._size(8))),
    ")": lambda m: m._push(()),
    "\x85": lambda m: m._tuple(1),
    "\x86": lambda m: m._tuple(2),
    "\x87": lambda m: m._tuple(3),
    "t": lambda m: m._push(tuple(m._to_mark())),
    "]": lambda m: m._container([]),
    "l": lambda m: m._push(m._to_mark()),
    "a": lambda m: m._extend([m._stack.pop()]),
    "e": lambda m: m._extend(m._to_mark()),
    "}": lambda m: m._container({}),
    "d": _Machine._dict,
    "s": lambda m: m._set([m._stack.pop(-2), m._stack.pop()]),
    "u": lambda m: m._set(m._to_mark()),
    "c": lambda m: m._push(named(m._short_line(), m._short_line())),
    "\x93": _Machine._global_on_stack,
    "R": _Machine._reduce,
    "b": _Machine._build,
    "p": lambda m: m._remember(int(m._short_line())),
    "q": lambda m: m._remember(m._size(1)),
    "r": lambda m: m._remember(m._size(4)),
    "\x94": lambda m: m._remember(len(m._memo)),
    "g": lambda m: m._recall(int(m._short_line())),
    "h": lambda m: m._recall(m._size(1)),
    "j": lambda m: m._recall(m._size(4)),
}
_OPERATIONS: Final = {ord(code): operation for code, operation in _BY_CODE.items()}
