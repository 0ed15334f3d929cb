"""`predictions.parquet` with seeds: what is written is read back, seed by seed, and nothing else is read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from vlmeval import store
from vlmeval.errors import DataError
from vlmeval.records import (
    Benchmark,
    DataUsed,
    Decision,
    Environment,
    MethodUsed,
    Plan,
    Predictions,
    RunRecord,
    SeedUsed,
)

CLASSES, SEEDS, N = ("a", "b", "c"), (0, 1, 4), 60
CURVE = "few-shot:logistic:balanced"


def card(task: str = "multi-label") -> Benchmark:
    return Benchmark.model_validate(
        {
            "schema": 1,
            "id": "made-up",
            "version": "1",
            "title": "Made up",
            "summary": "For tests.",
            "task": task,
            "modality": "synthetic",
            "unit": {"name": "case", "column": "case"},
            "headline_metrics": ["auroc"],
            "data": {"adapter": "table", "home": "made-up"},
            "protocol": {"by": "unit"},
            "classes": [{"id": c, "name": c, "labels": [c]} for c in CLASSES],
            "groups": [
                {
                    "id": "site",
                    "name": "Site",
                    "kind": "site",
                    "column": "site",
                    "levels": [{"id": s, "name": s, "values": [s]} for s in ("leg", "arm")],
                }
            ],
            "prompts": {"default": "none"},
            "licence": {"name": "CC0"},
            "citation": "none",
            "homepage": "https://example.org",
        }
    )


def made(method: str, level: Any, seed: int | None = None, **changes: Any) -> Predictions:
    rng = np.random.default_rng(0 if seed is None else seed + 1)
    truth = np.random.default_rng(9)
    return Predictions(
        method=method,
        level=level,
        ids=np.array([f"{level}-{i}" for i in range(N)]),
        units=np.array([f"u{i // 2}" for i in range(N)]),
        y_true=truth.random((N, 3)) < 0.4,
        scores=rng.random((N, 3)),
        kind="sigmoid",
        decision=Decision("threshold", (0.1 * (seed or 0), 0.5, 0.6), "val"),
        groups={"site": truth.integers(0, 2, N).astype(np.int16)},
        seed=seed,
        **changes,
    )


def used(predictions: list[Predictions]) -> MethodUsed:
    """The record of one method at one level, as its predictions say."""
    first = predictions[0]

    def thresholds(p: Predictions) -> dict[str, float]:
        assert p.decision.thresholds is not None
        return {c: t for c, t in zip(CLASSES, p.decision.thresholds, strict=True) if c not in p.unscored}

    facts = {"id": first.method, "kind": "probe", "title": "t", "level": first.level, "score_kind": first.kind}
    if first.seed is None:
        return MethodUsed(**facts, decision="threshold", thresholds=thresholds(first), chosen_on="val")
    seeds = tuple(SeedUsed(seed=p.seed, thresholds=thresholds(p), chosen_on="val") for p in predictions)
    return MethodUsed(**facts, decision="threshold", seeds=seeds)


def record(methods: list[MethodUsed]) -> RunRecord:
    return RunRecord(
        digest="d" * 64,
        created="2026-01-01T00:00:00+00:00",
        plan=Plan(benchmark="made-up", model="m"),
        benchmark=card(),
        benchmark_digest="b",
        model=None,
        methods=tuple(methods),
        data=DataUsed(
            digest="x", images=N, units=N // 2, split_images={}, split_units={}, class_images={}, class_units={},
            group_units={}, account={}, test_ids_digest="t",
        ),
        rows=(),
        environment=Environment(
            vlmeval="0", python="3", platform="p", packages={}, device="cpu", dtype="float32"
        ),
    )  # fmt: skip


Written = tuple[Path, RunRecord, list[Predictions]]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """A run of two methods without seeds and two with, one of which cannot predict a class."""
    groups = [
        [made("zero-shot", "image")],
        [made("zero-shot", "unit")],
        [made("mlp-probe", "unit", s) for s in SEEDS],
        [made(f"{CURVE}@4", "unit", s, unscored=("b",)) for s in SEEDS],
    ]
    run = record([used(group) for group in groups])
    predictions = [p for group in groups for p in group]
    store.write_run(tmp_path / "run", run, predictions, "<html>")
    return tmp_path / "run", run, predictions


def same(read: Predictions, before: Predictions) -> None:
    scored = [c not in before.unscored for c in CLASSES]
    np.testing.assert_array_equal(read.scores[:, scored], store.as_stored(before).scores[:, scored])
    assert np.isfinite(read.scores).all()
    for name in ("ids", "units", "y_true"):
        np.testing.assert_array_equal(getattr(read, name), getattr(before, name))
    np.testing.assert_array_equal(read.groups["site"], before.groups["site"])
    for name in ("method", "level", "kind", "seed", "unscored"):
        assert getattr(read, name) == getattr(before, name), name
    assert read.decision.rule == "threshold"
    assert read.decision.chosen_on == "val"
    found = np.array(read.decision.thresholds)
    assert found[scored].tolist() == np.array(before.decision.thresholds)[scored].tolist()


def test_every_seed_is_read_back_with_its_own_thresholds(written: Written) -> None:
    folder, run, predictions = written
    assert run == store.read_record(folder)
    read = store.read_predictions(folder, run, seeds=True)
    assert len(read) == len(predictions) == 8
    for one, before in zip(read, predictions, strict=True):
        same(one, before)
    # No threshold was recorded for a class without scores: nothing reaches it.
    assert read[-1].decision.thresholds[1] == np.inf


def test_without_seeds_only_methods_without_seeds_are_read(written: Written) -> None:
    folder, run, predictions = written
    read = store.read_predictions(folder, run)
    assert [(p.method, p.level, p.seed) for p in read] == [("zero-shot", "image", None), ("zero-shot", "unit", None)]
    for one, before in zip(read, predictions, strict=False):
        same(one, before)


def test_methods_not_asked_for_are_not_even_read(written: Written) -> None:
    folder, run, _ = written
    path = folder / store.PREDICTIONS
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups == 4
    # Spoil the bytes of the last row group: only who asks for it finds out.
    column = file.metadata.row_group(3).column(0)
    damaged = bytearray(path.read_bytes())
    start = column.dictionary_page_offset
    damaged[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(damaged)
    assert len(store.read_predictions(folder, run)) == 2
    with pytest.raises(DataError, match="cannot be read"):
        store.read_predictions(folder, run, seeds=True)


def test_scores_of_seeds_are_rounded_and_others_are_not() -> None:
    alone, seeded = made("zero-shot", "image"), made("mlp-probe", "image", 3)
    assert store.as_stored(alone) is alone
    rounded = store.as_stored(seeded).scores
    assert rounded.dtype == np.float64
    assert (rounded == seeded.scores.astype(np.float32)).all()
    assert (rounded != seeded.scores).any()
    np.testing.assert_allclose(rounded, seeded.scores, rtol=2**-24)


def test_the_file_is_plain_and_says_what_is_unknown(written: Written) -> None:
    table = pd.read_parquet(written[0] / store.PREDICTIONS)
    assert table["seed"].isna().tolist() == [True] * 2 * N + [False] * 6 * N
    lacking = table["score:b"].isna()
    assert (lacking == (table["method"] == f"{CURVE}@4")).all()
    assert not table["score:a"].isna().any()
    assert pd.api.types.is_string_dtype(table["id"])


def test_what_all_seeds_share_costs_next_to_nothing(tmp_path: Path) -> None:
    """Twenty seeds more cost their scores as float32 and little beside."""
    sizes = []
    for count in (1, 21):
        predictions = [made("mlp-probe", "unit", s) for s in range(count)]
        for p in predictions:
            p.scores[:] = np.round(p.scores, 2)
        predictions = [
            replace(
                p, ids=np.char.add(np.resize(p.ids, 600), np.arange(600).astype(str)), units=np.resize(p.units, 600),
                y_true=np.resize(p.y_true, (600, 3)),
                scores=np.random.default_rng(p.seed).random((600, 3)),
                groups={"site": np.resize(p.groups["site"], 600)},
            )
            for p in predictions
        ]  # fmt: skip
        folder = tmp_path / str(count)
        store.write_run(folder, record([used(predictions)]), predictions, "<html>")
        sizes.append((folder / store.PREDICTIONS).stat().st_size)
    assert sizes[1] - sizes[0] < 20 * 600 * (3 * 4 + 3)


def test_a_run_of_seeds_alone_has_nothing_to_read_without_them(tmp_path: Path) -> None:
    predictions = [made("mlp-probe", "unit", s) for s in SEEDS]
    run = record([used(predictions)])
    store.write_run(tmp_path, run, predictions, "<html>")
    assert store.read_predictions(tmp_path, run) == []
    assert [p.seed for p in store.read_predictions(tmp_path, run, seeds=True)] == list(SEEDS)


def change(table: pd.DataFrame, damage: str) -> pd.DataFrame:
    seeded, last = table["method"] == "mlp-probe", table["seed"] == SEEDS[-1]
    some = table.index % 7 > 0
    return {
        "a seed is gone": table[~(seeded & last)],
        "a seed too many": pd.concat([table, table[seeded & last].assign(seed=7)]),
        "no seed where there are some": table.assign(seed=table["seed"].where(~(seeded & last))),
        "no column of seeds": table.drop(columns="seed"),
        "rows of a seed are gone": table.drop(index=table[seeded & last].index[:3]),
        "scores are gone": table.assign(**{"score:a": table["score:a"].where(some)}),
        "ids are gone": table.assign(id=table["id"].where(some)),
    }[damage]


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("a seed is gone", "seeds [0, 1], not [0, 1, 4]"),
        ("a seed too many", "seeds [0, 1, 4, 7], not [0, 1, 4]"),
        ("no seed where there are some", "seeds [0, 1], not [0, 1, 4]"),
        ("no column of seeds", "'seed'"),
        ("rows of a seed are gone", "seeds of mlp-probe at unit level have different rows"),
        ("scores are gone", "scores of zero-shot at image level are missing in some rows"),
        ("ids are gone", "column 'id' is empty in some rows"),
    ],
)
def test_files_that_do_not_fit_the_record_are_refused(written: Written, damage: str, found: str) -> None:
    folder, run, _ = written
    path = folder / store.PREDICTIONS
    change(pd.read_parquet(path), damage).to_parquet(path)
    with pytest.raises(DataError, match="do not belong to the run record") as caught:
        store.read_predictions(folder, run, seeds=True)
    assert found in str(caught.value)
    assert caught.value.file == str(path)


def test_a_method_without_seeds_does_not_take_rows_of_seeds(written: Written) -> None:
    folder, run, _ = written
    path = folder / store.PREDICTIONS
    table = pd.read_parquet(path)
    table.assign(seed=0).to_parquet(path)
    with pytest.raises(DataError) as caught:
        store.read_predictions(folder, run)
    assert "zero-shot at image level has seeds [0], not []" in str(caught.value)
