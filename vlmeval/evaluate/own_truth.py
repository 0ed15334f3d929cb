"""Truth, units and groups of a predictions file that belongs to no benchmark: they are the file's own columns.

Comes in: a `PredictionsFile` and the names of its columns. Goes out: a card made up from them, the score columns in the
card's class order, and `Samples`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vlmeval.data.csvfile import TextTable
from vlmeval.errors import DataError, UsageError
from vlmeval.evaluate.predictions_file import Columns, PredictionsFile, as_text, check_column, check_filled
from vlmeval.records import (
    Benchmark,
    ClassSpec,
    DataSource,
    GroupLevel,
    GroupSpec,
    ImageRef,
    Licence,
    PromptChoice,
    Protocol,
    Samples,
)
from vlmeval.records.benchmark import UnitSpec
from vlmeval.records.run import MADE_UP

# Values that say nothing of a person: levels of their own, but never the worst level or an end of a gap.
NOT_RECORDED = frozenset({"", "unknown", "na", "n/a", "nan", "none", "null", "missing", "not recorded"})
UNIT_NOUNS = frozenset({"case", "lesion", "participant", "patient", "person", "subject", "visit"})

TRUTH = "true:"
TRUE_WORDS, FALSE_WORDS = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")


def score_columns(table: TextTable, prefix: str) -> list[str]:
    """Return the columns that begin with the prefix; raises DataError when there are fewer than two."""
    found = [name for name in table.columns if name.startswith(prefix) and name != prefix]
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


def made_up_benchmark(table: TextTable, columns: Columns) -> Benchmark:
    """Return a card for predictions that belong to no benchmark: classes and group levels are what the file has.

    Raises
    ------
    UsageError, DataError
        It is not said where the truth is, or a named column is not there or has an empty cell.
    """
    names = [name.removeprefix(columns.score_prefix) for name in score_columns(table, columns.score_prefix)]
    _check_truth(table, columns, names)
    if columns.unit is not None:
        check_column(table, columns.unit, "unit")
        check_filled(table, columns.unit, "unit")
    single = columns.truth is not None
    groups = dict.fromkeys(columns.groups)
    return Benchmark(
        schema_=1,
        id=MADE_UP,
        version="0",
        title=as_text(table.path.name),
        summary="Predictions that were scored without a benchmark card: truth and groups are the file's own.",
        task="single-label" if single else "multi-label",
        modality="other",
        unit=UnitSpec(name=unit_noun(columns.unit), column=columns.unit or "row"),
        headline_level="unit" if columns.unit else "image",
        headline_metrics=("balanced-accuracy", "auroc", "accuracy") if single else ("auroc", "average-precision"),
        data=DataSource(adapter="table", home="scored"),
        protocol=Protocol(by="column"),
        classes=tuple(ClassSpec(id=i, name=n, labels=(n,)) for i, n in zip(_slugs(names), names, strict=True)),
        groups=tuple(_group(table, column, i) for i, column in zip(_slugs([*groups]), groups, strict=True)),
        prompts=PromptChoice(default="generic/names"),
        licence=Licence(name="that of the predictions"),
        citation="none",
        homepage="",
    )


def unit_noun(column: str | None) -> str:
    """Return what a unit is called by its column: ``patient_id`` holds patients; ``unit`` where the name is unknown."""
    if column is None:
        return "row"
    stem = re.sub(r"[ _-]*(id|no|number|key)$", "", column.strip().lower())
    return stem if stem in UNIT_NOUNS else "unit"


def own_samples(file: PredictionsFile, benchmark: Benchmark, columns: Columns) -> Samples:
    """Return the file's rows as samples of the made-up card, all of them in the test split.

    Raises
    ------
    DataError
        A truth that is no class or neither 0 nor 1; rows of one unit with different truth in a single-label task.
    """
    table = file.table
    groups = {}
    for group in benchmark.groups:
        code_of = {level.values[0]: code for code, level in enumerate(group.levels)}
        groups[group.id] = np.array([code_of[value] for value in table[str(group.column)]], dtype=np.int16)
    if columns.truth is not None and columns.unit is not None:
        _check_one_truth(table, columns.truth, columns.unit)
    return Samples(
        benchmark=benchmark,
        ids=file.ids,
        images=tuple(ImageRef(Path(name)) for name in file.ids.tolist()),
        units=np.array(table[columns.unit], dtype=str) if columns.unit else file.ids,
        labels=_labels(table, benchmark, columns.truth),
        split=np.full(len(file.ids), "test"),
        groups=groups,
    )


def _check_truth(table: TextTable, columns: Columns, names: list[str]) -> None:
    if columns.truth is not None:
        check_column(table, columns.truth, "truth")
        return
    missing = [TRUTH + name for name in names if TRUTH + name not in table]
    if missing:
        some = len(missing) < len(names)
        raise UsageError(
            "some classes have no truth column" if some else "where is the truth?",
            file=table.path,
            line=1,
            key=", ".join(missing) if some else None,
            expected=f"--truth COLUMN with class names, or a column '{TRUTH}<class>' of 0 and 1 for every class",
            found=", ".join(table.columns),
            hint="or name the benchmark that knows the truth (--bench)",
        )


def _labels(table: TextTable, benchmark: Benchmark, truth: str | None) -> npt.NDArray[np.bool_]:
    """Return bool [n, K] from one truth column with class names, or from ``true:<class>`` columns of 0 and 1."""
    if truth is None:
        return np.stack([_flags(table, TRUTH + spec.name) for spec in benchmark.classes], axis=1)
    class_of = {spec.name: k for k, spec in enumerate(benchmark.classes)}
    labels = np.zeros((len(table), len(benchmark.classes)), dtype=bool)
    for row, value in enumerate(table[truth]):
        if value not in class_of:
            raise table.error("the truth is not one of the classes", row, truth, expected=", ".join(class_of))
        labels[row, class_of[value]] = True
    return labels


def _check_one_truth(table: TextTable, truth: str, unit: str) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(table[unit]):
        before = first.setdefault(name, row)
        if table[truth][row] != table[truth][before]:
            raise table.error(
                f"rows of the {unit} {name!r} have different truth",
                row,
                truth,
                expected=f"{table[truth][before]!r}, as in line {table.lines[before]}: one class a {unit}",
                hint=f"mend the truth or the {unit}, leave --unit out, or give columns {TRUTH}<class> of 0 and 1",
            )


def _flags(table: TextTable, column: str) -> npt.NDArray[np.bool_]:
    flags = np.zeros(len(table), dtype=bool)
    for row, text in enumerate(table[column]):
        word = text.strip().lower()
        if word not in TRUE_WORDS + FALSE_WORDS:
            raise table.error("the truth is neither 0 nor 1", row, column, expected="0 or 1")
        flags[row] = word in TRUE_WORDS
    return flags


def _group(table: TextTable, column: str, group_id: str) -> GroupSpec:
    check_column(table, column, "group")
    values = sorted(set(table[column]))
    return GroupSpec(
        id=group_id,
        name=column,
        kind="other",
        column=column,
        levels=tuple(
            GroupLevel(id=i, name=v or "not recorded", values=(v,), missing=v.strip().lower() in NOT_RECORDED)
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
