"""Read a comma- or tab-separated table as text, remembering the line of every row.

Comes in: a path and the columns it must have. Goes out: `TextTable`, columns of strings. Nothing is converted or
guessed: ``-1000600354148496558`` and ``007`` stay what they are.
"""

from __future__ import annotations

import csv
import difflib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlmeval.errors import DataError, MissingDataError


@dataclass(frozen=True)
class TextTable:
    """A table as text: column name -> one string a row, and the line in the file where each row begins."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    def __getitem__(self, column: str) -> list[str]:
        return self.columns[column]

    def error(self, message: str, row: int, column: str, *, expected: str, hint: str | None = None) -> DataError:
        """Return (not raise) a DataError that points at one cell and quotes it."""
        found = self.columns[column][row]
        shown = found if len(found) <= 120 else found[:117] + "..."
        place = {"file": self.path, "line": self.lines[row], "key": column}
        return DataError(message, expected=expected, found=repr(shown), hint=hint, **place)  # type: ignore[arg-type]


def read_table(path: Path, required: tuple[str, ...] = (), *, hint: str | None = None) -> TextTable:
    """Read a UTF-8 table with a header; tabs separate where the header has a tab, commas otherwise.

    Parameters
    ----------
    path
        The file; a byte-order mark is allowed.
    required
        Columns that must be there.
    hint
        What to do when a column is missing.

    Raises
    ------
    MissingDataError
        When there is no such file.
    DataError
        When it is not UTF-8, has no header, repeats or misses a column, or a row has too many or too few cells.
    """
    text = _read_text(path)
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header, required, hint)
        return _collect(path, header, reader)
    except csv.Error as problem:
        raise DataError(
            "the table is not well-formed", file=path, line=reader.line_num, expected="CSV", found=str(problem)
        ) from problem


def _read_text(path: Path) -> str:
    if not path.is_file():
        raise MissingDataError("a table is missing", file=path, expected="a CSV or tab-separated file")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise DataError(
            "the table is not UTF-8",
            file=path,
            line=line,
            expected="UTF-8 text",
            found=f"byte {data[problem.start]:#x}",
        ) from problem


def _check_header(path: Path, header: list[str], required: tuple[str, ...], hint: str | None) -> None:
    if not any(header):
        raise DataError("the table has no header", file=path, line=1, expected="column names", found="nothing")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError("a column name is there twice", file=path, line=1, key=repeated[0], expected="unique names")
    for name in required:
        if name not in header:
            near = difflib.get_close_matches(name, header, n=2, cutoff=0.5)
            found = ("close to it: " if near else "columns: ") + ", ".join(near or header)
            raise DataError(
                "a column is missing", file=path, line=1, key=name, expected=f"column {name!r}", found=found, hint=hint
            )


def _collect(path: Path, header: list[str], reader: Any) -> TextTable:
    rows: list[list[str]] = []
    lines: list[int] = []
    before = reader.line_num
    for row in reader:
        line, before = before + 1, reader.line_num
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(
                "a row does not fit the header",
                file=path,
                line=line,
                expected=f"{len(header)} cells",
                found=f"{len(row)} cells",
            )
        rows.append(row)
        lines.append(line)
    columns = [list(cells) for cells in zip(*rows, strict=True)] if rows else [[] for _ in header]
    return TextTable(path, dict(zip(header, columns, strict=True)), lines)
