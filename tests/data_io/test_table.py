"""A new benchmark from CSV + images, or from class folders, by a card alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples, read_raw
from vlmeval.errors import CatalogError, DataError, MissingDataError
from vlmeval.records import Benchmark, Samples

CARD = """
schema: 1
id: my-clinic
version: "1"
title: Photographs of my clinic
summary: Three diagnoses in twelve patients.
task: single-label
modality: clinical-photo
unit: {name: patient, column: patient}
headline_metrics: [balanced_accuracy]
data:
  adapter: table
  home: my-clinic
  options: {table: photos.csv, images: photos, image: file, label: diagnosis, extension: .jpg}
protocol: {by: unit, fractions: [0.5, 0.25, 0.25]}
classes:
  - {id: mel, name: melanoma, labels: [melanoma, "melanoma in situ"], malignant: true}
  - {id: nv, name: mole, labels: [naevus], malignant: false}
  - {id: bcc, name: basal cell carcinoma, labels: [BCC], malignant: true}
groups:
  - id: tone
    name: Fitzpatrick type
    kind: skin-tone
    scale: fitzpatrick
    column: fst
    levels:
      - {id: light, name: I-II, values: ["1", "2"]}
      - {id: dark, name: V-VI, values: ["5", "6"]}
      - {id: unknown, name: not recorded, values: [""], missing: true}
  - id: age
    name: Age
    kind: demographic
    column: age
    levels:
      - {id: young, name: below 40, below: 40}
      - {id: old, name: 40 and over, from: 40}
prompts: {default: generic/names}
licence: {name: own}
citation: none
homepage: https://example.org
"""

ROWS = [
    f"p{patient}/{shot},{diagnosis},p{patient},{fst},{age}"
    for patient, (diagnosis, fst, age) in enumerate(
        [("melanoma", 1, 30), ("naevus", 2, 40), ("BCC", 5, 39.5), ("melanoma in situ", 6, 71), ("naevus", "", 18)] * 3
    )
    for shot in (1, 2)
]


@pytest.fixture
def clinic(tmp_path: Path) -> Path:
    """A user's --data-root with one card, and the data folder beside it."""
    folder = tmp_path / "root" / "benchmarks" / "my-clinic"
    folder.mkdir(parents=True)
    (folder / "benchmark.yaml").write_text(CARD)
    data = tmp_path / "data"
    data.mkdir()
    (data / "photos.csv").write_text("file,diagnosis,patient,fst,age\n" + "\n".join(ROWS) + "\n")
    return tmp_path


def card(clinic: Path, **options: Any) -> Benchmark:
    benchmark = load_catalog([clinic / "root"]).benchmark("my-clinic")
    update = {"options": {**benchmark.data.options, **options}}
    return benchmark.model_copy(update={"data": benchmark.data.model_copy(update=update)})


def write(clinic: Path, text: str) -> None:
    (clinic / "data" / "photos.csv").write_text(text)


def test_a_new_benchmark_needs_only_a_card(clinic: Path) -> None:
    samples = load_samples(card(clinic), clinic / "data")
    assert len(samples) == 30
    assert samples.account == {"rows read": 30, "images": 30, "units": 15}
    assert samples.ids[0] == "p0/1"
    assert samples.images[0].path == clinic / "data/photos/p0/1.jpg"
    assert samples.labels.sum(axis=0).tolist() == [12, 12, 6]
    assert samples.groups["tone"][:10].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    assert samples.groups["age"][:10].tolist() == [0, 0, 1, 1, 0, 0, 1, 1, 0, 0]
    split_of = dict(zip(samples.units.tolist(), samples.split.tolist(), strict=True))
    assert all(split_of[unit] == split for unit, split in zip(samples.units, samples.split, strict=True))
    assert set(split_of.values()) == {"train", "val", "test"}


@pytest.mark.parametrize("kind", ["tsv", "parquet", "csv with a byte-order mark"])
def test_tab_separated_and_parquet_say_the_same(clinic: Path, kind: str) -> None:
    expected = load_samples(card(clinic), clinic / "data")
    frame = pd.read_csv(clinic / "data/photos.csv")  # numbers as numbers, blanks as NaN
    name = {"tsv": "t.tsv", "parquet": "t.parquet"}.get(kind, "bom.csv")
    if kind == "parquet":
        frame.to_parquet(clinic / "data" / name)
    else:
        text = (clinic / "data/photos.csv").read_text()
        (clinic / "data" / name).write_text(
            text.replace(",", "\t") if kind == "tsv" else text, encoding="utf-8" if kind == "tsv" else "utf-8-sig"
        )
    got = load_samples(card(clinic, table=name), clinic / "data")
    assert got.digest == expected.digest


