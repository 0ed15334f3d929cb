"""Tiny SCIN and HAM10000 folders in the official file formats, made on the spot."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from vlmeval.catalog import load_catalog
from vlmeval.records import Benchmark

CASE_COLUMNS = [
    "case_id", "source", "age_group", "sex_at_birth", "fitzpatrick_skin_type", "body_parts_arm", "body_parts_leg",
    "body_parts_other", "image_1_path", "image_2_path", "image_3_path", "combined_race",
]  # fmt: skip
LABEL_COLUMNS = [
    "case_id",
    *(f"dermatologist_gradable_for_skin_condition_{k}" for k in (1, 2, 3)),
    "dermatologist_skin_condition_on_label_name",
    "dermatologist_skin_condition_confidence",
    "weighted_skin_condition_label",
    *(f"dermatologist_gradable_for_fitzpatrick_skin_type_{k}" for k in (1, 2, 3)),
    *(f"dermatologist_fitzpatrick_skin_type_label_{k}" for k in (1, 2, 3)),
    "gradable_for_monk_skin_tone_india",
    "gradable_for_monk_skin_tone_us",
    "monk_skin_tone_label_india",
    "monk_skin_tone_label_us",
]
HAM_COLUMNS = ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]
YES = "DEFAULT_YES_IMAGE_QUALITY_SUFFICIENT"

ScinFolder = Callable[..., Path]


def case_row(case: str, pictures: int = 1, **changes: str) -> dict[str, str]:
    """A row of scin_cases.csv; its pictures are called after the case."""
    row = dict.fromkeys(CASE_COLUMNS, "") | {"case_id": case, "source": "SCIN", "age_group": "AGE_UNKNOWN"}
    row["sex_at_birth"] = "FEMALE"
    for k in range(1, pictures + 1):
        row[f"image_{k}_path"] = f"dataset/images/{case}0{k}.png"
    return row | changes


def label_row(case: str, said: Mapping[str, float] | None = None, **changes: str) -> dict[str, str]:
    """A row of scin_labels.csv with one mention of each condition, confidence 3."""
    said = {"Eczema": 1.0} if said is None else said
    row = dict.fromkeys(LABEL_COLUMNS, "") | {"case_id": case, "dermatologist_gradable_for_skin_condition_1": YES}
    row["dermatologist_skin_condition_on_label_name"] = repr(list(said))
    row["dermatologist_skin_condition_confidence"] = repr([3] * len(said))
    row["weighted_skin_condition_label"] = repr(dict(said))
    row["dermatologist_gradable_for_fitzpatrick_skin_type_1"] = "YES"
    row["dermatologist_fitzpatrick_skin_type_label_1"] = "FST2"
    return row | changes


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]], delimiter: str = ",") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, delimiter=delimiter, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def scin_folder(tmp_path: Path) -> ScinFolder:
    """Write the two tables for the given cases; `tables` is the folder inside the root they go to."""

    def write(cases: Sequence[Mapping[str, str]], labels: Sequence[Mapping[str, str]], tables: str = "dataset") -> Path:
        root = tmp_path / "scin"
        write_csv(root / tables / "scin_cases.csv", CASE_COLUMNS, cases)
        write_csv(root / tables / "scin_labels.csv", LABEL_COLUMNS, labels)
        return root

    return write


def ham_row(image: int, lesion: int, dx: str = "nv", **changes: str) -> dict[str, str]:
    values = [f"HAM_{lesion:07d}", f"ISIC_{image:07d}", dx, "histo", "45.0", "male", "back"]
    return dict(zip(HAM_COLUMNS, values, strict=True)) | changes


def zip_of(path: Path, members: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.fixture(scope="session")
def make() -> SimpleNamespace:
    """The row makers and writers of this file (test modules cannot import a conftest)."""
    return SimpleNamespace(
        case=case_row, label=label_row, ham=ham_row, csv=write_csv, zip=zip_of, ham_columns=HAM_COLUMNS
    )


@pytest.fixture(scope="session")
def cards() -> Callable[[str], Benchmark]:
    """The shipped benchmark cards by id."""
    catalog = load_catalog()
    return catalog.benchmark


@pytest.fixture(scope="session")
def with_options() -> Callable[..., Benchmark]:
    """A copy of a card with other adapter options."""

    def change(card: Benchmark, **options: Any) -> Benchmark:
        data = card.data.model_copy(update={"options": {**card.data.options, **options}})
        return card.model_copy(update={"data": data})

    return change
