"""What people get wrong on the command line, what disks and other processes do, and that stdout stays one object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from vlmeval import store
from vlmeval.report import HOW_FILE

Cli = Any
World = Any


def frame(n: int = 60, seed: int = 0) -> pd.DataFrame:
    """Two classes whose ids would be the same, two rows a case."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(2, size=n // 2).repeat(2)
    return pd.DataFrame(
        {
            "id": [f"{i:03d}" for i in range(n)],
            "dx": np.array(["A b", "a-b"])[truth],
            "case": [f"c{i // 2}" for i in range(n)],
            "score:A b": 0.3 * rng.normal(size=n) + (truth == 0),
            "score:a-b": 0.3 * rng.normal(size=n) + (truth == 1),
        }
    )


def python_m(*arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "vlmeval", *map(os.fspath, map(str, arguments))],
        capture_output=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )


def test_classes_whose_ids_collide_keep_their_own_scores(cli: Cli, tmp_path: Path) -> None:
    data = frame()
    data.to_csv(tmp_path / "p.csv", index=False)
    answer = cli("score", tmp_path / "p.csv", "--kind", "logit", "--truth", "dx", "--out", tmp_path / "r", "--json")
    folder = Path(answer.json()["runs"][0]["folder"])
    record = store.read_record(folder)
    assert record.benchmark.class_ids == ("a-b", "a-b-2")
    (predictions,) = store.read_predictions(folder, record)
    np.testing.assert_array_equal(predictions.scores, data[["score:A b", "score:a-b"]].to_numpy())
    np.testing.assert_array_equal(predictions.y_true[:, 0], data.dx == "A b")
    assert predictions.ids[0] == "000"
    assert record.methods[0].parameters["file"] == "p.csv"
    assert len(record.methods[0].parameters["sha256"]) == 64
    assert set(record.timings) == {"read data", "score", "statistics", "examination"}


Change = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.mark.parametrize(
    ("change", "options", "code", "texts"),
    [
        (
            lambda d: d.assign(dx=["A b", "a-b"] * 30),
            ["--truth", "dx", "--unit", "case"],
            3,
            ["rows of the case 'c0' have different truth", "p.csv:3 (dx)", "as in line 2"],
        ),
        (lambda d: d.assign(case=""), ["--truth", "dx", "--unit", "case"], 3, ["the unit is empty", "p.csv:2 (case)"]),
        (lambda d: d.assign(id=["", *d.id[1:]]), ["--truth", "dx"], 3, ["the id is empty", "p.csv:2 (id)"]),
        (lambda d: d.head(0), ["--truth", "dx"], 3, ["no rows"]),
        (lambda d: d.assign(**{"true:a-b": 1}), [], 2, ["some classes have no truth column", "(true:A b)"]),
        (
            lambda d: d.assign(**{"true:a-b": 1, "true:A b": ["", *"0" * 59]}),
            [],
            3,
            ["neither 0 nor 1", "p.csv:2 (true:A b)"],
        ),
        (lambda d: d.assign(**{"score:a-b": 1.5}), ["--truth", "dx", "--kind", "softmax"], 3, ["is no probability"]),
        (lambda d: d, ["--truth", "dx", "--threshold", 0.5], 2, ["no use for this --threshold"]),
        (lambda d: d, ["--truth", "dx", "--threshold", "nan"], 2, ["--threshold"]),
        (lambda d: d, ["--truth", "dx", "--split", "test"], 2, ["--split goes with --bench"]),
        (lambda d: d, ["--truth", "dx", "--data", "."], 2, ["--data goes with --bench"]),
        (lambda d: d, ["--bench", "scin", "--truth", "dx", "--group", "case"], 2, ["--bench and --truth, --group"]),
        (lambda d: d, ["--bench", "scin", "--unit", "case"], 2, ["--bench and --unit contradict each other"]),
        (lambda d: d, ["--truth", "dx", "--max-missing", 2], 2, ["--max-missing"]),
    ],
)
def test_wrong_predictions_and_options_are_refused_with_their_place(
    cli: Cli, tmp_path: Path, change: Change, options: list[object], code: int, texts: list[str]
) -> None:
    change(frame()).to_csv(tmp_path / "p.csv", index=False)
    kind = [] if "--kind" in options else ["--kind", "logit"]
    answer = cli("score", tmp_path / "p.csv", "--out", tmp_path / "r", *kind, *options)
    assert answer.code == code, answer.err
    for text in texts:
        assert text in answer.err
    assert not (tmp_path / "r").exists()


