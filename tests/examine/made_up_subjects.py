"""Examinees made up for the tests of calibration and selective use: scores whose true calibration is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vlmeval.examine import Examinee, Part, Subject
from vlmeval.records import Benchmark, Decision, ImageRef, Plan, Predictions, Samples
from vlmeval.stats import Resamples

LEVELS = ("light", "medium", "dark", "not-answered")


def card(task: str = "single-label", k: int = 4, **changes: Any) -> Benchmark:
    """A benchmark with one skin-tone source, another one that is unavailable, and a group that is no skin tone."""
    made: dict[str, Any] = {
        "schema": 1,
        "id": "made-up",
        "version": "1",
        "title": "Made up",
        "summary": "For tests.",
        "task": task,
        "modality": "synthetic",
        "unit": {"name": "case", "column": "case"},
        "headline_metrics": ["auroc"],
        "data": {"adapter": "table", "home": "made-up"},
        "protocol": {"by": "unit"},
        "classes": [{"id": f"c{i}", "name": f"Class {i}", "labels": [f"c{i}"], "malignant": i == 0} for i in range(k)],
        "groups": [
            {
                "id": "tone",
                "name": "Tone",
                "kind": "skin-tone",
                "scale": "fitzpatrick",
                "column": "tone",
                "levels": [{"id": t, "name": t, "values": [t], "missing": t == "not-answered"} for t in LEVELS],
            },
            {
                "id": "site",
                "name": "Site",
                "kind": "site",
                "column": "site",
                "levels": [{"id": s, "name": s, "values": [s]} for s in ("arm", "leg")],
            },
            {"id": "monk", "name": "Monk", "kind": "skin-tone", "unavailable": "no such labels"},
        ],
        "prompts": {"default": "none"},
        "licence": {"name": "CC0"},
        "citation": "none",
        "homepage": "https://example.org",
        "synthetic": True,
    }
    return Benchmark.model_validate(made | changes)


def scored(
    task: str = "single-label",
    *,
    units: int = 300,
    k: int = 4,
    seed: int = 0,
    sharpness: float = 3.0,
    images: bool = False,
    kind: str | None = None,
    name: str = "u",
    method_seed: int | None = None,
) -> Predictions:
    """Draw truth from calibrated logits, and report the logits times ``sharpness``: temperature ``sharpness`` is right.

    ``images``: units have one to three rows with the same truth; without, rows are units.
    """
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(units), rng.integers(1, 4, size=units) if images else 1)
    n = len(owner)
    logits = rng.normal(scale=1.5, size=(units, k))
    if task == "single-label":
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        truth = np.eye(k, dtype=bool)[(p.cumsum(axis=1) > rng.random((units, 1))).argmax(axis=1)]
    else:
        logits -= 1.0
        truth = rng.random((units, k)) < 1 / (1 + np.exp(-logits))
    noise = 0.3 * rng.normal(size=(n, k)) if images else 0.0
    reported = sharpness * (logits[owner] + noise)
    kind = kind or ("softmax" if task == "single-label" else "sigmoid")
    scale = None
    if kind == "softmax":
        scores = np.exp(reported - reported.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
    elif kind in ("sigmoid", "probability"):
        scores = 1 / (1 + np.exp(-reported))
    elif kind == "cosine":
        scores, scale = reported / 100, 100.0
    else:
        scores = reported
    middle = {"softmax": 1 / k, "sigmoid": 0.5, "probability": 0.5}.get(kind, 0.0)
    decision = Decision("argmax") if task == "single-label" else Decision("threshold", (middle,) * k, "val")
    tone = rng.choice(4, size=units, p=(0.4, 0.3, 0.2, 0.1))[owner].astype(np.int16)
    owners = np.array([f"{name}{i:05d}" for i in owner])
    return Predictions(
        method="m",
        level="image" if images else "unit",
        ids=np.array([f"{name}i{i:05d}" for i in range(n)]) if images else owners,
        units=owners,
        y_true=truth[owner],
        scores=scores,
        kind=kind,  # type: ignore[arg-type]
        decision=decision,
        groups={"tone": tone, "site": rng.integers(0, 2, size=n).astype(np.int16)},
        scale=scale,
        seed=method_seed,
    )


def subject(
    evaluated: list[Predictions], validation: list[Predictions], benchmark: Benchmark, draws: int = 200
) -> Subject:
    """One examinee before the examiners; the samples themselves say nothing here."""
    one = evaluated[0]
    nothing = np.array([], dtype=np.str_)
    samples = Samples(
        benchmark=benchmark,
        ids=nothing,
        images=(),
        units=nothing,
        labels=np.zeros((0, len(benchmark.classes)), dtype=bool),
        split=nothing,
        groups={},
    )
    plan = Plan(benchmark=benchmark.id, model="m")
    return Subject(plan, samples, [Examinee(evaluated, validation)], Resamples.draw(one.units, draws, 0))


def examined_by(examiner: Any, subject: Subject) -> Part:
    """Let one examiner look."""
    part = Part()
    examiner(subject, part)
    return part


def shuffled(predictions: Predictions, seed: int = 1) -> Predictions:
    """The same rows in another order."""
    return rows(predictions, np.random.default_rng(seed).permutation(len(predictions)))


def rows(predictions: Predictions, index: Any) -> Predictions:
    """Some rows of predictions."""
    return replace(
        predictions,
        ids=predictions.ids[index],
        units=predictions.units[index],
        y_true=predictions.y_true[index],
        scores=predictions.scores[index],
        groups={g: c[index] for g, c in predictions.groups.items()},
    )


__all__ = ["ImageRef", "card", "examined_by", "rows", "scored", "shuffled", "subject"]
