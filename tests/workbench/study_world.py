"""A small benchmark with made-up vectors of pictures and strings: all of a study but decoding and encoding."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from vlmeval.catalog import Catalog, load_catalog
from vlmeval.embed import Embedded
from vlmeval.encoders.protocol import ScoreRule
from vlmeval.evaluate.planning import prompts_used
from vlmeval.records import Benchmark, Embeddings, ImageRef, Level, Plan, Samples
from vlmeval.workbench.study.asked import Asked
from vlmeval.workbench.study.reading import Read
from vlmeval.workbench.study.variants import in_another_order

CARD = """\
schema: 1
id: squares
version: "1"
title: Squares
summary: Made up.
task: {task}
modality: other
unit: {{name: case, column: case}}
headline_metrics: {metrics}
data: {{adapter: table, home: squares, options: {{table: photos.csv, image: file, label: colour}}}}
protocol: {{by: unit}}
classes:
  - {{id: red, name: red square, labels: [r], synonyms: [crimson tile, scarlet box]}}
  - {{id: green, name: green square, labels: [g], synonyms: [lime tile]}}
  - {{id: blue, name: blue square, labels: [b]}}
groups:
  - id: tone
    name: Tone
    kind: skin-tone
    scale: fitzpatrick
    column: fst
    levels:
      - {{id: light, name: light, values: ["1"]}}
      - {{id: dark, name: dark, values: ["2"]}}
prompts: {{default: squares/plain}}
licence: {{name: CC0}}
citation: nobody
homepage: https://example.org
"""
SETS = {
    "plain": {"kind": "names"},
    "photo": {
        "kind": "templates",
        "names_from": "card+synonyms",
        "templates": ["{name}", "a photo of a {name}", "one {name} seen close up"],
    },
    "best-of": {
        "kind": "templates",
        "names_from": "card+synonyms",
        "aggregation": "max-score",
        "templates": ["{name}", "a picture of a {name}"],
    },
    "scores": {
        "kind": "templates",
        "names_from": "card+synonyms",
        "aggregation": "mean-score",
        "templates": ["{name}", "a drawing of a {name}"],
    },
    "own": {
        "kind": "descriptions",
        "class_templates": {
            "red": ["like fire", "like blood"],
            "green": ["like grass"],
            "blue": ["like sky", "like sea"],
        },
    },
}
NEGATIVES = {"kind": "negatives", "templates": ["{name}", "a {name}"], "negatives": ["no {name}", "nothing at all"]}
SINGLE = "[balanced-accuracy, auroc, accuracy]"
MULTI = "[auroc, average-precision, balanced-accuracy]"
DIM = 24
UNITS = 160


def catalog(root: Path, task: str = "single-label", more: dict[str, dict[str, Any]] | None = None) -> Catalog:
    """Write the card and its prompt sets, and read them."""
    import yaml

    folder = root / "benchmarks" / "squares"
    folder.mkdir(parents=True)
    folder.joinpath("benchmark.yaml").write_text(
        CARD.format(task=task, metrics=SINGLE if task == "single-label" else MULTI)
    )
    sets = SETS | ({"negatives": NEGATIVES} if task == "multi-label" else {}) | (more or {})
    (root / "prompts" / "squares").mkdir(parents=True)
    for name, changes in sets.items():
        card = {"schema": 1, "id": f"squares/{name}", "version": "1", "title": name, "author": "nobody",
                "source": "made up", "benchmarks": ["squares"], **changes}  # fmt: skip
        (root / "prompts" / "squares" / f"{name}.yaml").write_text(yaml.safe_dump(card))
    return load_catalog([root])


def samples(card: Benchmark, seed: int = 0) -> Samples:
    """One to three pictures a case, a third of the cases for validation."""
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(UNITS), rng.integers(1, 4, UNITS))
    n = len(owner)
    classes = rng.integers(0, 3, UNITS)
    truth = np.eye(3, dtype=bool)[classes]
    if card.task == "multi-label":
        truth |= rng.random((UNITS, 3)) < 0.2
    return Samples(
        benchmark=card,
        ids=np.array([f"picture-{i:04d}" for i in range(n)]),
        images=tuple(ImageRef(Path(f"{i}.png")) for i in range(n)),
        units=np.array([f"case-{i:03d}" for i in owner]),
        labels=truth[owner],
        split=np.where(np.arange(UNITS) % 3 == 0, "val", "test")[owner],
        groups={"tone": rng.integers(0, 2, UNITS).astype(np.int16)[owner]},
    )


def text_vector(text: str) -> np.ndarray:
    """A direction of the string's own, and that of the class that it speaks of."""
    words = {"red": 0, "crimson": 0, "scarlet": 0, "fire": 0, "blood": 0, "green": 1, "lime": 1, "grass": 1, "blue": 2,
             "sky": 2, "sea": 2}  # fmt: skip
    seed = np.frombuffer(hashlib.sha256(text.encode()).digest()[:8], dtype=np.uint32)
    vector = 0.3 * np.random.default_rng(seed.tolist()).normal(size=DIM)
    for word in text.replace("-", " ").split():
        if word in words:
            vector[words[word]] += 1.0
    return vector.astype(np.float32) * (1 + len(text))


def read(
    known: Catalog, ids: tuple[str, ...], asked: Asked | None = None, level: Level = "unit", seed: int = 0
) -> Read:
    """Return everything that a study reads, without a picture or a model."""
    asked = asked or Asked(("made-up",), ("squares",))
    card = known.benchmark("squares")
    found = samples(card, seed)
    rng = np.random.default_rng((seed, 1))
    vectors = rng.normal(size=(len(found), DIM))
    vectors[:, :3] += 0.9 * found.labels
    plan = asked.plan("squares", "made-up", ids)
    used = prompts_used(plan, known, card)
    strings = {text for one in used for text in one.wording.texts}
    strings |= {t for one in used for turn in range(asked.turns(1))
                for t in in_another_order(one.wording, turn, asked.seed).texts}  # fmt: skip
    rule = ScoreRule("softmax", 20.0, None) if card.task == "single-label" else ScoreRule("sigmoid", 10.0, -2.0)
    embedded = Embedded(
        images=Embeddings(found.ids, vectors.astype(np.float32), "key"),
        texts={text: text_vector(text) for text in sorted(strings)},
        unreadable={}, hashes={}, score_rule=rule, facts={}, truncated=(), device="cpu", dtype="float32",
    )  # fmt: skip
    inputs: Any = SimpleNamespace(samples=found, plan=plan, prompts=used, benchmark=card, texts=sorted(strings))
    return Read.of(inputs, embedded, level)


def in_other_order(found: Read) -> Read:
    """The same rows, the last first."""
    samples_ = found.samples.take(np.arange(len(found.samples))[::-1])
    inputs: Any = SimpleNamespace(**{**vars(found.inputs), "samples": samples_})
    return Read.of(inputs, replace(found.embedded), found.level)


__all__ = ["Plan", "catalog", "in_other_order", "read", "samples", "text_vector"]
