"""Embeddings in files from the command line: a model's exported and read again, foreign ones converted and joined."""

from __future__ import annotations

import json
import os
import pickle  # noqa: TID251  (writes a file that must be refused)
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

Cli = Any
World = Any


def export(cli: Cli, world: World, checkpoint: Path, target: Path, *more: object) -> Any:
    places = ("--data-root", world.root, "--data", world.data, "--cache", world.cache, "--device", "cpu")
    return cli("data", "export", "mini", "--model", checkpoint, "-o", target, *places, "--workers", 0, *more)


def as_objects(file: Path, target: Path, change: Any = None) -> Path:
    """Write a plain file as Google does: one array of objects with rows of path, vector, labels."""
    plain = np.load(file)
    table = np.empty((len(plain["ids"]), 3), dtype=object)
    for row, (image, vector) in enumerate(zip(plain["images"].tolist(), plain["vectors"], strict=True)):
        table[row] = [f"dataset/images/{image}", vector, [0, 1, 0]]
    np.savez(target, data=table if change is None else change(table))
    return target


def test_export_names_rows_paths_and_how_they_were_made(
    cli: Cli, world: World, checkpoint: Path, tmp_path: Path
) -> None:
    first = export(cli, world, checkpoint, tmp_path / "v.npz", "--json").json()
    assert (first["samples"], first["rows"], first["dim"], first["computed"]) == (135, 135, 16, 135)
    again = export(cli, world, checkpoint, tmp_path / "v.parquet", "--json").json()
    assert again["computed"] == 0
    plain, table = np.load(tmp_path / "v.npz"), pq.read_table(tmp_path / "v.parquet")
    np.testing.assert_array_equal(np.stack(table["vector"].to_numpy()), plain["vectors"])
    assert table["id"].to_pylist() == plain["ids"].tolist()
    assert table["image"].to_pylist() == plain["images"].tolist()
    assert set(plain["images"].tolist()) == {path.name for path in world.data.glob("*.png")}
    meta = json.loads(str(plain["meta"]))
    assert meta == json.loads(table.schema.metadata[b"vlmeval"])
    assert (meta["benchmark"], meta["model"], meta["dtype"], meta["vectors"]) == (
        "mini", str(checkpoint), "float32", "projected",
    )  # fmt: skip
    assert "bicubic" in meta["preprocessing"].lower()
    pooled = export(cli, world, checkpoint, tmp_path / "p.npz", "--pooled", "--json").json()
    assert (pooled["vectors"], pooled["dim"]) == ("pooled", 32)


def test_export_prints_an_account_and_names_what_it_could_not_read(
    cli: Cli, world: World, checkpoint: Path, tmp_path: Path
) -> None:
    (world.data / "3-0.png").write_bytes(b"no picture")
    answer = export(cli, world, checkpoint, tmp_path / "v.npz")
    assert answer.code == 0
    assert "134" in answer.out
    assert "3-0" in answer.err
    for path in world.data.glob("*.png"):
        path.unlink()
    answer = export(cli, world, checkpoint, tmp_path / "w.npz")
    assert answer.code == 3
    assert "vlmeval data check mini" in answer.err
    assert not (tmp_path / "w.npz").exists()
    assert export(cli, world, checkpoint, tmp_path / "w.csv").code == 2


@pytest.mark.parametrize("kind", ["npz", "parquet", "converted"])
def test_exported_vectors_give_the_models_own_scores(
    kind: str, cli: Cli, world: World, checkpoint: Path, tmp_path: Path
) -> None:
    def scores(model: object) -> pd.DataFrame:
        options = (*world.options(), "--draws", 20, "--device", "cpu", "--json")
        run = cli("run", "--model", model, "--bench", "mini", *options).json()["runs"][0]
        return pd.read_parquet(Path(run["folder"]) / "predictions.parquet")

    file = tmp_path / f"v.{kind}"
    if kind == "converted":
        export(cli, world, checkpoint, tmp_path / "v.npz")
        file = tmp_path / "w.npz"
        assert cli("data", "convert", as_objects(tmp_path / "v.npz", tmp_path / "g.npz"), "-o", file).code == 0
    else:
        export(cli, world, checkpoint, file)
    pd.testing.assert_frame_equal(scores(f"embeddings:{file}::{checkpoint}"), scores(checkpoint))


def test_the_record_says_what_did_not_join(cli: Cli, world: World, checkpoint: Path, tmp_path: Path) -> None:
    export(cli, world, checkpoint, tmp_path / "v.npz")
    plain = np.load(tmp_path / "v.npz")
    names = plain["ids"].copy()
    names[:2] = ["nobody", "no-one"]
    np.savez(tmp_path / "w.npz", ids=names, vectors=plain["vectors"])
    model = f"embeddings:{tmp_path / 'w.npz'}::{checkpoint}"
    options = (*world.options(), "--draws", 20, "--device", "cpu", "--json", "--max-missing", 0.1)
    run = cli("run", "--model", model, "--bench", "mini", *options).json()["runs"][0]
    record = json.loads((Path(run["folder"]) / "run.json").read_text())
    findings = {finding["code"]: finding for finding in record["findings"]}
    missing, unused = findings["samples-without-vector"], findings["vectors-unused"]
    assert (missing["severity"], missing["count"]) == ("warning", 2)
    assert missing["examples"] == plain["ids"][:2].tolist()
    assert (unused["severity"], unused["count"], unused["examples"]) == ("info", 2, ["nobody", "no-one"])
    assert record["data"]["account"]["vectors without sample"] == 2