def test_names_in_any_script_and_length(cli: Cli, tmp_path: Path) -> None:
    names = {"score:A b": "score:Ünïcødé 模型 <zz>", "score:a-b": "score:" + "x" * 300}
    data = frame().rename(columns=names)
    data["dx"] = data.dx.map({"A b": "Ünïcødé 模型 <zz>", "a-b": "x" * 300})
    path = tmp_path / "模型 :bug: [red].csv"
    data.to_csv(path, index=False)
    answer = cli("score", path, "--kind", "logit", "--truth", "dx", "--out", tmp_path / ":bug: [r]")
    assert answer.code == 0, answer.err
    report = Path(answer.out.splitlines()[-1].removeprefix("report: "))
    assert report.is_file()
    page = report.read_text(encoding="utf-8")
    assert "模型" in page
    assert "<zz>" not in page


@pytest.mark.skipif(sys.platform == "win32", reason="file names are text there")
def test_a_file_name_that_is_no_text(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/byt\xff.csv"
    Path(os.fsdecode(path)).write_bytes(frame().to_csv(index=False).encode())
    done = subprocess.run(
        [sys.executable, "-m", "vlmeval", "score", path, "--kind", "logit", "--truth", "dx", "--out", tmp_path / "r"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_output_that_is_not_utf_8(world: World) -> None:
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    card.write_text(card.read_text().replace("title: Mini", "title: Größe ≥ 1"), encoding="utf-8")
    for encoding in ("ascii", "latin-1", "utf-8"):
        done = python_m("list", "benchmarks", "--data-root", world.root, "--json", PYTHONIOENCODING=encoding)
        assert done.returncode == 0, done.stderr
        titles = {row["title"] for row in json.loads(done.stdout.decode(encoding))["benchmarks"]}
        assert "Größe ≥ 1" in titles
        plain = python_m("list", "benchmarks", "--data-root", world.root, PYTHONIOENCODING=encoding)
        assert plain.returncode == 0, plain.stderr


def predictions_of(world: World, ids: pd.Series) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    mine = pd.DataFrame(rng.random((len(ids), 3)), columns=["RED", "Green", "score:blue"])
    mine.insert(0, "id", ids.to_numpy())
    return mine


def places(world: World) -> list[object]:
    return ["--bench", "mini", "--data-root", world.root, "--data", world.data, "--out", world.runs, "--draws", 20]


def test_predictions_of_whole_cases_are_scored_at_their_level(cli: Cli, world: World, tmp_path: Path) -> None:
    cases = pd.read_csv(world.data / "photos.csv").case.drop_duplicates()
    predictions_of(world, cases).to_csv(tmp_path / "cases.csv", index=False)
    answer = cli("score", tmp_path / "cases.csv", "--kind", "logit", "--json", *places(world))
    assert answer.code == 0, answer.err
    folder = Path(answer.json()["runs"][0]["folder"])
    record = store.read_record(folder)
    (predictions,) = store.read_predictions(folder, record)
    assert predictions.level == "unit"
    assert len(predictions) == 54
    given = pd.read_csv(tmp_path / "cases.csv").set_index("id").loc[predictions.ids.tolist()]
    np.testing.assert_array_equal(predictions.scores, given[["RED", "Green", "score:blue"]].to_numpy())
    assert record.data.account["rows that joined nothing"] == 0
    assert "empty-split" not in [finding.code for finding in record.findings]
    assert record.methods[0].headline


def test_samples_left_out_are_counted_and_badged(cli: Cli, world: World, tmp_path: Path) -> None:
    mine = predictions_of(world, pd.read_csv(world.data / "photos.csv").file)
    mine = mine[~mine.id.isin(["1-0.png", "3-1.png"])]
    mine.to_csv(tmp_path / "p.csv", index=False)
    common = ["score", tmp_path / "p.csv", "--kind", "logit", "--split", "all", "--json", *places(world)]
    assert cli(*common, "--max-missing", 0.01).code == 3
    answer = cli(*common, "--max-missing", 0.02)
    record = store.read_record(Path(answer.json()["runs"][0]["folder"]))
    assert record.data.account["samples without a prediction"] == 2
    assert [badge.text for badge in record.badges] == ["2 evaluated samples have no prediction and are left out."]
    assert record.data.images == 133


def test_two_columns_for_a_class_are_refused(cli: Cli, world: World, tmp_path: Path) -> None:
    mine = predictions_of(world, pd.read_csv(world.data / "photos.csv").file).assign(r=0.5)
    mine.to_csv(tmp_path / "p.csv", index=False)
    answer = cli("score", tmp_path / "p.csv", "--kind", "logit", *places(world))
    assert answer.code == 3
    assert "several score columns for class 'red'" in answer.err
    assert "found: RED, r" in answer.err


def test_a_row_that_could_be_two_samples_is_refused(cli: Cli, world: World, tmp_path: Path) -> None:
    (world.data / "more").mkdir()
    (world.data / "1-0.png").rename(world.data / "more" / "0-0.png")
    photos = world.data / "photos.csv"
    photos.write_text(photos.read_text().replace("1-0.png", "more/0-0.png", 1))
    mine = predictions_of(world, pd.read_csv(photos).file.str.rpartition("/")[2].drop_duplicates())
    mine.to_csv(tmp_path / "p.csv", index=False)
    answer = cli("score", tmp_path / "p.csv", "--kind", "logit", "--max-missing", 0.1, *places(world))
    assert answer.code == 3
    assert "a row of the predictions joins 2 samples of mini" in answer.err


def test_a_case_of_two_classes_is_refused_and_named(cli: Cli, world: World, checkpoint: Path) -> None:
    photos = world.data / "photos.csv"
    photos.write_text(photos.read_text().replace("\n7-1.png,g,", "\n7-1.png,b,"))
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options())
    assert answer.code == 3
    assert "1 cases of mini have pictures of different classes" in answer.err
    assert "case c7" in answer.err
    assert "green" in answer.err
    assert not world.runs.exists()


@pytest.mark.parametrize(
    ("options", "code", "text"),
    [
        (["--method", ","], 2, "no method is named"),
        (["--method", "zero-shot,zero-shot"], 2, "named twice"),
        (["--method", "zero-shot,linear-prob"], 2, "unknown method 'linear-prob'"),
        (["--limit", 1, "--split", "val"], 3, "has no val samples to evaluate"),
    ],
)
def test_plans_that_cannot_be_carried_out(
    cli: Cli, world: World, checkpoint: Path, options: list[object], code: int, text: str
) -> None:
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options(), *options)
    assert answer.code == code, answer.err
    assert text in answer.err
    assert not world.runs.exists()


def test_missing_pictures_of_ones_own_benchmark_are_not_to_be_fetched(cli: Cli, world: World, checkpoint: Path) -> None:
    for path in sorted(world.data.glob("*.png"))[:9]:
        path.unlink()
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options())
    assert answer.code == 3
    assert "9 of 135 pictures of mini are not there" in answer.err
    assert "vlmeval data check mini" in answer.err
    assert "fetch" not in answer.err


