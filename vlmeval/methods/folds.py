"""Folds for cross-validation: by unit, stratified, the same for any row order.

Comes in: units [n] and labels [n, K] of the rows that may be learned from. Goes out: a fold code for every row.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vlmeval.data.splits import deal_units
from vlmeval.errors import DataError


def grouped_folds(
    units: npt.NDArray[np.str_], labels: npt.NDArray[np.bool_], folds: int, seed: int, *, single_label: bool
) -> npt.NDArray[np.int8]:
    """Deal units to folds of equal size and class mix.

    Parameters
    ----------
    units
        [n] unit ids; rows of one unit stay together.
    labels
        bool [n, K]; a unit has a class when any of its rows has it.
    folds
        At most; fewer when there are fewer units.
    seed
        Another seed is another deal.
    single_label
        Whether the classes exclude each other.

    Returns
    -------
    ndarray
        int8 [n] of 0 .. folds - 1; no fold is empty.

    Raises
    ------
    DataError
        With fewer than two units.
    """
    count = min(folds, len(np.unique(units)))
    if count < 2:
        raise DataError(
            "cross-validation needs at least two units",
            found=f"{len(np.unique(units))}",
            hint="give more units (cases, lesions) in the train split, or a validation split",
        )
    codes = deal_units(units, labels, (1 / count,) * count, seed, single_label=single_label)
    # Multi-label dealing serves the rarest label first and may leave a fold empty when units are few.
    return np.unique(codes, return_inverse=True)[1].astype(np.int8)
