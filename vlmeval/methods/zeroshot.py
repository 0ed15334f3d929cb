"""Zero-shot classification: the cosine of picture and prompts, by the model's own score rule.

Comes in: Samples, image vectors, the text side (`texts.py`) and the score rule (`rule.py`). Goes out: `Scored` at image
level and at unit level.
"""

from __future__ import annotations

import numpy as np

from vlmeval.methods.rule import Rule
from vlmeval.methods.scored import Scored, Units, at_image_level, at_unit_level, unit_length
from vlmeval.methods.texts import TextSide
from vlmeval.records import Embeddings, Samples
from vlmeval.records.run import Pooling


def zero_shot(
    samples: Samples, images: Embeddings, texts: TextSide, rule: Rule, *, pooling: Pooling = "mean-embedding"
) -> dict[str, Scored]:
    """Score every sample against every class.

    Parameters
    ----------
    samples, images
        n rows, with the same ids in the same order.
    texts
        The vectors of every class's prompts, in the card's class order.
    rule
        The model's score rule, or the one that overrides it.
    pooling
        How a unit's pictures become one.

    Returns
    -------
    dict
        ``{"image": Scored, "unit": Scored}``.
    """
    if not np.array_equal(samples.ids, images.ids):
        raise ValueError("samples and image embeddings are not the same rows")
    rule = texts.rule(rule)
    vectors = unit_length(images.vectors)
    scores = rule.apply(texts.cosines(vectors))
    units = Units.of(samples)
    if pooling == "mean-embedding":
        pooled = rule.apply(texts.cosines(unit_length(units.mean(vectors))))
    else:
        pooled = units.mean(scores)
    constants = (rule.scale, rule.bias)
    return {
        "image": at_image_level(samples, scores, rule.kind, constants),
        "unit": at_unit_level(samples, units, pooled, rule.kind, constants),
    }
