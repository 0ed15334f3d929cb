"""`vlmeval compare`, and `vlmeval score` of several files, from the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from vlmeval import store
from vlmeval.records import Comparison

Cli = Any
NAMES = ["Melanoma", "Nevus", "BCC"]


def frame(better: float, noise: int, lesions: int = 120) -> pd.DataFrame:
    """Two images of each lesion; models share what is hard and differ in ``noise``."""
    rng = np.random.default_rng(0)
    n = 2 * lesions
    truth = np.repeat(rng.integers(3, size=lesions), 2)
    logits = rng.normal(size=(n, 3)) + np.random.default_rng(noise).normal(size=(n, 3)) * 0.6
    logits += (1 + better) * np.eye(3)[truth]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = {f"score:{name}": scores[:, k] for k, name in enumerate(NAMES)}
    return pd.DataFrame(
        {
            "image_id": [f"i{j}" for j in range(n)],
            "dx": np.array(NAMES)[truth],
            "lesion_id": [f"l{j // 2}" for j in range(n)],
            "sex": np.where(np.arange(n) // 2 % 3 == 0, "f", "m"),
            **columns,
        }
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the runs of all tests lie: what one test scored, the next one finds."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def files(home: Path) -> list[Path]:
    paths = [home / "ours.csv", home / "theirs.csv"]
    for i, path in enumerate(paths):
        frame(1.0 - i, i + 1).to_csv(path, index=False)
    return paths


def options(folder: Path) -> list[object]:
    return [
        "--kind",
        "softmax",
        "--truth",
        "dx",
        "--unit",
        "lesion_id",
        "--group",
        "sex",
        "--draws",
        100,
        "--out",
        folder,
    ]


def test_two_prediction_files_give_the_paired_comparison(
    cli: Cli, files: list[Path], home: Path, tmp_path: Path
) -> None:
    answer = cli("score", *files, *options(home), "--json")
    assert answer.code == 0, answer.err
    given = answer.json()
    assert [run["model"] for run in given["runs"]] == ["ours", "theirs"]
    found = Comparison.model_validate(given["comparison"])
    page = Path(given["page"])
    assert page.parent == home
    assert "ours against theirs" in page.read_text(encoding="utf-8")
    assert (found.level, found.n_units, found.draws, found.permutations) == ("unit", 120, 100, 2000)
    (pair,) = found.pairs
    assert [v.outcome for v in pair.verdicts] == ["a", "a", "a"]
    (overall,) = [n for n in pair.numbers if n.metric == "accuracy" and n.group is None]
    assert overall.low is not None
    assert 0 < overall.low < float(overall.value or 0) < float(overall.high or 0)
    assert overall.p is not None
    assert overall.p < 0.01
    values = [row["value"] for run in given["runs"] for row in run["headline"] if row["metric"] == "accuracy"]
    assert overall.value == pytest.approx(values[0] - values[1])
    right = []
    for file in files:
        mean = pd.read_csv(file).groupby("lesion_id")
        answer_of = mean[[f"score:{name}" for name in NAMES]].mean().idxmax(axis=1).str.removeprefix("score:")
        right.append(answer_of == mean.dx.first())
    only = [(right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum()]
    assert (pair.mcnemar.only_a, pair.mcnemar.only_b) == tuple(only)
    assert pair.mcnemar.p == pytest.approx(binomtest(only[0], sum(only)).pvalue)
    folders = [run["folder"] for run in given["runs"]]
    again = cli("compare", *folders, "--json").json()["comparison"]
    assert again == given["comparison"]


def test_the_terminal_says_it_in_words(cli: Cli, files: list[Path], home: Path, tmp_path: Path) -> None:
    target = tmp_path / "both.html"
    answer = cli("score", *files, *options(home), "-o", target)
    assert answer.code == 0, answer.err
    for text in (
        "ours (a) against theirs (b)",
        "accuracy: ours is better by 0.",
        "McNemar: only ours right on",
        "corrected: headline metrics over all samples for 3 tests (Holm)",
        f"comparison: {target}",
    ):
        assert text in answer.out, text
    assert target.is_file()
    assert answer.out.count("report: ") == 2


def test_one_file_is_scored_as_ever(cli: Cli, files: list[Path], tmp_path: Path) -> None:
    answer = cli("score", files[0], *options(tmp_path / "runs"), "--name", "mine", "--json")
    assert answer.code == 0, answer.err
    assert list(answer.json()) == ["runs"]
    assert answer.json()["runs"][0]["model"] == "mine"
    assert not list((tmp_path / "runs").glob("*.html"))


def test_kinds_and_names_once_a_file(cli: Cli, files: list[Path], tmp_path: Path) -> None:
    few = ["--truth", "dx", "--unit", "lesion_id", "--draws", 10, "--out", tmp_path / "runs"]
    answer = cli("score", *files, *few, "--kind", "softmax", "--kind", "logit", "--name", "A", "--name", "B", "--json")
    assert answer.code == 0, answer.err
    runs = answer.json()["runs"]
    assert [run["model"] for run in runs] == ["A", "B"]
    kinds = [store.read_record(Path(run["folder"])).methods[0].score_kind for run in runs]
    assert kinds == ["softmax", "logit"]
    numbers = answer.json()["comparison"]["pairs"][0]["numbers"]
    (ece,) = [n for n in numbers if n["metric"] == "ece" and "group" not in n]
    assert ece["value"] is None
    assert "not probabilities" in ece["reason"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--kind", "softmax", "--kind", "logit", "--kind", "logit"], "--kind does not fit the files"),
        (["--kind", "softmax", "--name", "one"], "--name does not fit the files"),
    ],
)
def test_options_that_fit_neither_one_nor_every_file(
    cli: Cli, files: list[Path], tmp_path: Path, more: list[str], said: str
) -> None:
    answer = cli("score", *files, "--truth", "dx", "--out", tmp_path / "runs", *more)
    assert answer.code == 2
    assert said in answer.err
    assert not (tmp_path / "runs").exists()


def test_a_page_needs_several_files(cli: Cli, files: list[Path], tmp_path: Path) -> None:
    answer = cli("score", files[0], *options(tmp_path / "runs"), "-o", tmp_path / "x.html")
    assert answer.code == 2
    assert "-o goes with several files" in answer.err


def test_files_of_other_truth_are_scored_but_not_compared(
    cli: Cli, files: list[Path], home: Path, tmp_path: Path
) -> None:
    data = pd.read_csv(files[1])
    data.loc[data.lesion_id == "l3", "dx"] = "Nevus" if data.dx[6] != "Nevus" else "BCC"
    data.to_csv(files[1], index=False)
    answer = cli("score", *files, *options(home))
    assert answer.code == 3
    assert "ours and theirs have different truth, so they cannot be compared" in answer.err
    assert "truth digest" in answer.err
    assert answer.out.count("report: ") == 2


def test_unlike_runs_are_an_error_as_json_too(cli: Cli, files: list[Path], home: Path, tmp_path: Path) -> None:
    pd.read_csv(files[1])[:-2].to_csv(files[1], index=False)
    runs = [cli("score", f, *options(home), "--json").json()["runs"][0]["folder"] for f in files]
    answer = cli("compare", *runs, "--json")
    assert answer.code == 3
    error = answer.json()
    assert error["key"] == "test ids digest"
    assert "--side-by-side" in error["hint"]
    side = cli("report", *runs, "--side-by-side", "-o", tmp_path / "side.html")
    assert side.code == 0, side.err


def test_compare_writes_a_page_where_it_is_told(cli: Cli, files: list[Path], home: Path, tmp_path: Path) -> None:
    folders = [r["folder"] for r in cli("score", *files, *options(home), "--json").json()["runs"]]
    answer = cli("compare", *folders, "--permutations", 50, "--metric", "auroc", "-o", tmp_path / "c.html")
    assert answer.code == 0, answer.err
    assert f"page: {tmp_path / 'c.html'}" in answer.out
    page = (tmp_path / "c.html").read_text(encoding="utf-8")
    (linked,) = re.findall(r'<a href="(how[^"#]*)"', page)
    assert (tmp_path / linked).is_file()
    bad = cli("compare", *folders, "--metric", "auroc", "-o", tmp_path)
    assert bad.code == 3
    assert "cannot be written" in bad.err


def test_help_has_examples(cli: Cli) -> None:
    out = cli("compare", "--help").out
    assert "vlmeval compare" in out
    assert "--against" in out
    assert "compare" in cli("--help").out


def test_comparing_loads_neither_torch_nor_charts_without_a_page(cli: Cli, files: list[Path], home: Path) -> None:
    folders = [r["folder"] for r in cli("score", *files, *options(home), "--json").json()["runs"]]
    code = (
        "import sys, json\nfrom vlmeval.cli.app import app\n"
        f"try:\n    app(['compare', {folders[0]!r}, {folders[1]!r}, '--metric', 'auroc', '--permutations', '20'])\n"
        "except SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & {"torch", "altair", "sklearn", "open_clip", "transformers", "datasets"}
