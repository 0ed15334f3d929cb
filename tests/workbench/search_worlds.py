"""Made-up worlds for the tests of the search: samples, vectors and prompts as arrays, without a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vlmeval.methods import Rule, TextSide, zero_shot
from vlmeval.records import Benchmark, Embeddings, ImageRef, Samples, Wording
from vlmeval.workbench.search.candidates import Candidates
from vlmeval.workbench.search.pool import Element, Phrase, Pool

LEVELS = ("light", "middle", "dark", "unknown")


def benchmark(k: int = 3, task: str = "single-label", level: str = "unit", **more: Any) -> Benchmark:
    card = {
        "schema": 1, "id": "made-up", "version": "1", "title": "t", "summary": "s", "task": task, "modality": "other",
        "unit": {"name": "case", "column": "case"}, "headline_metrics": ["auroc"], "headline_level": level,
        "data": {"adapter": "table", "home": "here"}, "protocol": {"by": "unit"}, "prompts": {"default": "a/start"},
        "classes": [{"id": f"c{i}", "name": f"class {i}", "labels": [], "synonyms": [f"kind {i}"]} for i in range(k)],
        "groups": [{
            "id": "tone", "name": "Tone", "kind": "skin-tone", "scale": "fitzpatrick", "column": "tone",
            "levels": [{"id": x, "name": x, "values": [x], "missing": x == "unknown"} for x in LEVELS],
        }],
        "licence": {"name": "l"}, "citation": "c", "homepage": "h",
    }  # fmt: skip
    return Benchmark.model_validate(card | more)


def samples(n: int, *, card: Benchmark, split: str = "val", seed: int = 0, images: int = 1, name: str = "u") -> Samples:
    """Return ``n`` units of ``images`` pictures each, labels and tones at random."""
    rng = np.random.default_rng(seed)
    k = len(card.classes)
    member = np.repeat(np.arange(n), images)
    labels = np.eye(k, dtype=bool)[rng.integers(0, k, n)] if card.task == "single-label" else rng.random((n, k)) < 0.3
    return Samples(
        benchmark=card,
        ids=np.array([f"i{i}" for i in range(len(member))]),
        images=tuple(ImageRef(Path(f"{i}.png")) for i in range(len(member))),
        units=np.array([f"{name}{m}" for m in member]),
        labels=labels[member],
        split=np.full(len(member), split),
        groups={"tone": rng.integers(0, len(LEVELS), n).astype(np.int16)[member]},
    )


def vectors(rows: Samples, *, d: int = 24, signal: float = 0.0, seed: int = 1) -> Embeddings:
    """Return noise, plus ``signal`` times the axis of every class that a row has."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(len(rows), d)) + 0.4 * rng.normal(size=(10_000, d))[
        np.unique(rows.units, return_inverse=True)[1]
    ]  # fmt: skip
    return Embeddings(
        rows.ids, (noise + signal * rows.labels @ np.eye(rows.labels.shape[1], d)).astype(np.float32), "k"
    )


def pool(elements: int, k: int = 3, *, names: int = 1, start: tuple[int, ...] = ()) -> Pool:
    """Return elements ``t0``, ``t1``, ... with ``names`` names a class."""
    found = [
        Element("a/set", f"t{e} {{name}}", f"t{e} {{name}}", tuple(
            tuple(Phrase(f"n{c}{i}", f"t{e} n{c}{i}") for i in range(names)) for c in range(k)
        ))
        for e in range(elements)
    ]  # fmt: skip
    return Pool(tuple(found), start, {"a/set": "0"})


def texts(chosen: Pool, *, d: int = 24, signal: float | list[float] = 0.0, seed: int = 2) -> dict[str, Any]:
    """Return noise for every string, plus the class's axis times the element's ``signal``."""
    rng = np.random.default_rng(seed)
    strength = np.broadcast_to(signal, len(chosen.elements))
    return {
        phrase.text: (rng.normal(size=d) + strength[e] * np.eye(1, d, c)[0] * np.sqrt(d)).astype(np.float32)
        for e, element in enumerate(chosen.elements)
        for c, own in enumerate(element.phrases)
        for phrase in own
    }


def candidates(
    rows: Samples, images: Embeddings, chosen: Pool, words: dict[str, Any], rule: Rule | None = None
) -> Candidates:
    """Return the candidates, with the scores of the first element as the baseline's."""
    rule = rule or Rule("softmax", 10.0)
    baseline = scored(rows, images, chosen, words, rule, (0,))
    return Candidates.of(rows, images, chosen, words, rule, baseline)


def scored(
    rows: Samples, images: Embeddings, chosen: Pool, words: dict[str, Any], rule: Rule, elements: tuple[int, ...]
) -> Any:
    """Return scores by the ordinary way: every string of these elements, mean-embedding."""
    prompts = {
        c: tuple(dict.fromkeys(p.text for e in elements for p in chosen.elements[e].phrases[k] if p.own))
        for k, c in enumerate(rows.benchmark.class_ids)
    }
    side = TextSide.of(Wording(prompts=prompts), "mean-embedding", words)
    return zero_shot(rows, images, side, rule)[rows.benchmark.headline_level].scores
