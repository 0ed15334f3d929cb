"""The probes of a run (linear-probe, mlp-probe, knn): fitted off the evaluated rows, at both levels, by seed.

Comes in: `Material`. Goes out: `Made`: Predictions of the evaluated split, and what the record says of each method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from vlmeval.evaluate import assess
from vlmeval.evaluate.material import Made, Material
from vlmeval.methods import Scored
from vlmeval.methods.probes import Ask, Probed, knn, linear_probe, mlp_probe
from vlmeval.records import Benchmark, Decision, Embeddings, Level, MethodUsed, Predictions, Samples, SeedUsed

Probe = Callable[[Samples, Embeddings, Ask], Probed]
PROBES: Final[dict[str, tuple[Probe, str]]] = {
    "linear-probe": (linear_probe, "Linear probe"),
    "mlp-probe": (mlp_probe, "Small net (MLP probe)"),
    "knn": (knn, "Nearest neighbours"),
}
"""Method id -> its function and its title."""


def probe_step(name: str) -> Callable[[Material], Made]:
    """Return the step of one probe."""
    probe, title = PROBES[name]

    def step(material: Material) -> Made:
        probed = probe(material.samples, material.probed, ask_of(material))
        made = Made(findings=list(probed.findings))
        levels = next(iter(probed.scored.values()))
        for level in levels:
            by_seed = {seed: _decided(scored[level], material) for seed, scored in probed.scored.items()}
            predictions = [
                replace(scored.in_split(material.plan.split).predictions(name, decision), seed=seed)
                for seed, (scored, decision) in by_seed.items()
            ]
            made.predictions += predictions
            if level == material.samples.benchmark.headline_level:
                made.validation += [
                    replace(one, seed=seed)
                    for seed, (scored, decision) in by_seed.items()
                    for one in assess.validation(scored, name, decision, material.plan.split)
                ]
            made.methods.append(_described(predictions, probed, title, material))
        return made

    return step


def ask_of(material: Material) -> Ask:
    """Return what a probe is asked under the run's plan."""
    plan = material.plan
    return Ask(
        options=plan.probe,
        evaluated=plan.split,
        kept=material.kept,
        pooling=plan.pooling,
        device=material.embedded.device,
        progress=material.progress,
        seed=plan.seed,
    )


def _decided(scored: Scored, material: Material) -> tuple[Scored, Decision]:
    benchmark = material.samples.benchmark
    if benchmark.task == "multi-label" and material.plan.probe.thresholds == "half":
        return scored, Decision("threshold", (0.5,) * len(benchmark.classes), "fixed in advance at 0.5")
    return scored, assess.decide(scored, benchmark, material.plan.split)


def _described(predictions: list[Predictions], probed: Probed, title: str, material: Material) -> MethodUsed:
    first, benchmark = predictions[0], material.samples.benchmark
    several = first.seed is not None
    facts: dict[str, Any] = {
        "kind": first.method,
        "title": title,
        "headline": first.level == benchmark.headline_level,
        "parameters": {**probed.parameters, "pooling": _pooling(first.level, material)},
        "seeds": tuple(seed_used(one, benchmark) for one in predictions) if several else (),
        "choice": probed.choice,
        "certificate": probed.certificate,
        "training": probed.training,
    }
    if several:
        facts |= {"thresholds": None}
    return assess.method_used(first, benchmark, **facts)


def seed_used(predictions: Predictions, benchmark: Benchmark, **parameters: object) -> SeedUsed:
    """Return the record of one seed: its thresholds and what was chosen for it."""
    return SeedUsed(
        seed=predictions.seed or 0,
        thresholds=assess.thresholds_by_class(predictions.decision, benchmark),
        chosen_on=predictions.decision.chosen_on,
        parameters=dict(parameters),
    )


def _pooling(level: Level, material: Material) -> str | None:
    return material.plan.pooling if level == "unit" else None
