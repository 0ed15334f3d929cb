"""Image vectors that somebody else computed: read from npz, npy with a CSV beside it, or parquet, never unpickled.

    FILE.npz      arrays `ids` [n] (text) and `vectors` [n, d]
    FILE.npy      vectors [n, d], with FILE.csv beside it: column `id` (or its first column) names the rows in order
    FILE.parquet  column `id` and either one list column `vector` or one number column per dimension

Rows are joined to samples by sample id, else by image file name, with or without its suffix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.encoders.protocol import Joined, Vectors
from vlmeval.errors import DataError, MissingDataError, UsageError


@dataclass(frozen=True)
class GivenVectors:
    """Vectors by name: ``names`` [n] and float32 ``vectors`` [n, d], as read from ``file``."""

    file: Path
    names: tuple[str, ...]
    vectors: Vectors

    def join(self, ids: Sequence[str], names: Sequence[str]) -> Joined:
        """Match rows to samples.

        Parameters
        ----------
        ids, names
            [m] sample ids, and [m] image file names (a path or a bare name).

        Returns
        -------
        Joined
            Rows in the samples' order, and a full account of what did not join.

        Raises
        ------
        DataError
            Nothing matches, or a row that does match is not finite.
        """
        row_of = {name: row for row, name in enumerate(self.names)}
        rows, by = [], {"by id": 0, "by file name": 0}
        for sample, image in zip(ids, names, strict=True):
            row = row_of.get(sample)
            if row is not None:
                by["by id"] += 1
            else:
                row = next((row_of[key] for key in _keys(image) if key in row_of), None)
                by["by file name"] += row is not None
            rows.append(-1 if row is None else row)
        index = np.array(rows, dtype=np.intp)
        found = index >= 0
        if not found.any():
            raise self._no_match(ids)
        self._check_finite(index[found])
        vectors = np.full((len(index), self.vectors.shape[1]), np.nan, dtype=np.float32)
        vectors[found] = self.vectors[index[found]]
        used = set(index[found].tolist())
        unused = tuple(name for row, name in enumerate(self.names) if row not in used)
        missing = tuple(sample for sample, hit in zip(ids, found, strict=True) if not hit)
        account = {"vectors in file": len(self.names), **by, "samples without vector": len(missing)}
        return Joined(vectors, found, {**account, "vectors without sample": len(unused)}, missing, unused)

    def _check_finite(self, rows: npt.NDArray[np.intp]) -> None:
        bad = rows[~np.isfinite(self.vectors[rows]).all(axis=1)]
        if len(bad):
            raise DataError(
                f"{len(bad)} of the vectors hold NaN or infinity", file=self.file, found=", ".join(self._named(bad))
            )
        zero = rows[~self.vectors[rows].any(axis=1)]
        if len(zero):
            raise DataError(
                f"{len(zero)} of the vectors are all zero and have no direction",
                file=self.file,
                found=", ".join(self._named(zero)),
            )

    def _named(self, rows: npt.NDArray[np.intp]) -> list[str]:
        return [self.names[row] for row in rows[:5]]

    def _no_match(self, ids: Sequence[str]) -> DataError:
        return DataError(
            "none of the vectors belongs to a sample of this benchmark",
            file=self.file,
            expected="sample ids or image file names such as " + ", ".join(list(ids)[:3]),
            found=", ".join(self.names[:3]),
        )


def read_vectors(file: Path) -> GivenVectors:
    """Read a file of vectors.

    Raises
    ------
    MissingDataError
        The file, or the CSV beside an npy, is absent.
    DataError
        Wrong arrays, shapes or types, doubled names, or pickled content.
    UsageError
        A suffix that is not npz, npy or parquet.
    """
    readers = {".npz": _read_npz, ".npy": _read_npy, ".parquet": _read_parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise UsageError("not a kind of embeddings file", file=file, expected=", ".join(readers))
    if not file.is_file():
        raise MissingDataError("no such file of embeddings", file=file)
    names, vectors = reader(file)
    return _checked(file, names, vectors)


def _checked(file: Path, names: Sequence[str], vectors: npt.NDArray[Any]) -> GivenVectors:
    if vectors.ndim != 2 or vectors.shape[1] < 1 or vectors.dtype.kind not in "fiu":
        raise DataError(
            "wrong vectors", file=file, expected="numbers [n, d]", found=f"{vectors.dtype} {list(vectors.shape)}"
        )
    if len(names) != len(vectors):
        raise DataError("ids and vectors differ in number", file=file, found=f"{len(names)} and {len(vectors)}")
    doubled = sorted({name for name, count in _counts(names).items() if count > 1})
    if doubled:
        raise DataError(f"{len(doubled)} ids stand for more than one vector", file=file, found=", ".join(doubled[:5]))
    return GivenVectors(file, tuple(names), np.ascontiguousarray(vectors, dtype=np.float32))


def _read_npz(file: Path) -> tuple[list[str], npt.NDArray[Any]]:
    arrays = _load(file)
    if isinstance(arrays, np.ndarray):
        raise DataError("not an npz archive", file=file, expected="arrays 'ids' and 'vectors'")
    with arrays:
        for key in ("ids", "vectors"):
            if key not in arrays.files:
                expected = "arrays 'ids' [n] and 'vectors' [n, d]"
                raise DataError(
                    "an array is missing", file=file, key=key, expected=expected, found=", ".join(arrays.files)
                )
        try:
            return [str(name) for name in arrays["ids"].tolist()], arrays["vectors"]
        except ValueError as error:
            raise _pickled(file, error) from error


def _read_npy(file: Path) -> tuple[list[str], npt.NDArray[Any]]:
    vectors = _load(file)
    if not isinstance(vectors, np.ndarray):
        vectors.close()
        raise DataError("not an npy array", file=file, found="an archive; name it .npz")
    table = file.with_suffix(".csv")
    if not table.is_file():
        raise MissingDataError("the CSV that names the rows is missing", file=table, expected="a column 'id'")
    import pandas as pd

    frame = pd.read_csv(table, dtype=str, keep_default_na=False)
    return frame["id" if "id" in frame.columns else frame.columns[0]].tolist(), vectors


def _read_parquet(file: Path) -> tuple[list[str], npt.NDArray[Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError("not a parquet file", file=file, found=str(error).splitlines()[0]) from error
    if "id" not in table.column_names:
        raise DataError("a column is missing", file=file, key="id", found=", ".join(table.column_names[:8]))
    names = [str(name) for name in table.column("id").to_pylist()]
    if "vector" in table.column_names:
        rows = table.column("vector").to_pylist()
        if len({None if row is None else len(row) for row in rows}) > 1 or None in rows:
            raise DataError("the vectors differ in length", file=file, key="vector")
        return names, np.array(rows, dtype=np.float32).reshape(len(rows), -1)
    columns = [name for name in table.column_names if name != "id"]
    for name in columns:
        kind = table.schema.field(name).type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            expected = "one list column 'vector', or one column of numbers per dimension"
            raise DataError("a column that is no dimension", file=file, key=name, expected=expected, found=str(kind))
    # A missing number becomes NaN here, and is refused where it is used.
    return names, np.stack([table.column(name).to_numpy() for name in columns], axis=1) if columns else np.empty((0, 0))


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
        hint="numpy.savez(FILE, ids=numpy.array(ids, dtype=str), vectors=vectors)",
    )


def _keys(image: str) -> tuple[str, ...]:
    path = PurePosixPath(image.replace("\\", "/"))
    return (image, path.name, path.stem)


def _counts(names: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts
