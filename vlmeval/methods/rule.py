"""The score rule: how class cosines become scores.

With cos_k the cosine of a picture with class k, the score is softmax_k(scale cos_k) (CLIP, Radford et al. 2021),
1 / (1 + exp(-(scale cos_k + bias))) (SigLIP, Zhai et al. 2023), or the cosine itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlmeval.methods.scored import Matrix
from vlmeval.records import ScoreKind


@dataclass(frozen=True)
class Rule:
    """How class cosines become scores; ``scale`` is needed for softmax and sigmoid, ``bias`` for sigmoid."""

    kind: ScoreKind
    scale: float | None = None
    bias: float | None = None

    def apply(self, cosines: Matrix) -> Matrix:
        """Return scores [n, K] for class cosines [n, K]."""
        if self.kind == "cosine":
            return cosines
        logits = (1.0 if self.scale is None else self.scale) * cosines
        if self.kind == "sigmoid":
            return _sigmoid(logits + (self.bias or 0.0))
        if self.kind == "softmax":
            powers = np.exp(logits - logits.max(axis=1, keepdims=True))
            return np.asarray(powers / powers.sum(axis=1, keepdims=True))
        raise ValueError(f"no zero-shot rule gives {self.kind!r} scores")


def _sigmoid(logits: Matrix) -> Matrix:
    # exp of a non-positive number on either side: no overflow at the tails
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small))
