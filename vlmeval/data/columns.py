"""From a text table to a RawTable by a card's column names: shared by the table and hub adapters.

Comes in: a `TextTable`, the pictures of its rows, and `ColumnOptions` out of the card. Goes out: a RawTable. Labels are
the class's ``labels`` in the card, compared as text; units, groups and split are the columns that the card names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from vlmeval.data.csvfile import TextTable
from vlmeval.data.raw import DEVELOPMENT, RawTable
from vlmeval.errors import CatalogError, DataError
from vlmeval.records import Benchmark, ImageRef, Record

LIST_SEPARATOR: Final = "\x1f"
"""Separates the entries of a list that a parquet file or a hub data set holds in one cell (ASCII unit separator)."""

SPLIT_VALUES: Final[dict[str, tuple[str, ...]]] = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
    DEVELOPMENT: (DEVELOPMENT,),
}
"""What the splits are called in tables, unless the card's ``split_values`` say otherwise."""

YES: Final = frozenset({"1", "1.0", "true", "yes", "y"})
NO: Final = frozenset({"0", "0.0", "false", "no", "n", ""})

IMAGE_IS_UNIT: Final = "id"
"""``unit: {column: id}`` in a card: the data has no units, every image is one."""

Bools = npt.NDArray[np.bool_]


class ColumnOptions(Record):
    """Which columns hold what; units, groups and the split column are named by the card itself."""

    image: str = Field("image", description="Column with the picture's path or name.")
    id: str | None = Field(None, description="Column with the sample's id; the image column when absent.")
    label: str | None = Field(None, description="Column with the class (or classes, see separator).")
    separator: str | None = Field(None, min_length=1, description="Between several classes in one cell.")
    one_hot: dict[str, str] = Field({}, description="Class id -> column of 0/1, instead of `label`.")
    unlisted: Literal["refuse", "drop"] = Field(
        "refuse", description="A label that no class has: an error, or left out and counted."
    )
    split_values: dict[Literal["train", "val", "test", "train+val"], tuple[str, ...]] = Field(
        {}, description="What the splits are called in the split column."
    )


def needed_columns(benchmark: Benchmark, options: ColumnOptions) -> tuple[str, ...]:
    """Return every column that the card reads, each once, in a fixed order."""
    names = [options.image, options.id, options.label, *options.one_hot.values()]
    names += [None if benchmark.unit.column == IMAGE_IS_UNIT else benchmark.unit.column]
    names += [column for group in benchmark.available_groups for column in (group.column, *group.figures)]
    names += [benchmark.protocol.column if benchmark.protocol.by == "column" else None]
    return tuple(dict.fromkeys(name for name in names if name is not None))


def rows_to_raw(
    benchmark: Benchmark, table: TextTable, images: Sequence[ImageRef], options: ColumnOptions, ids: Sequence[str]
) -> RawTable:
    """Read units, labels, groups and split of every row.

    Parameters
    ----------
    benchmark
        The card.
    table
        The rows, with at least `needed_columns`.
    images
        [n] the pictures.
    options
        Which columns hold what.
    ids
        [n] unique sample ids.

    Raises
    ------
    DataError
        For a blank unit, a label or split value the card does not know, a cell that is not 0 or 1: with its line.
    CatalogError
        When the card names no label column, or two ways to find labels.
    """
    labels, keep, account = _labels(benchmark, table, options)
    rows = np.flatnonzero(keep)
    units, unit_note = _units(benchmark, table, ids)
    split = _split(benchmark, table, options)
    kept_units = units[rows]
    account = {"rows read": len(table), **account, "images": len(rows), "units": len(set(kept_units.tolist()))}
    if unit_note:
        account["images without a unit of their own (each counts as one)"] = len(rows)
    if benchmark.task == "multi-label":
        account["images with none of the classes"] = int((~labels[rows].any(axis=1)).sum())
    names = dict.fromkeys(c for g in benchmark.available_groups for c in (g.column, *g.figures) if c)
    return RawTable(
        ids=np.array(ids, dtype=np.str_)[rows],
        images=tuple(images[i] for i in rows.tolist()),
        units=kept_units,
        labels=labels[rows],
        columns={name: np.array(table[name], dtype=np.str_)[rows] for name in names},
        split=None if split is None else split[rows],
        account=account,
        source=table.path,
    )


def check_unique(table: TextTable, ids: Sequence[str], column: str) -> None:
    """Raise DataError with both lines when an id is there twice, or when one is blank."""
    first: dict[str, int] = {}
    for row, name in enumerate(ids):
        if not name:
            raise table.error("a row has no id", row, column, expected="a name")
        if name in first:
            expected = f"each sample once; it is also on line {table.lines[first[name]]}"
            raise table.error("a sample is there twice", row, column, expected=expected)
        first[name] = row


