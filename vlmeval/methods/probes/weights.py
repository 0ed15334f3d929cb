"""How much every row counts for every class, in a loss or in a vote: the same for all probes.

Comes in: units and labels of the rows that are learned from. Goes out: weights float64 [n, K].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vlmeval.methods.features import class_weights, unit_weights
from vlmeval.methods.scored import Matrix
from vlmeval.records import ProbeOptions, Task


def unit_shares(units: npt.NDArray[np.str_], options: ProbeOptions) -> npt.NDArray[np.float64]:
    """Return float64 [n]: every unit counts once, or every row, as the options say."""
    return unit_weights(units) if options.unit_weights else np.ones(len(units))


def label_weights(
    units: npt.NDArray[np.str_], labels: npt.NDArray[np.bool_], options: ProbeOptions, task: Task
) -> Matrix:
    """Return float64 [n, K]: the rows' shares, and with class weights each class or label balanced.

    Single-label columns are all the same: a row counts for its own class.
    """
    shares = unit_shares(units, options)
    columns = np.repeat(shares[:, None], labels.shape[1], axis=1)
    if options.class_weight == "none":
        return columns
    if task == "single-label":
        return np.asarray(columns * class_weights(labels, shares)[:, None])
    return np.asarray(columns * np.stack([class_weights(one[:, None], shares) for one in labels.T], axis=1))
