"""The zero-shot part of a run: every prompt set at both levels, decided off the evaluated rows.

Comes in: Plan, card, Samples, embedded pictures and texts, prompt sets. Goes out: Predictions of the evaluated split
and what the record says of each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlmeval.embed import Embedded
from vlmeval.evaluate import assess
from vlmeval.methods import Rule, prompt_arrays, zero_shot
from vlmeval.records import Embeddings, MethodUsed, Plan, Predictions, PromptsUsed, Samples


def zero_shot_predictions(
    plan: Plan, samples: Samples, embedded: Embedded, prompts: Sequence[PromptsUsed]
) -> tuple[list[Predictions], list[MethodUsed]]:
    """Score every prompt set at both levels; the first set at the card's level is the headline."""
    model_rule = embedded.score_rule
    rule = Rule(plan.score or model_rule.kind, model_rule.scale, model_rule.bias)
    images = _vectors_of(samples, embedded.images)
    predictions: list[Predictions] = []
    methods: list[MethodUsed] = []
    for position, used in enumerate(prompts):
        vectors = prompt_arrays(used.prompts, embedded.texts)
        levels = zero_shot(samples, images, vectors, rule, aggregation=used.aggregation, pooling=plan.pooling)
        for scored in levels.values():
            decision = assess.decide(scored, samples.benchmark, plan.split)
            one = scored.in_split(plan.split).predictions(f"zero-shot:{used.id}", decision)
            predictions.append(one)
            headline = position == 0 and one.level == samples.benchmark.headline_level
            methods.append(_described(one, used, plan, samples, headline))
    return predictions, methods


def _described(predictions: Predictions, used: PromptsUsed, plan: Plan, samples: Samples, headline: bool) -> MethodUsed:
    return assess.method_used(
        predictions,
        samples.benchmark,
        kind="zero-shot",
        title=f"Zero-shot, {used.title}",
        prompts=used.id,
        headline=headline,
        parameters={
            "scale": predictions.scale,
            "bias": predictions.bias,
            "aggregation": used.aggregation,
            "pooling": plan.pooling if predictions.level == "unit" else None,
        },
    )


def _vectors_of(samples: Samples, images: Embeddings) -> Embeddings:
    """Return the rows of ``images`` in the order of ``samples``."""
    row_of = {sample: row for row, sample in enumerate(images.ids.tolist())}
    rows = np.array([row_of[sample] for sample in samples.ids.tolist()], dtype=np.intp)
    return Embeddings(samples.ids, images.vectors[rows], images.key)