def _units(benchmark: Benchmark, table: TextTable, ids: Sequence[str]) -> tuple[npt.NDArray[np.str_], bool]:
    column = benchmark.unit.column
    if column == IMAGE_IS_UNIT and column not in table:
        return np.array(ids, dtype=np.str_), True
    for row, unit in enumerate(table[column]):
        if not unit.strip():
            hint = "give the row a unit of its own if it has none: units keep a person's pictures in one split"
            raise table.error(
                "a row has no unit", row, column, expected=f"the id of a {benchmark.unit.name}", hint=hint
            )
    return np.array(table[column], dtype=np.str_), False


def _labels(benchmark: Benchmark, table: TextTable, options: ColumnOptions) -> tuple[Bools, Bools, dict[str, int]]:
    """Return bool [n, K], which rows to keep [n], and what was left out."""
    if options.one_hot and options.label is None:
        return _one_hot(benchmark, table, options), np.ones(len(table), dtype=np.bool_), {}
    if options.label is None or options.one_hot:
        raise CatalogError(
            f"benchmark {benchmark.id!r} does not say where its labels are",
            key="data.options",
            expected="either 'label' (a column) or 'one_hot' (class id -> column)",
            found="both" if options.label else "neither",
        )
    position = {label: k for k, spec in enumerate(benchmark.classes) for label in spec.labels}
    labels = np.zeros((len(table), len(benchmark.classes)), dtype=np.bool_)
    unlisted = np.zeros(len(table), dtype=np.int64)
    for row, cell in enumerate(table[options.label]):
        for name in _names(cell, options.separator):
            if name in position:
                labels[row, position[name]] = True
            elif options.unlisted == "refuse":
                raise _unknown_label(table, row, options.label, name, position)
            else:
                unlisted[row] += 1
    if benchmark.task == "multi-label":
        return labels, np.ones(len(table), dtype=np.bool_), _count("mentions of other classes left out", unlisted.sum())
    keep = unlisted == 0
    _check_one_class(table, labels, keep, options.label)
    return labels, keep, _count("rows of other classes left out", (~keep).sum())


def _names(cell: str, separator: str | None) -> list[str]:
    parts = cell.split(LIST_SEPARATOR)
    if separator is not None:
        parts = [piece for part in parts for piece in part.split(separator)]
    return [part.strip() for part in parts if part.strip()]


def _check_one_class(table: TextTable, labels: Bools, keep: Bools, column: str) -> None:
    wrong = np.flatnonzero(keep & (labels.sum(axis=1) != 1))
    if len(wrong):
        hint = "a benchmark with several classes (or none) an image is 'task: multi-label'"
        raise table.error("a row does not have exactly one class", int(wrong[0]), column, expected="one", hint=hint)


def _one_hot(benchmark: Benchmark, table: TextTable, options: ColumnOptions) -> Bools:
    missing = set(benchmark.class_ids) ^ set(options.one_hot)
    if missing:
        raise CatalogError(
            f"'one_hot' of benchmark {benchmark.id!r} does not fit its classes",
            key="data.options.one_hot",
            expected="one column for each of " + ", ".join(benchmark.class_ids),
            found=f"missing or unknown: {', '.join(sorted(missing))}",
        )
    labels = np.zeros((len(table), len(benchmark.classes)), dtype=np.bool_)
    for k, class_id in enumerate(benchmark.class_ids):
        column = options.one_hot[class_id]
        for row, cell in enumerate(table[column]):
            value = cell.strip().lower()
            if value not in YES | NO:
                raise table.error("a cell is neither yes nor no", row, column, expected="1, 0, true, false, yes or no")
            labels[row, k] = value in YES
    if benchmark.task == "single-label":
        column = options.one_hot[benchmark.class_ids[0]]
        _check_one_class(table, labels, np.ones(len(table), dtype=np.bool_), column)
    return labels


def _unknown_label(table: TextTable, row: int, column: str, name: str, known: dict[str, int]) -> DataError:
    shown = ", ".join(list(known)[:12]) + (" ..." if len(known) > 12 else "")
    return DataError(
        "no class of the card has this label",
        file=table.path,
        line=table.lines[row],
        key=column,
        expected="one of " + shown,
        found=repr(name),
        hint="add it to the 'labels' of a class, or leave such rows out with 'unlisted: drop' in data.options",
    )


def _split(benchmark: Benchmark, table: TextTable, options: ColumnOptions) -> npt.NDArray[np.str_] | None:
    if benchmark.protocol.by != "column":
        return None
    if benchmark.protocol.column is None:
        raise CatalogError(
            f"benchmark {benchmark.id!r} is split by a column but does not name it",
            key="protocol.column",
            expected="a column of the table",
            found="nothing",
        )
    own = {str(split): values for split, values in options.split_values.items()}
    meaning = {value: split for split, values in {**SPLIT_VALUES, **own}.items() for value in values}
    column = benchmark.protocol.column
    for row, value in enumerate(table[column]):
        if value.strip() not in meaning:
            hint = "say in data.options.split_values what your splits are called"
            raise table.error("an unknown split", row, column, expected="one of " + ", ".join(meaning), hint=hint)
    return np.array([meaning[value.strip()] for value in table[column]], dtype=np.str_)


def _count(name: str, count: int | np.integer) -> dict[str, int]:
    return {name: int(count)} if count else {}
