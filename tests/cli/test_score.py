"""`vlmeval score`: predictions from elsewhere, against scikit-learn; and what is refused."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from vlmeval import store

Cli = Any
World = Any


def frame(n: int = 120, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = np.repeat(rng.integers(3, size=n // 2), 2)
    scores = rng.normal(size=(n, 3)) + 1.2 * np.eye(3)[truth]
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    names = ["Melanoma", "Nevus", "BCC"]
    columns = {f"score:{name}": probabilities[:, k] for k, name in enumerate(names)}
    return pd.DataFrame(
        {
            "image_id": [f"i{j}" for j in range(n)],
            "diagnosis": np.array(names)[truth],
            "lesion": [f"l{j // 2}" for j in range(n)],
            "sex": np.where(np.arange(n) // 2 % 3 == 0, "f", "m"),
            **columns,
        }
    )


def value(folder: str, metric: str, averaging: str, level: str = "image", **where: str) -> float:
    rows = pd.read_csv(Path(folder) / "metrics.csv")
    rows = rows[(rows.metric == metric) & (rows.averaging == averaging) & (rows.level == level)]
    for column in ("group", "group_level", "class_id"):
        rows = rows[rows[column] == where[column]] if column in where else rows[rows[column].isna()]
    assert len(rows) == 1
    return float(rows.value.item())


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_scores_of_a_file_with_its_own_truth(cli: Cli, tmp_path: Path, suffix: str) -> None:
    data = frame(240)
    path = tmp_path / f"mine{suffix}"
    if suffix == ".parquet":
        data.to_parquet(path)
    else:
        data.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    answer = cli(
        "score", path, "--kind", "softmax", "--truth", "diagnosis", "--unit", "lesion", "--group", "sex",
        "--draws", 100, "--out", tmp_path / "runs", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    folder = answer.json()["runs"][0]["folder"]
    truth = pd.get_dummies(data.diagnosis)[["Melanoma", "Nevus", "BCC"]].to_numpy()
    scores = data[["score:Melanoma", "score:Nevus", "score:BCC"]].to_numpy()
    assert value(folder, "auroc", "macro") == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    assert value(folder, "accuracy", "overall") == pytest.approx(accuracy_score(truth.argmax(1), scores.argmax(1)))
    lesions = data[data.sex == "f"].assign(nevus=lambda d: d.diagnosis == "Nevus").groupby("lesion")
    expected = average_precision_score(lesions.nevus.first(), lesions["score:Nevus"].mean())
    found = value(folder, "average-precision", "class", "unit", group="sex", group_level="f", class_id="nevus")
    assert found == pytest.approx(expected, abs=1e-12)
    record = store.read_record(Path(folder))
    assert record.data.units == 120
    assert record.benchmark.unit.name == "lesion"
    assert record.model is None
    assert cli("report", folder).code == 0


def test_values_that_say_nothing_are_levels_but_never_the_worst(cli: Cli, tmp_path: Path) -> None:
    data = pd.DataFrame({"id": [f"i{j}" for j in range(90)], "truth": ["a", "b"] * 45})
    data["sex"] = ["f", "f", "m", "m", "Unknown", "Unknown"] * 15
    sure = np.where(data.truth == "a", 0.9, 0.1)
    data["score:a"] = np.where(data.sex == "Unknown", 1 - sure, sure)
    data["score:b"] = 1 - data["score:a"]
    data.to_csv(tmp_path / "mine.csv", index=False)
    answer = cli(
        "score", tmp_path / "mine.csv", "--kind", "probability", "--truth", "truth", "--group", "sex",
        "--draws", 20, "--out", tmp_path / "runs", "--json",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    folder = answer.json()["runs"][0]["folder"]
    assert value(folder, "accuracy", "overall", group="sex", group_level="unknown") == 0.0
    assert value(folder, "accuracy", "overall", group="sex", group_level="worst") == 1.0


def test_multi_label_with_a_given_threshold(cli: Cli, tmp_path: Path) -> None:
    data = frame()
    for name in ("Melanoma", "Nevus", "BCC"):
        data[f"true:{name}"] = (data.diagnosis == name).astype(int)
    data.to_csv(tmp_path / "m.csv", index=False)
    common = ["score", tmp_path / "m.csv", "--kind", "probability", "--out", tmp_path / "r", "--draws", 50, "--json"]
    given = cli(*common, "--threshold", 0.4).json()["runs"][0]["folder"]
    fixed = cli(*common).json()["runs"][0]["folder"]
    assert {m.chosen_on for m in store.read_record(Path(given)).methods} == {"given"}
    assert {m.chosen_on for m in store.read_record(Path(fixed)).methods} == {"fixed in advance at 0.5"}
    hit = (data["score:BCC"] >= 0.4) & (data.diagnosis == "BCC")
    sensitivity = value(given, "sensitivity", "class", class_id="bcc")
    assert sensitivity == pytest.approx(hit.sum() / (data.diagnosis == "BCC").sum())


def test_truth_units_and_groups_of_a_benchmark(cli: Cli, world: World, tmp_path: Path) -> None:
    photos = pd.read_csv(world.data / "photos.csv")
    rng = np.random.default_rng(1)
    mine = pd.DataFrame(rng.random((len(photos), 3)), columns=["red", "green", "blue"])
    mine.insert(0, "id", photos.file.str.removesuffix(".png"))
    mine.to_csv(tmp_path / "p.csv", index=False)
    places = ["--data-root", world.root, "--data", world.data, "--out", world.runs]
    answer = cli("score", tmp_path / "p.csv", "--kind", "logit", "--bench", "mini", "--json", "--draws", 50, *places)
    assert answer.code == 0, answer.err
    record = store.read_record(Path(answer.json()["runs"][0]["folder"]))
    assert record.data.split_units["test"] == 54
    assert set(record.data.group_units["tone"]) == {"light", "dark", "unknown"}
    assert sum(record.data.group_units["tone"].values()) == 54
    assert {m.level for m in record.methods} == {"image", "unit"}
    mine[mine.index % 5 != 0].to_csv(tmp_path / "gaps.csv", index=False)
    short = cli("score", tmp_path / "gaps.csv", "--kind", "logit", "--bench", "mini", *places)
    assert short.code == 3
    assert "test samples of mini have no prediction" in short.err
    mine.assign(id="x" + mine.id).to_csv(tmp_path / "strange.csv", index=False)
    strange = cli("score", tmp_path / "strange.csv", "--kind", "logit", "--bench", "mini", *places)
    assert strange.code == 3
    assert "no row of the predictions joins" in strange.err


@pytest.mark.parametrize(
    ("change", "arguments", "code", "text"),
    [
        (lambda d: d.rename(columns={"image_id": "key"}), [], 3, "no id column"),
        (lambda d: d.assign(image_id="same"), [], 3, "the id is there twice"),
        (lambda d: d.assign(**{"score:BCC": "high"}), [], 3, "the score is not a number"),
        (lambda d: d.assign(**{"score:BCC": np.inf}), [], 3, "the score is not finite"),
        (lambda d: d.assign(diagnosis="?"), [], 3, "the truth is not one of the classes"),
        (lambda d: d.drop(columns=["score:BCC", "score:Nevus"]), [], 3, "no score columns"),
        (lambda d: d, ["--group", "tone"], 3, "no such group column"),
        (lambda d: d, ["--unit", "patient"], 3, "no such unit column"),
        (lambda d: d, ["--truth", "dx"], 3, "no such truth column"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(
    cli: Cli, tmp_path: Path, change: Any, arguments: list[str], code: int, text: str
) -> None:
    change(frame()).to_csv(tmp_path / "bad.csv", index=False)
    answer = cli(
        "score", tmp_path / "bad.csv", "--kind", "softmax", "--truth", "diagnosis", "--out", tmp_path / "r", *arguments
    )
    assert answer.code == code, answer.err
    assert text in answer.err
    assert "bad.csv" in answer.err
    assert not (tmp_path / "r").exists()


def test_a_file_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    for name in ("no.csv", "no.parquet"):
        answer = cli("score", tmp_path / name, "--kind", "softmax", "--truth", "t", "--out", tmp_path / "r")
        assert answer.code == 3
        assert name in answer.err


def test_what_the_scores_are_must_be_said(cli: Cli, tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "m.csv", index=False)
    assert cli("score", tmp_path / "m.csv", "--truth", "diagnosis").code == 2


@pytest.mark.parametrize("more", [[], ["--seed", 3, "--max-missing", 0.2]])
def test_the_command_in_the_report_finds_the_same_run(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[object]
) -> None:
    monkeypatch.chdir(tmp_path)
    frame().rename(columns=lambda c: c.replace("score:", "p ")).to_csv("mine one.csv", index=False)
    answer = cli(
        "score", "mine one.csv", "--kind", "softmax", "--truth", "diagnosis", "--unit", "lesion", "--group", "sex",
        "--score-prefix", "p ", "--draws", 50, "--json", *more,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    (view,) = cli("report", answer.json()["runs"][0]["folder"], "--json").json()["reports"]
    again = cli(*shlex.split(view["environment"]["command"])[1:], "--json")
    assert again.code == 0, again.err
    assert again.json()["runs"][0]["found"]
