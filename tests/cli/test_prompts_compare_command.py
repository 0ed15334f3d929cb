"""`vlmeval prompts compare` from pictures to page, on a user's own benchmark and a real tiny checkpoint."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from vlmeval.records.prompt_study import PromptComparison

Answer = Any
Cli = Any
World = Any


def add_set(world: World, name: str, **changes: Any) -> str:
    """Write a prompt set into the user's data root; return its id."""
    card = {
        "schema": 1, "id": f"mini/{name}", "version": "1", "title": f"Set {name}", "kind": "templates", "author": "me",
        "source": "made up", "benchmarks": ["mini"], "templates": ["{name}", "a picture of a {name}"],
    }  # fmt: skip
    file = world.root / "prompts" / "mini" / f"{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(card | changes))
    return f"mini/{name}"


def compare(cli: Cli, world: World, checkpoint: Path, *more: object, bench: str = "mini") -> Answer:
    places = ("--data-root", world.root, "--data", world.data, "--cache", world.cache)
    small = ("--draws", 200, "--singles", 10, "--shuffles", 2)
    return cli("prompts", "compare", "--model", checkpoint, "--bench", bench, *places, *small, *more)


def comparison(answer: Answer) -> PromptComparison:
    assert answer.code == 0, answer.err + answer.out
    return PromptComparison.model_validate_json(json.dumps(answer.json()["prompt_comparison"]))


def test_a_study_says_everything_and_images_are_read_once(cli: Cli, world: World, checkpoint: Path) -> None:
    add_set(world, "own")
    found = comparison(compare(cli, world, checkpoint, "--json"))
    (study,) = found.studies
    assert [one.id for one in study.sets] == ["generic/names", "generic/photo", "mini/own"]
    assert [one.chosen for one in study.sets] == [True, False, False]
    assert study.chosen == "generic/names"
    assert (study.level, study.split, study.n_units) == ("unit", "test", 54)
    assert study.computed_images > 0
    assert study.computed_texts > 0
    assert {(p.a, p.b) for p in study.pairs} == {
        ("generic/photo", "generic/names"), ("mini/own", "generic/names"), ("generic/photo", "mini/own"),
    }  # fmt: skip
    assert study.headline_tests == 9
    assert {r.method for r in study.rows} == {one.id for one in study.sets}
    assert {r.group for r in study.rows} == {None, "tone"}
    assert len(study.ranks) == 9
    assert {s.kind for s in study.spreads} == {"template", "one-prompt", "one-name", "word-order"}
    assert found.command is not None
    assert found.command.startswith("vlmeval prompts compare --model ")

    warm = comparison(compare(cli, world, checkpoint, "--json"))
    assert (warm.studies[0].computed_images, warm.studies[0].computed_texts) == (0, 0)
    same = {"computed_images", "computed_texts"}
    assert warm.studies[0].model_dump(exclude=same) == study.model_dump(exclude=same)

    add_set(world, "own", templates=["{name}", "a sketch of a {name}"])
    for picture in world.data.glob("*.png"):
        picture.touch()
    changed = comparison(compare(cli, world, checkpoint, "--json")).studies[0]
    # Three classes: one sentence each is new, and its two shuffles.
    assert (changed.computed_images, changed.computed_texts) == (0, 9)
    assert [r for r in changed.rows if r.method != "mini/own"] == [r for r in study.rows if r.method != "mini/own"]


def test_the_numbers_are_those_of_a_run(cli: Cli, world: World, checkpoint: Path) -> None:
    answer = cli("run", "--model", checkpoint, "--bench", "mini", "--draws", 200, *world.options(), "--json")
    record = json.loads((Path(answer.json()["runs"][0]["folder"]) / "run.json").read_text())
    study = comparison(compare(cli, world, checkpoint, "--json")).studies[0]
    assert study.n_units == record["data"]["split_units"]["test"]
    assert study.test_ids_digest != ""
    run = {
        (r["method"], r["metric"], r["averaging"], r.get("class_id"), r.get("group"), r.get("group_level")): r
        for r in record["rows"] if r["level"] == "unit"
    }  # fmt: skip
    compared = 0
    for row in study.rows:
        key = (f"zero-shot:{row.method}", row.metric, row.averaging, row.class_id, row.group, row.group_level)
        if key in run and row.group_level != "max-min":
            assert row.value == run[key]["value"]
            assert (row.low, row.high) == (run[key].get("low"), run[key].get("high"))
            compared += 1
    assert compared > 50


def test_a_page_is_written_and_the_terminal_tells_ranks(
    cli: Cli, world: World, checkpoint: Path, tmp_path: Path
) -> None:
    page = tmp_path / "out" / "page.html"
    add_set(world, "hostile", title="<script>alert(1)</script>", templates=["{name} <b>&amp;", "[red]{name}[/red]"])
    answer = compare(cli, world, checkpoint, "-o", page)
    assert answer.code == 0, answer.err
    assert "generic/names*" in answer.out
    assert "mini/hostile" in answer.out
    assert f"page: {page}" in answer.out
    text = page.read_text()
    assert "<html" in text
    assert "<script>alert(1)" not in text
    assert (page.parent / "how-we-compute.html").is_file()


def test_a_multi_label_benchmark_compares_negatives_too(cli: Cli, world: World, checkpoint: Path) -> None:
    add_set(world, "negatives", kind="negatives", negatives=["no {name}"], benchmarks=["mini", "mini-multi"])
    study = comparison(compare(cli, world, checkpoint, "--json", bench="mini-multi")).studies[0]
    assert "mini/negatives" in [one.id for one in study.sets]
    assert study.headline_tests == 6
    alone = comparison(compare(cli, world, checkpoint, "--json"))
    assert "mini/negatives" not in [one.id for one in alone.studies[0].sets]
    assert any("mini/negatives is left out" in note and "negatives" in note for note in alone.notes)
    refused = compare(cli, world, checkpoint, "--prompts", "mini/negatives")
    assert refused.code != 0
    assert "negatives" in refused.err


