"""Read anybody's predictions: a table with an id and one score column a class.

Comes in: a CSV, TSV or parquet file and the names of its columns. Goes out: `PredictionsFile` with checked ids, and the
scores [n, K] of a card's classes. What is true of the rows: own_truth.py (the file's own columns) or join.py (a
benchmark's).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.data.parquetfile import read_parquet
from vlmeval.errors import DataError, MissingDataError
from vlmeval.records import ClassSpec
from vlmeval.records.model import ScoreKind

SCORE = "score:"
ID_NAMES = ("id", "image_id", "image", "sample_id", "case_id", "name")
PROBABILITIES = frozenset({"softmax", "sigmoid", "probability"})


@dataclass(frozen=True)
class Columns:
    """Names of the columns; None where the usual names are looked for (or there is no such column)."""

    id: str | None = None
    truth: str | None = None
    unit: str | None = None
    groups: tuple[str, ...] = ()
    score_prefix: str = SCORE

    def options(self) -> dict[str, str | list[str]]:
        """Return the command line's options that name these columns, without those at their defaults."""
        named: dict[str, str | list[str] | None] = {"--id": self.id, "--truth": self.truth, "--unit": self.unit}
        named |= {"--group": list(self.groups), "--score-prefix": self.score_prefix}
        return {option: value for option, value in named.items() if value and value != SCORE}


@dataclass(frozen=True)
class PredictionsFile:
    """The table, its ids [n] (each once), and the SHA-256 of the file's bytes."""

    table: TextTable
    ids: npt.NDArray[np.str_]
    digest: str


def read_predictions_file(path: Path, columns: Columns) -> PredictionsFile:
    """Read the table and find its ids.

    Raises
    ------
    MissingDataError, DataError
        No such file, no rows, no id column, an id that is empty or there twice.
    """
    if not path.is_file():
        raise MissingDataError("the predictions are missing", file=path, expected="a CSV, TSV or parquet file")
    parquet = path.suffix.lower() in (".parquet", ".pq")
    table = read_parquet(path, _parquet_columns(path)) if parquet else read_table(path)
    wanted = columns.id or next((name for name in ID_NAMES if name in table), None)
    if wanted is None or wanted not in table:
        raise DataError(
            "the predictions have no id column",
            file=path,
            line=1,
            expected=columns.id or " or ".join(ID_NAMES),
            found=", ".join(table.columns),
            hint="name it with --id; cells are separated by commas or tabs",
        )
    if not len(table):
        raise DataError("the predictions have no rows", file=path, expected="one row a sample below the header")
    check_filled(table, wanted, "id")
    seen: dict[str, int] = {}
    for row, value in enumerate(table[wanted]):
        if value in seen:
            once = f"one row an id (also in line {table.lines[seen[value]]})"
            raise table.error("the id is there twice", row, wanted, expected=once)
        seen[value] = row
    return PredictionsFile(table, np.array(table[wanted], dtype=str), sha256(path.read_bytes()).hexdigest())


def as_text(name: str) -> str:
    """Return a file name that a record can hold: bytes that are no text become question marks."""
    return name.encode("utf-8", "replace").decode()


def scores_of(table: TextTable, names: list[str], kind: ScoreKind) -> npt.NDArray[np.float64]:
    """Return the columns ``names`` as [n, K] scores of that kind; DataError names file, line and column."""
    return np.stack([_numbers(table, name, kind) for name in names], axis=1)


def class_columns(table: TextTable, classes: tuple[ClassSpec, ...], prefix: str) -> list[str]:
    """Return every class's score column: its id, name or label in any case, with the prefix or, if none has, without.

    Raises
    ------
    DataError
        A class has no column, or two.
    """
    columns: list[str] = []
    for spec in classes:
        words = {word.casefold() for word in (spec.id, spec.name, *spec.labels)}
        prefixed = [c for c in table.columns if c.startswith(prefix) and c[len(prefix) :].casefold() in words]
        found = prefixed or [c for c in table.columns if c.casefold() in words]
        if len(found) != 1:
            raise DataError(
                f"the predictions have {'several score columns' if found else 'no score column'} for class {spec.id!r}",
                file=table.path,
                line=1,
                expected="one of " + ", ".join(repr(prefix + w) for w in dict.fromkeys((spec.id, *spec.labels))),
                found=", ".join(found or table.columns),
                hint=None if found else "say what score columns begin with: --score-prefix",
            )
        columns += found
    return columns


def check_column(table: TextTable, column: str, what: str) -> None:
    """Raise DataError when a named column is not there."""
    if column not in table:
        raise DataError(
            f"there is no such {what} column",
            file=table.path,
            line=1,
            key=column,
            expected="a column of the file",
            found=", ".join(table.columns),
        )


def check_filled(table: TextTable, column: str, what: str) -> None:
    """Raise DataError for the first empty cell of a column that must not have any."""
    for row, value in enumerate(table[column]):
        if not value.strip():
            raise table.error(f"the {what} is empty", row, column, expected=f"a {what} in every row")


def _parquet_columns(path: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise DataError("the parquet file cannot be read", file=path, found=str(error)) from error


def _numbers(table: TextTable, column: str, kind: ScoreKind) -> npt.NDArray[np.float64]:
    values = np.empty(len(table))
    for row, text in enumerate(table[column]):
        try:
            values[row] = float(text)
        except ValueError as error:
            raise table.error("the score is not a number", row, column, expected="a number") from error
        if not np.isfinite(values[row]):
            raise table.error("the score is not finite", row, column, expected="a finite number")
        # A float32 softmax may leave [0, 1] by rounding; anything more is another kind of score.
        if kind in PROBABILITIES and not -1e-6 <= values[row] <= 1 + 1e-6:
            expected = f"a number from 0 to 1, as --kind {kind} says"
            raise table.error("the score is no probability", row, column, expected=expected)
    return values
