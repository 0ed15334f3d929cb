"""One drawer of the cache: the shards and the manifest of one encoder, in one folder, written under one lock.

In: shards to append, a manifest to keep. Out: vectors by content hash. A shard whose checksum is wrong is set aside as
`*.bad` and counts as missing. Files are only ever added whole, so reading needs no lock; writing does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import filelock
import numpy as np
import numpy.typing as npt

from vlmeval import atomic
from vlmeval.embed.shards import SUFFIX, Shard, ShardError, file_name, pack, unpack
from vlmeval.errors import UsageError
from vlmeval.records import digest_of

MANIFEST: Final = "manifest.json"
LOCK: Final = ".lock"
BAD: Final = ".bad"
WAIT_SECONDS: Final = 0.5
Vectors = npt.NDArray[np.float32]


class Drawer:
    """Vectors by content hash (32 bytes), kept in one folder.

    Where two shards hold the same hash (two caches copied together), the first file name in order counts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.damaged: list[str] = []
        self._shards: dict[str, Shard] = {}
        self._rows: dict[bytes, tuple[str, int]] = {}

    def refresh(self) -> None:
        """Take note of the shards on disk, checking each new one against its checksum."""
        names = sorted(path.name for path in self.folder.glob("*" + SUFFIX))
        known = {name: shard for name in names if (shard := self._shards.get(name) or self._read(name)) is not None}
        if known.keys() != self._shards.keys():
            self._shards = known
            self._rows = {}
            for name in sorted(known):
                for row, key in enumerate(known[name].keys()):
                    self._rows.setdefault(key, (name, row))

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def gather(self, keys: Sequence[bytes], dim: int) -> Vectors:
        """Return float32 [n, d] in the order of ``keys``, all of which must be here."""
        vectors = np.empty((len(keys), dim), dtype=np.float32)
        for i, key in enumerate(keys):
            name, row = self._rows[key]
            vectors[i] = self._shards[name].vectors[row]
        return vectors

    def notes(self) -> Iterator[dict[str, Any]]:
        """Yield each shard's note, in order of file name."""
        for name in sorted(self._shards):
            yield self._shards[name].note

    def append(self, shard: Shard) -> Path:
        """Write one shard, whole or not at all, and know it from now on. The lock must be held."""
        data = pack(shard)
        path = self.folder / file_name(data)
        atomic.write_bytes(path, data)
        self._shards[path.name] = shard
        for row, key in enumerate(shard.keys()):
            self._rows.setdefault(key, (path.name, row))
        return path

    @contextmanager
    def locked(self, waiting: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the drawer's lock; the operating system releases it even when this process is killed.

        ``waiting`` is called twice a second while another process holds it. On entry, what is on disk is read again
        and the shards that killed writers left half-written are removed.

        Raises
        ------
        UsageError
            The cache folder cannot be written.
        """
        lock = self._open_lock()
        while True:
            try:
                lock.acquire(timeout=WAIT_SECONDS)
                break
            except filelock.Timeout:
                if waiting is not None:
                    waiting()
        try:
            # Of shards only: a manifest is written without the lock, perhaps just now by another run.
            for leaving in self.folder.glob(f".*{SUFFIX}.*.tmp"):
                leaving.unlink(missing_ok=True)
            self.refresh()
            yield
        finally:
            lock.release()

    def _open_lock(self) -> filelock.BaseFileLock:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not os.access(self.folder, os.W_OK):
                raise PermissionError(f"no permission to write {self.folder}")
        except OSError as error:
            raise UsageError(
                "the cache folder cannot be written",
                file=self.folder,
                found=str(error),
                hint="choose another one with VLMEVAL_CACHE_HOME or --cache",
            ) from None
        return filelock.FileLock(self.folder / LOCK)

    def _read(self, name: str) -> Shard | None:
        path = self.folder / name
        try:
            return unpack(name, path.read_bytes())
        except FileNotFoundError:  # another process cleared the cache meanwhile
            return None
        except ShardError:
            self.damaged.append(name)
            try:
                path.replace(path.with_name(name + BAD))
            except OSError:  # a read-only cache: the shard still counts as missing
                return None
            return None

    # The manifest: what is known of the encoder without loading it.

    def read_manifest(self) -> dict[str, Any] | None:
        """Return the manifest, or None when there is none or it was altered."""
        try:
            manifest = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(manifest, dict):
            return None
        digest = manifest.pop("digest", None)
        return manifest if digest == digest_of(manifest) else None

    def write_manifest(self, manifest: dict[str, Any]) -> None:
        """Keep the manifest, with a digest of itself."""
        content = {**manifest, "digest": digest_of(manifest)}
        atomic.write_text(self.folder / MANIFEST, json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True))

    def touch(self) -> None:
        """Note that the drawer was used now (`Cache.clear` can spare what was used lately)."""
        try:
            os.utime(self.folder / MANIFEST)
        except OSError:
            return


def as_matrix(keys: Iterable[bytes]) -> npt.NDArray[np.uint8]:
    """Return 32-byte hashes as uint8 [n, 32]."""
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 32)
