"""Scores as logits, whatever their kind.

In: scores [n, K] and what they are. Out: logits [n, K] in the same order within every class.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.records.model import ScoreKind

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
SMOOTHING: Final = (1e-7, 1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)
"""What may be added to probabilities of unknown making, where an exact 0 is a count and no belief."""
SINGLE: Final = (1e-30, 1 - 2.0**-24)
"""Where scores that come from single precision are kept off 0 and 1."""
DOUBLE: Final = (1e-300, 1 - 2.0**-53)
"""The same for scores that were never stored."""


def logits_of(
    scores: Floats,
    kind: ScoreKind,
    *,
    scale: float | None = None,
    multi_label: bool = False,
    smoothing: float = SMOOTHING[0],
    limits: tuple[float, float] = SINGLE,
) -> Floats:
    """Return scores as logits, by what they are.

    ``cosine``: scale x cosine (1 where the model has no scale); ``logit``: as they are; ``sigmoid``: log p / (1 - p);
    ``softmax`` and ``probability``: log p in single-label tasks, log p / (1 - p) in multi-label ones. Softmax and
    sigmoid are kept off 0 and 1 by ``limits``; ``probability``, of unknown making, has ``smoothing`` added to p and to
    1 - p. Either way the order of scores stays.
    """
    if kind == "logit":
        return scores
    if kind == "cosine":
        return scores * (1.0 if scale is None else scale)
    if kind == "probability":
        p = np.maximum(scores, 0.0) + smoothing
        rest = np.maximum(1 - scores, 0.0) + smoothing
        return np.asarray(np.log(p) - np.log(rest) if multi_label else np.log(p))
    p = np.maximum(scores, limits[0])
    if kind != "sigmoid" and not multi_label:
        return np.asarray(np.log(p))
    return np.asarray(np.log(p) - np.log1p(-np.minimum(p, limits[1])))