def as_multi_label(benchmark: Benchmark) -> Benchmark:
    return benchmark.model_copy(update={"task": "multi-label"})


def test_several_labels_in_one_cell(clinic: Path) -> None:
    write(
        clinic,
        "file,diagnosis,patient,fst,age\n1,melanoma; naevus,a,1,1\n2,,b,1,1\n3,BCC;;scabies,c,1,1\n4, naevus ,d,1,1\n",
    )
    with pytest.raises(DataError, match="scabies") as caught:
        read_raw(as_multi_label(card(clinic, separator=";")), clinic / "data")
    assert (caught.value.line, caught.value.key) == (4, "diagnosis")
    raw = read_raw(as_multi_label(card(clinic, separator=";", unlisted="drop")), clinic / "data")
    assert raw.labels.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert raw.account["mentions of other classes left out"] == 1
    assert raw.account["images with none of the classes"] == 1


def test_one_hot_columns(clinic: Path) -> None:
    write(clinic, "file,patient,m,n,b,fst,age\n1,a,1,0,1,1,1\n2,b,0.0,TRUE,no,1,1\n3,c,,yes,,1,1\n")
    one_hot = {"mel": "m", "nv": "n", "bcc": "b"}
    benchmark = as_multi_label(card(clinic, one_hot=one_hot, label=None))
    assert read_raw(benchmark, clinic / "data").labels.tolist() == [[1, 0, 1], [0, 1, 0], [0, 1, 0]]
    with pytest.raises(DataError, match="exactly one class") as caught:
        read_raw(card(clinic, one_hot=one_hot, label=None), clinic / "data")
    assert caught.value.line == 2
    write(clinic, "file,patient,m,n,b,fst,age\n1,a,1,0,1,1,1\n2,b,-1,1,0,1,1\n")
    with pytest.raises(DataError, match="neither yes nor no") as caught:
        read_raw(benchmark, clinic / "data")
    assert (caught.value.line, caught.value.key, caught.value.found) == (3, "m", "'-1'")
    with pytest.raises(CatalogError, match="bcc"):
        read_raw(card(clinic, one_hot={"mel": "m", "nv": "n"}, label=None), clinic / "data")


