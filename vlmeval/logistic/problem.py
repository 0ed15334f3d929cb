"""What a logistic regression is fitted to, and what a fit is: plain arrays, checked on entry.

In comes a `Problem`: rows, truth, weights, offsets. Out comes a `Fit` for each C: the weight matrix and intercepts in
the coordinates of the rows that were given, the objective, and a certified bound of its distance from the optimum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vlmeval.errors import DataError

Floats = NDArray[np.float64]
Task = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class Problem:
    """One training set; checked when made.

    Parameters
    ----------
    x
        Features, float [n, d]; float32 or float64, finite.
    y
        Class codes 0..classes-1, integer [n]: one multinomial regression. Or labels, bool [n, classes]: one binary
        regression a label.
    classes
        Number of classes or labels, K.
    weight
        Weight of each row, float [n], not negative, or None for 1. Rows of weight 0 are ignored. Class weights, unit
        weights and the like are multiplied into it by the caller.
    offset
        Logits that are added to every row's own, float [n, K]; coefficients are penalised as the distance from them.
    intercept
        True: a free, unpenalised intercept. False: none.

    Raises
    ------
    DataError
        No rows, wrong shapes, values that are not finite, codes out of range, negative weights, all weights 0.
    """

    x: NDArray[np.floating]
    y: NDArray[np.int64] | NDArray[np.bool_]
    classes: int
    weight: Floats | None = None
    offset: Floats | None = None
    intercept: bool = True

    def __post_init__(self) -> None:
        x = _array("x", self.x)
        if x.ndim != 2 or 0 in x.shape:
            raise DataError("a fit needs rows and features", key="x", expected="float [n, d]", found=str(x.shape))
        for name in ("x", "y", "weight", "offset"):
            value = getattr(self, name)
            if value is not None:
                array = _array(name, value)
                object.__setattr__(self, name, array)
                _check(name, array, len(x), self.classes)
        if self.weight is not None and not self.weight.sum() > 0:
            raise DataError("every row has weight 0", key="weight")

    @property
    def task(self) -> Task:
        """``softmax`` for class codes, ``sigmoid`` for labels."""
        return "softmax" if self.y.ndim == 1 else "sigmoid"


@dataclass(frozen=True)
class Fit:
    """One fitted regression.

    Parameters
    ----------
    c
        The C it was fitted with.
    coef, intercept
        float64 [K, d] and [K]: logits = offset + x @ coef.T + intercept.
    objective
        1/2 |coef|^2 + C sum_i weight_i loss_i, at coef and intercept; summed over labels where there are labels.
    gap
        Certified upper bound of (objective - minimum) / objective; for labels that of the worst label. Never below the
        rounding of float64, 2.2e-16, but 0 where there is nothing to fit. NaN: the solver gives no bound.
    iterations
        Newton steps (or the iterations scikit-learn reports; of the slowest label).
    converged
        Whether ``gap`` is within the tolerance asked for (for scikit-learn: whether it says so).
    missing
        Classes without a row, or labels with only one value, whose coefficients are 0 because a free intercept would
        fit them without end; see `vlmeval.logistic.missing`.
    """

    c: float
    coef: Floats
    intercept: Floats
    objective: float
    gap: float
    iterations: int
    converged: bool
    missing: tuple[int, ...] = ()

    def logits(self, x: NDArray[np.floating], offset: ArrayLike | None = None) -> Floats:
        """Return logits, float64 [m, K], of features [m, d] and the rows' offsets [m, K] (None: 0)."""
        if x.ndim != 2 or x.shape[1] != self.coef.shape[1]:
            raise DataError("features of another size", expected=f"[m, {self.coef.shape[1]}]", found=str(x.shape))
        logits: Floats = np.asarray(x, dtype=np.float64) @ self.coef.T + self.intercept
        return logits if offset is None else logits + np.asarray(offset, dtype=np.float64)

    def probabilities(self, x: NDArray[np.floating], offset: ArrayLike | None, task: Task) -> Floats:
        """Return probabilities, float64 [m, K]: of classes (``softmax``) or of labels, each its own (``sigmoid``)."""
        logits = self.logits(x, offset)
        if task == "sigmoid":
            out: Floats = np.exp(-np.logaddexp(0, -logits))
            return out
        out = np.exp(logits - logits.max(axis=1, keepdims=True))
        out /= out.sum(axis=1, keepdims=True)
        return out


def _array(name: str, value: ArrayLike) -> NDArray[np.generic]:
    array = np.asarray(value)
    if name == "y":
        if array.ndim == 2 and array.dtype == bool:
            return array
        if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
            return array.astype(np.int64, copy=False)
        found = f"{array.dtype} {array.shape}"
        raise DataError("truth of an unknown form", key="y", expected="integer [n] or bool [n, K]", found=found)
    if not (np.issubdtype(array.dtype, np.floating) or np.issubdtype(array.dtype, np.integer)):
        raise DataError(f"{name} is not numeric", key=name, expected="float", found=str(array.dtype))
    return array if name == "x" and array.dtype == np.float32 else array.astype(np.float64, copy=False)


def _check(name: str, array: NDArray[np.generic], n: int, classes: int) -> None:
    shapes = {"x": [array.shape], "y": [(n,), (n, classes)], "weight": [(n,)], "offset": [(n, classes)]}
    if array.shape not in shapes[name]:
        expected = " or ".join(str(s) for s in shapes[name])
        raise DataError(f"{name} has a wrong shape", key=name, expected=expected, found=str(array.shape))
    if name != "y":
        bad = ~np.isfinite(array)
        if bad.any():
            row = int(np.flatnonzero(bad.reshape(n, -1).any(axis=1))[0])
            raise DataError(f"{name} holds NaN or infinity", key=name, found=f"first in row {row}")
    if name == "weight" and (array < np.float64(0)).any():
        raise DataError("negative weights", key=name, expected=">= 0", found=str(array.min()))
    if name == "y" and array.ndim == 1 and not (array.min() >= 0 and array.max() < classes):
        found = f"{array.min()}..{array.max()}"
        raise DataError("class codes out of range", key=name, expected=f"0..{classes - 1}", found=found)
