"""Put a card's groups and split on the rows an adapter read: RawTable -> Samples.

Comes in: a card and a RawTable. Goes out: Samples. Group columns become codes into the card's levels, raters' figures
become numbers; a value that no level takes is an error, never silently dropped.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.raw import Column, RawTable
from vlmeval.data.splits import split_samples
from vlmeval.errors import DataError
from vlmeval.records import Benchmark, GroupSpec, Samples

SCALES: Final[dict[str | None, tuple[float, float]]] = {"fitzpatrick": (1, 6), "monk": (1, 10)}
"""Scale of a group -> its first and last figure."""


def assemble(benchmark: Benchmark, raw: RawTable) -> Samples:
    """Return the samples of a benchmark.

    Raises
    ------
    DataError
        For repeated sample ids, a single-label row without exactly one class, a missing group column, or a group value
        that no level of the card takes.
    """
    _check_ids(raw)
    if benchmark.task == "single-label":
        _check_one_label(raw)
    return Samples(
        benchmark=benchmark,
        ids=raw.ids,
        images=raw.images,
        units=raw.units,
        labels=raw.labels,
        split=split_samples(benchmark, raw),
        groups={group.id: group_codes(group, raw) for group in benchmark.available_groups},
        weights=raw.weights,
        account=raw.account,
        raters=_raters(benchmark, raw),
        opinions=raw.opinions,
        figures={group.id: group_figures(group, raw) for group in benchmark.available_groups if group.figures},
    )


def group_codes(group: GroupSpec, raw: RawTable) -> npt.NDArray[np.int16]:
    """Return int16 [n] codes into ``group.levels``. Raises DataError for a missing column or an unforeseen value."""
    texts = _as_text(_column(group, group.column or "", "column", raw))
    code_of = {text: _level(group, text, raw) for text in sorted(set(texts))}
    return np.array([code_of[text] for text in texts], dtype=np.int16)


def group_figures(group: GroupSpec, raw: RawTable) -> npt.NDArray[np.float32]:
    """Return float32 [n, R], each rater's figure on the group's scale; NaN where a rater gave none.

    A cell holds a number on the scale, nothing, or one of the values of a level that means "missing".
    Raises DataError for a missing column or any other cell.
    """
    return np.stack([_figures(group, name, raw) for name in group.figures], axis=1)


def _figures(group: GroupSpec, name: str, raw: RawTable) -> npt.NDArray[np.float32]:
    texts = _as_text(_column(group, name, "figures", raw))
    none = {"", *(value for level in group.levels if level.missing for value in level.values)}
    low, high = SCALES.get(group.scale, (-math.inf, math.inf))
    figure_of: dict[str, float] = {}
    for text in sorted(set(texts)):
        number = None if text in none else _number(text)
        if text not in none and (number is None or not low <= number <= high):
            raise DataError(
                f"a figure of the group {group.id!r} is not on its scale",
                file=raw.source,
                key=name,
                expected=f"a number from {low:g} to {high:g}, nothing, or a value of a level with 'missing: true'",
                found=repr(text),
                hint="correct the cell, or 'figures' of the group in the benchmark card",
            )
        figure_of[text] = math.nan if number is None else number
    return np.array([figure_of[text] for text in texts], dtype=np.float32)


def _raters(benchmark: Benchmark, raw: RawTable) -> npt.NDArray[np.int16] | None:
    """Return how many readers each row's labels are from, read from the column that the card's truth names."""
    name = benchmark.truth.raters
    if name is None:
        return None
    counts = [_number(text) for text in _as_text(raw.columns[name])] if name in raw.columns else []
    if not counts or any(count is None or count < 0 or count != int(count) for count in counts):
        raise DataError(
            "the card's column of readers cannot be used",
            file=raw.source,
            key=name,
            expected="a column with a whole number, 0 or more, in every row",
            found="a cell that is none" if counts else "columns: " + ", ".join(raw.columns),
            hint="correct 'truth.raters' in the benchmark card",
        )
    return np.array(counts, dtype=np.int16)


def _column(group: GroupSpec, name: str, key: str, raw: RawTable) -> Column:
    """Return a raw column; ``key`` is where the card names it."""
    column = raw.columns.get(name)
    if column is None:
        raise DataError(
            f"the group {group.id!r} reads a column that the data does not have",
            file=raw.source,
            key=name,
            expected=f"column {name!r}",
            found="columns: " + ", ".join(raw.columns),
            hint=f"correct {key!r} of the group in the benchmark card"
            + (", or give the group 'unavailable' with the reason" if key == "column" else ""),
        )
    return column


def _as_text(column: Column) -> list[str]:
    if np.issubdtype(column.dtype, np.floating):
        return ["" if math.isnan(value) else f"{value:g}" for value in column.tolist()]
    return [str(value) for value in column.tolist()]


def _level(group: GroupSpec, text: str, raw: RawTable) -> int:
    for code, level in enumerate(group.levels):
        if text in level.values:
            return code
    number = _number(text)
    for code, level in enumerate(group.levels):
        bounded = level.from_ is not None or level.below is not None
        if bounded and number is not None and _in_range(number, level.from_, level.below):
            return code
    for code, level in enumerate(group.levels):
        if level.other:
            return code
    raise DataError(
        f"no level of the group {group.id!r} takes this value",
        file=raw.source,
        key=group.column,
        expected="a value of one of the levels: " + ", ".join(level.id for level in group.levels),
        found=repr(text),
        hint="add the value to a level of the group in the benchmark card, or add a level with 'other: true'",
    )


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _in_range(number: float, low: float | None, below: float | None) -> bool:
    return (low is None or number >= low) and (below is None or number < below)


def _check_ids(raw: RawTable) -> None:
    names, counts = np.unique(raw.ids, return_counts=True)
    if len(names) != len(raw.ids):
        raise DataError(
            "a sample is there twice",
            file=raw.source,
            expected="each sample id once",
            found=f"{names[counts > 1][0]!s} {int(counts.max())} times",
        )


def _check_one_label(raw: RawTable) -> None:
    wrong = np.flatnonzero(raw.labels.sum(axis=1) != 1)
    if len(wrong):
        raise DataError(
            "a sample of a single-label benchmark does not have exactly one class",
            file=raw.source,
            key=str(raw.ids[wrong[0]]),
            expected="one class",
            found=f"{int(raw.labels[wrong[0]].sum())} classes ({len(wrong)} samples like this)",
        )