def test_runs_cannot_go_into_a_file_and_that_is_said_before_the_model_is_loaded(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    world.runs.write_text("")
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options(), "--json")
    assert answer.code == 2
    assert answer.json()["file"] == str(world.runs)
    assert not list(world.cache.rglob("*.safetensors"))


def test_a_report_that_cannot_be_written(cli: Cli, world: World, checkpoint: Path, tmp_path: Path) -> None:
    run = cli("run", "--model", checkpoint, "--bench", "mini", "--draws", 10, "--json", *world.options())
    folder = run.json()["runs"][0]["folder"]
    for target in (tmp_path, world.data / "photos.csv" / "report.html"):
        answer = cli("report", folder, "-o", target)
        assert answer.code == 3
        assert "the output cannot be written" in answer.err
        assert "-o FILE" in answer.err
    both = cli("report", folder, "-o", tmp_path / "r.html", "--json")
    assert both.code == 2
    assert both.json()["error"] == "UsageError"
    (Path(folder) / "predictions.parquet").unlink()
    assert cli("report", folder).code == 3


def test_what_is_odd_in_a_file_is_in_the_record(cli: Cli, tmp_path: Path) -> None:
    data = frame().assign(site=["arm", "leg"] * 30)
    data.to_csv(tmp_path / "p.csv", index=False)
    options = ["--truth", "dx", "--unit", "case", "--group", "site", "--draws", 10, "--out", tmp_path / "r", "--json"]
    answer = cli("score", tmp_path / "p.csv", "--kind", "logit", *options)
    findings = store.read_record(Path(answer.json()["runs"][0]["folder"])).findings
    assert [(finding.code, finding.count) for finding in findings] == [
        ("unit-groups-differ", 30),
        ("pictures-not-compared", 0),
    ]


