"""Read anybody's predictions: a table with an id, one score column a class, and optionally truth, unit and groups.

Comes in: a CSV, TSV or parquet file and the names of its columns. Goes out: `PredictionsFile`, checked; and a benchmark
card made up from the columns when there is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vlmeval.data.csvfile import TextTable, read_table
from vlmeval.data.parquetfile import read_parquet
from vlmeval.errors import DataError, UsageError
from vlmeval.records import Benchmark, ClassSpec, DataSource, GroupLevel, GroupSpec, Licence, PromptChoice, Protocol
from vlmeval.records.benchmark import UnitSpec

SCORE, TRUTH = "score:", "true:"
ID_NAMES = ("id", "image_id", "image", "sample_id", "case_id", "name")
TRUE_WORDS, FALSE_WORDS = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no", "")


@dataclass(frozen=True)
class Columns:
    """Names of the columns; None where the usual names are looked for (or there is no such column)."""

    id: str | None = None
    truth: str | None = None
    unit: str | None = None
    groups: tuple[str, ...] = ()
    score_prefix: str = SCORE


@dataclass(frozen=True)
class PredictionsFile:
    """Ids [n], scores float64 [n, K] in the card's class order, and the table they came from."""

    table: TextTable
    ids: npt.NDArray[np.str_]
    scores: npt.NDArray[np.float64]


def read_predictions_file(path: Path, columns: Columns) -> tuple[TextTable, str]:
    """Return the table and the name of its id column; ids must be there once each.

    Raises
    ------
    MissingDataError, DataError
        No such file, no id column, an id twice.
    """
    table = read_parquet(path, _parquet_columns(path)) if path.suffix == ".parquet" else read_table(path)
    wanted = columns.id or next((name for name in ID_NAMES if name in table), None)
    if wanted is None or wanted not in table:
        raise DataError(
            "the predictions have no id column",
            file=path,
            line=1,
            expected=columns.id or " or ".join(ID_NAMES),
            found=", ".join(table.columns),
            hint="name it with --id",
        )
    seen: dict[str, int] = {}
    for row, value in enumerate(table[wanted]):
        if value in seen:
            raise table.error(
                "the id is there twice",
                row,
                wanted,
                expected=f"one row an id (also in line {table.lines[seen[value]]})",
            )
        seen[value] = row
    return table, wanted


def _parquet_columns(path: Path) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise DataError("the parquet file cannot be read", file=path, found=str(error)) from error


def scores_of(table: TextTable, benchmark: Benchmark, prefix: str) -> npt.NDArray[np.float64]:
    """Return [n, K] scores: a class's column is named by its id, name or label, with or without the prefix."""
    named = [_score_column(table, spec, prefix) for spec in benchmark.classes]
    return np.stack([_numbers(table, column) for column in named], axis=1)


def score_columns(table: TextTable, prefix: str) -> list[str]:
    """Return the columns that begin with the prefix; raises DataError when there are fewer than two."""
    found = [name for name in table.columns if name.startswith(prefix)]
    if len(found) < 2:
        raise DataError(
            "the predictions have no score columns",
            file=table.path,
            line=1,
            expected=f"at least two columns that begin with {prefix!r}",
            found=", ".join(table.columns),
            hint="name them so, or say what they begin with (--score-prefix), or name a benchmark (--bench)",
        )
    return found


def labels_of(table: TextTable, benchmark: Benchmark, truth: str | None) -> npt.NDArray[np.bool_]:
    """Return bool [n, K] from one truth column with class names, or from ``true:<class>`` columns of 0 and 1."""
    if truth is None:
        return np.stack([_flags(table, TRUTH + spec.name) for spec in benchmark.classes], axis=1)
    _check_column(table, truth, "truth")
    class_of = {word: k for k, c in enumerate(benchmark.classes) for word in (c.id, c.name, *c.labels)}
    labels = np.zeros((len(table), len(benchmark.classes)), dtype=bool)
    for row, value in enumerate(table[truth]):
        if value not in class_of:
            known = ", ".join(c.name for c in benchmark.classes)
            raise table.error("the truth is not one of the classes", row, truth, expected=known)
        labels[row, class_of[value]] = True
    return labels


