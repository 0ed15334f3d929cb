"""The text side of a zero-shot classifier: the vectors of every class's prompts, and how they become one score a class.

Comes in: a `Wording` and the vectors of its strings. Goes out: `TextSide`, whose ``cosines`` are what a score rule is
applied to. With x an image vector, t_1..t_m the prompt vectors of class k, all of unit length, and w their weights
(adding up to 1; equal if none are given), the class cosine is

- ``mean-embedding``: x . normalise(sum_j w_j t_j)   (Radford et al. 2021, section 3.1.4)
- ``mean-score``:     sum_j w_j x . t_j
- ``max-score``:      max_j x . t_j

With negatives ("healthy skin"), it is the class's cosine less that of its negatives, and the score is the softmax over
the two: 1 / (1 + exp(-scale (cos_k - cos_not_k))) (Tiu et al. 2022, CheXzero, Methods).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from vlmeval.methods.rule import Rule
from vlmeval.methods.scored import Matrix, unit_length
from vlmeval.records import Aggregation, Wording

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class TextSide:
    """Every class's prompts as vectors, in the card's class order.

    Attributes
    ----------
    prompts
        One array [m_k, d] a class, of any length.
    aggregation
        How a class's prompts become one.
    weights
        One array [m_k] a class, 0 or more, or None for equal ones. Not for ``max-score``.
    negatives
        One array [r_k, d] a class, or None.
    """

    prompts: Sequence[Floats]
    aggregation: Aggregation = "mean-embedding"
    weights: Sequence[Floats] | None = None
    negatives: Sequence[Floats] | None = None

    @classmethod
    def of(cls, wording: Wording, aggregation: Aggregation, vectors: Mapping[str, Floats]) -> Self:
        """Return the text side of a wording from the vectors by string."""
        negatives, weights = wording.negatives, wording.weights
        return cls(
            _arrays(wording.prompts, vectors),
            aggregation,
            [np.asarray(weights[k], dtype=np.float64) for k in wording.prompts] if weights else None,
            _arrays({k: negatives[k] for k in wording.prompts}, vectors) if negatives else None,
        )

    def cosines(self, vectors: Matrix) -> Matrix:
        """Return class cosines [n, K] of unit-length image vectors [n, d], less those of the negatives."""
        found = _cosines(vectors, self.prompts, self.weights, self.aggregation)
        if self.negatives is None:
            return found
        return np.asarray(found - _cosines(vectors, self.negatives, None, self.aggregation))

    def class_vectors(self) -> Matrix | None:
        """Return [K, d] vectors whose products with unit-length image vectors are ``cosines``; None: not linear."""
        found = _class_vectors(self.prompts, self.weights, self.aggregation)
        if found is None or self.negatives is None:
            return found
        other = _class_vectors(self.negatives, None, self.aggregation)
        return None if other is None else np.asarray(found - other)

    def rule(self, own: Rule) -> Rule:
        """Return the rule for this side's cosines: with negatives a softmax over two, a sigmoid without bias."""
        if self.negatives is None or own.kind == "cosine":
            return own
        return Rule("sigmoid", own.scale, 0.0)


def _arrays(strings: Mapping[str, Sequence[str]], vectors: Mapping[str, Floats]) -> list[Floats]:
    return [np.stack([vectors[text] for text in texts]) for texts in strings.values()]


def _cosines(
    vectors: Matrix, prompts: Sequence[Floats], weights: Sequence[Floats] | None, aggregation: Aggregation
) -> Matrix:
    classes = _class_vectors(prompts, weights, aggregation)
    if classes is not None:
        return np.asarray(vectors @ classes.T)
    return np.stack([(vectors @ unit_length(p).T).max(axis=1) for p in prompts], axis=1)


def _class_vectors(
    prompts: Sequence[Floats], weights: Sequence[Floats] | None, aggregation: Aggregation
) -> Matrix | None:
    if aggregation == "max-score":
        return None
    means = np.stack(
        [
            # Weights count against each other only: as shares of the largest no sum is too large or too small to hold.
            np.average(unit_length(p), axis=0, weights=None if weights is None else weights[k] / weights[k].max())
            for k, p in enumerate(prompts)
        ]
    )
    return unit_length(means) if aggregation == "mean-embedding" else means
