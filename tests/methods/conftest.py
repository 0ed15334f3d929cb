"""Small made-up benchmarks with vectors that carry some signal, for the tests of trained methods."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlmeval.records import Benchmark, Embeddings, ImageRef, Samples

sys.path.insert(0, str(Path(__file__).parent))  # helper modules of this folder (importlib mode)

Made = tuple[Samples, Embeddings]


def _card(k: int, task: str, level: str) -> Benchmark:
    return Benchmark.model_validate(
        {
            "schema": 1, "id": "m", "version": "1", "title": "t", "summary": "s", "task": task, "modality": "other",
            "unit": {"name": "case", "column": "case"}, "headline_level": level, "headline_metrics": [],
            "protocol": {"by": "unit"}, "data": {"adapter": "table", "home": "m"}, "prompts": {"default": "x/y"},
            "classes": [{"id": f"c{i}", "name": f"C{i}", "labels": []} for i in range(k)],
            "licence": {"name": "l"}, "citation": "c", "homepage": "h",
        }
    )  # fmt: skip


def _made(
    units: int = 90,
    k: int = 3,
    d: int = 6,
    *,
    seed: int = 0,
    task: str = "single-label",
    level: str = "unit",
    splits: tuple[str, ...] = ("train", "train", "val", "test", "test"),
    noise: float = 1.0,
) -> Made:
    """Units of one to three pictures; unit u belongs to ``splits[u % len(splits)]``."""
    rng = np.random.default_rng(seed)
    member = np.repeat(np.arange(units), rng.integers(1, 4, size=units))
    n = len(member)
    if task == "single-label":
        of_unit = np.eye(k, dtype=bool)[rng.permutation(np.arange(units) % k)]
    else:
        of_unit = rng.random((units, k)) < np.linspace(0.25, 0.5, k)
    labels = of_unit[member]
    directions = rng.normal(size=(k, d))
    vectors = labels @ directions + noise * rng.normal(size=(units, d))[member] + 0.3 * rng.normal(size=(n, d)) + 0.5
    ids = np.array([f"i{rng.integers(10**9):09d}-{j}" for j in range(n)])
    samples = Samples(
        benchmark=_card(k, task, level),
        ids=ids,
        images=tuple(ImageRef(Path(f"{i}.png")) for i in ids),
        units=np.array([f"u{m}" for m in member]),
        labels=labels,
        split=np.array(splits)[member % len(splits)],
        groups={"tone": (member % 3).astype(np.int16)},
    )
    return samples, Embeddings(ids, vectors.astype(np.float32), "key")


@pytest.fixture
def made() -> Callable[..., Any]:
    """Return the function that makes Samples and Embeddings."""
    return _made
