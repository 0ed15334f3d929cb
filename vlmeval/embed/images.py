"""Fill a drawer with the vectors of pictures that it lacks, shard by shard.

In: pictures by content hash. Out: the drawer holds a vector for each that can be read; the others come back with
reasons.

What is missing is cut, in the request's order, into shards of a fixed number of pictures, and each shard into batches
of a fixed shape. A shard is written whole. So a killed run has written the first so many shards, what is then missing
is cut at the same places, and the vectors of a resumed run are bit for bit those of an uninterrupted one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.embed.decode import Decoded, Decoder, Picture, choose_workers
from vlmeval.embed.device import name_of
from vlmeval.embed.drawer import Drawer, as_matrix
from vlmeval.embed.forward import Forward, first_not_finite
from vlmeval.embed.model import CachedModel
from vlmeval.embed.options import EmbedOptions
from vlmeval.embed.shards import Shard
from vlmeval.embed.worker import Failure
from vlmeval.errors import ModelUnavailableError
from vlmeval.progress import Progress

STAGE: Final = "embed images"
WAITING: Final = "wait for another run with this model"
BATCH: Final = {"cuda": 128}
BATCH_ELSEWHERE: Final = 16
SHARD: Final = {"cuda": 1024}
SHARD_ELSEWHERE: Final = 64  # a large model on a CPU takes seconds a picture: lose minutes, not hours
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Filled:
    """``failures``: content hash -> why there is no vector. ``computed``: pictures decoded and encoded now."""

    failures: Mapping[bytes, Failure]
    computed: int


def fill_images(model: CachedModel, wanted: Sequence[Picture], options: EmbedOptions, progress: Progress) -> Filled:
    """Compute what the model's drawer lacks of ``wanted`` (distinct hashes).

    Raises
    ------
    ModelUnavailableError
        The model cannot be loaded, runs out of memory on a single picture, or gives NaN or infinity.
    UsageError
        The cache cannot be written, or a decoding process died.
    """
    drawer = model.images
    drawer.refresh()
    known_failures = lasting_failures(drawer)
    if not _pending(drawer, wanted, known_failures):
        return Filled(known_failures, 0)
    with drawer.locked(lambda: progress(WAITING, 0, None)):
        known_failures = lasting_failures(drawer)
        pending = _pending(drawer, wanted, known_failures)
        if not pending:  # another run computed them meanwhile
            return Filled(known_failures, 0)
        plan = _plan(model, drawer, wanted, options)
        failures = _compute(model, drawer, pending, plan, options, progress)
        return Filled({**known_failures, **failures}, len(pending))


def lasting_failures(drawer: Drawer) -> dict[bytes, Failure]:
    """Return the pictures that were found to be unreadable, whatever file they come from."""
    return {
        bytes.fromhex(key): Failure(-1, str(reason), lasting=True)
        for note in drawer.notes()
        for key, reason in note.get("unreadable", {}).items()
    }


def _pending(drawer: Drawer, wanted: Sequence[Picture], failures: Mapping[bytes, Failure]) -> list[Picture]:
    return [picture for picture in wanted if picture.key not in drawer and picture.key not in failures]


@dataclass(frozen=True)
class _Plan:
    """Batch shape, pictures a shard, rows a forward pass to begin with, and what a shard's note says of it."""

    batch: int
    shard: int
    rows: int
    note: dict[str, Any]


def _plan(model: CachedModel, drawer: Drawer, wanted: Sequence[Picture], options: EmbedOptions) -> _Plan:
    kind = model.placement.device.partition(":")[0]
    batch = options.batch_size or BATCH.get(kind, BATCH_ELSEWHERE)
    shard = -(-SHARD.get(kind, SHARD_ELSEWHERE) // batch) * batch
    request = hashlib.sha256(b"".join(picture.key for picture in wanted)).hexdigest()
    model.encoder  # noqa: B018  (torch knows the device's name once the model is on it)
    note = {"batch": batch, "device": name_of(model.placement), "request": request}
    # A resumed run begins with the forward shape that the killed one had come to.
    rows = min((n["rows"] for n in drawer.notes() if n.items() >= note.items()), default=batch)
    return _Plan(batch, shard, rows, note)


def _compute(
    model: CachedModel,
    drawer: Drawer,
    pending: list[Picture],
    plan: _Plan,
    options: EmbedOptions,
    progress: Progress,
) -> dict[bytes, Failure]:
    failures: dict[bytes, Failure] = {}
    forward = Forward(model.encoder, model.placement, plan.rows)
    workers = choose_workers(options.workers, len(pending))
    done, rows = 0, _Rows()
    progress(STAGE, 0, len(pending))
    with Decoder(model.encoder.preprocess, plan.batch, workers) as decoder:
        for decoded, vectors in forward.run(decoder.stream(_batches(pending, plan))):
            rows.add(decoded, vectors)
            done += len(decoded.pictures)
            if done % plan.shard == 0 or done == len(pending):
                drawer.append(rows.as_shard({**plan.note, "rows": forward.rows}, model.encoder.dim))
                failures |= rows.failures
                rows = _Rows()
            progress(STAGE, done, len(pending))
    return failures


def _batches(pending: list[Picture], plan: _Plan) -> Iterator[list[Picture]]:
    for start in range(0, len(pending), plan.batch):
        yield pending[start : start + plan.batch]


@dataclass
class _Rows:
    """The rows of the shard being filled."""

    keys: list[bytes] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    failures: dict[bytes, Failure] = field(default_factory=dict)

    def add(self, decoded: Decoded, vectors: Vectors) -> None:
        bad = {failure.row: failure for failure in decoded.failures}
        self.failures |= {decoded.pictures[row].key: failure for row, failure in bad.items()}
        good = [row for row in range(len(decoded.pictures)) if row not in bad]
        chosen = vectors[good]
        _check_finite(chosen, [decoded.pictures[row] for row in good])
        self.keys += [decoded.pictures[row].key for row in good]
        self.vectors.append(chosen)

    def as_shard(self, note: dict[str, Any], dim: int) -> Shard:
        unreadable = {key.hex(): failure.reason for key, failure in self.failures.items() if failure.lasting}
        vectors = np.concatenate(self.vectors) if self.keys else np.empty((0, dim), dtype=np.float32)
        return Shard(as_matrix(self.keys), vectors, {**note, "unreadable": unreadable})


def _check_finite(vectors: Vectors, pictures: Sequence[Picture]) -> None:
    bad = first_not_finite(vectors)
    if bad is not None:
        raise ModelUnavailableError(
            "the model gives NaN or infinity for a picture; its vector was not kept",
            file=str(pictures[bad].ref),
            hint="half precision can overflow: try --dtype float32 (or bfloat16)",
        )
