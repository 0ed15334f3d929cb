"""The zero-shot part of a run: every prompt set at both levels, decided off the evaluated rows; then calibrated ones.

Comes in: `Material` (samples, embedded pictures and texts, prompt sets). Goes out: Predictions of the evaluated split
and what the record says of each. `zero_shot_rule` is also what few-shot
methods start from.
"""

from __future__ import annotations

from vlmeval.embed import Embedded
from vlmeval.evaluate import assess
from vlmeval.evaluate.calibrated import calibrated_zero_shot
from vlmeval.evaluate.chosen_on import searched_findings
from vlmeval.evaluate.material import Made, Material
from vlmeval.methods import Rule, TextSide, zero_shot
from vlmeval.records import MethodUsed, Plan, Predictions, PromptsUsed, Samples


def zero_shot_step(material: Material) -> Made:
    """Score every prompt set at both levels; the first set at the card's level is the headline."""
    plan, samples, images = material.plan, material.samples, material.images
    rule = zero_shot_rule(plan, material.embedded)
    made, calibrated = Made(findings=searched_findings(material.prompts)), Made()
    for position, used in enumerate(material.prompts):
        texts = TextSide.of(used.wording, used.aggregation, material.embedded.texts)
        levels = zero_shot(samples, images, texts, rule, pooling=plan.pooling)
        if position == 0:
            calibrated = calibrated_zero_shot(material, used, levels)
        for scored in levels.values():
            decision = assess.decide(scored, samples.benchmark, plan.split)
            one = scored.in_split(plan.split).predictions(f"zero-shot:{used.id}", decision)
            made.predictions.append(one)
            headline = position == 0 and one.level == samples.benchmark.headline_level
            if headline:
                made.validation += assess.validation(scored, one.method, decision, plan.split)
            made.methods.append(_described(one, used, plan, samples, headline))
    made.add(calibrated)
    return made


def zero_shot_rule(plan: Plan, embedded: Embedded) -> Rule:
    """Return the model's own score rule, or the one that the plan puts in its place."""
    own = embedded.score_rule
    return Rule(plan.score or own.kind, own.scale, own.bias)


def _described(predictions: Predictions, used: PromptsUsed, plan: Plan, samples: Samples, headline: bool) -> MethodUsed:
    return assess.method_used(
        predictions,
        samples.benchmark,
        kind="zero-shot",
        title=f"Zero-shot, {used.heading}",
        prompts=used.id,
        headline=headline,
        parameters={
            "scale": predictions.scale,
            "bias": predictions.bias,
            "aggregation": used.aggregation,
            "pooling": plan.pooling if predictions.level == "unit" else None,
        },
    )
