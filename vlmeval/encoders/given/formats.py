"""The plain formats of given vectors, read: npz, npy with a CSV beside it, CSV, parquet; see `precomputed`.

In: a file. Out: names as the file has them, vectors, and what vlmeval wrote into it. Nothing is unpickled.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.encoders.given.npz_objects import BAD_ARRAY, first_line
from vlmeval.encoders.given.pickled_arrays import RefusedError, check_text
from vlmeval.encoders.given.plain import META
from vlmeval.errors import DataError, MissingDataError

_BAD: Final = (*BAD_ARRAY, EOFError, OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RefusedError)
Read = tuple[list[Any], npt.NDArray[Any], Mapping[str, Any]]
"""Names as the file has them, vectors, and what the file says of how it was made."""


def read_npz(file: Path) -> Read:
    """Read an npz with arrays ``ids`` and ``vectors``; raises DataError."""
    arrays = _load(file)
    if isinstance(arrays, np.ndarray):
        raise DataError("not an npz archive", file=file, expected="arrays 'ids' and 'vectors'")
    with arrays:
        for key in ("ids", "vectors"):
            if key not in arrays.files:
                shown = ", ".join(arrays.files[:8]) + (", ..." if len(arrays.files) > 8 else "")
                raise DataError(
                    "an array is missing",
                    file=file,
                    key=key,
                    expected="arrays 'ids' [n] and 'vectors' [n, d]",
                    found=shown or "no arrays",
                    hint=_convert(file),
                )
        try:
            meta = str(_member(arrays, "meta")) if "meta" in arrays.files else ""
            ids = _member(arrays, "ids")
            return ids.reshape(-1).tolist() if ids.ndim else [ids.item()], _member(arrays, "vectors"), _meta(meta)
        except _BAD as error:
            raise _pickled(file, error) from error


def read_npy(file: Path) -> Read:
    """Read an npy and the CSV beside it; raises DataError."""
    vectors = _load(file)
    if not isinstance(vectors, np.ndarray):
        vectors.close()
        raise DataError("not an npy array", file=file, found="an archive; name it .npz")
    table = file.with_suffix(".csv")
    if not table.is_file():
        raise MissingDataError("the CSV that names the rows is missing", file=table, expected="a column 'id'")
    frame = _table(table)
    return frame["id" if "id" in frame.columns else frame.columns[0]].tolist(), vectors, {}


def read_csv(file: Path) -> Read:
    """Read a CSV; raises DataError."""
    frame = _table(file)
    ids = "id" if "id" in frame.columns else frame.columns[0]
    columns = [name for name in frame.columns if name != ids]
    try:
        vectors = frame[columns].replace("", "nan").to_numpy(dtype=np.float64)
    except ValueError as error:
        expected = "an id and one column of numbers per dimension"
        raise DataError("a cell that is no number", file=file, expected=expected, found=str(error)) from error
    return frame[ids].tolist(), vectors, {}


def _table(file: Path) -> Any:
    """Read a CSV as text: ids of 64 bits stay what they are."""
    import pandas as pd

    try:
        return pd.read_csv(file, dtype=str, keep_default_na=False, index_col=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DataError("not a table of the same columns in every row", file=file, found=str(error)) from error


def read_parquet(file: Path) -> Read:
    """Read a parquet file with lists or one column a dimension; raises DataError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError("not a parquet file", file=file, found=str(error).splitlines()[0]) from error
    if "id" not in table.column_names:
        raise DataError("a column is missing", file=file, key="id", found=", ".join(table.column_names[:8]))
    names = table.column("id").to_pylist()
    meta = _meta((table.schema.metadata or {}).get(META.encode(), b"").decode("utf-8", "replace"))
    if "vector" in table.column_names:
        return names, _list_column(table.column("vector"), file), meta
    columns = [name for name in table.column_names if name != "id"]
    for name in columns:
        kind = table.schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            expected = "one list column 'vector', or one column of numbers per dimension"
            raise DataError("a column that is no dimension", file=file, key=name, expected=expected, found=str(kind))
    # A missing number becomes NaN here, and is refused where it is used.
    vectors = np.stack([table.column(name).to_numpy() for name in columns], axis=1) if columns else np.empty((0, 0))
    return names, vectors, meta


def _list_column(column: Any, file: Path) -> npt.NDArray[Any]:
    """Return float [n, d] of a column of lists; raises DataError when they differ in length or hold no numbers."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    if not listed or not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        raise DataError("no lists of numbers", file=file, key="vector", expected="a list column", found=str(kind))
    if column.null_count:
        raise DataError("a row has no vector", file=file, key="vector", found=f"{column.null_count} rows")
    lengths = sorted(set(pc.list_value_length(column).to_pylist()))
    if len(lengths) > 1:
        found = ", ".join(map(str, lengths[:5]))
        raise DataError("the vectors differ in length", file=file, key="vector", found=found)
    numbers = pc.list_flatten(column).to_numpy()
    return np.asarray(numbers.reshape(len(column), lengths[0] if lengths else 0))


def _member(arrays: Any, key: str) -> npt.NDArray[Any]:
    """Return an array of an npz; raises TypeError for a member that is something else."""
    array = arrays[key]
    if not isinstance(array, np.ndarray):  # numpy gives the bytes of what does not begin as an array does
        raise TypeError(f"{key} is no npy array")
    return check_text(array)


def _load(file: Path) -> Any:
    try:
        return np.load(file, allow_pickle=False)
    except _BAD as error:
        raise _pickled(file, error) from error


def _pickled(file: Path, error: Exception) -> DataError:
    return DataError(
        "not readable as plain arrays; pickled content is never read",
        file=file,
        found=first_line(error),
        hint=_convert(file),
    )


def _convert(file: Path) -> str:
    return f"vlmeval data convert {file} -o {file.stem}-plain.npz    (reads other layouts and pickled arrays, safely)"


def _meta(text: str) -> Mapping[str, Any]:
    """Return what vlmeval wrote into a file; nothing for anybody else's."""
    try:
        known = json.loads(text) if text else {}
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def read_meta(file: Path) -> Mapping[str, Any]:
    """Return what vlmeval wrote into an npz or parquet; nothing for any other file, a damaged one included."""
    try:
        if file.suffix.lower() == ".npz":
            with np.load(file, allow_pickle=False) as arrays:
                return _meta(str(_member(arrays, "meta")) if "meta" in arrays.files else "")
        if file.suffix.lower() == ".parquet":
            import pyarrow.parquet as pq

            return _meta((pq.read_schema(file).metadata or {}).get(META.encode(), b"").decode("utf-8", "replace"))
    except _BAD:
        return {}
    return {}


READERS: Final = {".npz": read_npz, ".npy": read_npy, ".parquet": read_parquet, ".csv": read_csv}
"""Suffix -> the function that reads such a file."""
