"""From scores to what a record says of them: decisions chosen off the test units, data counts, badges.

Comes in: `Scored` of a method, Samples, cards. Goes out: Predictions of the evaluated split, and the record's parts
`DataUsed`, `MethodUsed`, `Badge`. Shared by `evaluate` (models) and `score` (anybody's predictions).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from vlmeval.embed import Embedded
from vlmeval.methods import Scored
from vlmeval.records import (
    Badge,
    Benchmark,
    Contamination,
    DataUsed,
    Decision,
    Finding,
    MethodUsed,
    ModelCard,
    Plan,
    Predictions,
    Samples,
    digest_of,
)
from vlmeval.stats import choose_thresholds

SPLITS = ("train", "val", "test")


def decide(scored: Scored, benchmark: Benchmark, evaluated: str) -> Decision:
    """Return the decision rule: argmax for single-label, thresholds from rows that are not evaluated otherwise.

    Thresholds maximise Youden's J on validation rows, or on training rows when there are none of those. When neither
    is left (every row is evaluated), they are fixed in advance: see :func:`fixed_threshold`.
    """
    if benchmark.task == "single-label":
        return Decision("argmax")
    for split, name in (("val", "validation"), ("train", "training")):
        rows = scored.in_split(split)
        if evaluated not in (split, "all") and len(rows.ids):
            chosen = choose_thresholds(rows.labels, rows.scores)
            return Decision("threshold", tuple(float(t) for t in chosen), f"{name} rows ({len(rows.ids)})")
    threshold = fixed_threshold(scored, len(benchmark.classes))
    return Decision("threshold", (threshold,) * len(benchmark.classes), f"fixed in advance at {threshold:g}")


def fixed_threshold(scored: Scored, classes: int) -> float:
    """Return the threshold nobody had to choose: 0.5 for probabilities, 1/K for a softmax, 0 for cosine and logit."""
    return {"sigmoid": 0.5, "probability": 0.5, "softmax": 1 / classes, "cosine": 0.0, "logit": 0.0}[scored.kind]


def validation(scored: Scored, method: str, decision: Decision, evaluated: str) -> list[Predictions]:
    """Return the predictions of validation rows, to choose on; nothing where they are evaluated themselves."""
    rows = scored.in_split("val")
    return [rows.predictions(method, decision)] if evaluated not in ("val", "all") and len(rows.ids) else []


def method_used(predictions: Predictions, benchmark: Benchmark, **facts: object) -> MethodUsed:
    """Return the record of one method at one level; ``facts`` are MethodUsed's own fields."""
    decision = predictions.decision
    return MethodUsed.model_validate(
        {
            "id": predictions.method,
            "level": predictions.level,
            "score_kind": predictions.kind,
            "decision": decision.rule,
            "thresholds": thresholds_by_class(decision, benchmark),
            "chosen_on": decision.chosen_on,
            **facts,
        }
    )


def thresholds_by_class(decision: Decision, benchmark: Benchmark) -> dict[str, float] | None:
    """Return the thresholds by class id; None where there are none."""
    if decision.thresholds is None:
        return None
    return dict(zip(benchmark.class_ids, decision.thresholds, strict=True))


def data_used(samples: Samples, evaluated: Samples, unreadable: Mapping[str, str]) -> DataUsed:
    """Count what was read; class and group counts are of the evaluated rows."""
    benchmark = samples.benchmark
    return DataUsed(
        digest=samples.digest,
        images=len(samples),
        units=_count_units(samples),
        split_images={s: int((samples.split == s).sum()) for s in SPLITS},
        split_units={s: _count_units(samples.in_split(s)) for s in SPLITS},
        class_images=_class_images(evaluated),
        class_units=_class_units(evaluated),
        split_class_images={s: _class_images(samples.in_split(s)) for s in SPLITS},
        split_class_units={s: _class_units(samples.in_split(s)) for s in SPLITS},
        group_units={
            group.id: {
                level.id: _count_units(evaluated.take(evaluated.groups[group.id] == code))
                for code, level in enumerate(group.levels)
            }
            for group in benchmark.available_groups
        },
        account=dict(samples.account),
        unreadable=tuple(f"{sample}: {reason}" for sample, reason in sorted(unreadable.items())),
        test_ids_digest=digest_of(sorted(evaluated.ids.tolist())),
    )


def badges(
    benchmark: Benchmark, card: ModelCard | None, plan: Plan, unreadable: int, known: Contamination | None = None
) -> tuple[Badge, ...]:
    """Return the marks that travel with every number: synthetic, leakage, contamination, partial.

    ``known`` is what the register says of the data in the model's training data.
    """
    found: list[Badge] = []
    if benchmark.synthetic or (card is not None and card.synthetic):
        both = benchmark.synthetic and card is not None and card.synthetic
        what = "Data and model are" if both else "The data are" if benchmark.synthetic else "The model is"
        found.append(Badge(kind="synthetic", text=f"{what} synthetic: these are not clinical results."))
    if benchmark.protocol.leaky is not None:
        found.append(Badge(kind="leakage", text=benchmark.protocol.leaky, source=benchmark.protocol.source))
    if known is not None and known.status == "in-training":
        found.append(Badge(kind="contamination", text=known.note, source=known.source))
    if plan.limit is not None:
        text = f"A quick look at only {plan.limit} {benchmark.unit.name}s, as asked for."
        found.append(Badge(kind="partial", text=text))
    if unreadable:
        found.append(Badge(kind="partial", text=f"{unreadable} pictures could not be read and are left out."))
    return tuple(found)


def missing_badge(missing: int) -> tuple[Badge, ...]:
    """Mark scored predictions that leave evaluated samples out."""
    text = f"{missing} evaluated samples have no prediction and are left out."
    return (Badge(kind="partial", text=text),) if missing else ()


def embedding_findings(embedded: Embedded) -> list[Finding]:
    """Tell of prompts longer than the model's context, damaged cache files, and given vectors that did not join."""
    seen: tuple[tuple[str, Literal["info", "warning"], str, tuple[str, ...]], ...] = (
        ("truncated-prompts", "warning", "prompts longer than the model's context lost their end", embedded.truncated),
        ("damaged-cache", "warning", "damaged cache files were set aside and computed anew", embedded.damaged),
        ("samples-without-vector", "warning", "samples have no given vector and are left out", embedded.missing),
        ("vectors-unused", "info", "given vectors belong to no sample of this benchmark", embedded.unused),
    )
    return [
        Finding(code=code, severity=severity, message=text, count=len(examples), examples=examples[:5])
        for code, severity, text, examples in seen
        if examples
    ]


def _class_images(samples: Samples) -> dict[str, int]:
    counts = samples.labels.sum(axis=0)
    return {c: int(n) for c, n in zip(samples.benchmark.class_ids, counts, strict=True)}


def _class_units(samples: Samples) -> dict[str, int]:
    labels = enumerate(samples.benchmark.class_ids)
    return {c: len(np.unique(samples.units[samples.labels[:, k]])) for k, c in labels}


def _count_units(samples: Samples) -> int:
    return len(np.unique(samples.units))
