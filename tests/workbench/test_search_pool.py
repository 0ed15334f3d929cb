"""How prompt sets are cut into elements, and how a choice becomes an ordinary prompt set again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import search_worlds as worlds
import yaml

from vlmeval.catalog import Catalog, load_catalog
from vlmeval.catalog.expand import expand_prompts
from vlmeval.errors import CatalogError, UsageError
from vlmeval.records import Benchmark, PromptSet
from vlmeval.workbench.search.candidates import State
from vlmeval.workbench.search.choose import Choice
from vlmeval.workbench.search.pool import SENTENCES, Pool, pool_of
from vlmeval.workbench.search.simplex import Weighted
from vlmeval.workbench.search.written import Words

SETS: dict[str, dict[str, Any]] = {
    "start": {"templates": ["{name}"], "names_from": "card"},
    "photo": {"templates": ["a photo of {name}", "{name}", "skin"], "names_from": "card+synonyms"},
    "here": {"templates": ["it is {name}"], "names_from": "here",
             "names": {"c0": ["zero", "nought"], "c1": ["one"], "c2": ["two"]}, "hallmarks": {"c0": ["one"]}},
    "own": {"templates": ["see {name}"], "class_templates": {"c0": ["a dot", "a round {name}"], "c1": ["a line"]}},
    "all": {"includes": ["a/start", "a/own"]},
}  # fmt: skip


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    folder = tmp_path / "prompts" / "a"
    folder.mkdir(parents=True)
    for name, words in SETS.items():
        about = {"schema": 1, "id": f"a/{name}", "version": "1", "title": name, "kind": "other", "author": "t",
                 "source": "t", "benchmarks": ["made-up"]}  # fmt: skip
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(about | words))
    return load_catalog([tmp_path])


@pytest.fixture
def card() -> Benchmark:
    return worlds.benchmark(3)


def strings(pool: Pool, label: str) -> list[tuple[str, ...]]:
    found = next(element for element in pool.elements if element.label == label)
    return [tuple(p.text for p in own if p.own) for own in found.phrases]


def test_elements_are_templates_with_their_sets_names_or_all_sentences_of_a_set(
    catalog: Catalog, card: Benchmark
) -> None:
    pool = pool_of(catalog, card)
    assert sorted(pool.sets) == ["a/all", "a/here", "a/own", "a/photo", "a/start"]
    titles = {element.title for element in pool.elements}
    assert titles == {
        "a/start: {name}", "a/photo: a photo of {name}", "a/photo: {name}", "a/photo: skin", "a/here: it is {name}",
        f"a/own: {SENTENCES}",
    }  # fmt: skip
    assert strings(pool, "it is {name}")[0] == ("it is zero", "it is nought")
    assert strings(pool, SENTENCES) == [("a dot", "a round class 0"), ("a line",), ("see class 2",)]
    assert [pool.elements[e].title for e in pool.start] == ["a/start: {name}"]
    bare = pool.elements[pool.start[0]]
    assert [(p.word, p.own) for p in bare.phrases[1]] == [("class 1", True), ("kind 1", False)]


def test_an_ensemble_adds_nothing_that_its_sets_have_not(catalog: Catalog, card: Benchmark) -> None:
    alone = pool_of(catalog, card, ["a/all"])
    apart = pool_of(catalog, card, ["a/start", "a/own"])
    assert alone.elements == apart.elements
    assert set(alone.sets) == {"a/all", "a/start", "a/own"}


def test_a_set_that_does_not_fit_is_told_with_its_line(catalog: Catalog, tmp_path: Path, card: Benchmark) -> None:
    file = tmp_path / "prompts" / "a" / "here.yaml"
    file.write_text(file.read_text().replace("c2", "c9"))
    with pytest.raises(CatalogError, match="unknown classes") as error:
        pool_of(load_catalog([tmp_path]), card, ["a/here"])
    assert (error.value.file, error.value.key) == (str(file), "names.c9")
    assert error.value.line is not None


def test_sets_written_for_other_models_are_taken_by_name_only(
    catalog: Catalog, card: Benchmark, tmp_path: Path
) -> None:
    file = tmp_path / "prompts" / "a" / "photo.yaml"
    file.write_text(file.read_text() + "models: [siglip2]\n")
    again = load_catalog([tmp_path])
    assert pool_of(again, card, family="clip").left_out == {
        "a/photo": "it is written for siglip2, and the model is of the family clip"
    }
    assert "a/photo" in pool_of(again, card, family="siglip2").sets
    assert "a/photo" in pool_of(again, card, ["a/photo"], "clip").sets


def made(catalog: Catalog, card: Benchmark, labels: list[str], weights: list[float] | None = None) -> Any:
    pool = pool_of(catalog, card)
    chosen = [next(i for i, e in enumerate(pool.elements) if e.label == label) for label in labels]
    rng = np.random.default_rng(0)
    words = {text: rng.normal(size=24).astype(np.float32) for text in pool.texts}
    rows = worlds.samples(30, card=card)
    known = worlds.candidates(rows, worlds.vectors(rows), pool, words)
    if weights is None:
        return known, Choice(State(tuple(chosen)), None, (), 0.0)
    full = np.zeros(len(pool.elements))
    full[chosen] = weights
    return known, Choice(State(tuple(chosen)), Weighted(full, 0.0, 0.0, 0.0, 1.0, 1), (), 0.0)


def as_set(words: Words) -> PromptSet:
    about = {"schema": 1, "id": "x/y", "version": "1", "title": "t", "kind": "searched", "author": "t", "source": "t"}
    return PromptSet.model_validate(about | words.values)


@pytest.mark.parametrize(
    ("labels", "reviewable"),
    [
        (["a photo of {name}"], True),
        (["it is {name}"], True),
        (["a photo of {name}", "it is {name}"], False),
        (["skin"], False),
        ([SENTENCES, "a photo of {name}"], False),
    ],
)
def test_a_choice_is_written_as_templates_and_names_where_these_say_the_same(
    catalog: Catalog, card: Benchmark, labels: list[str], reviewable: bool
) -> None:
    known, choice = made(catalog, card, labels)
    words = as_set(Words.of(choice, known))
    assert bool(words.class_templates) is not reviewable
    prompts = expand_prompts(words, card).prompts
    for k, class_id in enumerate(card.class_ids):
        assert sorted(prompts[class_id]) == sorted(known.prompts(choice.state)[k])


def test_a_changed_name_is_written_too(catalog: Catalog, card: Benchmark) -> None:
    known, choice = made(catalog, card, ["{name}"])
    state = choice.state.with_word(0, "kind 0", True).with_word(0, "class 0", False).with_word(2, "kind 2", True)
    words = as_set(Words.of(Choice(state, None, (), 0.0), known))
    assert words.names == {"c0": ("kind 0",), "c1": ("class 1",), "c2": ("class 2", "kind 2")}
    assert expand_prompts(words, card).prompts["c0"] == ("kind 0",)


def test_weights_of_templates_become_weights_of_their_strings(catalog: Catalog, card: Benchmark) -> None:
    known, choice = made(catalog, card, [SENTENCES, "it is {name}"], [0.25, 0.75])
    words = as_set(Words.of(choice, known))
    wording = expand_prompts(words, card)
    assert dict(zip(wording.prompts["c0"], wording.weights["c0"], strict=True)) == {
        "it is zero": 0.375, "it is nought": 0.375, "a dot": 0.125, "a round class 0": 0.125,
    }  # fmt: skip
    assert words.aggregation == "mean-score"


def test_a_searched_set_may_not_be_searched_in(catalog: Catalog, tmp_path: Path, card: Benchmark) -> None:
    known = {
        "vlmeval": "0", "created": "now", "benchmark": "made-up", "benchmark_digest": "0", "data_home": "here",
        "units": 1, "units_digest": "0", "model": "m", "model_key": "0", "objective": {"auroc": 1.0},
        "baseline": "a/start", "pool": {}, "candidates": 1, "seed": 0, "folds": 2, "steps": [],
        "validation": {"value": 0.5}, "nested": {"value": 0.5}, "optimism": {"value": 0.0},
    }  # fmt: skip
    about = {"schema": 1, "id": "a/found", "version": "1", "title": "f", "kind": "searched", "author": "t",
             "source": "t", "benchmarks": ["made-up"], "provenance": known}  # fmt: skip
    (tmp_path / "prompts" / "a" / "found.yaml").write_text(yaml.safe_dump(about))
    catalog = load_catalog([tmp_path])
    assert set(pool_of(catalog, card).left_out) == {"a/found"}
    with pytest.raises(UsageError, match="itself the result of a search"):
        pool_of(catalog, card, ["a/found"])


def test_a_searched_set_is_none_to_search_in_inside_an_ensemble_either(
    catalog: Catalog, tmp_path: Path, card: Benchmark
) -> None:
    folder = tmp_path / "prompts" / "a"
    about = yaml.safe_load((folder / "start.yaml").read_text())
    known = {
        "vlmeval": "0", "created": "now", "benchmark": "made-up", "benchmark_digest": "0", "data_home": "here",
        "units": 1, "units_digest": "0", "model": "m", "model_key": "0", "objective": {"auroc": 1.0},
        "baseline": "a/start", "pool": {}, "candidates": 1, "seed": 0, "folds": 2, "steps": [],
        "validation": {"value": 0.5}, "nested": {"value": 0.5}, "optimism": {"value": 0.0},
    }  # fmt: skip
    found = about | {"id": "a/found", "benchmarks": [], "templates": ["found {name}"], "provenance": known}
    wrapped = {key: value for key, value in about.items() if key not in ("templates", "names_from")}
    wrapped |= {"id": "a/wrapped", "includes": ["a/start", "a/found"]}
    for one in (found, wrapped):
        (folder / f"{one['id'][2:]}.yaml").write_text(yaml.safe_dump(one))
    catalog = load_catalog([tmp_path])
    pool = pool_of(catalog, card)
    assert pool.left_out == {"a/wrapped": "it includes the result of a search"}
    assert not any(text.startswith("found") for text in pool.texts)
    with pytest.raises(UsageError, match="a/wrapped includes the result of a search"):
        pool_of(catalog, card, ["a/wrapped"])
