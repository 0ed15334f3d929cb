"""Zero-shot classification: the cosine of picture and prompts, by the model's own score rule.

Comes in: Samples, image vectors, and the vectors of every class's prompts. Goes out: `Scored` at image level and at
unit level. With x an image vector and t_1..t_m the prompt vectors of class k, all of unit length, the class cosine is

- ``mean-embedding``: x . normalise(mean_j t_j)   (Radford et al. 2021, section 3.1.4)
- ``mean-score``:     mean_j x . t_j
- ``max-score``:      max_j x . t_j

and the score is softmax_k(scale cos_k) (CLIP), 1 / (1 + exp(-(scale cos_k + bias))) (SigLIP, Zhai et al. 2023), or the
cosine itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.methods.scored import Matrix, Scored, Units, at_image_level, at_unit_level
from vlmeval.records import Aggregation, Embeddings, Samples
from vlmeval.records.model import ScoreKind
from vlmeval.records.run import Pooling

Floats = npt.NDArray[np.floating]


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


def zero_shot(
    samples: Samples,
    images: Embeddings,
    prompts: Sequence[Floats],
    rule: Rule,
    *,
    aggregation: Aggregation = "mean-embedding",
    pooling: Pooling = "mean-embedding",
) -> dict[str, Scored]:
    """Score every sample against every class.

    Parameters
    ----------
    samples, images
        n rows, with the same ids in the same order.
    prompts
        One array [m_k, d] a class, in the card's class order.
    rule
        The model's score rule, or the one that overrides it.
    aggregation, pooling
        How a class's prompts, and how a unit's pictures, become one.

    Returns
    -------
    dict
        ``{"image": Scored, "unit": Scored}``.
    """
    if not np.array_equal(samples.ids, images.ids):
        raise ValueError("samples and image embeddings are not the same rows")
    vectors = unit_length(images.vectors)
    scores = rule.apply(class_cosines(vectors, prompts, aggregation))
    units = Units.of(samples)
    if pooling == "mean-embedding":
        pooled = rule.apply(class_cosines(unit_length(units.mean(vectors)), prompts, aggregation))
    else:
        pooled = units.mean(scores)
    constants = (rule.scale, rule.bias)
    return {
        "image": at_image_level(samples, scores, rule.kind, constants),
        "unit": at_unit_level(samples, units, pooled, rule.kind, constants),
    }


def class_cosines(vectors: Matrix, prompts: Sequence[Floats], aggregation: Aggregation) -> Matrix:
    """Return [n, K] cosines of unit-length image vectors [n, d] with every class's prompts [m_k, d]."""
    classes = [unit_length(p) for p in prompts]
    if aggregation == "mean-embedding":
        return np.asarray(vectors @ unit_length(np.stack([c.mean(axis=0) for c in classes])).T)
    reduce = np.mean if aggregation == "mean-score" else np.max
    return np.stack([reduce(vectors @ c.T, axis=1) for c in classes], axis=1)


def prompt_arrays(prompts: Mapping[str, Sequence[str]], vectors: Mapping[str, Floats]) -> list[Floats]:
    """Return one array [m_k, d] a class from the vectors by string."""
    return [np.stack([vectors[text] for text in texts]) for texts in prompts.values()]


def unit_length(vectors: Floats) -> Matrix:
    """Return rows scaled to Euclidean length 1, in float64; a zero row stays zero."""
    wide = np.asarray(vectors, dtype=np.float64)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.asarray(wide / np.where(lengths == 0, 1.0, lengths))


def _sigmoid(logits: Matrix) -> Matrix:
    # exp of a non-positive number on either side: no overflow at the tails
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1.0 + small))
