"""The risk-coverage curve in every draw of the bootstrap: arrays in, arrays out.

With rows in order of falling confidence, risk at coverage c is the mean risk of the fewest most confident rows that are
at least a share c of all rows; rows of equal confidence are answered together. The area is the mean over rows of the
risk at the coverage that includes them (Geifman, Uziel & El-Yaniv 2019); the best area is that of the order by risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_DRAWS_AT_ONCE: Final = 256


@dataclass(frozen=True)
class RiskCoverage:
    """Risk at the coverages asked for [D, G], the area [D] and the smallest area any order could have [D]."""

    at: Floats
    area: Floats
    best: Floats


def risk_coverage(
    confidence: Floats, risk: Floats, counts: npt.NDArray[np.uint8], coverages: Sequence[float]
) -> RiskCoverage:
    """Compute the curve of n rows in D draws.

    Parameters
    ----------
    confidence, risk
        [n] each.
    counts
        [n, D] how often each row was drawn; draws without rows give NaN.
    coverages
        G coverages in (0, 1], rising.
    """
    parts = [
        _some_draws(confidence, risk, counts[:, start : start + _DRAWS_AT_ONCE].astype(np.float64), coverages)
        for start in range(0, counts.shape[1], _DRAWS_AT_ONCE)
    ]
    return RiskCoverage(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _some_draws(
    confidence: Floats, risk: Floats, weight: Floats, coverages: Sequence[float]
) -> tuple[Floats, Floats, Floats]:
    order = np.argsort(-confidence, kind="stable")
    last = np.append(np.flatnonzero(np.diff(confidence[order])), len(order) - 1)
    whole = weight.sum(axis=0)
    answered, along = _along(risk[order], weight[order], last)
    steps = np.diff(answered, axis=0, prepend=0.0)
    nothing = whole == 0
    total = np.where(nothing, np.nan, whole)
    # One search for all draws: shares of a draw lie in [0, 1], and draws are kept two apart.
    apart = 2.0 * np.arange(len(whole))
    shares = (answered / np.where(nothing, 1.0, whole) + apart).ravel(order="F")
    wanted = np.asarray(coverages)[:, None] - 1e-9 + apart
    found = np.searchsorted(shares, wanted) - len(last) * np.arange(len(whole))
    at = np.take_along_axis(along, np.clip(found, 0, len(last) - 1), axis=0)
    at[:, nothing] = np.nan
    return at.T, (steps * along).sum(axis=0) / total, _least(risk, weight) / total


def _least(risk: Floats, weight: Floats) -> Floats:
    """Sum, over the rows drawn one after the other in the order of their risk, of the mean risk so far: [D].

    The w copies of a row of risk r after rows of weight W and risk E add sum_j (E + r j) / (W + j), which is
    r w + (E - r W) (H(W + w) - H(W)) with the harmonic numbers H.
    """
    order = np.argsort(risk, kind="stable")
    r, w = risk[order, None], weight[order]
    answered, wrong = np.cumsum(w, axis=0), np.cumsum(w * r, axis=0)
    harmonic = np.append(0.0, np.cumsum(1.0 / np.arange(1, int(answered[-1].max(initial=0)) + 1)))
    here, before = (harmonic[one.astype(np.intp)] for one in (answered, answered - w))
    least: Floats = (r * w + (wrong - w * r - r * (answered - w)) * (here - before)).sum(axis=0)
    return least


def _along(risk: Floats, weight: Floats, last: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Weight of the rows so far, and their mean risk, at the rows ``last``; 0 before any row was drawn."""
    answered = np.cumsum(weight, axis=0)[last]
    wrong = np.cumsum(weight * risk[:, None], axis=0)[last]
    return answered, np.divide(wrong, answered, out=np.zeros_like(wrong), where=answered > 0)
