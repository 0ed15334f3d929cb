"""The whole search: test rows change nothing that is chosen; the set is an ordinary one, refused where it was chosen.

Vectors of pictures are given in a file, the text side is clip-demo's: the way of a run, without a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from vlmeval.catalog import load_catalog
from vlmeval.embed import EmbedOptions
from vlmeval.errors import DataError, UsageError
from vlmeval.evaluate import Where, evaluate
from vlmeval.records import Plan
from vlmeval.records.search import unit_marks
from vlmeval.workbench.search import Found, Request, search_prompts
from vlmeval.workbench.search.choose import Options

CLASSES = ("even-spot", "wheals", "ring")
CARD = """\
schema: 1
id: {id}
version: "1"
title: Given vectors
summary: Vectors that are near words.
task: single-label
modality: other
unit: {{name: case, column: case}}
headline_metrics: [auroc, balanced-accuracy]
data: {{adapter: table, home: given, options: {{table: {table}, image: file, label: label}}}}
protocol: {{by: column, column: split}}
classes:
  - {{id: even-spot, name: evenly brown round spot, labels: [even-spot], synonyms: [round brown macule]}}
  - {{id: wheals, name: raised pink wheals, labels: [wheals], synonyms: [smooth swollen welts]}}
  - {{id: ring, name: red scaly ring, labels: [ring], synonyms: [annular scaly ring]}}
groups:
  - id: tone
    name: Tone
    kind: skin-tone
    scale: fitzpatrick
    column: tone
    levels: [{{id: light, name: light, values: [a]}}, {{id: dark, name: dark, values: [b]}}]
