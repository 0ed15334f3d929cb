"""The zero-shot classifier that `text-anchored` and `cache` start from.

Comes in: one text vector a class and the model's score rule. Goes out: zero-shot logits of pictures or units, such that
the scores made of them are those of zero-shot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.methods.fewshot.defaults import COSINE_SCALE
from vlmeval.methods.rule import Rule
from vlmeval.methods.scored import Matrix
from vlmeval.methods.texts import TextSide
from vlmeval.records import ScoreKind


@dataclass(frozen=True)
class Anchor:
    """Class vectors float [K, d] in the card's class order, and the rule ``kind`` with its ``scale`` and ``bias``.

    The cosine of a picture x of length 1 with class k is x . text_k; the vectors are taken as they are.
    """

    text: npt.NDArray[np.floating]
    kind: ScoreKind
    scale: float | None = None
    bias: float | None = None

    @classmethod
    def of(cls, texts: TextSide, rule: Rule) -> Anchor | None:
        """Return the anchor of a prompt set. None for ``max-score``, which is no linear classifier."""
        vectors, rule = texts.class_vectors(), texts.rule(rule)
        return None if vectors is None else cls(vectors, rule.kind, rule.scale, rule.bias)

    @property
    def used_scale(self) -> float:
        """The scale of the logits: the rule's own, or CLIP's cap for the plain cosine."""
        return COSINE_SCALE if self.kind == "cosine" or self.scale is None else self.scale

    def logits(self, features: Matrix, *, single_label: bool) -> Matrix:
        """Return zero-shot logits [m, K] of features [m, d] of length 1.

        Single-label: scale * cosine (+ bias). Multi-label: the log-odds of each label's zero-shot score, which for a
        softmax rule is z_k - log sum_{j != k} exp(z_j).
        """
        logits = self.used_scale * (features @ np.asarray(self.text, dtype=np.float64).T)
        if self.kind == "sigmoid":
            logits += self.bias or 0.0
        if single_label or self.kind != "softmax":
            return np.asarray(logits)
        return np.stack([logits[:, k] - _log_sum(np.delete(logits, k, axis=1)) for k in range(len(self.text))], axis=1)

    def score_kind(self, *, single_label: bool) -> ScoreKind:
        """Return what anchored scores are: single-label as zero-shot's (cosine: a logit), multi-label sigmoid."""
        if not single_label:
            return "sigmoid"
        return "logit" if self.kind == "cosine" else self.kind


def as_scores(logits: Matrix, kind: ScoreKind) -> Matrix:
    """Return scores [m, K] of ``kind`` for logits [m, K]; a logit or a cosine is its own score."""
    return logits if kind in ("logit", "cosine") else Rule(kind, 1.0, 0.0).apply(logits)


def _log_sum(logits: Matrix) -> npt.NDArray[np.float64]:
    top = logits.max(axis=1)
    return np.asarray(top + np.log(np.exp(logits - top[:, None]).sum(axis=1)))
