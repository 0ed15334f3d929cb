"""Pictures in folders named by their class (``melanoma/1.jpg``), as a text table.

Comes in: a folder. Goes out: a `TextTable` with the columns ``image`` (path), ``label`` (folder), ``split`` (the folder
above it, when the data is laid out as ``train/melanoma/1.jpg``) and ``unit`` (out of the file's name by a pattern).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from vlmeval.data.csvfile import TextTable
from vlmeval.data.images import EXTENSIONS
from vlmeval.data.safepath import inside
from vlmeval.errors import CatalogError, DataError, MissingDataError


def read_folders(root: Path, *, with_split: bool, unit_pattern: str | None) -> TextTable:
    """List the pictures under ``root`` in sorted order.

    Parameters
    ----------
    root
        The folder with one folder a class, or one folder a split with these in it.
    with_split
        Whether the first level names splits.
    unit_pattern
        Regular expression whose first group, searched in the file's name, is the unit.

    Raises
    ------
    MissingDataError
        No such folder, or no picture at the right depth.
    DataError
        A symbolic link that leads out, or a file name the pattern does not fit.
    CatalogError
        The pattern is none, or has no group.
    """
    if not root.is_dir():
        raise MissingDataError("the folder of pictures is missing", file=root, expected="one folder for each class")
    pattern = _compiled(unit_pattern)
    depth = 3 if with_split else 2
    columns: dict[str, list[str]] = {"image": [], "label": [], "split": [], "unit": []}
    for path in _pictures(root):
        parts = path.relative_to(root).parts
        if len(parts) < depth:
            continue
        name = path.relative_to(root).as_posix()
        inside(root, name)
        columns["image"].append(name)
        columns["label"].append(parts[depth - 2])
        columns["split"].append(parts[0] if with_split else "")
        columns["unit"].append(name if pattern is None else _unit(pattern, path))
    if not columns["image"]:
        expected = (
            ("<split>/" if with_split else "") + "<class>/<picture>." + "|".join(sorted(e[1:] for e in EXTENSIONS))
        )
        raise MissingDataError("there are no pictures in class folders", file=root, expected=expected, found="none")
    return TextTable(root, columns, list(range(1, len(columns["image"]) + 1)))


def _pictures(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(files):
            if Path(name).suffix.lower() in EXTENSIONS and not name.startswith("."):
                yield Path(place) / name


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        message = "the pattern of units is not a regular expression"
        raise CatalogError(message, key="data.options.unit_pattern", found=f"{pattern!r}: {error}") from error
    if compiled.groups < 1:
        message = "the pattern of units has no group"
        raise CatalogError(message, key="data.options.unit_pattern", expected="e.g. ^(case\\d+)_", found=repr(pattern))
    return compiled


def _unit(pattern: re.Pattern[str], path: Path) -> str:
    match = pattern.search(path.name)
    if match is None or not match[1]:
        raise DataError(
            "a picture's name does not tell its unit", file=path, expected=f"a name that fits {pattern.pattern!r}"
        )
    return match[1]