prompts: {{default: given/bare}}
licence: {{name: CC0}}
citation: nobody
homepage: https://example.org
"""
SETS = {
    "bare": {"templates": ["{name}"], "names_from": "card"},
    "photo": {"templates": ["a photo of {name}", "skin with {name}", "a picture that shows {name}"],
              "names_from": "card+synonyms"},
    "own": {"class_templates": {"even-spot": ["a round brown mole"], "wheals": ["hives"], "ring": ["a red circle"]}},
}  # fmt: skip


@dataclass(frozen=True)
class World:
    root: Path
    data: Path
    cache: Path
    vectors: Path

    def search(self, save: str = "my/found", **more: Any) -> Found:
        asked = {"objective": {"auroc": 1.0}, "options": Options(folds=3), "draws": 40} | more
        request = Request(model=f"embeddings:{self.vectors}::clip-demo", benchmark="given", save=save, to=self.root,
                          **asked)  # fmt: skip
        return search_prompts(request, load_catalog([self.root]), self.data, self.cache, EmbedOptions(device="cpu"))

    def run(self, benchmark: str = "given", prompts: str = "my/found", split: str = "test") -> Any:
        plan = Plan(benchmark=benchmark, model=f"embeddings:{self.vectors}::clip-demo", prompts=(prompts,), split=split,
                    draws=20, permutations=0)  # fmt: skip
        where = Where(self.root / "runs", self.data, self.cache)
        return evaluate(plan, load_catalog([self.root]), where, render=lambda *_: {}).record


@pytest.fixture(scope="module")
def base() -> Any:
    """Text vectors of clip-demo, that pictures are made of."""
    from vlmeval.encoders.resolve import resolve

    encoder = resolve("clip-demo", load_catalog()).load("cpu", "float32")
    found = encoder.encode_texts(["round brown mole", "smooth swollen welts", "ring-shaped rash"])
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.fixture
def make(tmp_path: Path, base: Any) -> Callable[..., World]:
    """Write a world; ``seed`` decides labels and vectors of the test rows alone."""

    def made(name: str = "a", seed: int = 0, shuffled: bool = False) -> World:
        root, data = tmp_path / name / "root", tmp_path / name / "data"
        for card, table in (("given", "rows.csv"), ("given-turned", "turned.csv")):
            (root / "benchmarks" / card).mkdir(parents=True)
            (root / "benchmarks" / card / "benchmark.yaml").write_text(CARD.format(id=card, table=table))
        (root / "prompts" / "given").mkdir(parents=True)
        for key, words in SETS.items():
            about = {"schema": 1, "id": f"given/{key}", "version": "1", "title": key, "kind": "other", "author": "t",
                     "source": "t", "benchmarks": ["given"]}  # fmt: skip
            (root / "prompts" / "given" / f"{key}.yaml").write_text(yaml.safe_dump(about | words))
        data.mkdir()
        _write_rows(data, base, seed, shuffled)
        return World(root, data, tmp_path / "cache", data / "v.npz")

    return made


def _write_rows(data: Path, base: Any, seed: int, shuffled: bool) -> None:
    fixed, free = np.random.default_rng(0), np.random.default_rng(seed)
    lines, turned, ids, vectors = [], [], [], []
    for case in range(240):
        split = "val" if case % 2 else "test"
        rng = fixed if split == "val" else free
        label = int(rng.integers(0, 3))
        tone = "ab"[int(rng.integers(0, 2))]
        vector = base[label] * (1.0 if split == "val" else rng.normal()) + rng.normal(size=base.shape[1]) * 0.06
        line = f"{case}.png,{CLASSES[label]},c{case},{tone}"
        lines.append(f"{line},{split}")
        turned.append(f"{line},{'val' if split == 'test' else 'test'}")
        ids.append(f"{case}.png")
        vectors.append(vector)
    order = np.random.default_rng(9).permutation(240) if shuffled else np.arange(240)
    for name, rows in (("rows.csv", lines), ("turned.csv", turned)):
        (data / name).write_text("\n".join(["file,label,case,tone,split", *(rows[i] for i in order)]) + "\n")
    np.savez(data / "v.npz", ids=np.array(ids)[order], vectors=np.array(vectors, dtype=np.float32)[order])


def chosen(found: Found) -> dict[str, Any]:
    """Return everything that a search decides or measures on validation units."""
    of_test = {"test", "baseline_test", "gain_test", "optimism_test", "created", "model", "model_key", "command"}
    known = found.provenance.model_dump(mode="json", exclude=of_test)
    return known | found.prompts.model_dump(mode="json", exclude={"provenance", "title"})


@pytest.mark.parametrize("objective", [{"auroc": 1.0}, {"balanced-accuracy": 0.5, "worst-tone": 0.5}])
def test_test_rows_change_nothing_that_is_chosen(make: Callable[..., World], objective: dict[str, float]) -> None:
    first = make("a").search(objective=objective, options=Options("both", folds=3))
    for seed in (1, 2, 3):
        other = make(f"b{seed}", seed).search(objective=objective, options=Options("both", folds=3))
        assert chosen(other) == chosen(first)
        assert other.provenance.test != first.provenance.test


def test_the_order_of_rows_changes_nothing(make: Callable[..., World]) -> None:
    first, other = make("a").search(), make("b", shuffled=True).search()
    assert chosen(other) == chosen(first)
    assert other.provenance.test == first.provenance.test


def test_the_set_is_an_ordinary_one_and_its_test_figure_is_a_runs(make: Callable[..., World]) -> None:
    world = make()
    found = world.search(options=Options("equal", folds=3))
    known = found.provenance
    catalog = load_catalog([world.root])
    again = catalog.prompt_set("my/found")
    assert again == found.prompts
    assert (again.kind, again.author) == ("searched", "vlmeval prompts search")
    assert catalog.expand("my/found", catalog.benchmark("given")).prompts.keys() == set(CLASSES)
    assert known.units == 120
    assert (known.classes, known.group, known.levels, known.shared_classes) == (CLASSES, None, (), ())
    assert set(known.unit_marks.split()) == set(unit_marks(f"c{i}" for i in range(1, 240, 2)).values())
    assert len(known.outer) == 3
    assert sum(one.units for one in known.outer) == 120
    assert known.steps[0].kind == "start"
    assert known.optimism.value == pytest.approx(known.validation.value - known.nested.value)
    record = world.run()
    own = [r for r in record.headline_rows() if r.metric == "auroc" and r.group is None]
    assert own[0].value == pytest.approx(known.test.value, abs=1e-9)
    assert record.headline_method.title.startswith("Zero-shot, prompts chosen on validation: ")
    assert record.prompts[0].searched
    assert [f.examples for f in record.findings if f.code == "searched-prompts"] == [("my/found",)]


def test_the_worst_level_says_what_it_is_over(make: Callable[..., World]) -> None:
    known = make().search(objective={"worst-tone": 1.0}).provenance
    assert (known.group, known.levels) == ("tone", ("light", "dark"))
    assert known.shared_classes == CLASSES
    assert known.test.low is not None
    assert known.test.low <= known.test.value <= known.test.high


@pytest.mark.parametrize("ensemble", ["weighted", "equal"])
def test_the_written_words_score_as_the_choice_did(make: Callable[..., World], ensemble: Any) -> None:
    world = make()
    found = world.search(options=Options(ensemble, folds=3))
    last = [step for step in found.provenance.steps if step.kind != "stop"][-1]
    assert found.provenance.validation.value == pytest.approx(last.after, abs=1e-4 if ensemble == "weighted" else 1e-9)
    if ensemble == "weighted":
        assert found.prompts.aggregation == "mean-score"
        assert all(sum(own) == pytest.approx(1, abs=1e-4) for own in found.prompts.weights.values())


@pytest.mark.parametrize("split", ["val", "all"])
def test_a_searched_set_is_refused_where_it_was_chosen(make: Callable[..., World], split: str) -> None:
    world = make()
    world.search()
    with pytest.raises(UsageError, match=r"was chosen on 120 of the (120|240) cases") as error:
        world.run(split=split)
    assert "--split test --prompts my/found" in str(error.value)
    world.run(prompts="given/photo", split=split)  # a set that was written beforehand is not


def test_another_card_of_the_same_data_is_refused_exactly_where_it_evaluates_such_units(
    make: Callable[..., World],
) -> None:
    world = make()
    world.search()
    with pytest.raises(UsageError, match="chosen on 120 of the 120 cases"):
        world.run("given-turned")
    assert world.run("given-turned", split="val").rows


def test_an_ensemble_of_searched_sets_is_searched_too(make: Callable[..., World]) -> None:
    world = make()
    world.search()
    about = {"schema": 1, "id": "my/ensemble", "version": "1", "title": "e", "kind": "ensemble", "author": "t",
             "source": "t", "benchmarks": ["given"], "includes": ["my/found", "given/own"]}  # fmt: skip
    (world.root / "prompts" / "my" / "ensemble.yaml").write_text(yaml.safe_dump(about))
    with pytest.raises(UsageError, match="was chosen on"):
        world.run(prompts="my/ensemble", split="val")
    assert world.run(prompts="my/ensemble").prompts[0].searched


def test_what_cannot_be_searched_or_saved_is_refused_before_anything_is_written(make: Callable[..., World]) -> None:
    world = make()
    world.search()
    with pytest.raises(UsageError, match="there already") as error:
        world.search()
    assert "--force" in str(error.value)
    world.search(force=True)
    elsewhere = replace(world, root=world.root)
    for name in ("found", "../x/y", "my/../../x", "My/Set", "a/b/c"):
        with pytest.raises(UsageError, match="family/name"):
            elsewhere.search(name)
    with pytest.raises(UsageError, match="there already"):
        world.search("given/photo", force=False)
    with pytest.raises(UsageError, match="itself the result of a search"):
        world.search("my/second", prompts=("my/found",))
    second = world.search("my/second", options=Options(folds=3))
    assert "my/found" not in second.provenance.pool
    with pytest.raises(DataError, match="too few validation cases") as few:
        world.search("my/third", options=Options(folds=15))
    assert "--folds 12" in str(few.value)
    assert not (world.root / "prompts" / "my" / "third.yaml").exists()
