"""The SHA-256 of every picture's encoded bytes, remembered by file so that unchanged pictures are not read again.

In: image references. Out: a hash (32 bytes) or the reason why there is none, for each. The memory is one small JSON
file per folder or archive: member name -> stamp (size, mtime, inode; for a zip member the archive's, and the member's
CRC) and hash. It is a convenience: losing it costs one reading of the pictures. Whoever decodes a picture checks the
hash again (`vlmeval.embed.worker`), so a stamp that lies can never put a vector under the wrong hash.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vlmeval import atomic
from vlmeval.embed.reader import READ_ERRORS, Reader, why_unreadable
from vlmeval.progress import Progress, silent
from vlmeval.records import ImageRef

STAGE: Final = "hash"
MAX_THREADS: Final = 8
REPORT_EVERY: Final = 64
# A file changed within the clock's granularity of the stamp would look unchanged; such fresh stamps are not kept.
FRESH_NANOSECONDS: Final = 2_000_000_000
Stamp = tuple[int, ...]


@dataclass
class Memo:
    """What is remembered of one folder or archive."""

    folder: Path
    container: str
    entries: dict[str, tuple[Stamp, str]] = field(default_factory=dict)
    changed: bool = False

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self.folder / f"{hashlib.sha256(os.fsencode(self.container)).hexdigest()[:32]}.json"

    @classmethod
    def load(cls, folder: Path, container: str) -> Memo:
        """Read the memory of one container; an unreadable or odd file is an empty memory."""
        memo = cls(folder, container)
        try:
            content = json.loads(memo.file.read_bytes())
            if content["container"] == container:
                memo.entries = {name: (tuple(stamp), sha) for name, (stamp, sha) in content["entries"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            memo.entries = {}
        return memo

    def find(self, name: str, stamp: Stamp) -> bytes | None:
        """Return the hash of an unchanged file."""
        known = self.entries.get(name)
        if known is None or known[0] != stamp:
            return None
        try:
            key = bytes.fromhex(known[1])
        except (TypeError, ValueError):
            return None
        return key if len(key) == 32 else None

    def keep(self, name: str, stamp: Stamp, key: bytes, now: int) -> None:
        """Remember a hash, unless the file is so fresh that its stamp cannot be trusted yet."""
        if now - stamp[1] > FRESH_NANOSECONDS:
            self.entries[name] = (stamp, key.hex())
            self.changed = True

    def save(self) -> None:
        """Write what is new; of two processes the last one wins, the other's pictures are read once more."""
        if self.changed:
            content = {"container": self.container, "entries": self.entries}
            atomic.write_text(self.file, json.dumps(content, separators=(",", ":"), ensure_ascii=False))


def content_hashes(refs: Sequence[ImageRef], memo_folder: Path, progress: Progress = silent) -> list[bytes | str]:
    """Hash pictures.

    Parameters
    ----------
    refs
        The pictures; the same one may come several times.
    memo_folder
        Where hashes are remembered (``Cache.memo_folder``).
    progress
        Told of stage ``hash``.

    Returns
    -------
    list of bytes or str
        For each picture the SHA-256 of its encoded bytes (32 bytes), or the reason why it cannot be read.
    """
    groups: dict[str, list[ImageRef]] = defaultdict(list)
    for ref in dict.fromkeys(refs):
        groups[_container(ref)].append(ref)
    reader = Reader()
    try:
        with ThreadPoolExecutor(max_workers=min(MAX_THREADS, 2 * (os.cpu_count() or 1))) as pool:
            hasher = _Hasher(reader, pool, progress, sum(map(len, groups.values())))
            for container, members in groups.items():
                hasher.hash_container(members, Memo.load(memo_folder, container))
    finally:
        reader.close()
    return [hasher.results[ref] for ref in refs]


def forget(refs: Iterable[ImageRef], memo_folder: Path) -> None:
    """Drop what is remembered of these pictures' folders, because a stamp turned out to lie."""
    for container in {_container(ref) for ref in refs}:
        Memo(memo_folder, container).file.unlink(missing_ok=True)


class _Hasher:
    """Hashes container by container; ``results`` has what is done."""

    def __init__(self, reader: Reader, pool: ThreadPoolExecutor, progress: Progress, total: int) -> None:
        self.results: dict[ImageRef, bytes | str] = {}
        self._reader = reader
        self._stamp = _Stamps(reader)
        self._pool = pool
        self._progress = progress
        self._total = total

    def hash_container(self, refs: Iterable[ImageRef], memo: Memo) -> None:
        """Look each picture up in the memory, and read those it does not know."""
        waiting: dict[Future[bytes], tuple[ImageRef, Stamp]] = {}
        for ref in refs:
            try:
                stamp = self._stamp(ref)
            except READ_ERRORS as error:
                self.results[ref] = why_unreadable(error)
                continue
            found = memo.find(_member(ref), stamp)
            if found is None:
                waiting[self._pool.submit(self._hash, ref)] = (ref, stamp)
            else:
                self.results[ref] = found
        self._await(waiting, memo)
        self._progress(STAGE, len(self.results), self._total)
        _save(memo)

    def _await(self, waiting: dict[Future[bytes], tuple[ImageRef, Stamp]], memo: Memo) -> None:
        now = time.time_ns()
        for future in as_completed(waiting):
            ref, stamp = waiting[future]
            try:
                self.results[ref] = future.result()
                memo.keep(_member(ref), stamp, future.result(), now)
            except READ_ERRORS as error:
                self.results[ref] = why_unreadable(error)
            if len(self.results) % REPORT_EVERY == 0:
                self._progress(STAGE, len(self.results), self._total)

    def _hash(self, ref: ImageRef) -> bytes:
        return hashlib.sha256(self._reader.read(ref)).digest()


class _Stamps:
    """What tells whether a picture changed: (size, mtime, inode) of its file; for a member, its CRC and size too."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._archives: dict[Path, Stamp] = {}

    def __call__(self, ref: ImageRef) -> Stamp:
        if ref.member is None:
            return _stat(ref.path)
        if ref.path not in self._archives:
            self._archives[ref.path] = _stat(ref.path)
        member = self._reader.archive(ref.path).getinfo(ref.member)
        return (*self._archives[ref.path], member.CRC, member.file_size)


def _stat(path: Path) -> Stamp:
    stat = path.stat()
    return (stat.st_size, stat.st_mtime_ns, stat.st_ino)


def _container(ref: ImageRef) -> str:
    return os.path.abspath(ref.path.parent if ref.member is None else ref.path)  # noqa: PTH100  (resolve() is slow)


def _member(ref: ImageRef) -> str:
    return ref.path.name if ref.member is None else ref.member


def _save(memo: Memo) -> None:
    try:
        memo.save()
    except OSError:  # a read-only cache: hashes are computed again next time
        return
