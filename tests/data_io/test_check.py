"""check: what is missing, damaged, there twice, unexpected - on small made-up data and on the real pictures."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vlmeval.catalog import load_catalog
from vlmeval.data.check import check
from vlmeval.errors import MissingDataError
from vlmeval.records import Benchmark


def card(adapter: str = "table", **options: Any) -> Benchmark:
    return Benchmark.model_validate(
        {
            "schema": 1,
            "id": "small",
            "version": "1",
            "title": "Small",
            "summary": "Small.",
            "task": "single-label",
            "modality": "clinical-photo",
            "unit": {"name": "case", "column": "case"},
            "headline_metrics": ["auroc"],
            "data": {"adapter": adapter, "home": "small", "options": options},
            "protocol": {"by": "unit"},
            "classes": [
                {"id": "a", "name": "a", "labels": ["a", "nv"]},
                {"id": "b", "name": "b", "labels": ["b", "mel"]},
            ],
            "prompts": {"default": "generic/names"},
            "licence": {"name": "none"},
            "citation": "none",
            "homepage": "https://example.org",
            "known_issues": ["one picture is there twice"],
        }
    )


TABLE = card(table="t.csv", images="pics", image="image", label="label")


def draw(path: Path, seed: int) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)).save(path)
    return path.read_bytes()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = ["1.png,a,c1", "2.png,b,c2", "sub/3.png,a,c3", "4.png,b,c4", "5.png,a,c5", "6.png,a,c5", "7.png,a,c7"]
    (tmp_path / "t.csv").write_text("image,label,case\n" + "\n".join(rows) + "\n")
    for number, name in enumerate(("1.png", "2.png", "sub/3.png", "5.png")):
        draw(tmp_path / "pics" / name, number)
    (tmp_path / "pics/6.png").write_bytes((tmp_path / "pics/5.png").read_bytes())  # same case
    (tmp_path / "pics/7.png").write_bytes((tmp_path / "pics/1.png").read_bytes())  # another case
    (tmp_path / "pics/2.png").write_bytes((tmp_path / "pics/2.png").read_bytes()[:-30])
    draw(tmp_path / "pics/stray.png", 9)
    (tmp_path / "pics/8.png.part").write_bytes(b"half")
    (tmp_path / "pics/readme.txt").write_text("fine")
    return tmp_path


def test_everything_is_found(data: Path) -> None:
    steps: list[tuple[str, int, int | None]] = []
    report = check(TABLE, data, progress=lambda *step: steps.append(step))
    assert (report.samples, report.pictures, report.readable) == (7, 7, 5)
    assert report.missing == ("pics/4.png",)
    assert list(report.corrupt) == ["pics/2.png"]
    assert "damaged" in report.corrupt["pics/2.png"]
    assert [(d.pictures, d.units, d.across_units) for d in report.duplicates] == [
        (("pics/1.png", "pics/7.png"), ("c1", "c7"), True),
        (("pics/5.png", "pics/6.png"), ("c5",), False),
    ]
    assert report.unexpected == ("pics/8.png.part", "pics/stray.png")
    assert report.known_issues == ("one picture is there twice",)
    assert report.hashes["1.png"] == hashlib.sha256((data / "pics/1.png").read_bytes()).hexdigest()
    assert set(report.hashes) == {"1.png", "2.png", "sub/3.png", "5.png", "6.png", "7.png"}
    assert not report.ok
    assert report.unusable_fraction == pytest.approx(2 / 7)
    assert steps[-1] == ("looking at pictures", 7, 7)
    assert json.loads(json.dumps(report.as_dict()))["missing"] == ["pics/4.png"]


def test_good_data_is_good(data: Path) -> None:
    draw(data / "pics/2.png", 20)
    draw(data / "pics/4.png", 21)
    report = check(TABLE, data, workers=1)
    assert report.ok
    assert report.readable == 7
    assert report.unusable_fraction == 0


def test_the_same_whatever_the_number_of_workers(data: Path) -> None:
    assert check(TABLE, data, workers=1) == check(TABLE, data, workers=5)


def test_no_table_no_check(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        check(TABLE, tmp_path)


def test_a_folder_of_nothing_lists_all_as_missing(data: Path) -> None:
    for path in (data / "pics").rglob("*.png"):
        path.unlink()
    report = check(TABLE, data)
    assert len(report.missing) == 7
    assert report.readable == 0
    assert report.unusable_fraction == 1


def test_pictures_in_archives(tmp_path: Path) -> None:
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization\n"
    rows = [f"HAM_{i},ISIC_{i},{'nv' if i % 2 else 'mel'},histo,50,male,back" for i in range(6)]
    (tmp_path / "HAM10000_metadata.csv").write_text(header + "\n".join(rows) + "\n")
    draw(tmp_path / "x.jpg", 1)
    whole = (tmp_path / "x.jpg").read_bytes()
    with zipfile.ZipFile(tmp_path / "HAM10000_images_part_1.zip", "w") as archive:
        for i in range(4):
            archive.writestr(f"ISIC_{i}.jpg", whole[:200] if i == 3 else whole)
    (tmp_path / "x.jpg").unlink()
    report = check(card("ham10000"), tmp_path)
    assert report.readable == 3
    assert [name.endswith("zip!ISIC_3.jpg") for name in report.corrupt] == [True]
    assert report.missing == ("images/ISIC_4.jpg", "images/ISIC_5.jpg")
    assert [len(duplicate.pictures) for duplicate in report.duplicates] == [3]


@pytest.mark.realdata
def test_the_real_ham10000_has_two_pairs_of_equal_pictures(real_data: Path) -> None:
    """FACTS measured on the 200 x 150 pictures: two byte-identical pairs, each within one lesion."""
    report = check(load_catalog().benchmark("ham10000"), real_data / "ham10000")
    assert report.ok
    assert (report.samples, report.pictures, report.readable) == (10_015, 10_015, 10_015)
    assert report.missing == report.unexpected == ()
    assert len(report.duplicates) == 2
    assert all(len(d.pictures) == 2 and not d.across_units for d in report.duplicates)


@pytest.mark.realdata
def test_the_real_scin_tables_without_pictures(real_data: Path) -> None:
    report = check(load_catalog().benchmark("scin@notebook"), real_data / "scin")
    assert report.readable == 0
    assert [Path(name).name for name in report.known_absent] == ["-2243186711511406658.png"]
    assert len(report.missing) == report.pictures - 1