def made_up_benchmark(table: TextTable, columns: Columns) -> Benchmark:
    """Return a card for predictions that belong to no benchmark: classes and group levels are what the file has."""
    names = [name.removeprefix(columns.score_prefix) for name in score_columns(table, columns.score_prefix)]
    single = columns.truth is not None
    if not single and any(TRUTH + name not in table for name in names):
        raise UsageError(
            "where is the truth?",
            file=table.path,
            expected=f"--truth COLUMN with class names, or a column '{TRUTH}<class>' of 0 and 1 for every class",
            found=", ".join(table.columns),
        )
    ids = _slugs(names)
    return Benchmark(
        schema_=1,
        id="scored",
        version="0",
        title=table.path.name,
        summary="Predictions that were scored without a benchmark card: truth and groups are the file's own.",
        task="single-label" if single else "multi-label",
        modality="other",
        unit=UnitSpec(name="unit" if columns.unit else "row", column=columns.unit or "row"),
        headline_level="unit" if columns.unit else "image",
        headline_metrics=("balanced-accuracy", "auroc", "accuracy") if single else ("auroc", "average-precision"),
        data=DataSource(adapter="table", home="scored"),
        protocol=Protocol(by="column"),
        classes=tuple(ClassSpec(id=i, name=n, labels=(n,)) for i, n in zip(ids, names, strict=True)),
        groups=tuple(_group(table, column) for column in columns.groups),
        prompts=PromptChoice(default="generic/names"),
        licence=Licence(name="that of the predictions"),
        citation="none",
        homepage="",
    )


def _score_column(table: TextTable, spec: ClassSpec, prefix: str) -> str:
    words = (spec.id, spec.name, *spec.labels)
    for name in (*(prefix + word for word in words), *words):
        if name in table:
            return name
    raise DataError(
        f"the predictions have no score column for class {spec.id!r}",
        file=table.path,
        line=1,
        expected=" or ".join(repr(prefix + word) for word in dict.fromkeys(words)),
        found=", ".join(table.columns),
    )


def _numbers(table: TextTable, column: str) -> npt.NDArray[np.float64]:
    values = np.empty(len(table))
    for row, text in enumerate(table[column]):
        try:
            values[row] = float(text)
        except ValueError as error:
            raise table.error("the score is not a number", row, column, expected="a number") from error
        if not np.isfinite(values[row]):
            raise table.error("the score is not finite", row, column, expected="a finite number")
    return values


def _flags(table: TextTable, column: str) -> npt.NDArray[np.bool_]:
    flags = np.zeros(len(table), dtype=bool)
    for row, text in enumerate(table[column]):
        word = text.strip().lower()
        if word not in TRUE_WORDS + FALSE_WORDS:
            raise table.error("the truth is neither 0 nor 1", row, column, expected="0 or 1")
        flags[row] = word in TRUE_WORDS
    return flags


def check_unit_column(table: TextTable, column: str | None) -> None:
    """Raise DataError when the unit column is named but not there."""
    if column is not None:
        _check_column(table, column, "unit")


def _check_column(table: TextTable, column: str, what: str) -> None:
    if column not in table:
        raise DataError(
            f"there is no such {what} column",
            file=table.path,
            line=1,
            key=column,
            expected="a column of the file",
            found=", ".join(table.columns),
        )


def _group(table: TextTable, column: str) -> GroupSpec:
    _check_column(table, column, "group")
    values = sorted(set(table[column]))
    return GroupSpec(
        id=_slugs([column])[0],
        name=column,
        kind="other",
        column=column,
        levels=tuple(
            GroupLevel(id=i, name=v or "not recorded", values=(v,), missing=not v)
            for i, v in zip(_slugs(values), values, strict=True)
        ),
    )


def _slugs(names: Sequence[str]) -> list[str]:
    """Return ids for names: lower-case letters, digits and hyphens, made distinct with a number where needed."""
    slugs: list[str] = []
    for name in names:
        base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "blank"
        slug, number = base, 2
        while slug in slugs:
            slug, number = f"{base}-{number}", number + 1
        slugs.append(slug)
    return slugs
