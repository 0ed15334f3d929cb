"""Pictures to pixels, ahead of the model: a stream of fixed-shape uint8 batches, decoded in worker processes.

In: batches of (reference, hash). Out, in the same order: `Decoded` batches, whose pixels [B, S, S, 3] lie in memory
that the workers write into directly.

Why `concurrent.futures` with shared memory and not torch's DataLoader: a worker here imports Pillow and numpy only, so
it starts in a fraction of a second and takes tens of MB where a DataLoader worker imports torch first; pixels are
written once, at their place in the batch, where a DataLoader copies them into a stacked tensor and pins that in a
further thread. Processes are spawned, never forked: forking a process that runs torch threads can hang.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import shared_memory
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np

from vlmeval.data.leaks.fingerprint import LENGTH, Fingerprints
from vlmeval.embed import worker
from vlmeval.embed.worker import Done, Failure, Job, Painter, Pixels
from vlmeval.encoders.protocol import ImageTransform
from vlmeval.errors import UsageError
from vlmeval.records import ImageRef

JOBS_A_TASK: Final = 4
TASKS_AHEAD: Final = 3  # per worker: enough that none waits while the parent is busy with the model
MAX_WORKERS: Final = 16
FEW: Final = 24  # below this many pictures, starting processes takes longer than decoding here
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108  (only asked how much is free: containers often give 64 MB)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be decoded: where the bytes are and their SHA-256."""

    ref: ImageRef
    key: bytes


@dataclass(frozen=True)
class Decoded:
    """One batch: ``pixels`` uint8 [B, S, S, 3], valid until the next batch is asked for; unused rows are zero.

    ``failures`` are by row; rows from ``len(pictures)`` on are padding. ``fingerprints`` float32 [len(pictures), 256]
    (`vlmeval.data.leaks.fingerprint`), NaN where there is a failure.
    """

    pictures: Sequence[Picture]
    pixels: Pixels
    failures: tuple[Failure, ...]
    fingerprints: Fingerprints


def choose_workers(wanted: int | None, pictures: int) -> int:
    """Return how many processes decode: one a core, also where the model runs on the CPU.

    There a large model leaves the workers little to do, and beside a small one they are what takes the time.
    """
    if wanted is not None:
        return wanted
    if pictures <= FEW:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MAX_WORKERS, cores)


class Decoder:
    """Decodes batches ahead of their use; a context manager that ends its processes.

    Parameters
    ----------
    transform
        The model's preprocessing.
    batch
        Pictures a batch, B.
    workers
        Processes; 0 decodes here, one batch at a time.
    """

    def __init__(self, transform: ImageTransform, batch: int, workers: int) -> None:
        self._transform = transform
        self._painter = Painter(transform)
        self._batch = batch
        self._workers = workers
        ahead = -(-workers * JOBS_A_TASK * TASKS_AHEAD // batch)
        self._ring = 1 + ahead
        self._shape = (self._ring * batch, transform.size, transform.size, 3)
        self._memory: shared_memory.SharedMemory | None = None
        self._pool: ProcessPoolExecutor | None = None
        self._rows: Pixels | None = None

    def __enter__(self) -> Self:
        if self._workers:
            self._memory = _share(int(np.prod(self._shape)))
            self._pool = ProcessPoolExecutor(
                self._workers,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=worker.start,
                initargs=(self._transform, self._memory.name if self._memory else None, self._shape),
            )
        buffer = None if self._memory is None else self._memory.buf
        self._rows = np.ndarray(self._shape, dtype=np.uint8, buffer=buffer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._rows = None
        if self._memory is not None:
            with contextlib.suppress(BufferError):  # a traceback may hold a view; the memory goes with it
                self._memory.close()
            self._memory.unlink()

    def stream(self, batches: Iterable[Sequence[Picture]]) -> Iterator[Decoded]:
        """Yield the batches in order, each decoded.

        Raises
        ------
        UsageError
            A worker process died.
        """
        if self._pool is None:
            yield from map(self._decode_here, batches)
            return
        under_way: deque[_Task] = deque()
        try:
            for number, pictures in enumerate(batches):
                under_way.append(self._submit(self._pool, pictures, number % self._ring))
                if len(under_way) == self._ring:
                    yield self._collect(under_way.popleft())
            while under_way:
                yield self._collect(under_way.popleft())
        except BrokenProcessPool as error:
            raise UsageError(
                "a process that decodes pictures ended unexpectedly",
                found=str(error),
                hint="it may have run out of memory: try --workers 1, or --workers 0 to decode in the main process. "
                "In a script of your own, call vlmeval below `if __name__ == '__main__':`",
            ) from error

    def _batch_rows(self, slot: int) -> Pixels:
        if self._rows is None:
            raise RuntimeError("use the decoder in a with statement")
        return self._rows[slot * self._batch : (slot + 1) * self._batch]

    def _submit(self, pool: ProcessPoolExecutor, pictures: Sequence[Picture], slot: int) -> _Task:
        first = slot * self._batch
        jobs = [Job(picture.ref, picture.key, first + i) for i, picture in enumerate(pictures)]
        parts = [jobs[i : i + JOBS_A_TASK] for i in range(0, len(jobs), JOBS_A_TASK)]
        return _Task(pictures, slot, parts, [pool.submit(worker.work, part) for part in parts])

    def _collect(self, task: _Task) -> Decoded:
        rows = self._batch_rows(task.slot)
        first = task.slot * self._batch
        failures: list[Failure] = []
        prints = _no_fingerprints(len(task.pictures))
        for part, future in zip(task.parts, task.futures, strict=True):
            done = future.result()
            local = [Failure(f.row - first, f.reason, f.lasting) for f in done.failures]
            bad = {f.row for f in local}
            good = [job.row - first for job in part if job.row - first not in bad]
            prints[good] = done.fingerprints
            if done.pixels is not None:
                rows[good] = done.pixels
            failures += local
        return _finish(task.pictures, rows, failures, prints)

    def _decode_here(self, pictures: Sequence[Picture]) -> Decoded:
        rows = self._batch_rows(0)
        failures = []
        prints = _no_fingerprints(len(pictures))
        for row, picture in enumerate(pictures):
            result = self._painter.paint(Job(picture.ref, picture.key, row))
            if isinstance(result, Failure):
                failures.append(result)
            else:
                rows[row], prints[row] = result.pixels, result.fingerprint
        return _finish(pictures, rows, failures, prints)


@dataclass(frozen=True)
class _Task:
    pictures: Sequence[Picture]
    slot: int
    parts: list[list[Job]]
    futures: list[Future[Done]]


def _no_fingerprints(count: int) -> Fingerprints:
    return np.full((count, LENGTH), np.nan, dtype=np.float32)


def _finish(pictures: Sequence[Picture], rows: Pixels, failures: list[Failure], prints: Fingerprints) -> Decoded:
    rows[len(pictures) :] = 0
    for failure in failures:
        rows[failure.row] = 0
    return Decoded(pictures, rows, tuple(failures), prints)


def _share(size: int) -> shared_memory.SharedMemory | None:
    """Return shared memory, or None where there is too little: touching more than there is would kill the process."""
    try:
        if SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free < 2 * size:
            return None
        return shared_memory.SharedMemory(create=True, size=size)
    except OSError:
        return None
