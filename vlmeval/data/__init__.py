"""From a data set's own files to Samples: one adapter a file format, one way to split, group and audit.

Comes in: a benchmark card and the folder its data lies in. Goes out: Samples. The way: ``<adapter>.read`` gives a
`RawTable` (raw.py), `assemble` (assemble.py) puts the card's groups and split (splits.py) on it. Beside the way:
audit.py (leaks), describe.py (counts), check.py (pictures), fetch.py (downloads).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final, Protocol, cast

from vlmeval.data.raw import RawTable
from vlmeval.errors import UnknownNameError
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, Samples
from vlmeval.resources import data_home

ADAPTERS: Final[dict[str, str]] = {
    "scin": "vlmeval.data.scin.adapter",
    "ham10000": "vlmeval.data.ham10000",
    "table": "vlmeval.data.table",
    "hub": "vlmeval.data.hub",
    "demo": "vlmeval.data.demo",
}
"""Adapter name (``data.adapter`` in a card) -> the module whose ``read`` reads it; imported on first use."""


class Adapter(Protocol):
    """What an adapter module offers."""

    def read(self, benchmark: Benchmark, root: Path) -> RawTable:
        """Read the rows that the card asks for from the folder ``root``; the pictures need not be there."""


def adapter(name: str) -> Adapter:
    """Return the adapter module of that name. Raises UnknownNameError."""
    if name not in ADAPTERS:
        raise UnknownNameError("data adapter", name, ADAPTERS)
    return cast("Adapter", import_module(ADAPTERS[name]))


def data_root(benchmark: Benchmark, root: Path | None = None) -> Path:
    """Return ``root``, or the card's folder inside the user's data home when it is None."""
    return root if root is not None else data_home() / benchmark.data.home


def read_raw(benchmark: Benchmark, root: Path | None = None) -> RawTable:
    """Read the rows a card asks for, before groups and split. Raises DataError or MissingDataError."""
    return adapter(benchmark.data.adapter).read(benchmark, data_root(benchmark, root))


def prepare(benchmark: Benchmark, root: Path | None = None, progress: Progress = silent) -> None:
    """Let an adapter that makes its own data (the demonstration's) make it; nothing to do for the others.

    `load_samples` does this too. Raises DataError when the folder cannot be written.
    """
    make = getattr(adapter(benchmark.data.adapter), "prepare", None)
    if make is not None:
        make(benchmark, data_root(benchmark, root), progress)


def table_lines(benchmark: Benchmark, root: Path | None = None) -> tuple[Path | None, dict[str, int]]:
    """Return the table that the rows are read from and the line of each sample id, where the adapter can tell."""
    lines = getattr(adapter(benchmark.data.adapter), "lines", None)
    return (
        (None, {})
        if lines is None
        else cast("tuple[Path, dict[str, int]]", lines(benchmark, data_root(benchmark, root)))
    )


def load_samples(benchmark: Benchmark, root: Path | None = None, progress: Progress = silent) -> Samples:
    """Read a benchmark's samples.

    Parameters
    ----------
    benchmark
        The card.
    root
        The folder that holds this data set (for SCIN the one with ``dataset/`` in it); None for the user's data home.
    progress
        Told of anything that takes long: the demonstration's pictures being drawn.

    Returns
    -------
    Samples
        One row an image; the pictures themselves need not exist.

    Raises
    ------
    MissingDataError
        When the folder or a table is not there.
    DataError
        When the files say something the card does not allow for.
    """
    from vlmeval.data.assemble import assemble

    prepare(benchmark, root, progress)
    return assemble(benchmark, read_raw(benchmark, root))
