"""What runs in a decoding process: read, check the hash, decode, preprocess, put the pixels where they are wanted.

Imports Pillow and numpy, never torch (unless a preprocessing needs it), so that a worker starts in a fraction of a
second. In: `Job`s. Out: pixels in memory shared with the parent, a fingerprint (`vlmeval.data.leaks.fingerprint`) of
each picture while it is decoded anyway, and a `Failure` for each picture that gave none.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import parent_process, shared_memory
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.images import decode_rgb
from vlmeval.data.leaks.fingerprint import LENGTH, Fingerprints, fingerprint
from vlmeval.embed.reader import READ_ERRORS, Reader, why_unreadable
from vlmeval.encoders.protocol import ImageTransform
from vlmeval.records import ImageRef

Pixels = npt.NDArray[np.uint8]


CHANGED: Final = "the file changed while it was being embedded; run again"


@dataclass(frozen=True, slots=True)
class Job:
    """One picture: where its bytes are, their SHA-256, and the row of the shared memory its pixels go to."""

    ref: ImageRef
    key: bytes
    row: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a row has no pixels. ``lasting``: these bytes are no picture; else reading may go better next time."""

    row: int
    reason: str
    lasting: bool


@dataclass(frozen=True, slots=True)
class Painted:
    """One picture: its pixels uint8 [S, S, 3] for the model, and its fingerprint float32 [256]."""

    pixels: Pixels
    fingerprint: Fingerprints


@dataclass(frozen=True, slots=True)
class Done:
    """What a task gave back: failures, fingerprints float32 [readable jobs, 256], pixels where no memory is shared."""

    failures: list[Failure]
    fingerprints: Fingerprints
    pixels: Pixels | None


class Painter:
    """Turns jobs into pixels; one per process."""

    def __init__(self, transform: ImageTransform) -> None:
        self._transform = transform
        self._reader = Reader()

    def paint(self, job: Job) -> Painted | Failure:
        """Return the picture as the model wants it, or why not."""
        try:
            data = self._reader.read(job.ref)
        except READ_ERRORS as error:
            return Failure(job.row, why_unreadable(error), lasting=False)
        if hashlib.sha256(data).digest() != job.key:
            return Failure(job.row, CHANGED, lasting=False)
        try:
            picture = decode_rgb(data)
            return Painted(self._transform(picture), fingerprint(picture))
        except ValueError as error:  # ImageDecodeError, or a shape that the preprocessing refuses
            return Failure(job.row, str(error), lasting=True)


@dataclass
class _Process:
    painter: Painter
    rows: Pixels | None
    memory: shared_memory.SharedMemory | None


_process: _Process | None = None


def start(transform: ImageTransform, memory_name: str | None, shape: tuple[int, ...]) -> None:
    """Prepare this process: one thread, no interest in Ctrl-C (the parent has), and an end when the parent ends."""
    global _process  # noqa: PLW0603  (a pool's initializer has nowhere else to leave anything)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    memory = None if memory_name is None else shared_memory.SharedMemory(memory_name)
    rows = None if memory is None else np.ndarray(shape, dtype=np.uint8, buffer=memory.buf)
    _process = _Process(Painter(transform), rows, memory)


def work(jobs: Sequence[Job]) -> Done:
    """Do jobs. Pixels go to the shared memory, or back as an array [readable jobs, S, S, 3] where there is none."""
    if _process is None:
        raise RuntimeError("worker.start was not called")
    failures: list[Failure] = []
    painted: list[tuple[int, Painted]] = []
    for job in jobs:
        result = _process.painter.paint(job)
        if isinstance(result, Failure):
            failures.append(result)
        else:
            painted.append((job.row, result))
    prints = np.array([one.fingerprint for _, one in painted], dtype=np.float32).reshape(-1, LENGTH)
    if _process.rows is None:
        return Done(failures, prints, np.stack([one.pixels for _, one in painted]) if painted else None)
    for row, one in painted:
        _process.rows[row] = one.pixels
    return Done(failures, prints, None)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
