"""Made-up samples with differentials and readers, and a method's predictions of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vlmeval.records import Benchmark, Decision, ImageRef, Plan, Predictions, Samples
from vlmeval.stats import Resamples

Floats = npt.NDArray[np.float64]


def card(task: str = "multi-label", k: int = 4, **changes: Any) -> Benchmark:
    made: dict[str, Any] = {
        "schema": 1,
        "id": "made-up",
        "version": "1",
        "title": "Made up",
        "summary": "For tests.",
        "task": task,
        "modality": "synthetic",
        "unit": {"name": "case", "column": "case"},
        "headline_metrics": ["balanced-accuracy", "auroc"],
        "data": {"adapter": "table", "home": "made-up"},
        "protocol": {"by": "unit"},
        "classes": [{"id": f"c{i}", "name": f"Class {i}", "labels": [f"c{i}"]} for i in range(k)],
        "groups": [],
        "prompts": {"default": "none"},
        "truth": {"differential": True, "raters": "readers"},
        "licence": {"name": "CC0"},
        "citation": "none",
        "homepage": "https://example.org",
        "synthetic": True,
    }
    return Benchmark.model_validate(made | changes)


def differentials(n: int, k: int, rng: np.random.Generator, certain: float = 0.0) -> Floats:
    """Weights [n, K] of up to two classes a row, some with mass outside the classes; some rows certain."""
    weights = np.zeros((n, k))
    for row in range(n):
        first, second = rng.choice(k, size=2, replace=False)
        share = rng.choice([0.5, 0.6, 0.75])
        weights[row, first] = share
        weights[row, second] = (1 - share) * rng.choice([0.0, 0.5, 1.0])
        if rng.random() < certain:
            weights[row] = np.eye(k)[first]
    return weights


def samples(
    weights: Floats,
    *,
    task: str = "multi-label",
    opinions: npt.NDArray[np.float32] | None = None,
    pictures: int = 1,
    **changes: Any,
) -> Samples:
    """Samples of units that all have so many pictures; a unit is positive for what is in its differential."""
    n, k = weights.shape
    labels = np.eye(k, dtype=bool)[weights.argmax(axis=1)] if task == "single-label" else weights > 0
    units = np.repeat(np.array([f"u{i:04d}" for i in range(n)]), pictures)
    ids = np.array([f"{unit}/{i % pictures}" for i, unit in enumerate(units)])
    again = np.repeat(np.arange(n), pictures)
    return Samples(
        benchmark=card(task, k, **changes),
        ids=ids,
        images=tuple(ImageRef(Path(name)) for name in ids),
        units=units,
        labels=labels[again],
        split=np.full(len(ids), "test"),
        groups={},
        weights=weights[again].astype(np.float32),
        raters=np.full(len(ids), 1 if opinions is None else opinions.shape[1], dtype=np.int16),
        opinions=None if opinions is None else opinions[again],
    )


def predictions(of: Samples, *, seed: int = 0, level: str = "unit", number: int | None = None) -> Predictions:
    """Scores that know something of the differential; ``number`` is the seed's, where the method has several."""
    assert of.weights is not None
    rng = np.random.default_rng(seed)
    _, first = np.unique(of.units, return_index=True)
    rows = first if level == "unit" else np.arange(len(of))
    scores = np.round(1 / (1 + np.exp(-2 * of.weights[rows] - rng.normal(size=of.weights[rows].shape))), 2)
    single = of.benchmark.task == "single-label"
    return Predictions(
        method="m",
        level="unit" if level == "unit" else "image",
        ids=of.units[rows] if level == "unit" else of.ids[rows],
        units=of.units[rows],
        y_true=of.labels[rows],
        scores=scores,
        kind="sigmoid",
        decision=Decision("argmax") if single else Decision("threshold", (0.6,) * scores.shape[1], "val"),
        groups={},
        seed=number,
    )


def plan(draws: int = 50) -> Plan:
    return Plan(benchmark="made-up", model="m", draws=draws)


def resamples(of: Samples, draws: int = 50, seed: int = 0) -> Resamples:
    return Resamples.draw(of.units, draws, seed)
