"""Results of fits, kept between runs, so that another seed, C or shot count computes only what is new.

    ROOT/fits/AB/AB34....fit     SHA-256 of the rest, then named arrays in safetensors form

A key is a digest of everything that the arrays depend on (vectors, labels, weights, options, code); an entry may grow,
e.g. by more values of C. Everything here can be deleted at any time; a damaged entry is as good as none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.atomic import write_bytes

Arrays = dict[str, npt.NDArray[Any]]
FOLDER: Final = "fits"
SUFFIX: Final = ".fit"
CHECKSUM: Final = 32


class Kept:
    """Named arrays by key, below ``root``; in memory only when ``root`` is None.

    ``hits`` counts the entries that were found.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = None if root is None else root / FOLDER
        self.hits = 0
        self._memory: dict[str, bytes] = {}

    def get(self, key: str) -> Arrays | None:
        """Return the arrays of ``key``, or None when there are none or they are damaged."""
        data = self._memory.get(key) if self.root is None else _read(self._path(key))
        arrays = None if data is None else _unpack(data)
        self.hits += arrays is not None
        return arrays

    def put(self, key: str, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keep ``arrays`` under ``key`` in place of what was there; a folder that cannot be written keeps nothing."""
        data = _pack(arrays)
        if self.root is None:
            self._memory[key] = data
            return
        try:
            write_bytes(self._path(key), data)
        except OSError:
            # What was computed is used all the same; it is only not found the next time.
            return

    def size(self) -> tuple[int, int]:
        """Return the number of entries and their bytes."""
        sizes = [len(data) for data in self._memory.values()]
        sizes += [path.stat().st_size for path in self._files()]
        return len(sizes), sum(sizes)

    def clear(self) -> tuple[int, int]:
        """Delete every entry; returns what :meth:`size` was."""
        found = self.size()
        self._memory.clear()
        folders = {path.parent for path in self._files()}
        for path in list(self._files()):
            path.unlink(missing_ok=True)
        for folder in folders:
            if not any(folder.iterdir()):
                folder.rmdir()
        return found

    def _files(self) -> Iterator[Path]:
        if self.root is not None:
            yield from sorted(self.root.glob("??/*" + SUFFIX))

    def _path(self, key: str) -> Path:
        if self.root is None or not key.isalnum():
            raise ValueError(f"not a digest: {key!r}")
        return self.root / key[:2] / (key[:40] + SUFFIX)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _pack(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    import safetensors.numpy

    body: bytes = safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    return hashlib.sha256(body).digest() + body


def _unpack(data: bytes) -> Arrays | None:
    import safetensors
    import safetensors.numpy

    body = data[CHECKSUM:]
    if hashlib.sha256(body).digest() != data[:CHECKSUM]:
        return None
    try:
        return dict(safetensors.numpy.load(body))
    except safetensors.SafetensorError:
        return None
