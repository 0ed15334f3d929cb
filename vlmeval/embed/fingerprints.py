"""Fingerprints of pictures, kept by content: what near-identical pictures are found by, whatever the model.

In: pictures by content hash. Out: float32 [n, 256] (`vlmeval.data.leaks.fingerprint`). They are made of pixels that are
decoded for a model anyway (`Keeper`, used by `images.py`); `fingerprints_of` decodes, in worker processes, only what no
run has fingerprinted yet: pictures whose vectors were cached before, or are given. One drawer serves all models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from vlmeval.data.leaks.fingerprint import IDENTITY, LENGTH, Fingerprints
from vlmeval.embed.cache import Cache
from vlmeval.embed.decode import Decoded, Decoder, Picture, choose_workers
from vlmeval.embed.drawer import Drawer, as_matrix
from vlmeval.embed.shards import Shard
from vlmeval.errors import UsageError
from vlmeval.progress import Progress, silent
from vlmeval.records import ImageRef, digest_of

STAGE: Final = "fingerprint pictures"
BATCH: Final = 64
SHARD: Final = 1024
"""Fingerprints a file: a killed run has to decode at most so many pictures again."""

MANIFEST: Final = {
    "spec": "fingerprints",
    "title": "Fingerprints of pictures, to find near-identical ones",
    "dtype": "float32",
    "dim": LENGTH,
    "identity": IDENTITY,
}


class Keeper:
    """Collects fingerprints that the drawer lacks and writes them, a shard at a time; call `close` at the end.

    A cache that cannot be written is no reason to stop: fingerprints are then made anew each time.
    """

    def __init__(self, cache: Cache) -> None:
        self.drawer: Drawer = cache.drawer("fingerprints", digest_of(IDENTITY))
        self.drawer.refresh()
        self.fresh: dict[bytes, Fingerprints] = {}
        self.unreadable: dict[bytes, str] = {
            bytes.fromhex(key): str(reason)
            for note in self.drawer.notes()
            for key, reason in note.get("unreadable", {}).items()
        }
        self._waiting: dict[bytes, Fingerprints] = {}
        self._bad: dict[str, str] = {}

    def knows(self, key: bytes) -> bool:
        """Whether the picture has a fingerprint, or never will have one."""
        return key in self.drawer or key in self.fresh or key in self.unreadable

    def add(self, decoded: Decoded) -> None:
        """Take the fingerprints of a batch that the drawer does not have."""
        failed = {failure.row for failure in decoded.failures}
        for row, picture in enumerate(decoded.pictures):
            if row not in failed and not self.knows(picture.key):
                self.fresh[picture.key] = self._waiting[picture.key] = decoded.fingerprints[row].copy()
        if len(self._waiting) >= SHARD:
            self.close()

    def give_up(self, decoded: Decoded) -> None:
        """Note the pictures of a batch that cannot be decoded at all (one model's preprocessing may refuse more)."""
        for failure in decoded.failures:
            if failure.lasting:
                key = decoded.pictures[failure.row].key
                self.unreadable[key] = self._bad[key.hex()] = failure.reason

    def close(self) -> None:
        """Write what is not written yet."""
        if not self._waiting and not self._bad:
            return
        vectors = np.array(list(self._waiting.values()), dtype=np.float32).reshape(-1, LENGTH)
        shard = Shard(as_matrix(self._waiting), vectors, {"unreadable": self._bad})
        self._waiting, self._bad = {}, {}
        try:
            with self.drawer.locked():
                self.drawer.append(shard)
                if self.drawer.read_manifest() is None:
                    self.drawer.write_manifest(MANIFEST)
        except (UsageError, OSError):
            return

    def gather(self, keys: Sequence[bytes | None]) -> Fingerprints:
        """Return float32 [n, 256] in the order of ``keys``; NaN where there is none."""
        found = np.full((len(keys), LENGTH), np.nan, dtype=np.float32)
        kept = [row for row, key in enumerate(keys) if key is not None and key in self.drawer]
        found[kept] = self.drawer.gather([key for row in kept if (key := keys[row]) is not None], LENGTH)
        for row, key in enumerate(keys):
            if key is not None and key in self.fresh:
                found[row] = self.fresh[key]
        return found


def fingerprints_of(
    refs: Sequence[ImageRef],
    keys: Sequence[bytes | None],
    cache: Cache,
    workers: int | None = None,
    progress: Progress = silent,
) -> Fingerprints:
    """Return the fingerprints of pictures, decoding those that were never seen.

    Parameters
    ----------
    refs, keys
        [n] pictures and the SHA-256 of their bytes; None for a picture that is not there.
    cache
        Where fingerprints are kept.
    workers
        Processes that decode; None chooses.
    progress
        Told of stage ``fingerprint pictures``.

    Returns
    -------
    Fingerprints
        float32 [n, 256], NaN in rows of pictures that are not there or cannot be decoded.
    """
    keeper = Keeper(cache)
    pictures = {key: Picture(ref, key) for ref, key in zip(refs, keys, strict=True) if key is not None}
    pending = [picture for key, picture in pictures.items() if not keeper.knows(key)]
    if pending:
        done = 0
        progress(STAGE, 0, len(pending))
        with Decoder(_NoPixels(), BATCH, choose_workers(workers, len(pending))) as decoder:
            for decoded in decoder.stream(_batches(pending)):
                keeper.add(decoded)
                keeper.give_up(decoded)
                done += len(decoded.pictures)
                progress(STAGE, done, len(pending))
        keeper.close()
    keeper.drawer.touch()
    return keeper.gather(keys)


class _NoPixels:
    """A preprocessing for nobody: where only fingerprints are wanted."""

    size = 1

    def __call__(self, image: Image.Image) -> npt.NDArray[np.uint8]:  # noqa: ARG002  (the protocol's)
        return np.zeros((1, 1, 3), dtype=np.uint8)


def _batches(pictures: list[Picture]) -> Iterator[list[Picture]]:
    for start in range(0, len(pictures), BATCH):
        yield pictures[start : start + BATCH]
