"""`vlmeval run` from pictures to report, on a user's own benchmark and a real tiny checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from vlmeval import store
from vlmeval.catalog import expand_prompts, load_catalog
from vlmeval.encoders.resolve import resolve

Answer = Any
Cli = Any
World = Any


def run(cli: Cli, world: World, checkpoint: Path, *more: object, bench: str = "mini") -> Answer:
    return cli("run", "--model", checkpoint, "--bench", bench, "--draws", 200, *world.options(), *more)


def test_a_run_leaves_a_folder_that_says_everything(cli: Cli, world: World, checkpoint: Path) -> None:
    answer = run(cli, world, checkpoint, "--json")
    assert answer.code == 0, answer.err
    (done,) = answer.json()["runs"]
    folder = Path(done["folder"])
    assert {p.name for p in folder.iterdir()} == {
        "how-we-compute.html", "metrics.csv", "predictions.parquet", "report.html", "run.json", "summary.json",
    }  # fmt: skip
    record = json.loads((folder / "run.json").read_text())
    jsonschema.validate(record, store.json_schema())
    assert record["data"]["units"] == 90
    assert record["data"]["split_units"]["test"] == 54
    assert [p["id"] for p in record["prompts"]] == ["generic/names", "generic/photo"]
    assert {m["level"] for m in record["methods"]} == {"image", "unit"}
    assert "<html" in (folder / "report.html").read_text()


def test_the_numbers_are_scikit_learns(cli: Cli, world: World, checkpoint: Path) -> None:
    (done,) = run(cli, world, checkpoint, "--json").json()["runs"]
    table = pd.read_parquet(Path(done["folder"]) / "predictions.parquet")
    rows = pd.read_csv(Path(done["folder"]) / "metrics.csv")
    method = table[(table.method == "zero-shot:generic/names") & (table.level == "unit")]
    truth = method[[c for c in table if c.startswith("true:")]].to_numpy()
    scores = method[[c for c in table if c.startswith("score:")]].to_numpy()
    assert len(method) == 54

    def value(metric: str, averaging: str) -> float:
        found = rows[
            (rows.method == "zero-shot:generic/names")
            & (rows.level == "unit")
            & (rows.metric == metric)
            & (rows.averaging == averaging)
            & rows.group.isna()
        ]
        assert len(found) == 1
        assert found.low.item() <= found.value.item() <= found.high.item()
        return float(found.value.item())

    assert value("auroc", "macro") == pytest.approx(roc_auc_score(truth, scores, average="macro"), abs=1e-12)
    expected = balanced_accuracy_score(truth.argmax(1), scores.argmax(1))
    assert value("balanced-accuracy", "overall") == pytest.approx(expected, abs=1e-12)


def test_the_same_plan_finds_its_run_and_another_does_not(cli: Cli, world: World, checkpoint: Path) -> None:
    (first,) = run(cli, world, checkpoint, "--json").json()["runs"]
    stamp = (Path(first["folder"]) / "run.json").stat().st_mtime_ns
    (again,) = run(cli, world, checkpoint, "--json").json()["runs"]
    assert again["found"]
    assert again["digest"] == first["digest"]
    assert (Path(first["folder"]) / "run.json").stat().st_mtime_ns == stamp
    (other,) = run(cli, world, checkpoint, "--json", "--seed", 1).json()["runs"]
    assert not other["found"]
    assert other["digest"] != first["digest"]


def test_a_run_without_its_run_json_is_done_again(cli: Cli, world: World, checkpoint: Path) -> None:
    (first,) = run(cli, world, checkpoint, "--json").json()["runs"]
    before = json.loads((Path(first["folder"]) / "run.json").read_text())
    (Path(first["folder"]) / "run.json").unlink()
    (again,) = run(cli, world, checkpoint, "--json").json()["runs"]
    after = json.loads((Path(first["folder"]) / "run.json").read_text())
    assert not again["found"]
    assert after["rows"] == before["rows"]


def test_a_changed_picture_makes_another_run(cli: Cli, world: World, checkpoint: Path) -> None:
    (first,) = run(cli, world, checkpoint, "--json").json()["runs"]
    shutil.copy(world.data / "1-0.png", world.data / "4-0.png")
    answer = run(cli, world, checkpoint, "--json")
    # the same picture now stands in two cases: refused when they are in two splits, another run when not
    assert answer.code == 3 or answer.json()["runs"][0]["digest"] != first["digest"]


def test_multi_label_thresholds_come_from_validation_rows(cli: Cli, world: World, checkpoint: Path) -> None:
    (done,) = run(cli, world, checkpoint, "--json", bench="mini-multi").json()["runs"]
    record = store.read_record(Path(done["folder"]))
    for method in record.methods:
        assert method.decision == "threshold"
        assert method.chosen_on is not None
        assert method.chosen_on.startswith("validation rows")
        assert set(method.thresholds or {}) == {"red", "green", "blue"}


def test_predictions_are_read_back_as_they_were(cli: Cli, world: World, checkpoint: Path) -> None:
    (done,) = run(cli, world, checkpoint, "--json", bench="mini-multi").json()["runs"]
    folder = Path(done["folder"])
    record = store.read_record(folder)
    for one, method in zip(store.read_predictions(folder, record), record.methods, strict=True):
        assert (one.method, one.level, one.kind) == (method.id, method.level, method.score_kind)
        assert len(one) == (54 if one.level == "unit" else record.data.split_images["test"])
        assert np.isfinite(one.scores).all()
        assert set(one.groups) == {"tone"}


def test_tone_rows_have_counts_intervals_and_gaps(cli: Cli, world: World, checkpoint: Path) -> None:
    (done,) = run(cli, world, checkpoint, "--json").json()["runs"]
    rows = pd.read_csv(Path(done["folder"]) / "metrics.csv")
    tone = rows[(rows.group == "tone") & (rows.level == "unit") & (rows.metric == "balanced-accuracy")]
    assert {"light", "dark", "unknown", "worst", "max-min", "last-first"} <= set(tone.group_level)
    assert tone[tone.group_level.isin(["light", "dark", "unknown"])].n_units.sum() == 54


@pytest.mark.parametrize("score", ["softmax", "sigmoid", "cosine"])
@pytest.mark.parametrize("aggregation", ["mean-embedding", "max-score"])
def test_overrides_are_in_the_record(cli: Cli, world: World, checkpoint: Path, score: str, aggregation: str) -> None:
    answer = run(cli, world, checkpoint, "--json", "--score", score, "--aggregation", aggregation)
    record = store.read_record(Path(answer.json()["runs"][0]["folder"]))
    assert {m.score_kind for m in record.methods} == {score}
    assert {p.aggregation for p in record.prompts} == {aggregation}


def test_limit_looks_at_fewer_units_and_is_badged(cli: Cli, world: World, checkpoint: Path) -> None:
    answer = run(cli, world, checkpoint, "--json", "--limit", 40)
    record = store.read_record(Path(answer.json()["runs"][0]["folder"]))
    assert record.data.units == 40
    assert [b.kind for b in record.badges] == ["partial"]


def test_a_few_unreadable_pictures_are_listed_and_many_stop_the_run(cli: Cli, world: World, checkpoint: Path) -> None:
    (world.data / "7-0.png").write_bytes(b"not a picture")
    answer = run(cli, world, checkpoint, "--json", "--max-missing", 0.05)
    record = store.read_record(Path(answer.json()["runs"][0]["folder"]))
    assert len(record.data.unreadable) == 1
    assert "7-0" in record.data.unreadable[0]
    assert "partial" in [b.kind for b in record.badges]
    assert run(cli, world, checkpoint).code == 0  # 1 of 135 is under the default of 1 %
    (world.data / "8-0.png").write_bytes(b"")
    stopped = run(cli, world, checkpoint)
    assert stopped.code == 3
    assert "2 of 135 pictures of mini could not be read" in stopped.err
    assert "vlmeval data check mini" in stopped.err


def test_missing_pictures_stop_the_run_before_the_model_is_loaded(cli: Cli, world: World) -> None:
    for path in world.data.glob("*.png"):
        path.unlink()
    answer = cli("run", "--model", "/nonexistent/model", "--bench", "mini", *world.options())
    assert answer.code in (2, 3, 4)
    assert not world.runs.exists()


def test_one_case_in_train_and_test_stops_the_run_and_is_named(cli: Cli, world: World, checkpoint: Path) -> None:
    lines = (world.data / "photos.csv").read_text().splitlines()
    splits = ["split", *(["train", "test"] * len(lines))]
    text = "\n".join(f"{line},{split}" for line, split in zip(lines, splits, strict=False))
    (world.data / "photos.csv").write_text(text + "\n")
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    clean = card.read_text()
    by_column = "protocol: {by: column, column: split}"
    card.write_text(clean.replace("protocol: {by: unit, fractions: [0.2, 0.2, 0.6]}", by_column))
    stopped = run(cli, world, checkpoint)
    assert stopped.code == 3
    assert "c1" in stopped.err
    leaky = by_column.replace("}", ", leaky: cases stand in both splits}")
    card.write_text(clean.replace("protocol: {by: unit, fractions: [0.2, 0.2, 0.6]}", leaky))
    answer = run(cli, world, checkpoint, "--json")
    assert answer.code == 0, answer.err
    assert [b["kind"] for b in answer.json()["runs"][0]["badges"]] == ["leakage"]


def test_several_models_run_in_turn_and_one_failure_does_not_stop_the_others(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    answer = cli("run", "--model", "clip-vit-b23", "--model", checkpoint, "--bench", "mini", "--json", *world.options())
    assert answer.code == 2
    result = answer.json()
    assert len(result["runs"]) == 1
    assert "did you mean" in result["errors"][0]["message"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--bench", "minni"], 2, "did you mean"),
        (["--bench", "mini", "--method", "zero-shoot"], 2, "did you mean zero-shot"),
        (["--bench", "mini", "--prompts", "generic/nmes"], 2, "did you mean generic/names"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(
    cli: Cli, world: World, checkpoint: Path, arguments: list[str], code: int, text: str
) -> None:
    answer = cli("run", "--model", checkpoint, *arguments, *world.options())
    assert answer.code == code
    assert text in answer.err
    assert not world.runs.exists()


def test_an_error_is_json_when_json_is_asked_for(cli: Cli, world: World) -> None:
    answer = cli("run", "--model", "x", "--bench", "minni", "--json", *world.options())
    assert answer.code == 2
    assert answer.json()["error"] == "UnknownNameError"


def test_report_is_rendered_anew_from_the_folder_alone(cli: Cli, world: World, checkpoint: Path) -> None:
    (done,) = run(cli, world, checkpoint, "--json").json()["runs"]
    folder = Path(done["folder"])
    before = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    shutil.rmtree(world.root)
    answer = cli("report", folder)
    assert answer.code == 0, answer.err
    assert (folder / "report.html").read_bytes() == before
    assert cli("report", folder, "--json").json()["reports"][0]


def test_a_broken_run_record_is_refused_with_its_place(cli: Cli, world: World, checkpoint: Path) -> None:
    (done,) = run(cli, world, checkpoint, "--json").json()["runs"]
    path = Path(done["folder"]) / "run.json"
    path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99'))
    answer = cli("report", done["folder"])
    assert answer.code == 3
    assert "schema_version" in answer.err
    path.unlink()
    assert cli("report", done["folder"]).code == 3


def test_one_photograph_under_several_cases_costs_the_other_splits_not_the_run(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    for case in range(3, 30, 3):
        shutil.copy(world.data / "0-0.png", world.data / f"{case}-0.png")
    answer = run(cli, world, checkpoint, "--json")
    assert answer.code == 0, answer.err
    record = json.loads((Path(answer.json()["runs"][0]["folder"]) / "run.json").read_text())
    first, *others = record["findings"]
    assert first["code"] == "repeats-left-out"
    assert not [f for f in others if f["severity"] == "violation"]
    assert record["data"]["split_units"]["test"] == 54
    assert record["data"]["units"] == 90 - first["count"]


def test_given_vectors_take_the_same_way(cli: Cli, world: World, checkpoint: Path, tmp_path: Path) -> None:
    """Vectors that are the class prompts' own directions must score perfectly; half of them are too few."""
    catalog = load_catalog([world.root])
    benchmark = catalog.benchmark("mini")
    prompts = expand_prompts(catalog.prompt_set("generic/names"), benchmark).prompts
    texts = resolve(str(checkpoint), catalog).load("cpu", "float32").encode_texts([prompts[c][0] for c in prompts])
    photos = pd.read_csv(world.data / "photos.csv")
    vectors = texts[photos.colour.map({"r": 0, "g": 1, "b": 2})]
    names = photos.file.to_numpy(dtype=str)
    np.savez(tmp_path / "all.npz", ids=names, vectors=vectors)
    np.savez(tmp_path / "half.npz", ids=names[:60], vectors=vectors[:60])
    options = ["--prompts", "generic/names", "--json"]
    answer = run(cli, world, f"embeddings:{tmp_path}/all.npz::{checkpoint}", *options)  # type: ignore[arg-type]
    assert answer.code == 0, answer.err
    (done,) = answer.json()["runs"]
    headline = {row["metric"]: row["value"] for row in done["headline"] if not row["group"]}
    assert headline["balanced-accuracy"] == headline["auroc"] == 1
    few = run(cli, world, f"embeddings:{tmp_path}/half.npz::{checkpoint}")  # type: ignore[arg-type]
    assert few.code == 3
    assert "75 of 135 pictures of mini have no vector" in few.err
