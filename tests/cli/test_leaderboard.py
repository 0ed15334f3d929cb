"""`vlmeval leaderboard`, and what is known of training data: from the register to record, report and ranks."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from vlmeval import store

Cli = Any
World = Any
QUICK = ("--draws", 50, "--permutations", 0)
REGISTER = """\
schema: 1
entries:
  - family: {family}
    data: mini
    status: {status}
    note: The paper names these squares.
    source: https://example.org/paper
    date: 2026-11-20
"""


def register(world: World, family: str = "medsiglip", status: str = "in-training") -> None:
    (world.root / "contamination.yaml").write_text(REGISTER.format(family=family, status=status))


def predictions(world: World, name: str, skill: float, seed: int = 0) -> Path:
    """Probabilities for every picture of the benchmark; higher ``skill`` is better."""
    photos = pd.read_csv(world.data / "photos.csv")
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(photos), 3)) + skill * photos[["red", "green", "blue"]].to_numpy()
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = pd.DataFrame(scores, columns=["score:red", "score:green", "score:blue"])
    table.insert(0, "id", photos["file"])
    path = world.data.parent / f"{name}.csv"
    table.to_csv(path, index=False)
    return path


def score(cli: Cli, world: World, file: Path, *more: object, bench: str = "mini") -> dict[str, Any]:
    places = ["--data-root", world.root, "--data", world.data, "--out", world.runs]
    answer = cli("score", file, "--kind", "probability", "--bench", bench, *QUICK, *places, *more, "--json")
    assert answer.code == 0, answer.err + answer.out
    (done,) = answer.json()["runs"]
    return dict(done)


def board(cli: Cli, world: World, *more: object) -> dict[str, Any]:
    answer = cli("leaderboard", world.runs, *more, "--json")
    assert answer.code == 0, answer.err
    return dict(answer.json()["leaderboard"])


def test_a_contaminated_run_is_marked_everywhere_and_never_ranked(cli: Cli, world: World, tmp_path: Path) -> None:
    register(world)
    done = score(cli, world, predictions(world, "best", 6.0), "--model-family", "medsiglip")
    score(cli, world, predictions(world, "good", 2.0, seed=1))
    score(cli, world, predictions(world, "bad", 0.2, seed=2))
    assert [b["kind"] for b in done["badges"]] == ["contamination"]
    record = json.loads((Path(done["folder"]) / "run.json").read_text())
    assert record["contamination"] == {
        "family": "medsiglip", "data": "mini", "status": "in-training", "note": "The paper names these squares.",
        "source": "https://example.org/paper", "date": "2026-11-20",
    }  # fmt: skip
    report = (Path(done["folder"]) / "report.html").read_text()
    assert 'class="badge contamination"' in report
    assert "The paper names these squares." in report
    assert "--model-family medsiglip" in report  # the command that repeats the run

    (table,) = board(cli, world)["tables"]
    assert [(r["spec"], r["rank"]) for r in table["rows"]] == [("best", None), ("good", 1), ("bad", 2)]
    assert table["rows"][0]["not_ranked"] == "not ranked: the data was in training"
    page = tmp_path / "board.html"
    answer = cli("leaderboard", world.runs, "-o", page)
    assert answer.code == 0
    assert "not ranked: the data was in training" in answer.out
    assert f"leaderboard: {page}" in answer.out
    assert 'class="tag contamination"' in page.read_text()


def test_a_changed_register_makes_the_run_anew_with_the_badge_it_now_deserves(cli: Cli, world: World) -> None:
    file = predictions(world, "mine", 2.0)
    register(world, status="unknown")
    before = score(cli, world, file, "--model-family", "medsiglip")
    assert before["badges"] == []
    assert before["contamination"]["status"] == "unknown"
    assert score(cli, world, file, "--model-family", "medsiglip")["found"]
    register(world)
    after = score(cli, world, file, "--model-family", "medsiglip")
    assert not after["found"]
    assert after["digest"] != before["digest"]
    assert [b["kind"] for b in after["badges"]] == ["contamination"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("unknown", "Whether the pictures of Mini were in the training data of medsiglip models is not known: The "
                    "paper names these squares."),
        ("not-in-training", "The pictures of Mini were not in the training data of medsiglip models: The paper names"),
    ],
)  # fmt: skip
def test_what_is_no_contamination_is_told_without_a_badge(cli: Cli, world: World, status: str, words: str) -> None:
    register(world, status=status)
    file = predictions(world, "mine", 2.0)
    done = score(cli, world, file, "--model-family", "medsiglip")
    assert done["badges"] == []
    report = (Path(done["folder"]) / "report.html").read_text()
    assert report.count(words) == 2  # summary and data card
    assert "https://example.org/paper" in report
    assert "read on 2026-11-20" in report
    places = ["--data-root", world.root, "--data", world.data, "--out", world.runs]
    shown = cli("score", file, "--kind", "probability", "--bench", "mini", *QUICK, *places,
                "--model-family", "medsiglip")  # fmt: skip
    assert words in shown.out


def test_predictions_that_do_not_say_who_made_them_say_so(cli: Cli, world: World) -> None:
    file = predictions(world, "mine", 2.0)
    done = score(cli, world, file)
    assert score(cli, world, file, "--model-family", "unknown")["digest"] == done["digest"]
    record = store.read_record(Path(done["folder"]))
    assert record.contamination is not None
    assert (record.contamination.family, record.contamination.status) == ("unknown", "unknown")
    words = "of the model behind the predictions is not known: the predictions do not say which model made them."
    assert words in (Path(done["folder"]) / "report.html").read_text()
    assert "--model-family" not in (Path(done["folder"]) / "report.html").read_text()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--bench", "mini", "--model-family", "medsiglp"], "unknown model family 'medsiglp'; did you mean medsiglip"),
        (["--truth", "colour", "--model-family", "medsiglip"], "--model-family goes with --bench"),
    ],
)
def test_a_family_that_would_lose_its_badge_is_refused(cli: Cli, world: World, more: list[str], text: str) -> None:
    places = ["--data-root", world.root, "--out", world.runs]
    answer = cli("score", predictions(world, "mine", 1.0), "--kind", "probability", *places, *more)
    assert answer.code == 2
    assert text in answer.err


def test_a_model_s_run_carries_what_the_register_says_of_its_family(cli: Cli, world: World, checkpoint: Path) -> None:
    """A local checkpoint that bears a card's name belongs to the card's family."""
    where = world.data.parent / "models" / "medsiglip-448"
    where.mkdir(parents=True)
    for file in checkpoint.iterdir():
        (where / file.name).write_bytes(file.read_bytes())
    register(world)
    (one,) = cli("run", "--model", where, "--bench", "mini", *QUICK, *world.options(), "--json").json()["runs"]
    assert [b["kind"] for b in one["badges"]] == ["contamination"]
    assert one["contamination"]["source"] == "https://example.org/paper"
    (two,) = cli("run", "--model", checkpoint, "--bench", "mini", *QUICK, *world.options(), "--json").json()["runs"]
    assert two["badges"] == []
    assert "not known which model" in two["contamination"]["note"]
    (table,) = board(cli, world)["tables"]
    ranks = {row["digest"]: row["rank"] for row in table["rows"]}
    assert ranks == {one["digest"]: None, two["digest"]: 1}


def test_a_leaky_run_carries_its_badge_to_record_report_and_leaderboard(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    photos = world.data / "photos.csv"
    lines = photos.read_text().splitlines()
    flags = [f"{line},{'train' if i % 2 else 'test'}" for i, line in enumerate(lines[1:])]
    photos.write_text("\n".join([lines[0] + ",split", *flags]) + "\n")  # cases of two pictures stand in both
    leaky = """\
