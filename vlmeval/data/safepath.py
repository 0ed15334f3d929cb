"""Paths that come from a file stay inside the data folder.

Comes in: a root folder and a relative path written in someone's CSV. Goes out: the path under the root, or DataError.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from vlmeval.errors import DataError


def inside(root: Path, relative: str, *, file: Path | str | None = None, line: int | None = None) -> Path:
    """Return ``root / relative`` after making sure it cannot lead out of ``root``.

    Parameters
    ----------
    root
        The data folder.
    relative
        A path as written in a table, with slashes between folders. The file need not exist.
    file, line
        Where the path is written, for the message.

    Raises
    ------
    DataError
        For an empty or absolute path, a drive letter, ``..``, a NUL byte, or a symbolic link that leads outside.
    """
    pure = PurePosixPath(relative.replace("\\", "/"))
    windows = PureWindowsPath(relative)
    outside = pure.is_absolute() or bool(windows.drive) or bool(windows.root) or ".." in pure.parts
    if not relative.strip() or "\0" in relative or outside or not pure.parts:
        raise _refusal(relative, file, line)
    path = root.joinpath(*pure.parts)
    # A symbolic link inside the folder may still point elsewhere; resolve() follows what exists of the path.
    if not path.resolve().is_relative_to(root.resolve()):
        raise _refusal(relative, file, line)
    return path


def _refusal(relative: str, file: Path | str | None, line: int | None) -> DataError:
    return DataError(
        "a path in the table leads out of the data folder",
        file=file,
        line=line,
        expected="a relative path inside the data folder",
        found=repr(relative),
        hint="correct the table, or give the folder that holds all the pictures as the data folder",
    )
