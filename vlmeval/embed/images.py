"""Fill drawers with the vectors of pictures that they lack, shard by shard.

In: pictures by content hash. Out: the drawer of projected vectors, and that of pooled ones where they are asked for,
hold a vector for each that can be read; the others come back with reasons. One pass serves both drawers, and each gets
only what it lacks.

What is missing is cut, in the request's order, into shards of a fixed number of pictures, and each shard into batches
of a fixed shape. A shard is written whole, to one drawer after the other. So a killed run has written the first so
many shards, what is then missing is cut at the same places, and the vectors of a resumed run are bit for bit those of
an uninterrupted one.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.embed.decode import Decoded, Decoder, Picture, choose_workers
from vlmeval.embed.device import name_of
from vlmeval.embed.drawer import Drawer, as_matrix
from vlmeval.embed.fingerprints import Keeper
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
Drawers = tuple[Drawer, ...]  # of the projected vectors, and of the pooled ones where they are wanted


@dataclass(frozen=True)
class Filled:
    """``failures``: content hash -> why there is no vector. ``computed``: pictures decoded and encoded now."""

    failures: Mapping[bytes, Failure]
    computed: int


def fill_images(model: CachedModel, wanted: Sequence[Picture], options: EmbedOptions, progress: Progress) -> Filled:
    """Compute what the model's drawers lack of ``wanted`` (distinct hashes).

    Raises
    ------
    ModelUnavailableError
        The model cannot be loaded, runs out of memory on a single picture, or gives NaN or infinity.
    UsageError
        The cache cannot be written, or a decoding process died.
    """
    drawers = (model.images, model.pooled) if options.pooled else (model.images,)
    for drawer in drawers:
        drawer.refresh()
    known_failures = lasting_failures(drawers)
    if not _pending(drawers, wanted, known_failures):
        return Filled(known_failures, 0)
    with contextlib.ExitStack() as locks:
        for drawer in drawers:  # always in this order, so that two runs never wait for each other
            locks.enter_context(drawer.locked(lambda: progress(WAITING, 0, None)))
        known_failures = lasting_failures(drawers)
        pending = _pending(drawers, wanted, known_failures)
        if not pending:  # another run computed them meanwhile
            return Filled(known_failures, 0)
        plan = _plan(model, drawers, wanted, options)
        failures = _compute(model, drawers, pending, plan, options, progress)
        return Filled({**known_failures, **failures}, len(pending))


def lasting_failures(drawers: Drawers) -> dict[bytes, Failure]:
    """Return the pictures that were found to be unreadable, whatever file they come from."""
    return {
        bytes.fromhex(key): Failure(-1, str(reason), lasting=True)
        for drawer in drawers
        for note in drawer.notes()
        for key, reason in note.get("unreadable", {}).items()
    }


def _pending(drawers: Drawers, wanted: Sequence[Picture], failures: Mapping[bytes, Failure]) -> list[Picture]:
    missing = (p for p in wanted if any(p.key not in drawer for drawer in drawers))
    return [picture for picture in missing if picture.key not in failures]


@dataclass(frozen=True)
class _Plan:
    """Batch shape, pictures a shard, rows a forward pass to begin with, and what a shard's note says of it."""

    batch: int
    shard: int
    rows: int
    note: dict[str, Any]


def _plan(model: CachedModel, drawers: Drawers, wanted: Sequence[Picture], options: EmbedOptions) -> _Plan:
    kind = model.placement.device.partition(":")[0]
    batch = options.batch_size or BATCH.get(kind, BATCH_ELSEWHERE)
    shard = -(-SHARD.get(kind, SHARD_ELSEWHERE) // batch) * batch
    request = hashlib.sha256(b"".join(picture.key for picture in wanted)).hexdigest()
    model.encoder  # noqa: B018  (torch knows the device's name once the model is on it)
    note = {"batch": batch, "device": name_of(model.placement), "request": request}
    # A resumed run begins with the forward shape that the killed one had come to.
    notes = itertools.chain.from_iterable(drawer.notes() for drawer in drawers)
    rows = min((n["rows"] for n in notes if n.items() >= note.items()), default=batch)
    return _Plan(batch, shard, rows, note)


def _compute(
    model: CachedModel,
    drawers: Drawers,
    pending: list[Picture],
    plan: _Plan,
    options: EmbedOptions,
    progress: Progress,
) -> dict[bytes, Failure]:
    failures: dict[bytes, Failure] = {}
    forward = Forward(model.encoder, model.placement, plan.rows, pooled=len(drawers) > 1)
    workers = choose_workers(options.workers, len(pending))
    keeper = Keeper(model.cache)
    done, shards = 0, [_Rows(drawer) for drawer in drawers]
    progress(STAGE, 0, len(pending))
    with Decoder(model.encoder.preprocess, plan.batch, workers) as decoder:
        for decoded, vectors in forward.run(decoder.stream(_batches(pending, plan))):
            failures |= {decoded.pictures[failure.row].key: failure for failure in decoded.failures}
            keeper.add(decoded)
            for rows, these in zip(shards, vectors, strict=True):
                rows.add(decoded, these)
            done += len(decoded.pictures)
            if done % plan.shard == 0 or done == len(pending):
                for rows in shards:
                    rows.store({**plan.note, "rows": forward.rows})
                shards = [_Rows(drawer) for drawer in drawers]
            progress(STAGE, done, len(pending))
    keeper.close()
    return failures


def _batches(pending: list[Picture], plan: _Plan) -> Iterator[list[Picture]]:
    for start in range(0, len(pending), plan.batch):
        yield pending[start : start + plan.batch]


@dataclass
class _Rows:
    """The rows of the shard being filled: those that the drawer lacks."""

    drawer: Drawer
    keys: list[bytes] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)

    def add(self, decoded: Decoded, vectors: Vectors) -> None:
        lacking = {row: p.key for row, p in enumerate(decoded.pictures) if p.key not in self.drawer}
        for failure in decoded.failures:
            key = lacking.pop(failure.row, None)
            if key is not None and failure.lasting:
                self.unreadable[key.hex()] = failure.reason
        chosen = vectors[list(lacking)]
        _check_finite(chosen, [decoded.pictures[row] for row in lacking])
        self.keys += lacking.values()
        self.vectors.append(chosen)

    def store(self, note: dict[str, Any]) -> None:
        if self.keys or self.unreadable:
            vectors = np.concatenate(self.vectors)
            self.drawer.append(Shard(as_matrix(self.keys), vectors, {**note, "unreadable": self.unreadable}))


def _check_finite(vectors: Vectors, pictures: Sequence[Picture]) -> None:
    bad = first_not_finite(vectors)
    if bad is not None:
        raise ModelUnavailableError(
            "the model gives NaN or infinity for a picture; its vector was not kept",
            file=str(pictures[bad].ref),
            hint="half precision can overflow: try --dtype float32 (or bfloat16)",
        )
