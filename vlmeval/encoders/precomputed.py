"""Image vectors that somebody else computed: read from plain files, joined to samples, never unpickled.

    FILE.npz      arrays `ids` [n] (text) and `vectors` [n, d]
    FILE.npy      vectors [n, d], with FILE.csv beside it: column `id` (or its first column) names the rows in order
    FILE.parquet  column `id` and either one list column `vector` or one number column per dimension
    FILE.csv      column `id` (or its first column) and one number column per dimension

Rows are joined to samples by sample id, else by image path, else by file name with or without its suffix (see
`vlmeval.encoders.given.join`). Any other layout, and pickled arrays, go through `vlmeval data convert` first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.encoders.given.convert import merge_repeats
from vlmeval.encoders.given.join import check_digits, match, number_name
from vlmeval.encoders.given.plain import META
from vlmeval.encoders.protocol import Joined, Vectors
from vlmeval.errors import DataError, MissingDataError, UsageError

Read = tuple[list[Any], npt.NDArray[Any], Mapping[str, Any]]
"""Names as the file has them, vectors, and what the file says of how it was made."""


@dataclass(frozen=True)
class GivenVectors:
    """Vectors by name: ``names`` [n] and float32 ``vectors`` [n, d], as read from ``file``.

    ``repeated`` rows had the same name and the same vector as another; ``meta`` is what vlmeval wrote into the file.
    """

    file: Path
    names: tuple[str, ...]
    vectors: Vectors
    repeated: int = 0
    meta: Mapping[str, Any] = field(default_factory=dict)

    def join(self, ids: Sequence[str], names: Sequence[str]) -> Joined:
        """Match rows to samples.

        Parameters
        ----------
        ids, names
            [m] sample ids, and [m] image paths or file names.

        Returns
        -------
        Joined
            Rows in the samples' order, and a full account of what did not join.

        Raises
        ------
        DataError
            Nothing matches, ids that have lost their last digits, or a row that does match is not finite.
        """
        matches = match(self.names, ids, names, self._same)
        found = matches.rows >= 0
        used = set(matches.rows[found].tolist())
        unused = tuple(name for row, name in enumerate(self.names) if row not in used)
        missing = tuple(sample for sample, hit in zip(ids, found, strict=True) if not hit)
        lost = [text for pair, hit in zip(zip(ids, names, strict=True), found, strict=True) if not hit for text in pair]
        check_digits(self.file, unused, lost)
        if not found.any():
            raise self._no_match(ids, names, matches.ambiguous)
        self._check_finite(matches.rows[found])
        vectors = np.full((len(found), self.vectors.shape[1]), np.nan, dtype=np.float32)
        vectors[found] = self.vectors[matches.rows[found]]
        account = {
            "vectors in file": len(self.names),
            **({"repeated rows in file": self.repeated} if self.repeated else {}),
            **matches.ways,
            "samples without vector": len(missing),
            **({"samples whose file name is ambiguous": len(matches.ambiguous)} if matches.ambiguous else {}),
            "vectors without sample": len(unused),
        }
        return Joined(vectors, found, account, missing, unused, _made(self.meta))

    def _same(self, row: int, other: int) -> bool:
        return bool(np.array_equal(self.vectors[row], self.vectors[other]))

    def _check_finite(self, rows: npt.NDArray[np.intp]) -> None:
        rows = np.unique(rows)
        for bad, what in (
            (rows[~np.isfinite(self.vectors[rows]).all(axis=1)], "hold NaN or infinity"),
            (rows[~self.vectors[rows].any(axis=1)], "are all zero and have no direction"),
        ):
            if len(bad):
                names = ", ".join(self.names[row] for row in bad[:5]) + (", ..." if len(bad) > 5 else "")
                hint = "make them again, or leave these rows out of the file: their samples count as missing then"
                raise DataError(f"{len(bad)} of the vectors {what}", file=self.file, found=names, hint=hint)

    def _no_match(self, ids: Sequence[str], names: Sequence[str], ambiguous: Sequence[str]) -> DataError:
        if ambiguous:
            return DataError(
                "every file name in this file fits more than one picture of this benchmark, or the other way round",
                file=self.file,
                expected="sample ids, or image paths with their folders, such as " + ", ".join(list(names)[:3]),
                found=", ".join(self.names[:3]),
            )
        return DataError(
            "none of the vectors belongs to a sample of this benchmark",
            file=self.file,
            expected=f"sample ids such as {', '.join(list(ids)[:3])}, or image file names such as "
            + ", ".join(Path(name).name for name in list(names)[:3]),
            found=", ".join(self.names[:3]),
        )


def read_vectors(file: Path) -> GivenVectors:
    """Read a file of vectors.

    Raises
    ------
    MissingDataError
        The file, or the CSV beside an npy, is absent.
    DataError
        Wrong arrays, shapes or types, one name for two vectors, or pickled content.
    UsageError
        A suffix that is none of the above.
    """
    readers = {".npz": _read_npz, ".npy": _read_npy, ".parquet": _read_parquet, ".csv": _read_csv}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise UsageError("not a kind of embeddings file", file=file, expected=", ".join(readers))
    if not file.is_file():
        raise MissingDataError("no such file of embeddings", file=file)
    if not file.stat().st_size:
        raise DataError("the file of embeddings is empty", file=file)
    return _checked(file, *reader(file))


def _checked(file: Path, names: Sequence[Any], vectors: npt.NDArray[Any], meta: Mapping[str, Any]) -> GivenVectors:
    if vectors.ndim != 2 or vectors.shape[1] < 1 or vectors.dtype.kind not in "fiu":
        found = f"{vectors.dtype} {list(vectors.shape)}"
        raise DataError("wrong vectors", file=file, expected="numbers [n, d]", found=found)
    if len(names) != len(vectors):
        raise DataError("ids and vectors differ in number", file=file, found=f"{len(names)} and {len(vectors)}")
    if not len(names):
        raise DataError("no vectors in the file", file=file, found=f"{vectors.dtype} {list(vectors.shape)}")
    if None in names:
        raise DataError("a row has no id", file=file, key="id", found=f"row {list(names).index(None) + 1}")
    with np.errstate(over="ignore"):  # becomes infinite, and is refused where it is used
        numbers = np.ascontiguousarray(vectors, dtype=np.float32)
    kept, numbers = merge_repeats([number_name(name, file) for name in names], numbers, file)
    return GivenVectors(file, tuple(kept), numbers, len(names) - len(kept), meta)


def _read_npz(file: Path) -> Read:
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
            meta = str(arrays["meta"]) if "meta" in arrays.files else ""
            ids = arrays["ids"]
            return ids.reshape(-1).tolist() if ids.ndim else [ids.item()], arrays["vectors"], _meta(meta)
        except (ValueError, EOFError, OSError) as error:
            raise _pickled(file, error) from error


def _read_npy(file: Path) -> Read:
    vectors = _load(file)
    if not isinstance(vectors, np.ndarray):
        vectors.close()
        raise DataError("not an npy array", file=file, found="an archive; name it .npz")
    table = file.with_suffix(".csv")
    if not table.is_file():
        raise MissingDataError("the CSV that names the rows is missing", file=table, expected="a column 'id'")
    frame = _table(table)
    return frame["id" if "id" in frame.columns else frame.columns[0]].tolist(), vectors, {}


def _read_csv(file: Path) -> Read:
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


def _read_parquet(file: Path) -> Read:
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


def _load(file: Path) -> Any:
    try:
        return np.load(file, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise _pickled(file, error) from error


def _pickled(file: Path, error: Exception) -> DataError:
    return DataError(
        "not readable as plain arrays; pickled content is never read",
        file=file,
        found=str(error).splitlines()[0],
        hint=_convert(file),
    )


def _convert(file: Path) -> str:
    return f"vlmeval data convert {file} -o {file.stem}-plain.npz    (reads other layouts and pickled arrays, safely)"


def _made(meta: Mapping[str, Any]) -> str:
    """Say how the vectors came to be, as far as vlmeval wrote it into the file."""
    if meta.get("made") == "exported":
        return f"; exported from {meta.get('model')}: {meta.get('preprocessing')}"
    return f"; converted from {meta.get('from')}" if meta.get("made") == "converted" else ""


def _meta(text: str) -> Mapping[str, Any]:
    """Return what vlmeval wrote into a file; nothing for anybody else's."""
    try:
        known = json.loads(text) if text else {}
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}