def test_convert_says_how_many_samples_have_a_vector(cli: Cli, world: World, checkpoint: Path, tmp_path: Path) -> None:
    export(cli, world, checkpoint, tmp_path / "v.npz")
    file = as_objects(tmp_path / "v.npz", tmp_path / "g.npz", lambda table: np.concatenate([table[5:], table[-1:]]))
    places = ("--bench", "mini", "--data-root", world.root, "--data", world.data)
    answer = cli("data", "convert", file, "-o", tmp_path / "o.parquet", *places)
    assert answer.code == 0, answer.err
    assert "samples without vector: 0-0" in answer.err
    found = cli("data", "convert", file, "-o", tmp_path / "o.parquet", *places, "--json").json()
    assert (found["rows_in"], found["rows_out"], found["repeated"]) == (131, 130, 1)
    assert (found["dim"], found["dtype"]) == (16, "float32")
    assert found["joined"]["account"]["by file name"] == 130
    assert len(found["joined"]["missing"]) == 5
    assert all(part in answer.out for part in ("rows in", "131", "by file name", "130"))


class Evil:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.target}",)


def test_a_file_with_code_in_it_is_refused_by_name(cli: Cli, tmp_path: Path) -> None:
    bad = np.empty((1, 2), dtype=object)
    bad[0] = ["a.png", Evil(tmp_path / "done")]
    np.savez(tmp_path / "v.npz", data=bad)
    assert pickle.dumps(bad)
    answer = cli("data", "convert", tmp_path / "v.npz", "-o", tmp_path / "o.npz")
    assert answer.code == 3
    assert "system" in answer.err
    assert "data" in answer.err
    error = cli("data", "convert", tmp_path / "v.npz", "-o", tmp_path / "o.npz", "--json")
    assert (error.code, error.json()["key"]) == (3, "data")
    assert {path.name for path in tmp_path.iterdir()} == {"v.npz"}


def test_bad_rows_can_be_dropped_and_mistakes_have_their_exit_codes(cli: Cli, tmp_path: Path) -> None:
    vectors = np.ones((3, 2))
    vectors[1] = np.nan
    np.savez(tmp_path / "v.npz", names=np.array(["a", "b", "c"]), x=vectors)
    target = ("-o", tmp_path / "o.npz")
    answer = cli("data", "convert", tmp_path / "v.npz", *target)
    assert answer.code == 3
    assert "b" in answer.err
    dropped = cli("data", "convert", tmp_path / "v.npz", *target, "--drop-bad")
    assert dropped.code == 0
    assert "dropped, as not finite: b" in dropped.err
    assert cli("data", "convert", tmp_path / "v.npz", *target, "--ids", "names").code == 2
    assert cli("data", "convert", tmp_path / "absent.npz", *target).code == 3
    unknown = cli("data", "convert", tmp_path / "v.npz", *target, "--drop-bad", "--made-by", "medsiglip")
    assert unknown.code == 2
    assert "medsiglip-448" in unknown.err
    assert cli("data", "convert", tmp_path / "v.npz", *target, "--drop-bad", "--made-by", "medsiglip-448").code == 0
    assert cli("data", "convert", tmp_path / "v.npz", "-o", tmp_path / "o.txt").code == 2


@pytest.mark.realdata
def test_vectors_of_scin_join_by_the_paths_of_its_tables(cli: Cli, real_data: Path, tmp_path: Path) -> None:
    """The layout and names of MedSigLIP's published file; random vectors, as the real ones cannot be had here."""
    cases = pd.read_csv(real_data / "scin" / "scin_cases.csv", dtype=str)
    paths = sorted({p for k in (1, 2, 3) for p in cases[f"image_{k}_path"].dropna()})
    vectors = np.random.default_rng(0).normal(size=(len(paths), 16)).astype(np.float32)
    table = np.empty((len(paths), 3), dtype=object)
    for row, path in enumerate(paths):
        table[row] = [path, vectors[row], [0] * 10]
    np.savez(tmp_path / "v.npz", data=table[:-1])
    places = ("--bench", "scin@notebook", "--data", real_data / "scin", "--json")
    found = cli("data", "convert", tmp_path / "v.npz", "-o", tmp_path / "o.npz", *places).json()
    account = found["joined"]["account"]
    assert found["rows_out"] == len(paths) - 1 == 10379
    assert (account["by image path"], account["samples without vector"]) == (6452, 0)
    assert account["vectors without sample"] == 3939


def test_given_vectors_can_be_exported_again_and_must_fit_the_text_side(
    cli: Cli, world: World, checkpoint: Path, tmp_path: Path
) -> None:
    export(cli, world, checkpoint, tmp_path / "v.npz")
    given = f"embeddings:{tmp_path / 'v.npz'}"
    places = ("--data-root", world.root, "--data", world.data, "--cache", world.cache, "--device", "cpu")
    done = cli("data", "export", "mini", "--model", given, "-o", tmp_path / "w.parquet", *places, "--json").json()
    assert (done["rows"], done["dim"]) == (135, 16)
    table, plain = pq.read_table(tmp_path / "w.parquet"), np.load(tmp_path / "v.npz")
    np.testing.assert_array_equal(np.stack(table["vector"].to_numpy()), plain["vectors"])
    export(cli, world, checkpoint, tmp_path / "p.npz", "--pooled")
    answer = cli("run", "--model", f"embeddings:{tmp_path / 'p.npz'}::{checkpoint}", "--bench", "mini",
                 *world.options(), "--device", "cpu")  # fmt: skip
    assert answer.code == 3
    assert "32" in answer.err
    assert "before its projection" in answer.err
