"""Benchmarks and predictions made up for the statistics tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.stats import t

from vlmeval.records import Benchmark, Decision, MetricRow, Predictions

TONES = ("fst-1-2", "fst-3-4", "fst-5-6", "not-answered")


MALIGNANT = {0: True, 2: False, 3: False, 4: True}
"""What the card says of the classes; class 1 is neither."""


def classes(order: Iterable[int]) -> list[dict[str, Any]]:
    return [
        {"id": f"c{i}", "name": f"Class {i}", "labels": [f"c{i}"], "malignant": MALIGNANT.get(int(i))} for i in order
    ]


def benchmark(task: str = "single-label", k: int = 5, **changes: Any) -> Benchmark:
    card: dict[str, Any] = {
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
        "classes": classes(range(k)),
        "groups": [
            {
                "id": "tone",
                "name": "Tone",
                "kind": "skin-tone",
                "scale": "fitzpatrick",
                "column": "tone",
                "levels": [{"id": t, "name": t, "values": [t], "missing": t == "not-answered"} for t in TONES],
            },
            {
                "id": "site",
                "name": "Site",
                "kind": "site",
                "column": "site",
                "levels": [{"id": s, "name": s, "values": [s]} for s in ("arm", "leg", "face")],
            },
            {"id": "monk", "name": "Monk", "kind": "skin-tone", "unavailable": "no such labels"},
        ],
        "prompts": {"default": "none"},
        "licence": {"name": "CC0"},
        "citation": "none",
        "homepage": "https://example.org",
        "synthetic": True,
    }
    return Benchmark.model_validate(card | changes)


def predictions(
    task: str = "single-label", *, n: int = 600, k: int = 5, seed: int = 0, ties: bool = False, unit_share: float = 0.6
) -> Predictions:
    """Rows in clusters, scores that know something, classes of unequal size."""
    rng = np.random.default_rng(seed)
    owner = rng.integers(0, max(1, int(n * unit_share)), size=n)
    units = np.array([f"u{i}" for i in owner])
    if task == "single-label":
        # A unit has one class, as a lesion has.
        share = np.arange(1, k + 1) / np.arange(1, k + 1).sum()
        y_true = np.eye(k, dtype=bool)[rng.choice(k, size=n, p=share)[owner]]
    else:
        y_true = rng.random((n, k)) < np.linspace(0.08, 0.4, k)
    noise = rng.normal(size=(n, k)) + 0.5 * rng.normal(size=(n, k))[owner]
    logits = 1.2 * y_true + noise
    if ties:
        logits = np.round(logits * 2) / 2
    if task == "single-label":
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        decision = Decision("argmax")
    else:
        scores = 1 / (1 + np.exp(-logits))
        decision = Decision("threshold", tuple(np.linspace(0.5, 0.7, k).tolist()), "val")
    tone = rng.choice(4, size=n, p=(0.35, 0.3, 0.2, 0.15))[owner].astype(np.int16)
    return Predictions(
        method="m",
        level="image",
        ids=np.array([f"i{i}" for i in range(n)]),
        units=units,
        y_true=y_true,
        scores=scores,
        kind="softmax" if task == "single-label" else "sigmoid",
        decision=decision,
        groups={"tone": tone, "site": rng.integers(0, 3, size=n).astype(np.int16)},
    )


def find(rows: list[MetricRow], metric: str, averaging: str = "overall", **where: Any) -> MetricRow:
    """The one row that is asked for; ``group`` and ``group_level`` default to all samples together."""
    where = {"group": None, "group_level": None, "class_id": None} | where
    found = [
        r
        for r in rows
        if r.metric == metric and r.averaging == averaging and all(getattr(r, key) == v for key, v in where.items())
    ]
    assert len(found) == 1, f"{len(found)} rows of {metric} {averaging} {where}"
    return found[0]


def score_interval(values: np.ndarray, units: int) -> list[float]:
    """The proportions p that lie within z of their standard errors of the value, given the spread of its draws.

    From the definition: the roots of (value - p)^2 = z^2 p (1 - p) / n. Draws of so many units spread a little less
    than samples do, and z is Student's.
    """
    value, z = values[0], t.ppf(0.975, units - 1)
    n = value * (1 - value) / (np.var(values[1:]) * units / (units - 1))
    return sorted(np.roots([1 + z**2 / n, -(2 * value + z**2 / n), value**2]).real.tolist())


def supporting_units(row: MetricRow, p: Predictions, inside: np.ndarray) -> int:
    """Units that a value rests on: all of them, or of a class the positive or negative ones, whichever are fewer."""
    if row.averaging == "overall":
        return len(np.unique(p.units[inside]))
    classes = range(p.y_true.shape[1]) if row.class_id is None else [int(row.class_id.removeprefix("c"))]
    sides = [p.units[inside & (p.y_true[:, k] == side)] for k in classes for side in (True, False)]
    return min(len(np.unique(units)) for units in sides)
