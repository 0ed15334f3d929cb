"""The headline path on the real tables: SCIN with stand-in pictures, HAM10000 with its own; skipped where absent."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vlmeval import store

Cli = Any

pytestmark = pytest.mark.realdata
CASES = 400


@pytest.fixture(scope="module")
def scin_with_pictures(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real SCIN tables cut to some hundred cases, with a drawn stand-in for every picture they name."""
    folder = tmp_path_factory.mktemp("scin")
    kept: set[str] = set()
    for name in ("scin_cases.csv", "scin_labels.csv"):
        with (real_data / "scin" / name).open(newline="", encoding="utf-8") as source:
            rows = list(csv.DictReader(source))
        if not kept:
            kept = {row["case_id"] for row in rows[:CASES]}
        with (folder / name).open("w", newline="", encoding="utf-8") as target:
            writer = csv.DictWriter(target, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(row for row in rows if row["case_id"] in kept)
    rng = np.random.default_rng(0)
    cases = pd.read_csv(folder / "scin_cases.csv", dtype=str, keep_default_na=False)
    for name in {n for k in (1, 2, 3) for n in cases[f"image_{k}_path"] if n}:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)).save(folder / name)
    return folder


def run(cli: Cli, checkpoint: Path, bench: str, data: Path, tmp_path: Path, *more: object) -> store.RunRecord:
    answer = cli(
        "run", "--model", checkpoint, "--bench", bench, "--data", data, "--out", tmp_path / "runs", "--cache",
        tmp_path / "cache", "--draws", 200, "--json", *more,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    return store.read_record(Path(answer.json()["runs"][0]["folder"]))


@pytest.mark.parametrize("bench", ["scin", "scin-broad", "scin-broad@top1"])
def test_scin_runs_on_its_real_tables(
    cli: Cli, checkpoint: Path, scin_with_pictures: Path, tmp_path: Path, bench: str
) -> None:
    record = run(cli, checkpoint, bench, scin_with_pictures, tmp_path)
    assert record.data.units < CASES
    assert set(record.data.group_units) >= {"fst-self", "fst-dermatologist", "monk-us", "monk-india"}
    headline = record.headline_method
    assert headline.level == "unit"
    macro = [r for r in record.rows if (r.method, r.level, r.metric) == (headline.id, "unit", "auroc")]
    metric = "average-precision" if record.benchmark.task == "multi-label" else "balanced-accuracy"
    first = next(r for r in record.headline_rows() if r.metric == metric)
    assert first.value is not None
    assert first.low <= first.value <= first.high
    shown = [r for r in macro if r.averaging == "class" and r.group == "monk-us"]
    assert any(r.value is None and r.reason for r in shown)  # cells this small are suppressed
    assert all(r.reason is None or r.value is None for r in shown)


def test_the_notebook_protocol_carries_the_leak_badge(
    cli: Cli, checkpoint: Path, scin_with_pictures: Path, tmp_path: Path
) -> None:
    record = run(cli, checkpoint, "scin@notebook", scin_with_pictures, tmp_path)
    assert "leakage" in [badge.kind for badge in record.badges]
    assert any("case" in finding.message for finding in record.findings)


def test_ham10000_runs_on_its_real_photographs(cli: Cli, checkpoint: Path, real_data: Path, tmp_path: Path) -> None:
    record = run(cli, checkpoint, "ham10000", real_data / "ham10000", tmp_path, "--limit", 600)
    assert record.data.units == 600
    assert not record.data.unreadable
    assert sum(record.data.class_units.values()) == record.data.split_units["test"]
    assert [g.id for g in record.benchmark.groups if g.unavailable] == ["skin-tone"]
    rows = pd.DataFrame([row.model_dump() for row in record.rows])
    assert set(rows.group.dropna()) >= {"sex", "age", "site"}


def test_a_missing_picture_is_listed_and_left_out(
    cli: Cli, checkpoint: Path, scin_with_pictures: Path, tmp_path: Path
) -> None:
    data = tmp_path / "scin"
    shutil.copytree(scin_with_pictures, data)
    first = next(iter(sorted((data / "dataset" / "images").iterdir())))
    first.unlink()
    record = run(cli, checkpoint, "scin", data, tmp_path, "--max-missing", 0.02)
    assert len(record.data.unreadable) <= 1  # the picture may belong to a case the protocol leaves out
    whole = run(cli, checkpoint, "scin", scin_with_pictures, tmp_path)
    assert record.data.images + len(record.data.unreadable) == whole.data.images