def test_sets_for_other_models_are_used_only_where_they_are_named(cli: Cli, world: World, checkpoint: Path) -> None:
    set_id = add_set(world, "theirs", models=["medsiglip"])
    found = comparison(compare(cli, world, checkpoint, "--json"))
    assert set_id not in [one.id for one in found.studies[0].sets]
    assert any(set_id in note and "medsiglip" in note for note in found.notes)
    named = comparison(compare(cli, world, checkpoint, "--prompts", set_id, "--json"))
    assert [one.id for one in named.studies[0].sets] == ["generic/names", set_id]
    assert any("generic/names is added" in note for note in named.notes)


def test_a_missing_class_stops_before_any_picture_is_read(
    cli: Cli, world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_set(world, "half", names_from="here", names={"red": ["red"], "green": ["green"]})

    def no_picture(*_: object, **__: object) -> None:
        raise AssertionError("something was read")

    monkeypatch.setattr("vlmeval.evaluate.planning.load_samples", no_picture)
    for prompts in ("all", "mini/half"):
        answer = compare(cli, world, checkpoint, "--prompts", prompts)
        assert answer.code != 0
        assert "mini/half has no words for class 'blue'" in answer.err
        assert "half.yaml" in answer.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--prompts", "generic/names"), "only one prompt set"),
        (("--prompts", "nobodys/set"), "nobodys/set"),
        (("--level", "patient"), "unknown level"),
        (("--bench", "mini-multi"), "--data goes with one --bench"),
    ],
)
def test_mistakes_are_told(cli: Cli, world: World, checkpoint: Path, more: tuple[str, ...], words: str) -> None:
    answer = compare(cli, world, checkpoint, *more)
    assert answer.code == 2
    assert words in answer.err
    assert not (Path.cwd() / "prompts.html").exists()


def test_truncated_strings_are_told(cli: Cli, world: World, checkpoint: Path) -> None:
    add_set(world, "long", templates=["{name}", "{name} " + "very " * 90 + "long"])
    study = comparison(compare(cli, world, checkpoint, "--json", "--level", "image")).studies[0]
    cut = {one.id: one.truncated for one in study.sets}
    assert len(cut["mini/long"]) == 3
    assert cut["generic/names"] == ()
    assert study.level == "image"
    assert study.n > study.n_units


def test_every_model_and_benchmark_has_a_study(
    cli: Cli, world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = world.data.parent / "home"
    home.mkdir()
    (home / "mini").symlink_to(world.data)
    monkeypatch.setenv("VLMEVAL_DATA_HOME", str(home))
    benches = ("--bench", "mini", "--bench", "mini-multi")
    small = ("--draws", 50, "--shuffles", 0, "--singles", 2)
    places = ("--data-root", world.root, "--cache", world.cache)
    answer = cli("prompts", "compare", "--model", checkpoint, *benches, *small, *places, "--json")
    first, second = comparison(answer).studies
    assert (first.benchmark.id, second.benchmark.id) == ("mini", "mini-multi")
    assert second.computed_images == second.computed_texts == 0
    assert not any(s.kind == "word-order" for s in first.spreads)


PROVENANCE = {
    "vlmeval": "0", "created": "2026-01-01", "benchmark": "mini", "benchmark_digest": "x", "data_home": "mini",
    "units": 18, "units_digest": "x", "model": "some-model", "model_key": "x", "objective": {"auroc": 1.0},
    "baseline": "generic/names", "pool": {}, "candidates": 3, "seed": 0, "folds": 2, "steps": [],
    "validation": {"value": 0.9}, "nested": {"value": 0.8}, "optimism": {"value": 0.1},
}  # fmt: skip


def test_searched_sets_are_marked_and_refused_where_they_were_chosen(cli: Cli, world: World, checkpoint: Path) -> None:
    set_id = add_set(world, "found", kind="searched", provenance=PROVENANCE)
    elsewhere = add_set(world, "moved", kind="searched", provenance=PROVENANCE | {"data_home": "other"})
    found = comparison(compare(cli, world, checkpoint, "--json"))
    searched = {one.id: one.searched for one in found.studies[0].sets}
    assert searched[set_id]
    assert searched[elsewhere]
    assert not searched["generic/names"]
    assert any(
        note.startswith(f"{set_id} was found by a search on 18 labelled validation units of mini,")
        for note in found.notes
    )
    assert any(elsewhere in note and "other data than mini" in note for note in found.notes)
    refused = compare(cli, world, checkpoint, "--split", "val", "--prompts", set_id)
    assert refused.code == 2
    assert "was chosen on" in refused.err
    assert "found s" in compare(cli, world, checkpoint, "-o", world.root / "page.html").out


def test_the_command_on_the_page_makes_the_same_comparison(cli: Cli, world: World, checkpoint: Path) -> None:
    options = ("--seed", 3, "--draws", 50, "--split", "val", "--level", "image", "--shuffles", 0)
    found = comparison(compare(cli, world, checkpoint, "--prompts", "generic/photo", *options, "--json"))
    assert found.command is not None
    places = ("--data-root", world.root, "--data", world.data, "--cache", world.cache)
    again = comparison(cli(*shlex.split(found.command)[1:], *places, "--json"))
    same = {"created", "timings", "studies"}
    assert again.model_dump(exclude=same) == found.model_dump(exclude=same)
    counts = {"computed_images", "computed_texts"}
    assert again.studies[0].model_dump(exclude=counts) == found.studies[0].model_dump(exclude=counts)
