"""What a probe is fitted on: vectors of pictures and units as they are, at length 1, or standardised by train rows.

Comes in: embeddings float [n, d] and the rows a fit may see. Goes out: features float64 [n, d] of pictures, [U, d] of
units, and the weights of rows that make a unit or a class count once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from vlmeval.methods.scored import Matrix, Units, unit_length
from vlmeval.records import FeatureKind

Floats = npt.NDArray[np.floating]
Vector = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Features:
    """A map from vectors to features; ``mean`` and ``deviation`` float64 [d] are those of the rows it was fitted on.

    - ``l2``: x / |x|; a unit is the mean of its pictures' features, at length 1 again, as in zero-shot.
    - ``raw``: x; a unit is the mean.
    - ``standardised``: (x - mean) / deviation; a unit is the mean. A dimension that does not vary is 0.
    """

    kind: FeatureKind
    mean: Vector | None = None
    deviation: Vector | None = None

    @classmethod
    def fit(cls, kind: FeatureKind, vectors: Floats, weight: Vector | None = None) -> Self:
        """Learn what ``kind`` needs from the rows [n, d] of a fit, weighted by ``weight`` [n] or equally."""
        if kind != "standardised":
            return cls(kind)
        wide = np.asarray(vectors, dtype=np.float64)
        mean = np.average(wide, axis=0, weights=weight)
        deviation = np.sqrt(np.average((wide - mean) ** 2, axis=0, weights=weight))
        # Rounding leaves a constant dimension with a deviation around 1e-16 of its mean, not with 0.
        deviation[deviation <= 1e-12 * np.abs(mean)] = 0.0
        return cls(kind, mean, deviation)

    def images(self, vectors: Floats) -> Matrix:
        """Return features float64 [n, d] of pictures."""
        if self.kind == "l2":
            return unit_length(vectors)
        wide = np.asarray(vectors, dtype=np.float64)
        if self.mean is None or self.deviation is None:
            return wide
        scale = np.divide(1.0, self.deviation, out=np.zeros_like(self.deviation), where=self.deviation > 0)
        return np.asarray((wide - self.mean) * scale)

    def units(self, vectors: Floats, units: Units) -> Matrix:
        """Return features float64 [number of units, d] of units from the vectors [n, d] of their pictures."""
        pooled = units.mean(self.images(vectors))
        return unit_length(pooled) if self.kind == "l2" else pooled


def unit_weights(units: Strings) -> Vector:
    """Return float64 [n]: 1 / number of rows of the row's unit, so that every unit counts once."""
    _, member, count = np.unique(units, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[member])


def class_weights(labels: Bools, weight: Vector | None = None) -> Matrix:
    """Return the factors that make classes count equally, as scikit-learn's ``class_weight="balanced"``.

    Parameters
    ----------
    labels
        bool [n, K]: K = 1 for one label against the rest, otherwise one class a row.
    weight
        float64 [n] that rows have already, or None for 1 each.

    Returns
    -------
    ndarray
        float64 [n]: sum(w) / (number of classes seen * sum of w in the row's class). With one label, "with" and
        "without" are the two classes. Multiplied with ``weight`` the sum of weights stays the same.
    """
    codes = labels[:, 0].astype(np.intp) if labels.shape[1] == 1 else labels.argmax(axis=1)
    rows = np.ones(len(labels)) if weight is None else weight
    mass = np.bincount(codes, weights=rows)
    return np.asarray(rows.sum() / (np.count_nonzero(mass) * mass[codes]))
