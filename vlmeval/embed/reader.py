"""Read the encoded bytes of many pictures, keeping zip archives open between them (one set per process)."""

from __future__ import annotations

import threading
import zipfile
import zlib
from pathlib import Path
from typing import Final

from vlmeval.records import ImageRef

READ_ERRORS: Final = (OSError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)
"""What reading may raise: absent file or member, damaged archive, unknown compression, encrypted member."""


class Reader:
    """Opens each archive once; safe to use from several threads."""

    def __init__(self) -> None:
        self._archives: dict[Path, zipfile.ZipFile] = {}
        self._lock = threading.Lock()

    def read(self, ref: ImageRef) -> bytes:
        """Return the picture's encoded bytes; raises one of `READ_ERRORS`."""
        if ref.member is None:
            return ref.path.read_bytes()
        return self.archive(ref.path).read(ref.member)

    def archive(self, path: Path) -> zipfile.ZipFile:
        """Return the open archive (listing a large one takes a while, so it is kept)."""
        with self._lock:
            if path not in self._archives:
                self._archives[path] = zipfile.ZipFile(path)
            return self._archives[path]

    def close(self) -> None:
        """Close all archives."""
        for archive in self._archives.values():
            archive.close()
        self._archives.clear()


def why_unreadable(error: BaseException) -> str:
    """Say in a few words why a picture's bytes could not be read."""
    if isinstance(error, FileNotFoundError):
        return "file not found"
    if isinstance(error, KeyError):
        return "not in the archive"
    return f"cannot be read: {error or type(error).__name__}"
