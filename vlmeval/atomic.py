"""Write a file whole or not at all: a temporary file in the same folder, flushed to disk, then renamed."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old file or the new one, never half of one.

    Raises OSError as any write does; then nothing of the attempt stays behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile.mkstemp, whose files are private: a run folder is meant to be shared like any other file.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())
