"""Look at every picture of a benchmark: missing, damaged, there twice, or named by no row.

Comes in: a card and the data folder. Goes out: a `CheckReport`, and with it the SHA-256 of every picture, which the
audit needs to find leaks. Reads and decodes each file once, several at a time; nothing is changed.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vlmeval.data import data_root, read_raw
from vlmeval.data.check_report import CheckReport, Duplicate
from vlmeval.data.images import EXTENSIONS, ImageDecodeError, decode_rgb
from vlmeval.data.raw import RawTable
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, ImageRef

__all__ = ["CheckReport", "Duplicate", "check"]

LEFTOVERS: Final = frozenset({".part", ".tmp"})


@dataclass(frozen=True)
class _Look:
    """What one picture turned out to be."""

    sha256: str | None
    size: int
    reason: str | None


def check(
    benchmark: Benchmark, root: Path | None = None, progress: Progress = silent, *, workers: int | None = None
) -> CheckReport:
    """Look at every picture a benchmark names.

    Parameters
    ----------
    benchmark
        The card.
    root
        The data folder; None for the one in the user's data home.
    progress
        Told of every hundredth picture or so.
    workers
        Pictures at a time; None for one a processor, at most 8.

    Raises
    ------
    MissingDataError
        The tables are not there, so that nothing is known of the pictures.
    DataError
        The tables are wrong.
    """
    folder = data_root(benchmark, root)
    raw = read_raw(benchmark, folder)
    names = {image: _name(image, folder) for image in raw.images}
    absent = {image for image, gone in zip(raw.images, _absent(raw), strict=True) if gone and not image.exists()}
    looks = _look_at_all([image for image in names if image not in absent], progress, workers)
    missing = [names[image] for image, look in looks.items() if look is None]
    seen = {image: look for image, look in looks.items() if look is not None}
    corrupt = {names[image]: look.reason for image, look in seen.items() if look.reason is not None}
    hashes = {
        sample: look.sha256
        for sample, image in zip(raw.ids.tolist(), raw.images, strict=True)
        if (look := seen.get(image)) is not None and look.sha256 is not None
    }
    return CheckReport(
        benchmark=benchmark.id,
        root=folder,
        samples=len(raw),
        pictures=len(names),
        readable=len(seen) - len(corrupt),
        bytes=sum(look.size for look in seen.values()),
        missing=tuple(sorted(missing)),
        known_absent=tuple(sorted(names[image] for image in absent)),
        corrupt=dict(sorted(corrupt.items())),
        duplicates=_duplicates(raw, names, hashes),
        shared=_shared(raw, names),
        unexpected=_unexpected(folder, names),
        known_issues=benchmark.known_issues,
        hashes=hashes,
    )


def _name(image: ImageRef, root: Path) -> str:
    text = str(image)
    return text.removeprefix(f"{root}{os.sep}") if image.path.is_relative_to(root) else text


def _absent(raw: RawTable) -> list[bool]:
    return [False] * len(raw) if raw.absent is None else raw.absent.tolist()


def _look_at_all(images: list[ImageRef], progress: Progress, workers: int | None) -> dict[ImageRef, _Look | None]:
    """Return what each picture is; None where it is not there."""
    looks: dict[ImageRef, _Look | None] = {}
    reader = _Reader()
    pool = ThreadPoolExecutor(workers or min(8, os.cpu_count() or 1), thread_name_prefix="check")
    try:
        for image, look in zip(images, pool.map(reader.look, images), strict=True):
            looks[image] = look
            if len(looks) % 100 == 0 or len(looks) == len(images):
                progress("looking at pictures", len(looks), len(images))
    finally:
        pool.shutdown(cancel_futures=True)
        reader.close()
    return looks


class _Reader:
    """Reads pictures; keeps archives open, one handle a thread, because opening one takes longer than a picture."""

    def __init__(self) -> None:
        self._local = threading.local()
        self._opened: list[zipfile.ZipFile] = []

    def look(self, image: ImageRef) -> _Look | None:
        """Read, hash and decode one picture; None when it is not there."""
        try:
            data = self._read(image)
        except (FileNotFoundError, KeyError, NotADirectoryError):
            return None
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            return _Look(None, 0, f"cannot be read: {error}")
        sha256 = hashlib.sha256(data).hexdigest()
        try:
            decode_rgb(data)
        except ImageDecodeError as error:
            return _Look(sha256, len(data), str(error))
        return _Look(sha256, len(data), None)

    def _read(self, image: ImageRef) -> bytes:
        if image.member is None:
            return image.read_bytes()
        archives: dict[Path, zipfile.ZipFile] = self._local.__dict__.setdefault("archives", {})
        if image.path not in archives:
            archives[image.path] = zipfile.ZipFile(image.path)
            self._opened.append(archives[image.path])
        return archives[image.path].read(image.member)

    def close(self) -> None:
        """Close all archives."""
        for archive in self._opened:
            archive.close()


def _duplicates(raw: RawTable, names: Mapping[ImageRef, str], hashes: Mapping[str, str]) -> tuple[Duplicate, ...]:
    rows: dict[str, list[int]] = defaultdict(list)
    for row, sample in enumerate(raw.ids.tolist()):
        if sample in hashes:
            rows[hashes[sample]].append(row)
    found = []
    for sha256, same in rows.items():
        pictures = _unique(names[raw.images[row]] for row in same)
        if len(pictures) > 1:
            ids = _unique(str(raw.ids[row]) for row in same)
            found.append(Duplicate(sha256, pictures, ids, _unique(str(raw.units[row]) for row in same)))
    return tuple(sorted(found, key=lambda duplicate: duplicate.pictures))


def _shared(raw: RawTable, names: Mapping[ImageRef, str]) -> tuple[str, ...]:
    units: dict[ImageRef, set[str]] = defaultdict(set)
    for image, unit in zip(raw.images, raw.units.tolist(), strict=True):
        units[image].add(unit)
    return tuple(sorted(names[image] for image, owners in units.items() if len(owners) > 1))


def _unexpected(root: Path, names: Mapping[ImageRef, str]) -> tuple[str, ...]:
    """Return files beside the benchmark's pictures that look like pictures or remains of a download."""
    expected = {image.path for image in names}
    found = []
    for folder in {path.parent for path in expected}:
        if not folder.is_dir():
            continue
        with os.scandir(folder) as entries:
            for entry in entries:
                path = folder / entry.name
                if path not in expected and path.suffix.lower() in EXTENSIONS | LEFTOVERS and entry.is_file():
                    found.append(_name(ImageRef(path), root))
    return tuple(sorted(found))


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
