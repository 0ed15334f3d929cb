"""The HAM10000 adapter on tiny folders: every layout, the official test set, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from vlmeval.data import load_samples
from vlmeval.data.check import check
from vlmeval.data.ham10000 import read
from vlmeval.errors import DataError, MissingDataError
from vlmeval.records import Benchmark

Cards = Callable[[str], Benchmark]
TRUTH = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "ham"
    folder.mkdir()
    return folder


def metadata(
    root: Path, make: SimpleNamespace, rows: list[dict[str, str]], name: str = "HAM10000_metadata.csv"
) -> None:
    columns = [*make.ham_columns, *(["dataset"] if "dataset" in rows[0] else [])]
    make.csv(root / name, columns, rows, delimiter="\t" if name.endswith(".tab") else ",")


@pytest.mark.parametrize("name", ["HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata"])
def test_metadata_in_every_form(name: str, cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1), make.ham(2, 1), make.ham(3, 2, "mel")], name)
    raw = read(cards("ham10000"), root)
    assert raw.ids.tolist() == ["ISIC_0000001", "ISIC_0000002", "ISIC_0000003"]
    assert raw.units.tolist() == ["HAM_0000001", "HAM_0000001", "HAM_0000002"]
    assert [cards("ham10000").class_ids[k] for k in raw.labels.argmax(axis=1)] == ["nv", "nv", "mel"]
    assert raw.account["lesions"] == 2
    assert raw.account["lesions with more than one image"] == 1
    assert raw.account["rows fewer than the official 10,015"] == 10_012


@pytest.mark.parametrize(
    "place",
    [
        "ISIC_0000001.jpg",
        "images/ISIC_0000001.jpg",
        "HAM10000_images_part_1/ISIC_0000001.jpg",
        "HAM10000_images_part_2/HAM10000_images_part_2/ISIC_0000001.jpg",
        "ham10000_images_part_1/ISIC_0000001.JPG",
        "dataverse_files/HAM10000_images_part_1/ISIC_0000001.jpg",
    ],
)
def test_pictures_in_every_layout(place: str, cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1), make.ham(2, 2)])
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).write_bytes(b"jpeg")
    there, absent = read(cards("ham10000"), root).images
    assert there.path == root / place
    assert there.read_bytes() == b"jpeg"
    assert not absent.exists()


def test_pictures_still_in_their_zips(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1), make.ham(2, 2), make.ham(3, 3)])
    make.zip(root / "HAM10000_images_part_1.zip", {"ISIC_0000001.jpg": b"one", "__MACOSX/._ISIC_0000001.jpg": b"fork"})
    make.zip(root / "HAM10000_images_part_2.zip", {"part_2/ISIC_0000002.jpg": b"two", "ISIC_0000003.jpg": b"zipped"})
    (root / "ISIC_0000003.jpg").write_bytes(b"unpacked")
    images = read(cards("ham10000"), root).images
    assert [image.read_bytes() for image in images] == [b"one", b"two", b"unpacked"]
    assert images[1].member == "part_2/ISIC_0000002.jpg"


def test_a_damaged_zip_is_named(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1)])
    (root / "HAM10000_images_part_1.zip").write_bytes(b"half a download")
    with pytest.raises(DataError, match="archive is damaged") as caught:
        read(cards("ham10000"), root)
    assert caught.value.file == str(root / "HAM10000_images_part_1.zip")


def test_a_link_out_of_the_folder_is_refused(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1)])
    secret = root.parent / "secret.jpg"
    secret.write_bytes(b"secret")
    (root / "ISIC_0000001.jpg").symlink_to(secret)
    with pytest.raises(DataError, match="symbolic link leads out") as caught:
        read(cards("ham10000"), root)
    assert caught.value.file == str(root / "ISIC_0000001.jpg")
    assert caught.value.found == str(secret)


def test_source_is_a_group_when_the_eighth_column_is_there(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1, dataset="rosendahl"), make.ham(2, 2, dataset="vidir_modern")])
    samples = load_samples(cards("ham10000"), root)
    group = samples.benchmark.group("source")
    assert [group.levels[code].id for code in samples.groups["source"]] == ["rosendahl", "vidir-modern"]


def test_what_is_not_recorded_is_a_level_of_its_own(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1, age="", sex="unknown", localization="unknown"), make.ham(2, 2, age="30.0")])
    samples = load_samples(cards("ham10000"), root)
    for group in ("sex", "age", "site", "source"):
        level = samples.benchmark.group(group).levels[samples.groups[group][0]]
        assert (level.id, level.missing) == ("not-recorded", True)
    assert samples.benchmark.group("age").levels[samples.groups["age"][1]].id == "30-44"


def test_skin_tone_is_unavailable_with_the_reason(cards: Cards) -> None:
    group = cards("ham10000").group("skin-tone")
    assert group.unavailable is not None
    assert "no skin-tone label" in group.unavailable


def test_an_appended_diagnosis_is_refused(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1), make.ham(2, 2, "healthy")])
    with pytest.raises(DataError, match="unknown diagnosis") as caught:
        read(cards("ham10000"), root)
    assert (caught.value.line, caught.value.key) == (3, "dx")
    assert "healthy" in (caught.value.found or "")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image_id": "ISIC_0000001"}, "there twice"),
        ({"image_id": "../ISIC_0000009"}, "no plain name"),
        ({"image_id": ""}, "no plain name"),
        ({"lesion_id": ""}, "no lesion"),
    ],
)
def test_bad_ids_are_refused(
    row: dict[str, str], message: str, cards: Cards, root: Path, make: SimpleNamespace
) -> None:
    metadata(root, make, [make.ham(1, 1), make.ham(2, 2, **row)])
    with pytest.raises(DataError, match=message) as caught:
        read(cards("ham10000"), root)
    assert caught.value.line == 3


def test_metadata_one_step_away_is_pointed_at(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    """The parent of an unpacked download, and a host's archive that nobody unpacked."""
    make.zip(root / "archive.zip", {"HAM10000_metadata.csv": b"x", "part_1/ISIC_0000001.jpg": b"x"})
    with pytest.raises(MissingDataError) as caught:
        read(cards("ham10000"), root)
    assert caught.value.hint == f"it is in {root / 'archive.zip'}: unpack that archive here"
    metadata(root / "unpacked", make, [make.ham(1, 1)])
    with pytest.raises(MissingDataError) as caught:
        read(cards("ham10000"), root)
    assert caught.value.hint == f"it is in {root / 'unpacked'}: give that folder with --data"