def test_stdout_is_one_json_object_whatever_the_libraries_print(
    cli: Cli, world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vlmeval.evaluate import run as module

    embed = module.embed

    def printing(*args: Any, **kwargs: Any) -> Any:
        print("a library says hello")
        return embed(*args, **kwargs)

    monkeypatch.setattr(module, "embed", printing)
    answer = cli("run", "--model", checkpoint, "--bench", "mini", "--draws", 10, "--json", *world.options())
    assert answer.code == 0, answer.err
    assert len(answer.json()["runs"]) == 1
    assert "a library says hello" in answer.err


def test_two_processes_on_the_same_plan_leave_one_run(world: World, checkpoint: Path) -> None:
    options = ["--model", checkpoint, "--bench", "mini", "--draws", "50", "--json", *world.options()]
    command = [sys.executable, "-m", "vlmeval", "run", *map(str, options)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    first, second = (json.loads(out)["runs"][0] for out, _ in answers)
    assert first["folder"] == second["folder"]
    assert first["timings"] == second["timings"], "one record, told twice"
    assert {path.name for path in Path(first["folder"]).iterdir()} == {*store.FILES, store.SUMMARY, HOW_FILE}


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_nothing_is_deleted_without_a_yes(world: World, more: list[str]) -> None:
    done = python_m("cache", "clear", "--cache", world.cache, *more)
    assert done.returncode == 130
    assert b"Traceback" not in done.stderr
    assert b"--yes" in (done.stdout if more else done.stderr)
    assert done.stdout.startswith(b"{" if more else b"")
    assert not more or json.loads(done.stdout)["exit_code"] == 130


def test_a_yes_is_a_yes(world: World) -> None:
    command = [sys.executable, "-m", "vlmeval", "cache", "clear", "--json", "--cache", str(world.cache)]
    done = subprocess.run(command, input=b"Yes\n", capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"{")
    assert b"[y/N]" in done.stderr


def test_neither_data_nor_model_says_what_to_do_about_both(cli: Cli, tmp_path: Path) -> None:
    answer = cli("run", "--model", "medsiglip-448", "--bench", "scin", "--out", tmp_path / "runs")
    assert answer.code == 3
    assert "vlmeval data fetch scin" in answer.err
    assert "the model is not here either" in answer.err
    assert "huggingface.co/google/medsiglip-448" in answer.err
    assert not (tmp_path / "runs").exists()


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-m", "vlmeval", "list", "models", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    complaint = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 0, complaint
    assert complaint == b""
