"""`summary.json`: an extract of `run.json` that is never believed where it does not belong to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from made_up_board import written
from made_up_probes import add_probes
from made_up_runs import Recipe, Run, simulate

from vlmeval import store
from vlmeval.errors import DataError, MissingDataError


@pytest.fixture(scope="module")
def run() -> Run:
    return add_probes(simulate(Recipe(units=150, prompt_sets=1, draws=20)), regimes=("balanced",))


@pytest.fixture
def folder(run: Run, tmp_path: Path) -> Path:
    return written(tmp_path, run)


def test_a_summary_reads_back_as_the_extract_of_its_record(folder: Path, run: Run) -> None:
    record = run[0]
    assert (folder / store.SUMMARY).is_file()
    found = store.read_summary(folder)
    assert found == store.summary_of(record)
    assert found.digest == record.digest
    kept = {(r.method, r.level, r.metric, r.averaging, r.class_id, r.group, r.group_level) for r in found.rows}
    assert kept < {(r.method, r.level, r.metric, r.averaging, r.class_id, r.group, r.group_level) for r in record.rows}
    assert {r.level for r in found.rows} == {record.benchmark.headline_level}
    assert {r.value for r in found.rows} <= {r.value for r in record.rows}
    assert (folder / store.SUMMARY).stat().st_size < 0.5 * (folder / store.RECORD).stat().st_size


def test_what_a_leaderboard_shows_is_kept(folder: Path, run: Run) -> None:
    record, found = run[0], store.read_summary(folder)
    zero_shot = record.headline_method
    own = [r for r in found.rows if r.method == zero_shot.id]
    for metric in (*record.benchmark.headline_metrics, "ece", "brier"):
        assert any(r.metric == metric and r.group is None and r.class_id is None for r in own), metric
    for group in record.benchmark.available_groups:
        assert any(r.group == group.id for r in own) == (group.kind == "skin-tone")
    assert {r.class_id for r in own if r.metric == "auroc"} >= set(record.benchmark.class_ids)
    points = {m.id for m in record.methods if m.curve is not None}
    of_points = [r for r in found.rows if r.method in points]
    assert {r.metric for r in of_points} >= set(record.benchmark.headline_metrics)
    assert all(r.group is None and r.class_id is None for r in of_points)


def test_the_predictions_of_a_summary_are_those_of_the_record(folder: Path, run: Run) -> None:
    found = store.read_summary(folder)
    ours, whole = store.read_predictions(folder, found), store.read_predictions(folder, run[0])
    assert ours
    assert [(p.method, p.level, p.seed) for p in ours] == [(p.method, p.level, p.seed) for p in whole]


@pytest.mark.parametrize(
    "damage", ["missing", "torn", "of another record", "changed", "other schema", "not JSON", "a folder"]
)
def test_a_summary_that_does_not_belong_to_its_record_is_made_anew(folder: Path, run: Run, damage: str) -> None:
    path, before = folder / store.SUMMARY, (folder / store.SUMMARY).read_text()
    value = next(r.value for r in run[0].rows if r.metric == "balanced-accuracy" and r.group is None and r.value)
    path.unlink()
    if damage == "of another record":
        other = run[0].model_copy(update={"created": "2020-01-01T00:00:00Z"})
        (folder / store.RECORD).write_text(store.record_json(other))
        path.write_text(before)
    elif damage == "changed":
        assert str(value) in before
        path.write_text(before.replace(str(value), "0.987654"))
    elif damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        changed = {
            "torn": before[:500],
            "other schema": before.replace('"schema_version": 1', '"schema_version": 0', 1),
        }
        path.write_text(changed.get(damage, "<html>"))
    found = store.read_summary(folder)
    assert found == store.summary_of(store.read_record(folder))
    assert any(r.value == value for r in found.rows)
    if damage != "a folder":
        assert json.loads(path.read_text())["run"]["created"] == found.created


def test_a_folder_that_cannot_be_written_to_is_read_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / store.SUMMARY).unlink()

    def refuse(path: Path, text: str) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("vlmeval.store.folders.write_text", refuse)
    assert store.read_summary(folder) == store.summary_of(store.read_record(folder))
    assert not (folder / store.SUMMARY).exists()


def test_a_summary_is_no_run(folder: Path) -> None:
    (folder / store.RECORD).unlink()
    with pytest.raises(MissingDataError, match="no finished run here"):
        store.read_summary(folder)
    (folder / store.RECORD).write_text("{}")
    with pytest.raises(DataError, match="cannot be read"):
        store.read_summary(folder)