def test_missing_metadata_says_what_to_do(cards: Cards, root: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        read(cards("ham10000"), root)
    assert "vlmeval data fetch ham10000" in (caught.value.hint or "")


def test_official_test_set_in_the_challenges_form(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(k, k // 2, "nv" if k % 4 else "mel") for k in range(40)])
    (root / "ISIC2018_Task3_Test_GroundTruth.csv").write_text(
        TRUTH + "ISIC_0034524,0.0,1.0,0.0,0.0,0.0,0.0,0.0\nISIC_0034525,0.0,0.0,0.0,0.0,0.0,0.0,1.0\n"
    )
    picture = root / "ISIC2018_Task3_Test_Input" / "ISIC_0034525.jpg"
    picture.parent.mkdir()
    picture.write_bytes(b"jpeg")
    samples = load_samples(cards("ham10000@isic2018"), root)
    test = samples.in_split("test")
    assert test.ids.tolist() == ["ISIC_0034524", "ISIC_0034525"]
    assert [samples.benchmark.class_ids[k] for k in test.labels.argmax(axis=1)] == ["nv", "vasc"]
    assert test.images[1].path == picture
    assert samples.account["official test pictures"] == 2
    assert set(samples.split[:40].tolist()) == {"train", "val"}
    for lesion in set(samples.units[:40].tolist()):
        assert len(set(samples.split[samples.units == lesion].tolist())) == 1


def test_official_test_set_in_the_dataverse_form(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(k, k) for k in range(10)])
    rows = [make.ham(34524, 9001, "mel", sex="female"), make.ham(34525, 9001, "mel")]
    make.csv(root / "ISIC2018_Task3_Test_GroundTruth.tab", make.ham_columns, rows, delimiter="\t")
    samples = load_samples(cards("ham10000@isic2018"), root)
    assert samples.in_split("test").units.tolist() == ["HAM_0009001"] * 2


def test_the_unpublished_test_picture_is_known_to_be_absent(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(k, k) for k in range(10)])
    (root / "ISIC2018_Task3_Test_GroundTruth.csv").write_text(
        TRUTH + "ISIC_0035068,0.0,1.0,0.0,0.0,0.0,0.0,0.0\nISIC_0034525,0.0,0.0,0.0,0.0,0.0,0.0,1.0\n"
    )
    card = cards("ham10000@isic2018")
    raw = read(card, root)
    assert raw.absent is not None
    assert raw.ids[raw.absent].tolist() == ["ISIC_0035068"]
    assert raw.account["official test pictures known not to be published"] == 1
    report = check(card, root)
    assert [Path(name).stem for name in report.known_absent] == ["ISIC_0035068"]
    assert len(report.missing) == 11


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (TRUTH + "ISIC_1,1.0,1.0,0.0,0.0,0.0,0.0,0.0\n", "exactly one diagnosis"),
        (TRUTH + "ISIC_1,0.0,0.0,0.0,0.0,0.0,0.0,0.0\n", "exactly one diagnosis"),
        (TRUTH + "ISIC_1,0.7,0.3,0.0,0.0,0.0,0.0,0.0\n", "not 0 or 1"),
        ("image,MEL\nISIC_1,1.0\n", "neither of its two known forms"),
        (TRUTH + "ISIC_0000001,0.0,1.0,0.0,0.0,0.0,0.0,0.0\n", "there twice"),
    ],
)
def test_bad_test_truth_is_refused(truth: str, message: str, cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1), make.ham(2, 2)])
    (root / "ISIC2018_Task3_Test_GroundTruth.csv").write_text(truth)
    with pytest.raises(DataError, match=message):
        load_samples(cards("ham10000@isic2018"), root)


def test_missing_test_truth_says_where_to_get_it(cards: Cards, root: Path, make: SimpleNamespace) -> None:
    metadata(root, make, [make.ham(1, 1)])
    with pytest.raises(MissingDataError, match="test truth") as caught:
        load_samples(cards("ham10000@isic2018"), root)
    assert "vlmeval data fetch ham10000 --part isic2018" in (caught.value.hint or "")
