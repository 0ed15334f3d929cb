"""Open a zip archive so that its folder is there whole or not at all, and nothing lands outside it.

Comes in: an archive and the folder it is to become. Goes out: the folder. An archive that holds one folder with
everything in it becomes that folder, so that it does not matter how the archive was made.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import Final

from vlmeval.data.safepath import inside
from vlmeval.errors import DataError

MAX_BYTES: Final = 64 << 30
"""More than this unpacked is refused: no data set here is a tenth as large."""

_CLUTTER: Final = ("__MACOSX/", ".DS_Store")


def unpack(archive: Path, folder: Path, *, max_bytes: int = MAX_BYTES) -> int:
    """Unpack ``archive`` into the new folder ``folder``; return how many files it held.

    Raises
    ------
    DataError
        No zip archive, damaged, encrypted, a member that leads out of the folder, is a link or comes twice, too large,
        or no room on the disk.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*.unpacking"):  # by a run that was killed
        shutil.rmtree(left, ignore_errors=True)
    workplace = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".unpacking"))
    try:
        count = _extract_all(archive, workplace, max_bytes)
        _only_folder(workplace).rename(folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        # OSError: the disk is full, or the archive has two members of one name.
        hint = "delete the archive and fetch it again"
        raise DataError("the archive cannot be unpacked", file=archive, found=str(error), hint=hint) from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)
    return count


def _extract_all(archive: Path, workplace: Path, max_bytes: int) -> int:
    with zipfile.ZipFile(archive) as opened:
        members = [m for m in opened.infolist() if not m.is_dir() and not _is_clutter(m.filename)]
        total = sum(member.file_size for member in members)
        if total > max_bytes:
            raise DataError(
                "the archive is too large", file=archive, expected=f"at most {max_bytes} bytes", found=f"{total} bytes"
            )
        for member in members:
            if stat.S_ISLNK(member.external_attr >> 16):
                raise DataError("the archive holds a symbolic link", file=archive, found=member.filename)
            target = inside(workplace, member.filename, file=archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with opened.open(member) as source, target.open("xb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)  # the member's CRC is checked as it is read
    return len(members)


def _only_folder(workplace: Path) -> Path:
    entries = list(workplace.iterdir())
    if len(entries) == 1 and entries[0].is_dir():
        return entries[0]
    # A temporary folder is private; the data folder is not.
    workplace.chmod(workplace.parent.stat().st_mode & 0o777)
    return workplace


def _is_clutter(name: str) -> bool:
    return name.startswith(_CLUTTER[0]) or name.endswith(_CLUTTER[1])
