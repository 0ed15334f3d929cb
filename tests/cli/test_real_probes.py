"""Probes on the real data: SCIN's notebook protocol from a file of vectors, HAM10000 with its own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlmeval import store
from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.records import RunRecord, Samples

Cli = Any
Vectors = np.ndarray[Any, np.dtype[np.float32]]
POSITIVES = (2303, 1909, 854, 678, 652, 573, 531, 463, 292, 333)
"""Positive pictures of the ten conditions over all 6,452 rows: the published protocol on the official tables."""

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def scin_rows(real_data: Path) -> Samples:
    return load_samples(load_catalog().benchmark("scin@notebook"), real_data / "scin")


@pytest.fixture(scope="module")
def vectors_file(scin_rows: Samples, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up vectors of every picture but the missing one, that know a little of the labels, named by image path."""
    rng = np.random.default_rng(7)
    directions = rng.normal(size=(len(scin_rows.benchmark.classes), 24))
    vectors = rng.normal(size=(len(scin_rows), 24)) + 0.7 * scin_rows.labels @ directions
    names = [f"dataset/images/{image.path.name}" for image in scin_rows.images]
    rows = [row for row, name in enumerate(names) if "-2243186711511406658" not in name]
    file = tmp_path_factory.mktemp("vectors") / "scin.npz"
    # A picture that stands in two rows has one vector: the last row's, as in a dictionary by path.
    by_name = {names[row]: vectors[row] for row in rows}
    np.savez(file, ids=np.array(list(by_name)), vectors=np.array(list(by_name.values()), dtype=np.float32))
    return file


def run(cli: Cli, model: str, bench: str, data: Path, tmp_path: Path, *more: object) -> RunRecord:
    answer = cli(
        "run", "--model", model, "--bench", bench, "--data", data, "--out", tmp_path / "runs", "--cache",
        tmp_path / "cache", "--draws", 50, "--json", *more,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    return store.read_record(Path(answer.json()["runs"][0]["folder"]))


def value(record: RunRecord, method: str, metric: str, level: str = "image") -> float:
    (row,) = (
        r for r in record.rows
        if (r.method, r.metric, r.level) == (method, metric, level)
        and r.class_id is None and r.group is None and r.averaging in ("overall", "macro")
    )  # fmt: skip
    assert row.value is not None
    return row.value


def test_the_notebook_is_reproduced_from_a_file(
    cli: Cli, vectors_file: Path, scin_rows: Samples, real_data: Path, tmp_path: Path
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import hamming_loss
    from sklearn.multioutput import MultiOutputClassifier

    model = f"embeddings:{vectors_file}"
    record = run(cli, model, "scin@notebook", real_data / "scin", tmp_path, "--method", "linear-probe",
                 "--recipe", "medsiglip-notebook")  # fmt: skip
    counts = record.data.split_class_images
    total = [sum(counts[split][c] for split in counts) for c in record.benchmark.class_ids]
    missing = scin_rows.labels[["2243186711511406658" in str(image) for image in scin_rows.images]][0]
    assert total == [n - int(gone) for n, gone in zip(POSITIVES, missing, strict=True)]
    assert record.data.split_images == {"train": 3869, "val": 1291, "test": 1291}
    assert "leakage" in [badge.kind for badge in record.badges]

    # The notebook itself, written down again: permutation, split, classifier, Hamming loss.
    with np.load(vectors_file) as file:
        vector_of = dict(zip(file["ids"].tolist(), file["vectors"], strict=True))
    named = [f"dataset/images/{image.path.name}" for image in scin_rows.images]
    rows = [row for row, name in enumerate(named) if name in vector_of]
    x = np.stack([vector_of[named[row]] for row in rows])
    y = scin_rows.labels[rows].astype(int)
    order = np.random.RandomState(42).permutation(len(x))  # noqa: TID251 - the published recipe
    test, train = order[:1291], order[1291:]
    model_of_notebook = MultiOutputClassifier(LogisticRegression(max_iter=250)).fit(x[train], y[train])
    expected = hamming_loss(y[test], model_of_notebook.predict(x[test]))
    assert value(record, "linear-probe", "hamming-loss") == pytest.approx(expected, abs=1e-12)
    for split, part in (("test", test),):
        rates = {c: int(n) for c, n in zip(record.benchmark.class_ids, y[part].sum(axis=0), strict=True)}
        assert counts[split] == rates


def test_the_same_method_without_the_leak_stands_beside_it(
    cli: Cli, vectors_file: Path, real_data: Path, tmp_path: Path
) -> None:
    model = f"embeddings:{vectors_file}"
    more = ("--method", "linear-probe,mlp-probe", "--probe-seeds", 2)
    leaky = run(cli, model, "scin@notebook", real_data / "scin", tmp_path, *more)
    clean = run(cli, model, "scin", real_data / "scin", tmp_path, *more)
    for record, level in ((leaky, "image"), (clean, "unit")):
        for method in ("linear-probe", "mlp-probe"):
            # Vectors that know the labels beat the answer "none of the ten" for every picture.
            assert value(record, method, "hamming-loss", level) < value(record, method, "hamming-majority", level)
            assert value(record, method, "auroc", level) > 0.8
        assert record.data.account["samples without vector"] == 1
    folders = [next((tmp_path / "runs" / bench).glob("*/*")) for bench in ("scin@notebook", "scin")]
    page = tmp_path / "both.html"
    answer = cli("report", *folders, "--side-by-side", "-o", page)
    assert answer.code == 0, answer.err
    text = page.read_text()
    assert "scin@notebook" in text
    assert "leakage" in text.lower()
    assert "Hamming" in text
