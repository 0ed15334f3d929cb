"""Join a predictions file to a benchmark's samples: by sample id or picture name, or else by unit (case, lesion).

Comes in: Samples and a `PredictionsFile`. Goes out: `Joined`, the samples that have predictions and the file's row of
each. Rows are joined by name, never by position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from vlmeval.errors import DataError
from vlmeval.evaluate.predictions_file import PredictionsFile
from vlmeval.methods import Units
from vlmeval.records import Level, Samples


@dataclass(frozen=True)
class Joined:
    """``samples`` with predictions, the file's row of each, what they are (images or whole units), and what is left.

    ``missing`` counts evaluated samples without a prediction, ``unjoined`` rows of the file that joined nothing.
    """

    samples: Samples
    rows: npt.NDArray[np.intp]
    level: Level
    missing: int
    unjoined: int


def join(samples: Samples, file: PredictionsFile, split: str, max_missing: float) -> Joined:
    """Find every sample's row.

    Parameters
    ----------
    samples, file
        All splits of a benchmark, and the predictions.
    split
        The split that is evaluated; predictions of the others are kept for choosing thresholds.
    max_missing
        Largest share of the evaluated samples that may have no prediction.

    Raises
    ------
    DataError
        The split is empty, no row joins, too many samples have no row, or one row joins several samples.
    """
    row_of = {name: row for row, name in enumerate(file.ids.tolist())}
    found = _rows(row_of, _names(samples))
    level: Level = "image"
    if (found < 0).all():
        whole = _one_row_a_unit(samples)
        by_unit = _rows(row_of, [(unit,) for unit in whole.units.tolist()])
        if (by_unit >= 0).any():
            samples, found, level = whole, by_unit, "unit"
    missing = _check(samples, found, file, split, max_missing)
    joined = found >= 0
    return Joined(samples.take(joined), found[joined], level, missing, len(row_of) - int(joined.sum()))


def _names(samples: Samples) -> list[tuple[str, ...]]:
    """Return the names each sample may go by: its id, its picture's file name with and without the ending."""
    images = (PurePosixPath(image.member or image.path.name) for image in samples.images)
    return [(name, path.name, path.stem) for name, path in zip(samples.ids.tolist(), images, strict=True)]


def _rows(row_of: dict[str, int], names: Sequence[Sequence[str]]) -> npt.NDArray[np.intp]:
    return np.array([next((row_of[n] for n in several if n in row_of), -1) for several in names], dtype=np.intp)


def _one_row_a_unit(samples: Samples) -> Samples:
    """Return one row a unit, with the labels of all its pictures and the mean of their soft labels."""
    units = Units.of(samples)
    weights = None if samples.weights is None else units.mean(samples.weights).astype(np.float32)
    return replace(samples.take(units.first), labels=units.labels, weights=weights)


def _check(samples: Samples, found: npt.NDArray[np.intp], file: PredictionsFile, split: str, most: float) -> int:
    """Return how many evaluated samples have no row; raise when that, or what was joined, cannot be right."""
    path, name = file.table.path, samples.benchmark.id
    wanted = np.ones(len(samples), dtype=bool) if split == "all" else samples.split == split
    missing = samples.ids[wanted & (found < 0)]
    if not wanted.any():
        raise DataError(f"{name} has no {split} samples to evaluate", hint="evaluate another split (--split)")
    if len(missing) == wanted.sum():
        raise DataError(
            f"no row of the predictions joins a {split} sample of {name}",
            file=path,
            expected=f"ids such as {', '.join(samples.ids[wanted][:3])} (or picture names, or ids of whole "
            f"{samples.benchmark.unit.name}s such as {samples.units[wanted][0]})",
            found=", ".join(file.ids[:3]),
        )
    if len(missing) > most * wanted.sum():
        raise DataError(
            f"{len(missing)} of {wanted.sum()} {split} samples of {name} have no prediction",
            file=path,
            expected=f"at most {most:.1%} missing (--max-missing)",
            found=f"no row for {', '.join(missing[:3])}",
        )
    _refuse_shared_rows(samples, found, file, path)
    return len(missing)


def _refuse_shared_rows(samples: Samples, found: npt.NDArray[np.intp], file: PredictionsFile, path: Path) -> None:
    rows, counts = np.unique(found[found >= 0], return_counts=True)
    if (counts > 1).any():
        row = int(rows[counts > 1][0])
        same = samples.ids[found == row]
        raise DataError(
            f"a row of the predictions joins {len(same)} samples of {samples.benchmark.id}",
            file=path,
            line=file.table.lines[row],
            expected="ids that are one sample's",
            found=f"{str(file.ids[row])!r} could be {', '.join(same[:3])}",
            hint=f"use the sample ids of {samples.benchmark.id}, such as {samples.ids[0]}",
        )