extends: mini
id: mini@leaky
title: Mini, as published
protocol: {by: column, column: split, leaky: Cases stand in both splits., source: https://example.org/split}
"""
    folder = world.root / "benchmarks" / "mini@leaky"
    folder.mkdir()
    (folder / "benchmark.yaml").write_text(leaky)
    places = [*world.options(), "--model", checkpoint, *QUICK]
    assert cli("run", "--bench", "mini", *places).code == 0
    answer = cli("run", "--bench", "mini@leaky", *places, "--json")
    assert answer.code == 0, answer.err
    (done,) = answer.json()["runs"]
    assert "leakage" in [b["kind"] for b in done["badges"]]
    assert "leakage" in [b["kind"] for b in json.loads((Path(done["folder"]) / "run.json").read_text())["badges"]]
    assert 'class="badge leakage"' in (Path(done["folder"]) / "report.html").read_text()
    clean, marked = board(cli, world)["tables"]
    assert (clean["benchmark_id"], marked["benchmark_id"]) == ("mini", "mini@leaky")
    assert clean["badges"] == []
    assert [b["text"] for b in marked["badges"]] == ["Cases stand in both splits."]
    assert [r["rank"] for r in marked["rows"]] == [None]
    shown = cli("leaderboard", world.runs)
    assert "leakage Cases stand in both splits." in shown.out
    assert "not ranked: the protocol leaks" in shown.out


def test_the_same_view_as_json_csv_and_markdown(cli: Cli, world: World, tmp_path: Path) -> None:
    score(cli, world, predictions(world, "good", 2.0, seed=1))
    score(cli, world, predictions(world, "bad", 0.2, seed=2))
    for name in ("b.json", "b.csv", "b.md", "b.html", "b.tex", "b.yaml"):
        assert cli("leaderboard", world.runs, "-o", tmp_path / name).code == 0
    view = board(cli, world)
    assert json.loads((tmp_path / "b.json").read_text()) == {"leaderboard": view}
    assert cli("leaderboard", world.runs, "--format", "csv").out == (tmp_path / "b.csv").read_text()
    assert cli("leaderboard", world.runs, "--format", "markdown").out == (tmp_path / "b.md").read_text()
    assert cli("leaderboard", world.runs, "--format", "latex").out == (tmp_path / "b.tex").read_text()
    assert cli("leaderboard", world.runs, "--format", "model-index").out == (tmp_path / "b.yaml").read_text()
    models = yaml.safe_load((tmp_path / "b.yaml").read_text())["model-index"]
    assert [m["name"] for m in models] == ["good", "bad"]
    lines = list(csv.DictReader(io.StringIO((tmp_path / "b.csv").read_text())))
    value = view["tables"][0]["rows"][0]["cells"]["balanced-accuracy"]["value"]
    assert (lines[0]["rank"], lines[0]["model"], float(lines[0]["balanced-accuracy"])) == ("1", "good", value)
    assert lines[1]["rank"] == "2"
    assert "| 1 | good | Scored predictions |" in (tmp_path / "b.md").read_text()


def test_a_damaged_run_is_named_on_stderr_and_the_rest_is_shown(cli: Cli, world: World) -> None:
    done = score(cli, world, predictions(world, "good", 2.0))
    torn = world.runs / "mini" / "torn" / "0123456789ab"
    torn.mkdir(parents=True)
    (torn / "run.json").write_text((Path(done["folder"]) / "run.json").read_text()[:200])
    answer = cli("leaderboard", world.runs)
    assert answer.code == 0
    assert "good" in answer.out
    assert f"not shown {torn}" in answer.err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nowhere"], 3, "no such folder of runs"),
        (["."], 3, "no finished run lies here"),
        ([".", "-o", "board.txt"], 2, "a suffix of .html"),
        ([".", "--format", "html"], 2, "needs a file to write"),
        ([".", "--json", "--format", "csv"], 2, "--json goes with neither"),
    ],
)
def test_mistakes_are_answered_with_what_to_do(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = cli("leaderboard", *arguments)
    assert answer.code == code
    assert text in answer.err + answer.out
    assert list(tmp_path.iterdir()) == []


def test_a_run_says_how_fast_pictures_went_through_only_when_they_did(cli: Cli, world: World, checkpoint: Path) -> None:
    options = [*world.options(), "--model", checkpoint, *QUICK]
    assert cli("run", "--bench", "mini", *options).code == 0
    assert cli("run", "--bench", "mini", *options, "--seed", 1).code == 0  # everything is in the cache now
    images = {r["throughput"]["images"]: r["throughput"] for r in board(cli, world)["tables"][0]["rows"]}
    first = next(n for n in images if n)
    assert set(images) == {0, first}
    assert images[0]["reason"] == "all vectors were in the cache already"
    assert images[0]["value"] is None
    embedded = images[first]
    assert (embedded["value"] is None) == (first < 100)
    assert embedded["device"] == "cpu"


def test_a_summary_that_is_not_the_record_s_changes_nothing(cli: Cli, world: World) -> None:
    done = score(cli, world, predictions(world, "good", 2.0))
    before = board(cli, world)
    summary = Path(done["folder"]) / store.SUMMARY
    text = summary.read_text()
    value = before["tables"][0]["rows"][0]["cells"]["balanced-accuracy"]["value"]
    assert str(value) in text
    summary.write_text(text.replace(str(value), "0.999"))
    assert board(cli, world) == before
    assert summary.read_text() == text


def test_what_is_known_can_be_listed(cli: Cli, world: World) -> None:
    register(world, family="of-mine")
    entries = cli("list", "contamination", "--data-root", world.root, "--json").json()["contamination"]
    found = {(e["family"], e["data"]): e for e in entries}
    assert found["medsiglip", "scin"]["status"] == "in-training"
    assert found["of-mine", "mini"]["date"] == "2026-11-20"
    assert "of-mine" in cli("list", "contamination", "--data-root", world.root).out
    models = {m["model"]: m for m in cli("list", "models", "--json").json()["models"]}
    assert models["medsiglip-448"]["trained on"] == ["scin"]
    assert models["clip-vit-l14"]["trained on"] == []


def test_the_leaderboard_never_imports_torch(cli: Cli, world: World, tmp_path: Path) -> None:
    score(cli, world, predictions(world, "good", 2.0))
    score(cli, world, predictions(world, "bad", 1.0))
    look = (
        "import sys; from vlmeval.cli.app import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit: print('torch' in sys.modules, 'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", look, "leaderboard", str(world.runs), "-o", str(tmp_path / "b.html")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1].startswith("False")
