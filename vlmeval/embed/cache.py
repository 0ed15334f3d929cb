"""The embedding cache: one drawer per encoder and dtype for pictures, one for prompts, shared by all benchmarks.

Pooled vectors of pictures, where they were asked for, have a drawer of their own.

    ROOT/images/KEY/   manifest.json, .lock, CHECKSUM.safetensors ...   vectors by SHA-256 of a picture's bytes
    ROOT/pooled/KEY/   the same                                         the vectors before the projection
    ROOT/texts/KEY/    the same                                         vectors by SHA-256 of the exact prompt
    ROOT/fingerprints/KEY/  the same        256 numbers a picture by which near-identical ones are found, for all models
    ROOT/memo/         which file has which SHA-256, so that unchanged pictures are not read again
    ROOT/devices.json  which device this machine has, so that a fully cached run need not import torch to ask

Everything here can be deleted at any time; it is computed anew. `vlmeval cache info|clear|verify` show
`Cache.info`, `Cache.clear` and `Cache.verify`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import filelock

from vlmeval.embed.drawer import BAD, LOCK, MANIFEST, Drawer
from vlmeval.embed.shards import SUFFIX, ShardError, count_rows, unpack
from vlmeval.records import digest_of
from vlmeval.resources import cache_home

Kind = Literal["images", "pooled", "texts", "fingerprints"]
KINDS: Final[tuple[Kind, ...]] = ("images", "pooled", "texts", "fingerprints")
SECONDS_A_DAY: Final = 86_400


@dataclass(frozen=True)
class DrawerInfo:
    """What one drawer holds; ``used`` is seconds since the epoch, ``in_use`` that a run is writing to it now."""

    kind: Kind
    key: str
    spec: str
    title: str
    dtype: str
    dim: int
    vectors: int
    shards: int
    damaged: int
    bytes: int
    used: float
    in_use: bool

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return asdict(self)


@dataclass(frozen=True)
class VerifyReport:
    """What `Cache.verify` found: files checked, and each damaged one with the reason (set aside as `*.bad`)."""

    shards: int
    vectors: int
    bytes: int
    damaged: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for ``--json``."""
        return asdict(self)


class Cache:
    """The cache below ``root`` (default: `vlmeval.resources.cache_home`). Making one touches nothing on disk."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = cache_home() if root is None else root

    def drawer(self, kind: Kind, key: str) -> Drawer:
        """Return the drawer of an encoder key (a SHA-256 in hex)."""
        return Drawer(self.root / kind / key[:40])

    @property
    def memo_folder(self) -> Path:
        """Where it is remembered which file has which SHA-256."""
        return self.root / "memo"

    @property
    def devices_file(self) -> Path:
        """Where it is remembered which device this machine has."""
        return self.root / "devices.json"

    def info(self) -> list[DrawerInfo]:
        """Return what each drawer holds, the largest first."""
        infos = [_describe(kind, folder) for kind, folder in self._folders()]
        return sorted(infos, key=lambda info: (-info.bytes, info.kind, info.key))

    def clear(self, *, encoder: str | None = None, older_days: float | None = None) -> list[DrawerInfo]:
        """Delete drawers and return what they held; what a run is writing to is left alone.

        Parameters
        ----------
        encoder
            Only drawers of this spec, or whose key starts so.
        older_days
            Only drawers not used for so many days.
        """
        limit = None if older_days is None else time.time() - older_days * SECONDS_A_DAY
        cleared = []
        for kind, folder in self._folders():
            info = _describe(kind, folder)
            wanted = encoder is None or encoder == info.spec or info.key.startswith(encoder)
            if wanted and (limit is None or info.used < limit) and _empty(folder):
                cleared.append(info)
        if encoder is None and older_days is None:
            _remove(self.memo_folder, ("*.json", ".*.tmp"))
            self.devices_file.unlink(missing_ok=True)
        return cleared

    def verify(self) -> VerifyReport:
        """Read every shard and check it against its checksum; set damaged ones aside."""
        shards = vectors = size = 0
        damaged = {}
        for _, folder in self._folders():
            for path in sorted(folder.glob("*" + SUFFIX)):
                data = path.read_bytes()
                try:
                    vectors += len(unpack(path.name, data).hashes)
                except ShardError as error:
                    damaged[str(path)] = str(error)
                    path.replace(path.with_name(path.name + BAD))
                shards += 1
                size += len(data)
        return VerifyReport(shards, vectors, size, damaged)

    def _folders(self) -> Iterator[tuple[Kind, Path]]:
        for kind in KINDS:
            for folder in sorted((self.root / kind).glob("*")):
                if any(path.name != LOCK for path in folder.glob("*")):
                    yield kind, folder


def encoder_key(model_key: str, dtype: str) -> str:
    """Return the key of a drawer: weights and pipeline (``ModelHandle.key`` or ``text_key``) in one precision."""
    return digest_of({"model": model_key, "dtype": dtype})


def pooled_key(model_key: str, dtype: str) -> str:
    """Return the key of the pooled vectors that belong to ``encoder_key`` of the same."""
    return digest_of({"model": model_key, "dtype": dtype, "vectors": "pooled"})


def _describe(kind: Kind, folder: Path) -> DrawerInfo:
    manifest = Drawer(folder).read_manifest() or {}
    files = [(path, path.stat()) for path in folder.iterdir() if path.is_file()]
    shards = [path for path, _ in files if path.suffix == SUFFIX]
    used = next((stat for path, stat in files if path.name == MANIFEST), folder.stat()).st_mtime
    return DrawerInfo(
        kind=kind,
        key=folder.name,
        spec=str(manifest.get("spec", "unknown")),
        title=str(manifest.get("title", "unknown")),
        dtype=str(manifest.get("dtype", "unknown")),
        dim=int(manifest.get("dim", 0)),
        vectors=sum(map(count_rows, shards)),
        shards=len(shards),
        damaged=sum(path.suffix == BAD for path, _ in files),
        bytes=sum(stat.st_size for _, stat in files),
        used=used,
        in_use=not _free(folder),
    )


def _free(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return True
    try:
        with filelock.FileLock(folder / LOCK, timeout=0):
            return True
    except filelock.Timeout:
        return False
    except OSError:  # a read-only cache: nobody writes to it
        return True


def _empty(folder: Path) -> bool:
    """Delete a drawer's own files (never anything else that lies there); False when a run holds it.

    The lock file stays: deleting it while another process waits for it would let two in.
    """
    try:
        with filelock.FileLock(folder / LOCK, timeout=0):
            _remove(folder, ("*" + SUFFIX, "*" + BAD, MANIFEST, ".*.tmp"))
    except filelock.Timeout:
        return False
    return True


def _remove(folder: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
