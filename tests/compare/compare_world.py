"""Two models on the same clustered rows: cards, predictions and prediction files made up for the tests here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vlmeval.evaluate.predictions_file import Columns
from vlmeval.evaluate.score import Scoring, score
from vlmeval.records import Benchmark, Decision, Predictions

TONES = ("light", "dark", "unknown")
NAMES = ("Melanoma", "Nevus", "BCC", "Other")


def card(task: str = "single-label", k: int = 3, **changes: Any) -> Benchmark:
    """A benchmark card with one skin-tone group."""
    levels = [{"id": t, "name": t.title(), "values": [t], "missing": t == "unknown"} for t in TONES]
    values: dict[str, Any] = {
        "schema": 1,
        "id": "made-up",
        "version": "1",
        "title": "Made up",
        "summary": "For tests.",
        "task": task,
        "modality": "synthetic",
        "unit": {"name": "lesion", "column": "lesion"},
        "headline_level": "image",
        "headline_metrics": ["balanced-accuracy", "auroc"] if task == "single-label" else ["auroc"],
        "data": {"adapter": "table", "home": "made-up"},
        "protocol": {"by": "unit"},
        "classes": [{"id": f"c{i}", "name": f"Class {i}", "labels": [f"c{i}"]} for i in range(k)],
        "groups": [{"id": "tone", "name": "Tone", "kind": "skin-tone", "column": "tone", "levels": levels}],
        "prompts": {"default": "none"},
        "licence": {"name": "CC0"},
        "citation": "none",
        "homepage": "https://example.org",
    }
    return Benchmark.model_validate(values | changes)


def two_models(
    task: str = "single-label", *, units: int = 120, k: int = 3, seed: int = 0, better: float = 0.0, scale: float = 1.0
) -> tuple[Predictions, Predictions]:
    """Two correlated models on lesions of one to three images; ``better``: how much more the first one knows.

    The second one's logits are multiplied by ``scale``: the same order, another scale.
    """
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 4, size=units)
    owner = np.repeat(np.arange(units), sizes)
    n = len(owner)
    if task == "single-label":
        truth = np.eye(k, dtype=bool)[rng.integers(0, k, size=units)][owner]
    else:
        truth = (rng.random((units, k)) < 0.35)[owner]
    shared = rng.normal(size=(units, k))[owner] + 0.6 * rng.normal(size=(n, k))
    made = []
    for which, knows in (("a", 1.0 + better), ("b", 1.0)):
        own = 0.7 * rng.normal(size=(units, k))[owner] + 0.5 * rng.normal(size=(n, k))
        logits = (knows * truth + 0.8 * shared + own) * (scale if which == "b" else 1.0)
        made.append(_predictions(which, task, logits, truth, owner, rng_groups=seed))
    return made[0], made[1]


def _predictions(
    method: str, task: str, logits: np.ndarray, truth: np.ndarray, owner: np.ndarray, rng_groups: int
) -> Predictions:
    n, k = logits.shape
    if task == "single-label":
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        decision = Decision("argmax")
    else:
        scores = 1 / (1 + np.exp(-logits))
        decision = Decision("threshold", (0.55,) * k, "val")
    tone = np.random.default_rng(rng_groups + 1).choice(3, size=int(owner.max()) + 1, p=(0.5, 0.35, 0.15))[owner]
    return Predictions(
        method=method,
        level="image",
        ids=np.array([f"i{i}" for i in range(n)]),
        units=np.array([f"u{i}" for i in owner]),
        y_true=truth,
        scores=scores,
        kind="softmax" if task == "single-label" else "sigmoid",
        decision=decision,
        groups={"tone": tone.astype(np.int16)},
    )


def several_seeds(one: Predictions, seeds: int, seed: int = 0) -> list[Predictions]:
    """The same method fitted several times: its scores with some noise each."""
    rng = np.random.default_rng(seed)
    return [
        replace(one, scores=np.clip(one.scores + 0.05 * rng.normal(size=one.scores.shape), 0, 1), kind="logit", seed=s)
        for s in range(seeds)
    ]


def frame(units: int = 120, *, seed: int = 0, better: float = 0.0, noise: int = 1) -> pd.DataFrame:
    """A table of predictions with its own truth, two images a lesion; ``noise`` tells models on the same rows apart."""
    rng = np.random.default_rng(seed)
    n = 2 * units
    truth = np.repeat(rng.integers(3, size=units), 2)
    shared = rng.normal(size=(n, 3))
    own = np.random.default_rng((seed, noise)).normal(size=(n, 3))
    logits = 0.8 * shared + 0.6 * own + (1 + better) * np.eye(3)[truth]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return pd.DataFrame(
        {
            "image_id": [f"i{j}" for j in range(n)],
            "dx": np.array(NAMES)[truth],
            "lesion_id": [f"l{j // 2}" for j in range(n)],
            "sex": np.where(np.arange(n) // 2 % 3 == 0, "f", "m"),
            **{f"score:{name}": probabilities[:, i] for i, name in enumerate(NAMES[:3])},
        }
    )


def scored(folder: Path, name: str, data: pd.DataFrame, **changes: Any) -> Path:
    """Score a table into a run folder, without a report; ``changes`` are fields of Scoring."""
    path = folder / f"{name}.csv"
    data.to_csv(path, index=False)
    columns = changes.pop("columns", Columns(truth="dx", unit="lesion_id", groups=("sex",)))
    scoring = Scoring(path, changes.pop("kind", "softmax"), name, columns, draws=changes.pop("draws", 200), **changes)
    return score(scoring, folder / "runs", render=lambda *_: "").folder
