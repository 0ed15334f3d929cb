"""What an adapter hands on: the rows it read, before the card's groups and split are put on them.

Comes in: nothing, this is a record. Goes out: `RawTable`, which `vlmeval.data.assemble` turns into Samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vlmeval.records import ImageRef

Column = npt.NDArray[np.str_] | npt.NDArray[np.float64]
"""One raw group column: text (``""`` where nothing was recorded) or float64 (NaN where nothing was recorded)."""

DEVELOPMENT = "train+val"
"""A split value: the data says "not test", and the card's fractions divide it between train and val."""


class Labels(NamedTuple):
    """Labels alone, as another reading of the truth gives them: [m] sample ids, [m] units, bool [m, K]."""

    ids: npt.NDArray[np.str_]
    units: npt.NDArray[np.str_]
    labels: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RawTable:
    """One row an image, as the files say it; n rows, K classes in the card's order.

    Attributes
    ----------
    ids
        [n] unique sample ids, as text.
    images
        [n] where each picture's bytes are; the pictures need not exist.
    units
        [n] id of the case, lesion or patient each picture belongs to, as text.
    labels
        bool [n, K].
    columns
        Column name -> [n] raw values; a card's groups name the columns they are read from.
    weights
        float32 [n, K] soft labels, or None.
    split
        [n] what the data itself says: ``train``, ``val``, ``test`` or ``train+val``; None when it says nothing.
    account
        What was read and what was left out, in reading order: a name and a count each.
    source
        The file the rows came from, for error messages.
    opinions
        float32 [n, R, K], each reader's own weights over the classes, NaN rows where there is no such reader or the
        data do not tell readers apart; None where they never do.
    absent
        [n] True for pictures known not to exist in the public release; a published recipe may leave them out.
    """

    ids: npt.NDArray[np.str_]
    images: tuple[ImageRef, ...]
    units: npt.NDArray[np.str_]
    labels: npt.NDArray[np.bool_]
    columns: Mapping[str, Column] = field(default_factory=dict)
    weights: npt.NDArray[np.float32] | None = None
    split: npt.NDArray[np.str_] | None = None
    account: Mapping[str, int] = field(default_factory=dict)
    source: Path | None = None
    absent: npt.NDArray[np.bool_] | None = None
    opinions: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n = len(self.ids)
        lengths = {"images": len(self.images), "units": len(self.units), "labels": len(self.labels)}
        lengths |= {f"columns[{name!r}]": len(column) for name, column in self.columns.items()}
        optional = {"weights": self.weights, "split": self.split, "absent": self.absent, "opinions": self.opinions}
        lengths |= {name: len(column) for name, column in optional.items() if column is not None}
        for name, length in lengths.items():
            if length != n:
                raise ValueError(f"{name} has {length} rows, ids has {n}")

    def __len__(self) -> int:
        return len(self.ids)