def test_lists_in_parquet_are_several_labels(clinic: Path) -> None:
    frame = pd.DataFrame(
        {
            "file": ["1", "2"],
            "diagnosis": [["melanoma", "BCC"], []],
            "patient": [7, 8],
            "fst": [1, 2],
            "age": [1.0, 2.5],
        }
    )
    frame.to_parquet(clinic / "data/t.parquet")
    raw = read_raw(as_multi_label(card(clinic, table="t.parquet")), clinic / "data")
    assert raw.labels.tolist() == [[1, 0, 1], [0, 0, 0]]
    assert raw.units.tolist() == ["7", "8"]
    assert raw.columns["age"].tolist() == ["1", "2.5"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_three_ways_to_write_labels_mean_the_same(clinic: Path, matrix: list[tuple[bool, bool, bool]]) -> None:
    names = ["melanoma in situ", "naevus", "BCC"]
    lists = [[name for name, yes in zip(names, row, strict=True) if yes] for row in matrix]
    frame = pd.DataFrame({"file": [f"{i}" for i in range(len(matrix))], "patient": "p", "fst": 1, "age": 1})
    frame["diagnosis"] = pd.Series(lists, dtype=object)
    frame[["m", "n", "b"]] = matrix
    frame.to_parquet(clinic / "data/t.parquet")
    frame["diagnosis"] = ["|".join(row) for row in lists]
    frame.to_csv(clinic / "data/t.csv", index=False)
    one_hot = {"mel": "m", "nv": "n", "bcc": "b"}
    for options in (
        {"table": "t.parquet"},
        {"table": "t.csv", "separator": "|"},
        {"table": "t.csv", "label": None, "one_hot": one_hot},
        {"table": "t.parquet", "label": None, "one_hot": one_hot},
    ):
        raw = read_raw(as_multi_label(card(clinic, **options)), clinic / "data")
        assert raw.labels.tolist() == [list(row) for row in matrix]


def test_rows_of_other_classes_can_be_left_out(clinic: Path) -> None:
    write(clinic, "file,diagnosis,patient,fst,age\n1,melanoma,a,1,1\n2,scabies,b,1,1\n3,naevus,c,1,1\n")
    raw = read_raw(card(clinic, unlisted="drop"), clinic / "data")
    assert raw.ids.tolist() == ["1", "3"]
    assert raw.units.tolist() == ["a", "c"]
    assert [image.path.name for image in raw.images] == ["1.jpg", "3.jpg"]
    assert raw.account["rows of other classes left out"] == 1


def test_images_as_units_are_stated(clinic: Path) -> None:
    benchmark = card(clinic)
    benchmark = benchmark.model_copy(update={"unit": benchmark.unit.model_copy(update={"column": "id"})})
    raw = read_raw(benchmark, clinic / "data")
    assert raw.units.tolist() == raw.ids.tolist()
    assert raw.account["images without a unit of their own (each counts as one)"] == 30


def by_column(benchmark: Benchmark, column: str | None = "part") -> Benchmark:
    protocol = benchmark.protocol.model_copy(update={"by": "column", "column": column})
    return benchmark.model_copy(update={"protocol": protocol})


def test_the_data_may_say_the_split(clinic: Path) -> None:
    write(
        clinic,
        "file,diagnosis,patient,fst,age,part\n1,BCC,a,1,1,training\n2,BCC,b,1,1,dev\n3,BCC,c,1,1,test\n",
    )
    assert load_samples(by_column(card(clinic)), clinic / "data").split.tolist() == ["train", "val", "test"]
    other = by_column(card(clinic, split_values={"train": ["dev"], "test": ["training"], "val": ["test"]}))
    assert read_raw(other, clinic / "data").split is not None
    assert load_samples(other, clinic / "data").split.tolist() == ["test", "train", "val"]
    write(clinic, "file,diagnosis,patient,fst,age,part\n1,BCC,a,1,1,training\n2,BCC,b,1,1,fold 3\n")
    with pytest.raises(DataError, match="split_values") as caught:
        read_raw(by_column(card(clinic)), clinic / "data")
    assert (caught.value.line, caught.value.found) == (3, "'fold 3'")
    with pytest.raises(CatalogError, match=r"protocol\.column"):
        read_raw(by_column(card(clinic), None), clinic / "data")


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("file,diagnose,patient,fst,age\n1,BCC,a,1,1\n", 1, "diagnosis", "diagnose"),
        ("file,diagnosis,patient,fst\n1,BCC,a,1\n", 1, "age", "missing"),
        ("file,diagnosis,patient,fst,age\n1,BCC,a,1,1\n2,melanom,b,1,1\n", 3, "diagnosis", "'melanom'"),
        ("file,diagnosis,patient,fst,age\n1,,a,1,1\n", 2, "diagnosis", "exactly one class"),
        ("file,diagnosis,patient,fst,age\n1,BCC,a,1,1\n1,BCC,a,1,1\n", 3, "file", "also on line 2"),
        ("file,diagnosis,patient,fst,age\n1,BCC, ,1,1\n", 2, "patient", "no unit"),
        ("file,diagnosis,patient,fst,age\n,BCC,a,1,1\n", 2, None, "path"),
        ("file,diagnosis,patient,fst,age\n1,BCC,a\n", 2, None, "5 cells"),
        ("", 1, None, "no header"),
    ],
)
def test_what_is_wrong_says_where(clinic: Path, text: str, line: int, column: str | None, message: str) -> None:
    write(clinic, text)
    with pytest.raises(DataError, match=message) as caught:
        read_raw(card(clinic), clinic / "data")
    assert caught.value.file == str(clinic / "data/photos.csv")
    assert (caught.value.line, caught.value.key) == (line, column)
    assert caught.value.exit_code == 3


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "C:\\secret"])
def test_pictures_cannot_leave_the_data_folder(clinic: Path, path: str) -> None:
    write(clinic, f"file,diagnosis,patient,fst,age\n1,BCC,a,1,1\n{path},BCC,b,1,1\n")
    with pytest.raises(DataError, match="leads out") as caught:
        read_raw(card(clinic), clinic / "data")
    assert caught.value.line == 3
    with pytest.raises(DataError, match="leads out"):
        read_raw(card(clinic, table="../root/benchmarks/my-clinic/benchmark.yaml"), clinic / "data")
    with pytest.raises(DataError, match="leads out"):
        read_raw(card(clinic, images=".."), clinic / "data")


