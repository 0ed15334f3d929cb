"""Made-up data for the few-shot tests: classes as directions in space, units of one to three pictures, a text model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vlmeval.methods.fewshot import Anchor, FewShotResult, SeedPoint
from vlmeval.methods.kept import Kept
from vlmeval.methods.probes.ask import Ask
from vlmeval.records import Benchmark, Embeddings, FewShotOptions, ImageRef, ProbeOptions, Samples


def card(k: int, task: str, level: str = "unit") -> Benchmark:
    return Benchmark.model_validate(
        {
            "schema": 1, "id": "m", "version": "1", "title": "t", "summary": "s", "task": task, "modality": "other",
            "unit": {"name": "case", "column": "case"}, "headline_metrics": [], "protocol": {"by": "unit"},
            "data": {"adapter": "table", "home": "m"}, "prompts": {"default": "x/y"}, "licence": {"name": "l"},
            "classes": [{"id": f"c{i}", "name": f"C{i}", "labels": []} for i in range(k)],
            "citation": "c", "homepage": "h", "headline_level": level,
        }
    )  # fmt: skip


def samples_of(
    unit_labels: Any, split: Any, task: str = "single-label", *, level: str = "unit", seed: int = 0
) -> Samples:
    """Samples whose unit u has ``unit_labels[u]``, ``split[u]`` and one to three pictures."""
    rng = np.random.default_rng(seed)
    unit_labels = np.asarray(unit_labels, dtype=bool)
    member = np.repeat(np.arange(len(unit_labels)), rng.integers(1, 4, size=len(unit_labels)))
    ids = np.array([f"i{j:05d}" for j in rng.permutation(len(member))])
    return Samples(
        benchmark=card(unit_labels.shape[1], task, level),
        ids=ids,
        images=tuple(ImageRef(Path(f"{i}.png")) for i in ids),
        units=np.array([f"u{m}" for m in member]),
        labels=unit_labels[member],
        split=np.asarray(split)[member],
        groups={},
    )


def world(
    per_class: Any, task: str = "single-label", *, d: int = 12, noise: float = 0.5, seed: int = 0, level: str = "unit"
) -> tuple[Samples, Embeddings, np.ndarray]:
    """Samples with ``per_class[k]`` training units of class k and 20 test units each; vectors; class directions.

    Multi-label: a fifth of the units have a second label, and a fifth of all units have none.
    """
    rng = np.random.default_rng(seed)
    k = len(per_class)
    codes = np.concatenate([np.repeat(np.arange(k), per_class), np.repeat(np.arange(k), 20)])
    split = np.repeat(["train", "test"], [int(sum(per_class)), 20 * k])
    labels = np.eye(k, dtype=bool)[codes]
    if task == "multi-label":
        second = rng.random(len(codes)) < 0.2
        labels[second, rng.integers(k, size=second.sum())] = True
        labels[rng.random(len(codes)) < 0.2] = False
    samples = samples_of(labels, split, task, level=level, seed=seed)
    means = rng.normal(size=(k, d)) / np.sqrt(d)
    centre = rng.normal(size=d)
    vectors = centre + samples.labels @ means + noise * rng.normal(size=(len(samples), d)) / np.sqrt(d)
    return samples, Embeddings(samples.ids, vectors.astype(np.float32), "key"), means


def anchor_of(means: np.ndarray, kind: str = "softmax", *, noise: float = 1.0, seed: int = 1) -> Anchor:
    """A text model that knows the classes' directions more or less."""
    rng = np.random.default_rng(seed)
    text = means + noise * rng.normal(size=means.shape) / np.sqrt(means.shape[1])
    text /= np.linalg.norm(text, axis=1, keepdims=True)
    scale, bias = {"softmax": (20.0, None), "sigmoid": (20.0, -4.0), "cosine": (None, None)}[kind]
    return Anchor(text, kind, scale, bias)  # type: ignore[arg-type]


def ask_for(
    kept: Kept | None = None, *, evaluated: str = "test", pooling: Any = "mean-embedding", **options: Any
) -> Ask:
    return Ask(ProbeOptions(**options), evaluated, kept or Kept(), pooling)


GRID = (0.1, 1.0, 10.0)


def options_of(**fields: Any) -> FewShotOptions:
    return FewShotOptions.model_validate({"shots": (1, 2, 4), "seeds": 2, **fields})


def seeds_of(result: FewShotResult) -> dict[tuple[str, int], SeedPoint]:
    return {(point.id, seed.seed): seed for point in result.points for seed in point.seeds}


def accuracy(seed: SeedPoint) -> float:
    return float((seed.scored.scores.argmax(1) == seed.scored.labels.argmax(1)).mean())


def same_scores(one: FewShotResult, other: FewShotResult, *, atol: float = 0.0) -> None:
    ones, others = seeds_of(one), seeds_of(other)
    assert ones.keys() == others.keys()
    for key, seed in ones.items():
        position = {name: i for i, name in enumerate(others[key].scored.ids)}
        rows = [position[name] for name in seed.scored.ids]
        np.testing.assert_allclose(seed.scored.scores, others[key].scored.scores[rows], atol=atol, rtol=0)
        assert seed.parameters == others[key].parameters
