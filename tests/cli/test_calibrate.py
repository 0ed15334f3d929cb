"""`vlmeval run --calibrate`: methods of their own beside zero-shot, on the terminal, as data and on the page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlmeval import store
from vlmeval.records import RunRecord

Cli = Any
World = Any
PROMPTS = """\
schema: 1
id: mini/words
version: "1"
title: Words
kind: templates
author: nobody
source: made up
templates:
  - "this is what {name} looks like"
  - "my doctor calls this skin problem {name}"
  - "a picture of a skin problem called {name}"
  - "does this look like {name}?"
"""
NAMES = ("centred", "prior", "bias-temperature")
WORDS = ("--prompts", "mini/words", "--prompts", "generic/photo")
QUICK = ("--draws", 20, "--permutations", 0, "--device", "cpu")


@pytest.fixture
def roomy(world: World) -> World:
    """The made-up world with validation cases enough to fit a bias a class."""
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    card.write_text(card.read_text().replace("[0.2, 0.2, 0.6]", "[0.1, 0.5, 0.4]"))
    (world.root / "prompts" / "mini").mkdir(parents=True)
    (world.root / "prompts" / "mini" / "words.yaml").write_text(PROMPTS)
    return world


def run(cli: Cli, world: World, model: object, bench: str, *more: object) -> tuple[RunRecord, Path, Any]:
    answer = cli("run", "--model", model, "--bench", bench, *world.options(), *QUICK, "--json", *more)
    assert answer.code == 0, answer.err
    (one,) = answer.json()["runs"]
    return store.read_record(Path(one["folder"])), Path(one["folder"]), one


@pytest.mark.parametrize("bench", ["mini", "mini-multi"])
def test_each_is_a_method_of_its_own_and_zero_shot_stays_the_headline(
    cli: Cli, roomy: World, checkpoint: Path, bench: str
) -> None:
    record, folder, shown = run(cli, roomy, checkpoint, bench, "--calibrate", "all", *WORDS)
    calibrated = [m for m in record.methods if m.calibration is not None]
    ids = [f"zero-shot:mini/words+{name}" for name in NAMES]
    assert [(m.id, m.level) for m in calibrated] == [(i, level) for i in ids for level in ("image", "unit")]
    assert [m.id for m in record.methods if m.headline] == ["zero-shot:mini/words"]
    assert [m["id"] for m in shown["methods"]] == ["zero-shot:mini/words", "zero-shot:generic/photo", *ids]
    assert [m.calibration for m in calibrated if m.level == "unit"] == list(NAMES)
    assert {m.parameters["labels"] for m in calibrated} == {"none", "class frequencies", "validation labels"}
    assert {m.prompts for m in calibrated} == {"mini/words"}
    assert all(set(m.parameters["class_bias"]) == {"red", "green", "blue"} for m in calibrated)
    assert all(m.chosen_on for m in calibrated)
    own = {(d.method, d.metric) for d in record.differences if d.group is None}
    decisions = {"accuracy"} if bench == "mini" else {"hamming-loss"}
    assert own >= {(i, m) for i in ids for m in (decisions | {"balanced-accuracy", "log-loss", "ece"})}
    assert {d.versus for d in record.differences} == {"zero-shot:mini/words"}
    by_group = {(r.method, r.level) for r in record.rows if r.group == "tone"}
    assert by_group == {(i, "unit") for i in ("zero-shot:mini/words", *ids)}
    assert {r.method for r in record.examined.rows} == {"zero-shot:mini/words"}
    page = (folder / store.REPORT).read_text()
    for words in ("Zero-shot, calibrated", "Scores centred (no labels)", "Labels used: validation labels."):
        assert words in page


def test_the_scores_are_those_that_the_parameters_say(cli: Cli, roomy: World, checkpoint: Path) -> None:
    record, folder, _ = run(
        cli, roomy, checkpoint, "mini", "--calibrate", "centred", "--calibrate", "bias-temperature", *WORDS
    )
    stored = {one.method: one for one in store.read_predictions(folder, record) if one.level == "unit"}
    plain = np.log(stored["zero-shot:mini/words"].scores)
    for name in ("centred", "bias-temperature"):
        (method,) = (m for m in record.methods if m.calibration == name and m.level == "unit")
        bias = np.array([method.parameters["class_bias"][c] for c in ("red", "green", "blue")])
        z = plain / method.parameters.get("temperature", 1.0) + bias
        expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(stored[method.id].scores, expected, atol=1e-3)


def test_the_terminal_shows_them_beside_zero_shot(
    cli: Cli, world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options(), *QUICK, "--calibrate", "centred")
    assert answer.code == 0, answer.err
    assert "scores centred (no labels)" in answer.out


def test_the_report_names_the_command_and_the_order_of_options_makes_no_other_run(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    record, folder, _ = run(cli, world, checkpoint, "mini", "--calibrate", "prior", "--calibrate", "centred")
    assert record.plan.calibrations == ("centred", "prior")
    view = cli("report", folder, "--json").json()["reports"][0]
    words = shlex.split(view["environment"]["command"])
    answer = cli(*words[1:], *world.options(), "--device", "cpu", "--json")
    assert answer.code == 0, answer.err
    assert answer.json()["runs"][0]["found"]


def test_two_methods_of_one_run_are_compared_by_name(cli: Cli, world: World, checkpoint: Path) -> None:
    _, folder, _ = run(cli, world, checkpoint, "mini", "--calibrate", "centred")
    answer = cli("compare", folder, "--method", "zero-shot", "--method", "zero-shot+centred", "--json", "--draws", 20)
    assert answer.code == 0, answer.err
    assert "zero-shot:generic/names+centred" in answer.out


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--calibrate", "all", "--split", "all"), "every row is evaluated"),
        (("--calibrate", "centred", "--method", "linear-probe"), "not among the methods"),
        (("--calibrate", "platt"), "platt"),
    ],
)
def test_what_is_refused(cli: Cli, world: World, checkpoint: Path, more: tuple[object, ...], words: str) -> None:
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options(), *more)
    assert answer.code == 2, answer.err
    assert words in answer.err
    assert not list(world.runs.glob("**/run.json"))


def test_too_few_other_units_leave_it_out_and_say_so(cli: Cli, world: World, checkpoint: Path) -> None:
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    card.write_text(card.read_text().replace("[0.2, 0.2, 0.6]", "[0.05, 0.02, 0.93]"))
    record, folder, _ = run(cli, world, checkpoint, "mini", "--calibrate", "all")
    assert not [m for m in record.methods if m.calibration is not None]
    left_out = [f for f in record.findings if f.code == "calibration-left-out"]
    assert len(left_out) == len(NAMES)
    assert all("too few units" in f.message for f in left_out)
    assert "Left out" in (folder / store.REPORT).read_text()
