"""Every metric under real-valued row weights: draws of a bootstrap that any outside implementation can repeat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vlmeval.records import Benchmark, Predictions
from vlmeval.stats import Resamples, all_metrics
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.summary import Asked

Key = tuple[str, str, str | None, str | None, str | None]


def weights_of(n: int, draws: int = 3, seed: int = 5) -> np.ndarray:
    """[n, 1 + draws], the first all ones; about one row in five has no weight at all in the others."""
    rng = np.random.default_rng(seed)
    w = rng.exponential(size=(n, draws)) * (rng.random((n, 1)) > 0.2)
    return np.concatenate([np.ones((n, 1)), w], axis=1)


def weighted_draws(p: Predictions, card: Benchmark, weights: np.ndarray) -> dict[Key, np.ndarray]:
    """Draws [D] by (metric, averaging, class, group, level), of what has a value; ``weights`` are of the rows of p."""
    p = replace(p, units=p.ids)
    resamples = Resamples.draw(p.units, weights.shape[1] - 1, 0)
    resamples = replace(resamples, counts=weights[np.argsort(p.ids)])
    asked = Asked(Seeds.of([p], card, resamples), all_metrics(card.task), by_name=True)
    return {
        (e.metric, e.averaging, e.class_id, e.group, e.level): e.draws
        for e in asked.everything(groups="full", classes=True)
        if e.reason is None
    }