def test_missing_folder_and_table(clinic: Path) -> None:
    with pytest.raises(MissingDataError, match="--data"):
        read_raw(card(clinic), clinic / "nowhere")
    with pytest.raises(MissingDataError, match="table is missing"):
        read_raw(card(clinic, table="other.csv"), clinic / "data")
    with pytest.raises(MissingDataError, match="table is missing"):
        read_raw(card(clinic, table="other.parquet"), clinic / "data")
    (clinic / "data/broken.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match="cannot be read"):
        read_raw(card(clinic, table="broken.parquet"), clinic / "data")


def test_wrong_options_name_the_key(clinic: Path) -> None:
    with pytest.raises(CatalogError, match=r"data\.options\.lable"):
        read_raw(card(clinic, lable="x"), clinic / "data")
    with pytest.raises(CatalogError, match="either 'label'"):
        read_raw(card(clinic, label=None), clinic / "data")
    with pytest.raises(CatalogError, match=r"data\.options\.table"):
        read_raw(card(clinic, table=None), clinic / "data")


# --- class-named folders ----------------------------------------------------------------------------------------


def folders(clinic: Path, *names: str) -> None:
    for name in names:
        path = clinic / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (2, 2)).save(path)


def folder_card(clinic: Path, column: str = "id", **options: Any) -> Benchmark:
    benchmark = card(clinic)
    data = benchmark.data.model_copy(update={"options": {"layout": "folders", **options}})
    unit = benchmark.unit.model_copy(update={"column": column})
    return benchmark.model_copy(update={"data": data, "unit": unit, "groups": ()})


def test_class_folders(clinic: Path) -> None:
    folders(clinic, "pics/melanoma/1.jpg", "pics/melanoma/deep/2.PNG", "pics/BCC/1.jpg", "pics/.cache/x.png")
    (clinic / "data/pics/BCC/notes.txt").write_text("no picture")
    samples: Samples = load_samples(folder_card(clinic, images="pics"), clinic / "data")
    assert samples.ids.tolist() == ["BCC/1.jpg", "melanoma/1.jpg", "melanoma/deep/2.PNG"]
    assert samples.labels.tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0]]
    assert all(image.path.is_file() for image in samples.images)
    assert samples.account["images without a unit of their own (each counts as one)"] == 3


def test_class_folders_below_splits(clinic: Path) -> None:
    folders(clinic, "train/BCC/1.jpg", "valid/BCC/1.jpg", "test/naevus/1.jpg")
    samples = load_samples(by_column(folder_card(clinic)), clinic / "data")
    assert dict(zip(samples.ids.tolist(), samples.split.tolist(), strict=True)) == {
        "test/naevus/1.jpg": "test",
        "train/BCC/1.jpg": "train",
        "valid/BCC/1.jpg": "val",
    }
    assert samples.labels[np.flatnonzero(samples.split == "test")].tolist() == [[0, 1, 0]]


def test_units_from_file_names(clinic: Path) -> None:
    folders(clinic, "BCC/case1_a.jpg", "BCC/case1_b.jpg", "naevus/case2_a.jpg")
    raw = read_raw(folder_card(clinic, "case", unit_pattern=r"^(case\d+)_"), clinic / "data")
    assert raw.units.tolist() == ["case1", "case1", "case2"]
    folders(clinic, "naevus/other.jpg")
    with pytest.raises(DataError, match="does not tell its unit"):
        read_raw(folder_card(clinic, "case", unit_pattern=r"^(case\d+)_"), clinic / "data")
    for pattern, reason in (("(", "not a regular"), ("case", "no group")):
        with pytest.raises(CatalogError, match=reason):
            read_raw(folder_card(clinic, "case", unit_pattern=pattern), clinic / "data")


def test_folders_that_cannot_be_read(clinic: Path) -> None:
    with pytest.raises(MissingDataError, match="no pictures in class folders"):
        read_raw(folder_card(clinic), clinic / "data")
    folders(clinic, "scabies/1.jpg")
    with pytest.raises(DataError, match="'scabies'"):
        read_raw(folder_card(clinic), clinic / "data")
    with pytest.raises(CatalogError, match="which pictures belong together"):
        read_raw(folder_card(clinic, "patient"), clinic / "data")
    grouped = folder_card(clinic).model_copy(update={"groups": card(clinic).groups})
    with pytest.raises(CatalogError, match="folders have none"):
        read_raw(grouped, clinic / "data")


def test_links_that_lead_out_are_refused(clinic: Path) -> None:
    folders(clinic, "BCC/1.jpg")
    (clinic / "outside.jpg").write_bytes(b"x")
    (clinic / "data/BCC/2.jpg").symlink_to(clinic / "outside.jpg")
    with pytest.raises(DataError, match="leads out"):
        read_raw(folder_card(clinic), clinic / "data")
