"""Runs of several models on one made-up benchmark, written to run folders, for the leaderboard's tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from made_up_runs import Run

from vlmeval import store
from vlmeval.records import Benchmark, MetricRow, Predictions, digest_of
from vlmeval.stats import Resamples, estimate


def model(run: Run, name: str, pull: float, *, seed: int = 0, **changes: Any) -> Run:
    """Return the run as another model's: the headline method alone, its scores pulled towards the truth and shaken.

    ``pull`` is the share of the way to a perfect answer; ``changes`` replace fields of the record.
    """
    record, predictions = run
    method = record.headline_method
    own = next(p for p in predictions if (p.method, p.level) == (method.id, method.level))
    shaken = _pulled(own, pull, seed)
    title = changes.pop("title", name)
    used = None if record.model is None else record.model.model_copy(update={"spec": name, "title": title})
    fields: dict[str, Any] = {
        "digest": digest_of([name, pull, seed, str(sorted(changes))]),
        "plan": record.plan.model_copy(update={"model": name}),
        "model": used,
        "methods": (method,),
        "rows": rows_of(shaken, record.benchmark),
    }
    return record.model_copy(update=fields | changes), [shaken]


def rows_of(predictions: Predictions, card: Benchmark) -> tuple[MetricRow, ...]:
    """Return the rows that a leaderboard reads."""
    metrics = {*card.headline_metrics, "sensitivity", "ece", "brier"}
    resamples = Resamples.draw(predictions.units, 100, 0)
    made = estimate((predictions,), card, resamples, metrics=metrics, groups="averages", classes=True)
    return tuple(made.rows())


def _pulled(own: Predictions, pull: float, seed: int) -> Predictions:
    noise = np.random.default_rng(seed).uniform(-0.05, 0.05, own.scores.shape)
    scores = np.clip((1 - pull) * own.scores + pull * own.y_true + noise, 1e-6, 1)
    return replace(own, scores=scores / scores.sum(axis=1, keepdims=True))


def written(runs: Path, run: Run) -> Path:
    """Write a run into its folder below ``runs``."""
    record, predictions = run
    folder = store.run_folder(runs, record.benchmark.id, record.plan.model, record.digest)
    store.write_run(folder, record, predictions, "<p>report</p>")
    return folder
