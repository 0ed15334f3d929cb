"""Where one picture's bytes are: a file, or a member of a zip archive. Small, picklable, opened on use."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A picture on disk; ``member`` names it inside the zip archive ``path``."""

    path: Path
    member: str | None = None

    def read_bytes(self) -> bytes:
        """Return the encoded picture. Raises OSError, KeyError or zipfile.BadZipFile when it cannot be read."""
        if self.member is None:
            return self.path.read_bytes()
        with zipfile.ZipFile(self.path) as archive:
            return archive.read(self.member)

    def exists(self) -> bool:
        """Whether the file is there (a zip member is known from the archive's listing)."""
        return self.path.is_file()

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}!{self.member}"
