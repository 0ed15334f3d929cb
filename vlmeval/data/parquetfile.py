"""Read a parquet file as a text table, so that it goes the same way as a CSV file.

Comes in: a path and the columns it must have. Goes out: a `TextTable`; its "line" is the row's number from 1.
"""

from __future__ import annotations

import difflib
import math
from pathlib import Path

from vlmeval.data.columns import LIST_SEPARATOR
from vlmeval.data.csvfile import TextTable
from vlmeval.errors import DataError, MissingDataError


def read_parquet(path: Path, required: tuple[str, ...]) -> TextTable:
    """Read the columns ``required`` of a parquet file as text.

    Raises
    ------
    MissingDataError
        When there is no such file.
    DataError
        When it is no parquet file or misses a column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise MissingDataError("a table is missing", file=path, expected="a parquet file")
    try:
        with pq.ParquetFile(path) as opened:
            names = list(opened.schema_arrow.names)
            _check_columns(path, names, required)
            columns = opened.read(columns=list(required)).to_pydict()
            rows = opened.metadata.num_rows
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise DataError("the table cannot be read", file=path, expected="a parquet file", found=str(error)) from error
    texts = {name: [cell_text(value) for value in columns[name]] for name in required}
    return TextTable(path, texts, list(range(1, rows + 1)))


def cell_text(value: object) -> str:
    """Return a cell as text: nothing as "", whole floats without ``.0``, a list's entries joined."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, (list, tuple)):
        return LIST_SEPARATOR.join(cell_text(item) for item in value)
    return str(value)


def _check_columns(path: Path, names: list[str], required: tuple[str, ...]) -> None:
    for name in required:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
            found = ("close to it: " if near else "columns: ") + ", ".join(near or names)
            raise DataError("a column is missing", file=path, key=name, expected=f"column {name!r}", found=found)
