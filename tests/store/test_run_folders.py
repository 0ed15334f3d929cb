"""Run folders: written whole, found by digest, kept when two finish at once, and clear about what went wrong."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from vlmeval import store
from vlmeval.cli.app import app
from vlmeval.errors import DataError, MissingDataError, UsageError
from vlmeval.records import Predictions, RunRecord

Finished = tuple[Path, RunRecord, list[Predictions]]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, of predictions with units and a group."""
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    lines = ["id,dx,case,sex,score:a,score:b"]
    lines += [
        f"{i},{'ab'[i // 2 % 2]},c{i // 2},{'fm'[i // 2 % 3 % 2]},{rng.random()},{rng.random()}" for i in range(80)
    ]
    (folder / "p.csv").write_text("\n".join(lines) + "\n")
    arguments = ["score", "p.csv", "--kind", "logit", "--truth", "dx", "--unit", "case", "--group", "sex", "--json"]
    arguments[1] = str(folder / "p.csv")
    answer = CliRunner().invoke(app, [*arguments, "--draws", "20", "--out", str(folder / "runs")])
    return Path(json.loads(answer.stdout)["runs"][0]["folder"])


@pytest.fixture
def finished(original: Path, tmp_path: Path) -> Finished:
    """A copy of it in another place, read back."""
    folder = tmp_path / "moved" / "elsewhere"
    shutil.copytree(original, folder)
    record = store.read_record(folder)
    return folder, record, store.read_predictions(folder, record)


def test_a_run_that_was_moved_is_read_from_where_it_is(finished: Finished) -> None:
    folder, record, predictions = finished
    assert [p.level for p in predictions] == ["image", "unit"]
    assert store.read_record(folder / "run.json") == record
    assert [p.ids.tolist() for p in store.read_predictions(folder / "run.json", record)] == [
        p.ids.tolist() for p in predictions
    ]
    assert predictions[0].ids[:3].tolist() == ["0", "1", "2"]


def test_what_is_written_is_read_back(finished: Finished, tmp_path: Path) -> None:
    _, record, predictions = finished
    other = tmp_path / "new"
    assert store.write_run(other, record, predictions, "<html>") is record
    assert store.read_record(other) == record
    for before, after in zip(predictions, store.read_predictions(other, record), strict=True):
        np.testing.assert_array_equal(before.scores, after.scores)
        np.testing.assert_array_equal(before.y_true, after.y_true)
        np.testing.assert_array_equal(before.groups["sex"], after.groups["sex"])
        assert before.decision == after.decision
    assert sorted(p.name for p in other.iterdir()) == sorted([*store.FILES, store.SUMMARY])


@pytest.mark.parametrize("name", store.FILES)
def test_a_run_without_one_of_its_files_is_not_finished(finished: Finished, name: str) -> None:
    folder, record, _ = finished
    assert store.find_run(folder, record.digest) == record
    (folder / name).unlink()
    assert store.find_run(folder, record.digest) is None


def test_a_damaged_or_foreign_record_is_run_again(finished: Finished) -> None:
    folder, record, predictions = finished
    assert store.find_run(folder, "0" * 64) is None
    (folder / "run.json").write_text('{"schema_version": 99}')
    assert store.find_run(folder, record.digest) is None
    store.write_run(folder, record, predictions, "<html>")
    assert store.find_run(folder, record.digest) == record


def test_the_first_of_two_that_finish_the_same_run_is_kept(finished: Finished, tmp_path: Path) -> None:
    _, record, predictions = finished
    folder = tmp_path / "shared"
    records = [record.model_copy(update={"created": f"2026-01-0{i}T00:00:00+00:00"}) for i in range(1, 7)]
    with ThreadPoolExecutor(6) as pool:
        kept = list(pool.map(lambda one: store.write_run(folder, one, predictions, one.created), records))
    assert len({one.created for one in kept}) == 1
    assert store.read_record(folder).created == kept[0].created
    assert (folder / "report.html").read_text() == kept[0].created
    if os.name == "posix":
        assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".lock")] == []


def test_a_full_disk_is_an_error_with_its_place_and_leaves_no_run(
    finished: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, record, predictions = finished
    written: list[int] = []

    def full(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device") as caught:
        store.write_run(tmp_path / "full", record, predictions, "<html>")
    assert caught.value.file == str(tmp_path / "full")
    assert caught.value.hint is not None
    assert "--out" in caught.value.hint
    assert sorted(p.name for p in (tmp_path / "full").iterdir()) == ["metrics.csv", "predictions.parquet"]
    with pytest.raises(MissingDataError):
        store.read_record(tmp_path / "full")


def test_a_place_that_cannot_hold_runs_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="found: a file"):
        store.check_writable(tmp_path / "file" / "scin" / "x")
    store.check_writable(tmp_path / "not" / "yet" / "there")
    assert not (tmp_path / "not").exists()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UsageError, match="no permission"):
        store.check_writable(tmp_path / "not")


@pytest.mark.parametrize("damage", ["other ids", "no column", "other level", "torn", "missing"])
def test_predictions_that_do_not_belong_to_the_record_are_refused(finished: Finished, damage: str) -> None:
    import pandas as pd

    folder, record, _ = finished
    path = folder / "predictions.parquet"
    table = pd.read_parquet(path)
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "missing":
        path.unlink()
    else:
        changed: dict[str, Any] = {
            "other ids": table.assign(method="somebody"),
            "no column": table.drop(columns="score:b"),
            "other level": table.assign(**{"group:sex": "x"}),
        }
        changed[damage].to_parquet(path)
    with pytest.raises(DataError) as caught:
        store.read_predictions(folder, record)
    assert caught.value.file == str(path)


def test_a_folder_of_runs_names_the_runs_below_it(finished: Finished) -> None:
    folder, _, _ = finished
    with pytest.raises(MissingDataError) as caught:
        store.read_record(folder.parent)
    assert caught.value.hint is not None
    assert str(folder) in caught.value.hint


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("clip-vit-b32", "clip-vit-b32"),
        ("hf:ORG/NAME@rev", "hf-ORG-NAME@rev"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("模型", "unnamed"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1", "_com1"),
        ("console", "console"),
        ('a<b>:"|?*', "a-b"),
        ("x" * 300, "x" * 80),
        ("x. ", "x"),
    ],
)
def test_folder_names_are_safe_everywhere(tmp_path: Path, name: str, slug: str) -> None:
    folder = store.run_folder(tmp_path, "scin", name, "f" * 64)
    assert folder == tmp_path / "scin" / slug / ("f" * 12)


def test_no_value_is_an_empty_cell(finished: Finished) -> None:
    _, record, _ = finished
    lines = store.metrics_csv(record.rows).splitlines()
    assert len(lines) == len(record.rows) + 1
    assert "None" not in lines[1]
    assert "nan" not in {cell for line in csv.reader(lines) for cell in line}
