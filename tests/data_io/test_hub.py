"""Hugging Face data sets, offline: saved to disk, downloaded as parquet, as a folder of pictures."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub.constants
import numpy as np
import pytest
from PIL import Image

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples, read_raw
from vlmeval.data.check import check
from vlmeval.data.hub import prepare
from vlmeval.errors import CatalogError, DataError, MissingDataError
from vlmeval.records import Benchmark


@pytest.fixture(scope="module", autouse=True)
def _quiet_and_offline() -> Any:
    datasets.disable_progress_bars()
    # The environment variable is read on import, which another test module may have caused.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
        patch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        yield
    datasets.enable_progress_bars()


def picture(seed: int, kind: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 16, 3), dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


# Like marmal88/skin_cancer: names as text, lesions, blanks, and the same picture again under the same id.
MIRROR: dict[str, list[tuple[int, str, str, str, float | None]]] = {
    "train": [
        (1, "ISIC_1", "HAM_1", "melanocytic_Nevi", 45.0),
        (2, "ISIC_2", "HAM_1", "melanocytic_Nevi", 45.0),
        (3, "ISIC_3", "HAM_3", "melanoma", None),
        (3, "ISIC_3", "HAM_3", "melanoma", None),
    ],
    "validation": [(4, "ISIC_4", "HAM_4", "melanoma", 80.0), (1, "ISIC_1", "HAM_1", "melanocytic_Nevi", 45.0)],
    "test": [(5, "ISIC_5", "HAM_5", "basal_cell_carcinoma", 60.0), (6, "ISIC_6", "HAM_6", "melanoma", 0.0)],
}


def mirror(class_labels: bool = False, kind: str = "JPEG") -> datasets.DatasetDict:
    names = ["basal_cell_carcinoma", "melanocytic_Nevi", "melanoma"]
    label = datasets.ClassLabel(names=names) if class_labels else datasets.Value("string")
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "image_id": datasets.Value("string"),
            "lesion_id": datasets.Value("string"),
            "dx": label,
            "age": datasets.Value("float64"),
        }
    )
    splits = {}
    for split, rows in MIRROR.items():
        columns = {
            "image": [{"bytes": picture(seed, kind), "path": None} for seed, *_ in rows],
            "image_id": [row[1] for row in rows],
            "lesion_id": [row[2] for row in rows],
            "dx": [names.index(row[3]) if class_labels else row[3] for row in rows],
            "age": [row[4] for row in rows],
        }
        splits[split] = datasets.Dataset.from_dict(columns, features=features)
    return datasets.DatasetDict(splits)


def card(**options: Any) -> Benchmark:
    given = {"repo": "someone/skin-cancer", "label": "dx", "id": "image_id", "repeats": "keep", **options}
    return Benchmark.model_validate(
        {
            "schema": 1,
            "id": "mirror",
            "version": "1",
            "title": "A mirror",
            "summary": "With repeats.",
            "task": "single-label",
            "modality": "dermatoscopy",
            "unit": {"name": "lesion", "column": "lesion_id"},
            "headline_metrics": ["balanced_accuracy"],
            "data": {"adapter": "hub", "home": "mirror", "options": given},
            "protocol": {"by": "column", "column": "hub_split", "leaky": "the same pictures are in several splits"},
            "classes": [
                {"id": "mel", "name": "melanoma", "labels": ["melanoma"]},
                {"id": "nv", "name": "nevus", "labels": ["melanocytic_Nevi"]},
                {"id": "bcc", "name": "basal cell carcinoma", "labels": ["basal_cell_carcinoma"]},
            ],
            "groups": [
                {
                    "id": "age",
                    "name": "Age",
                    "kind": "demographic",
                    "column": "age",
                    "levels": [
                        {"id": "young", "name": "below 50", "below": 50},
                        {"id": "old", "name": "50 and over", "from": 50},
                        {"id": "unknown", "name": "not recorded", "values": [""], "missing": True},
                    ],
                }
            ],
            "prompts": {"default": "generic/names"},
            "licence": {"name": "none"},
            "citation": "none",
            "homepage": "https://example.org",
        }
    )


def as_saved(root: Path, data: datasets.DatasetDict) -> None:
    data.save_to_disk(str(root / "dataset"))


def as_parquet(root: Path, data: datasets.DatasetDict) -> None:
    (root / "dataset/data").mkdir(parents=True)
    for split, rows in data.items():
        rows.to_parquet(str(root / f"dataset/data/{split}-00000-of-00001.parquet"))


@pytest.mark.parametrize("store", [as_saved, as_parquet])
@pytest.mark.parametrize("class_labels", [False, True])
def test_reads_a_local_data_set(tmp_path: Path, store: Any, class_labels: bool) -> None:
    store(tmp_path, mirror(class_labels))
    samples = load_samples(card(), tmp_path)
    assert samples.ids.tolist() == [
        *("ISIC_1", "ISIC_2", "ISIC_3", "ISIC_3@train-3"),
        *("ISIC_4", "ISIC_1@validation-1", "ISIC_5", "ISIC_6"),
    ]
    assert samples.units.tolist() == ["HAM_1", "HAM_1", "HAM_3", "HAM_3", "HAM_4", "HAM_1", "HAM_5", "HAM_6"]
    assert samples.split.tolist() == ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    assert samples.labels.argmax(axis=1).tolist() == [1, 1, 0, 0, 0, 1, 2, 0]
    assert samples.groups["age"].tolist() == [0, 0, 2, 2, 1, 0, 1, 0]
    assert samples.account == {
        "rows read": 8,
        "rows that repeat an image id (kept)": 2,
        "images": 8,
        "units": 5,
    }
    seeds = [seed for rows in MIRROR.values() for seed, *_ in rows]
    for image, seed in zip(samples.images, seeds, strict=True):
        data = picture(seed)
        assert image.path == tmp_path / "images" / f"{hashlib.sha256(data).hexdigest()}.jpg"
        assert image.read_bytes() == data
    assert len(list((tmp_path / "images").iterdir())) == 6


def test_repeats_can_be_dropped_or_refused(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror())
    raw = read_raw(card(repeats="drop"), tmp_path)
    assert raw.ids.tolist() == [f"ISIC_{i}" for i in range(1, 7)]
    assert raw.account["rows read"] == 8
    assert raw.account["rows that repeat an image id, left out"] == 2
    with pytest.raises(DataError, match="there twice") as caught:
        read_raw(card(repeats="refuse"), tmp_path)
    assert caught.value.line == 5
    assert len(set(read_raw(card(id=None), tmp_path).ids.tolist())) == 8


def test_the_second_time_the_data_set_is_not_touched(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror())
    steps: list[tuple[str, int, int | None]] = []
    prepare(card(), tmp_path, progress=lambda *step: steps.append(step))
    assert steps[-1][1:] == (8, 8)
    first = load_samples(card(), tmp_path)
    shutil.rmtree(tmp_path / "dataset")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert load_samples(card(), tmp_path).digest == first.digest
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_second_time_needs_no_datasets_library(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror())
    prepare(card(), tmp_path)
    code = (
        "import sys; from pathlib import Path; from vlmeval.data.hub import read;"
        "from vlmeval.records import Benchmark;"
        "raw = read(Benchmark.model_validate_json(sys.stdin.read()), Path(sys.argv[1]));"
        "assert len(raw) == 8; assert 'datasets' not in sys.modules; assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, input=card().model_dump_json(), text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_changed_local_files_are_copied_anew(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror())
    assert len(read_raw(card(), tmp_path)) == 8
    shutil.rmtree(tmp_path / "dataset")
    as_saved(tmp_path, datasets.DatasetDict({"test": mirror()["test"]}))
    assert read_raw(card(), tmp_path).ids.tolist() == ["ISIC_5", "ISIC_6"]


def test_a_copy_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror())
    (tmp_path / "dataset/test/dataset_info.json").rename(tmp_path / "kept")
    with pytest.raises(MissingDataError):
        read_raw(card(), tmp_path)
    assert not list(tmp_path.glob("rows-*.json"))
    (tmp_path / "kept").rename(tmp_path / "dataset/test/dataset_info.json")
    table = prepare(card(), tmp_path)
    table.with_suffix(".json").unlink()
    table.write_text("half a ta")
    assert len(read_raw(card(), tmp_path)) == 8


def test_some_splits_only(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror())
    assert len(read_raw(card(splits=["test"]), tmp_path)) == 2
    assert len(read_raw(card(), tmp_path)) == 8
    with pytest.raises(DataError, match="no split 'dev'"):
        read_raw(card(splits=["dev"]), tmp_path)


def test_png_and_one_split(tmp_path: Path) -> None:
    mirror(kind="PNG")["train"].save_to_disk(str(tmp_path / "dataset"))
    raw = read_raw(card(), tmp_path)
    assert {image.path.suffix for image in raw.images} == {".png"}
    assert raw.split is not None
    assert set(raw.split.tolist()) == {"train"}


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for split, label, seed in (("train", "melanoma", 1), ("train", "melanocytic_Nevi", 2), ("test", "melanoma", 3)):
        path = tmp_path / "dataset" / split / label / f"{seed}.jpg"
        path.parent.mkdir(parents=True)
        path.write_bytes(picture(seed))
    benchmark = card(label="label", id=None).model_copy(update={"groups": ()})
    unit = benchmark.unit.model_copy(update={"column": "id"})
    raw = read_raw(benchmark.model_copy(update={"unit": unit}), tmp_path)
    got = {
        (image.read_bytes(), benchmark.classes[label].labels[0], split)
        for image, label, split in zip(raw.images, raw.labels.argmax(axis=1), raw.split.tolist(), strict=True)
    }
    assert got == {
        (picture(1), "melanoma", "train"),
        (picture(2), "melanocytic_Nevi", "train"),
        (picture(3), "melanoma", "test"),
    }


def test_lists_of_classes(tmp_path: Path) -> None:
    names = ["melanoma", "melanocytic_Nevi", "basal_cell_carcinoma"]
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "lesion_id": datasets.Value("int64"),
            "dx": datasets.List(datasets.ClassLabel(names=names)),
        }
    )
    rows = {
        "image": [{"bytes": picture(i), "path": None} for i in range(3)],
        "lesion_id": [-5, 6, 7],
        "dx": [[0, 2], [], [1]],
    }
    datasets.DatasetDict({"test": datasets.Dataset.from_dict(rows, features=features)}).save_to_disk(
        str(tmp_path / "dataset")
    )
    benchmark = card(id=None).model_copy(update={"groups": (), "task": "multi-label"})
    raw = read_raw(benchmark, tmp_path)
    assert raw.labels.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert raw.units.tolist() == ["-5", "6", "7"]


def test_no_network_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        read_raw(card(revision="abc123"), tmp_path / "mirror")
    text = str(caught.value)
    assert "huggingface.co/datasets/someone/skin-cancer" in text
    assert "hf download someone/skin-cancer --repo-type dataset --revision abc123" in text
    assert str(tmp_path / "mirror/dataset") in text
    assert caught.value.exit_code == 3
    assert not list((tmp_path / "mirror").glob("rows-*"))


def test_a_data_set_with_code_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset/dataset.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').write('evil')\n")
    with pytest.raises(MissingDataError):
        read_raw(card(), tmp_path)
    assert not (tmp_path / "ran").exists()


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror())
    for options, reason in (
        ({"image": "picture"}, "column 'picture'"),
        ({"image": "dx"}, "lies outside|no pictures"),
        ({"label": "diagnosis"}, "column 'diagnosis'"),
        ({"id": "image_ids"}, "image_id"),
    ):
        with pytest.raises(DataError, match=reason):
            read_raw(card(**options), tmp_path)
    with pytest.raises(CatalogError, match=r"data\.options\.repo"):
        read_raw(card(repo="https://evil.example/x"), tmp_path)
    with pytest.raises(DataError, match="leads out"):
        read_raw(card(local="../elsewhere"), tmp_path)


def test_columns_the_data_lacks_can_be_blank(tmp_path: Path) -> None:
    as_saved(tmp_path, mirror().remove_columns("age"))
    with pytest.raises(DataError, match=r"data\.options\.blank"):
        read_raw(card(), tmp_path)
    samples = load_samples(card(blank=["age"]), tmp_path)
    assert set(samples.groups["age"].tolist()) == {2}


def test_pictures_outside_the_data_set_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture(1))
    root = tmp_path / "root"
    features = datasets.Features(
        {"image": datasets.Image(), "lesion_id": datasets.Value("string"), "dx": datasets.Value("string")}
    )
    rows = {"image": [{"bytes": None, "path": str(secret)}], "lesion_id": ["1"], "dx": ["melanoma"]}
    data = datasets.Dataset.from_dict(rows, features=features)
    (root / "dataset").mkdir(parents=True)
    import pyarrow.parquet as pq

    pq.write_table(data.data.table, root / "dataset/test.parquet")
    with pytest.raises(DataError, match="outside"):
        read_raw(card(id=None).model_copy(update={"groups": ()}), root)
    assert not (root / "images").exists()


def test_a_row_without_a_picture_is_named(tmp_path: Path) -> None:
    data = mirror()["test"].add_item(
        {"image": None, "image_id": "ISIC_7", "lesion_id": "HAM_7", "dx": "melanoma", "age": 1.0}
    )
    data.save_to_disk(str(tmp_path / "dataset"))
    with pytest.raises(DataError, match="no picture") as caught:
        read_raw(card(), tmp_path)
    assert caught.value.key == "train row 2"


def test_the_shipped_card_of_the_mirror_reads_a_data_set_like_it(tmp_path: Path) -> None:
    """Columns and names of marmal88/skin_cancer; the shipped card must take them without a change."""
    benchmark = load_catalog().benchmark("ham10000@hf-mirror")
    data = mirror()
    for split, rows in data.items():
        extra = {"dx_type": "histo", "sex": "female", "localization": "back"}
        for column, value in extra.items():
            data[split] = data[split].add_column(column, [value] * len(rows))
    as_parquet(tmp_path, data)
    samples = load_samples(benchmark, tmp_path)
    assert len(samples) == 8
    assert samples.account["rows that repeat an image id (kept)"] == 2
    assert set(samples.split.tolist()) == {"train", "val", "test"}
    named = [benchmark.class_ids[k] for k in samples.labels.argmax(axis=1)]
    assert named == ["nv", "nv", "mel", "mel", "mel", "nv", "bcc", "mel"]
    report = check(benchmark, tmp_path)
    assert report.ok
    assert report.pictures == 6
    assert report.samples == 8
