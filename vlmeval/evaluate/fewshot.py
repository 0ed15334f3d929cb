"""The few-shot part of a run: every point of every curve, decided inside the shots.

Comes in: `Material`. Goes out: `Made`: one method a point (variant, regime, shots) with one Predictions a seed, and
what was drawn. The zero-shot classifier that text-anchored methods start from is that of the headline prompt set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from vlmeval.evaluate import assess
from vlmeval.evaluate.material import Made, Material
from vlmeval.evaluate.probes import ask_of, seed_used
from vlmeval.evaluate.zeroshot import zero_shot_rule
from vlmeval.methods import TextSide
from vlmeval.methods.fewshot import VARIANTS, Anchor, Point, SeedPoint, few_shot
from vlmeval.records import Benchmark, Decision, Finding, MethodUsed, Predictions
from vlmeval.stats import choose_thresholds

TITLES: Final = {
    "text-anchored": "Text-anchored probe",
    "logistic": "Logistic probe",
    "cache": "Training-free cache",
    "nearest-mean": "Nearest class mean",
}


def few_shot_step(material: Material) -> Made:
    """Carry out the few-shot sweep of the plan."""
    result = few_shot(material.samples, material.images, anchor_of(material), ask_of(material), material.plan.few_shot)
    made = Made(findings=[*result.findings, *_not_followed(material)], few_shot=result.used)
    for point in result.points:
        predictions = [_predictions(point, seed, material.samples.benchmark) for seed in point.seeds]
        made.predictions += predictions
        made.methods.append(_described(point, predictions, material))
    return made


def anchor_of(material: Material) -> Anchor | None:
    """Return the zero-shot classifier of the headline prompt set; None without a text model.

    The largest of several scores is no linear classifier: such a prompt set is taken by the mean of its vectors.
    """
    if not material.prompts:
        return None
    rule, first = zero_shot_rule(material.plan, material.embedded), material.prompts[0]
    texts = TextSide.of(first.wording, first.aggregation, material.embedded.texts)
    return Anchor.of(texts, rule) or Anchor.of(replace(texts, aggregation="mean-embedding"), rule)


def _not_followed(material: Material) -> list[Finding]:
    """Tell of options that the sweep does not follow."""
    plan, first = material.plan, next(iter(material.prompts), None)
    notes = {
        "the vectors of the space shared with text, whatever --embedding says": plan.probe.embedding == "pooled",
        "the certified solver, whatever --solver says": plan.probe.solver == "sklearn",
        "the mean of each class's prompts as zero-shot classifier: the largest of their scores, which the headline "
        "set takes, is none to start from": first is not None and first.aggregation == "max-score",
    }
    return [
        Finding(code="few-shot-option", severity="info", message=f"few-shot: by {note}", count=1)
        for note, applies in notes.items()
        if applies
    ]


def _anchored_at(material: Material) -> dict[str, object]:
    """Return which zero-shot classifier anchored methods start from, for the record."""
    first = material.prompts[0]
    aggregation = "mean-embedding" if first.aggregation == "max-score" else first.aggregation
    return {"zero_shot": {"prompts": first.id, "aggregation": aggregation}}


def curve_of(point: Point) -> str:
    """Return the id that all points of one curve share."""
    return f"few-shot:{point.variant}:{point.regime}"


def _predictions(point: Point, seed: SeedPoint, benchmark: Benchmark) -> Predictions:
    decision = _decision(seed, benchmark)
    one = seed.scored.predictions(f"{curve_of(point)}@{point.shots}", decision)
    return replace(one, seed=seed.seed, unscored=seed.unscored)


def _decision(seed: SeedPoint, benchmark: Benchmark) -> Decision:
    """Decide by the highest score, or by thresholds from inside the shots.

    Where nothing was held out, a fit decides by each label's share of the draw: at one shot of K labels that is about
    1 / K, and against 0.5 hardly a label would ever be called. Other scores have thresholds fixed in advance.
    """
    if benchmark.task == "single-label":
        return Decision("argmax")
    if seed.out_of_fold is None:
        threshold = assess.fixed_threshold(seed.scored, len(benchmark.classes))
        if seed.rates is not None:
            shares = np.where(np.isnan(seed.rates), threshold, seed.rates)
            return Decision(
                "threshold", tuple(float(t) for t in shares), "inside the shots, each label's share of them"
            )
        return Decision("threshold", (threshold,) * len(benchmark.classes), f"fixed in advance at {threshold:g}")
    labels, scores = seed.out_of_fold
    chosen = choose_thresholds(labels, scores)
    return Decision("threshold", tuple(float(t) for t in chosen), f"inside the shots, out of fold ({len(labels)})")


def _described(point: Point, predictions: list[Predictions], material: Material) -> MethodUsed:
    benchmark, options = material.samples.benchmark, material.plan.probe
    shots = "all units" if point.shots == "all" else f"{point.shots} {'shot' if point.shots == 1 else 'shots'}"
    regime = "" if point.regime == "balanced" else f", {point.regime} draws"
    return assess.method_used(
        predictions[0],
        benchmark,
        kind="few-shot",
        title=f"{TITLES[point.variant]}, {shots}{regime}",
        curve=curve_of(point),
        shots=point.shots,
        thresholds=None,
        parameters={
            "variant": point.variant,
            "regime": point.regime,
            **point.parameters,
            "unit_weights": options.unit_weights,
            **({"class_weight": options.class_weight} if VARIANTS[point.variant].fits else {}),
            **(_anchored_at(material) if VARIANTS[point.variant].anchored else {}),
        },
        seeds=tuple(
            seed_used(one, benchmark, **seed.parameters) for one, seed in zip(predictions, point.seeds, strict=True)
        ),
        certificate=point.certificate,
    )
