"""Image vectors that somebody else computed: read from plain files, joined to samples, never unpickled.

    FILE.npz      arrays `ids` [n] (text) and `vectors` [n, d]
    FILE.npy      vectors [n, d], with FILE.csv beside it: column `id` (or its first column) names the rows in order
    FILE.parquet  column `id` and either one list column `vector` or one number column per dimension
    FILE.csv      column `id` (or its first column) and one number column per dimension

Rows are joined to samples by sample id, else by image path, else by file name with or without its suffix (see
`vlmeval.encoders.given.join`). Any other layout, and pickled arrays, go through `vlmeval data convert` first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.encoders.given.convert import merge_repeats
from vlmeval.encoders.given.formats import READERS
from vlmeval.encoders.given.join import check_digits, match, number_name
from vlmeval.encoders.protocol import Joined, Vectors
from vlmeval.errors import DataError, MissingDataError, UsageError


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
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        raise UsageError("not a kind of embeddings file", file=file, expected=", ".join(READERS))
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


def _made(meta: Mapping[str, Any]) -> str:
    """Say how the vectors came to be, as far as vlmeval wrote it into the file."""
    if meta.get("made") == "exported":
        return f"; exported from {meta.get('model')}: {meta.get('preprocessing')}"
    if meta.get("made") != "converted":
        return ""
    return f"; converted from {meta.get('from')}" + (f", made by {meta['model']}" if meta.get("model") else "")
