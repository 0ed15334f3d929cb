"""Find pictures by name in whatever layout a data set was unpacked in - or not unpacked.

Comes in: a data folder. Goes out: picture name without extension -> ImageRef. Looks in the folder, up to three folders
deep, and inside zip archives; an unpacked picture wins over one in an archive. Hidden files and folders are passed by:
they are resource forks (``._ISIC_0024306.jpg``) or what an interrupted download left.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from vlmeval.data import safepath
from vlmeval.errors import DataError
from vlmeval.records import ImageRef

EXTENSIONS: Final = frozenset({".jpg", ".jpeg", ".png"})
DEPTH: Final = 3


def index_pictures(root: Path) -> dict[str, ImageRef]:
    """Return every picture under ``root`` by its name without extension.

    Where a name is there twice (some hosts ship a second, lower-case copy of each folder) the first in sorted order is
    taken. Raises DataError for a symbolic link that leads out of ``root`` and for a damaged archive.
    """
    found: dict[str, ImageRef] = {}
    archives: list[Path] = []
    for path in _walk(root, root, DEPTH):
        if path.suffix.lower() in EXTENSIONS:
            found.setdefault(path.stem, ImageRef(path))
        elif path.suffix.lower() == ".zip":
            archives.append(path)
    for archive in archives:
        for member in _members(archive):
            found.setdefault(PurePosixPath(member).stem, ImageRef(archive, member))
    return found


def unpacked_names(root: Path) -> frozenset[str]:
    """Return the names without extension of the pictures under ``root`` that lie there as files, not in an archive."""
    if not root.is_dir():
        return frozenset()
    return frozenset(path.stem for path in _walk(root, root, DEPTH) if path.suffix.lower() in EXTENSIONS)


def _walk(root: Path, folder: Path, depth: int) -> Iterator[Path]:
    """Yield files, shallow before deep and in sorted order."""
    folders: list[Path] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda item: item.name):
            if entry.name.startswith("."):
                continue
            path = folder / entry.name
            if entry.is_symlink():
                _check_link(root, path)
            if entry.is_dir():
                folders.append(path)
            else:
                yield path
    if depth > 0:
        for inner in folders:
            yield from _walk(root, inner, depth - 1)


def _check_link(root: Path, link: Path) -> None:
    try:
        safepath.inside(root, link.relative_to(root).as_posix())
    except DataError as problem:
        raise DataError(
            "a symbolic link leads out of the data folder",
            file=link,
            expected="pictures inside the data folder",
            found=str(link.resolve()),
            hint="move the pictures or the tables, so that one folder holds both, and give that one with --data",
        ) from problem


def archive_names(archive: Path) -> list[str]:
    """Return the names of everything in a zip archive; raises DataError for a damaged one."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except zipfile.BadZipFile as problem:
        raise DataError(
            "an archive is damaged",
            file=archive,
            expected="a zip archive",
            found=str(problem),
            hint="delete it and download it again",
        ) from problem


def _members(archive: Path) -> list[str]:
    names = archive_names(archive)
    # Resource forks (__MACOSX/._ISIC_....jpg) look like pictures and are none.
    return sorted(
        name
        for name in names
        if PurePosixPath(name).suffix.lower() in EXTENSIONS and not PurePosixPath(name).name.startswith("._")
    )
