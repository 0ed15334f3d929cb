"""The SCIN adapter on tiny folders: labels, quality, layouts, groups, and everything that can be wrong in a cell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vlmeval.data import load_samples
from vlmeval.data.scin.adapter import read
from vlmeval.errors import CatalogError, DataError, MissingDataError
from vlmeval.records import Benchmark

Cards = Callable[[str], Benchmark]
Folder = Callable[..., Path]
NAMES = "dermatologist_skin_condition_on_label_name"
CONFIDENCES = "dermatologist_skin_condition_confidence"
WEIGHTS = "weighted_skin_condition_label"


def classes_of(card: Benchmark, labels: np.ndarray) -> set[str]:
    return {card.class_ids[k] for k in np.flatnonzero(labels)}


def test_one_row_a_photograph_and_ids_stay_text(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    case = "-1000600354148496558"
    root = scin_folder([make.case(case, 3)], [make.label(case)])
    raw = read(cards("scin"), root)
    assert raw.ids.tolist() == [f"{case}/1", f"{case}/2", f"{case}/3"]
    assert raw.units.tolist() == [case] * 3
    assert raw.images[1].path == root / "dataset" / "images" / f"{case}02.png"


def test_any_mention_counts_and_a_minimum_confidence_can_be_asked_for(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace, with_options: Callable[..., Benchmark]
) -> None:
    label = make.label("7", **{NAMES: "['Eczema', 'Tinea', 'Eczema']", CONFIDENCES: "[1, 2, 4]"})
    label[WEIGHTS] = "{'Tinea': 0.4, 'Eczema': 0.6}"
    root = scin_folder([make.case("7")], [label])
    card = cards("scin")
    assert classes_of(card, read(card, root).labels[0]) == {"eczema", "tinea"}
    strict = with_options(card, min_confidence=3)
    raw = read(strict, root)
    assert classes_of(card, raw.labels[0]) == {"eczema"}
    assert raw.account["mentions below the minimum confidence"] == 2


def test_rank_weights_are_kept_beside_the_hard_labels(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    root = scin_folder([make.case("7")], [make.label("7", {"Eczema": 0.61, "Something else": 0.39})])
    card = cards("scin")
    raw = read(card, root)
    assert raw.weights is not None
    assert raw.weights[0, card.class_ids.index("eczema")] == np.float32(0.61)
    assert raw.weights[0].sum() == np.float32(0.61)
    assert raw.account["mentions outside the class list"] == 1


def test_quality_rules(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    graded = "dermatologist_gradable_for_skin_condition_1"
    root = scin_folder(
        [make.case("1", 2), make.case("2"), make.case("3")],
        [make.label("1"), make.label("2", **{graded: "NO_IMAGE_QUALITY_INSUFFICIENT"}), make.label("3", {})],
    )
    ten = read(cards("scin"), root)
    assert ten.units.tolist() == ["1", "1", "3"]
    assert ten.account["cases dropped for quality"] == 1
    assert ten.account["cases kept that have no label"] == 1
    assert ten.account["images without any of the classes"] == 1
    broad = read(cards("scin-broad"), root)
    assert sorted(set(broad.units.tolist())) == ["1", "2"]
    assert broad.account["cases dropped without a label"] == 1


@pytest.mark.parametrize(
    ("ties", "expected"),
    [("drop", None), ("first-class", {"psoriasis"}), ("all", {"psoriasis", "tinea"})],
)
def test_ties_for_the_top_weight(
    ties: str,
    expected: set[str] | None,
    cards: Cards,
    scin_folder: Folder,
    make: SimpleNamespace,
    with_options: Callable[..., Benchmark],
) -> None:
    root = scin_folder(
        [make.case("1"), make.case("2")],
        [make.label("1", {"Tinea": 0.41, "Psoriasis": 0.41, "Eczema": 0.18}), make.label("2", {"Eczema": 0.9})],
    )
    card = with_options(cards("scin"), label="top-weight", ties=ties)
    raw = read(card, root)
    assert raw.account["cases with a tie for the top weight"] == 1
    if expected is None:
        assert raw.units.tolist() == ["2"]
    else:
        assert classes_of(card, raw.labels[0]) == expected


def test_single_answer_card_leaves_out_what_is_not_in_its_list(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    root = scin_folder(
        [make.case(str(k)) for k in range(4)],
        [
            make.label("0", {"Eczema": 0.6, "Tinea": 0.4}),
            make.label("1", {"Rare thing": 0.6, "Tinea": 0.4}),
            make.label("2", {"Rare thing": 0.5, "Tinea": 0.5}),
            make.label("3", {"Scabies": 1.0}),
        ],
    )
    card = cards("scin-broad@top1")
    samples = load_samples(card, root)
    assert samples.units.tolist() == ["0", "3"]
    assert [classes_of(card, row) for row in samples.labels] == [{"eczema"}, {"scabies"}]
    assert samples.account["cases whose top condition is outside the class list"] == 1
    assert samples.account["cases dropped for a tie"] == 1


@pytest.mark.parametrize(
    ("tables", "pictures", "expected"),
    [
        ("dataset", "dataset/images", "dataset/images/-701.png"),
        (".", "dataset/images", "dataset/images/-701.png"),
        (".", "images", "images/-701.png"),
        ("dataset", "images", "images/-701.png"),
        (".", ".", "-701.png"),
        (".", "scin/photographs", "scin/photographs/-701.png"),
        (".", None, "dataset/images/-701.png"),
    ],
)
def test_layouts(
    tables: str, pictures: str | None, expected: str, cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    root = scin_folder([make.case("-7")], [make.label("-7")], tables)
    if pictures is not None:
        (root / pictures).mkdir(parents=True, exist_ok=True)
        (root / pictures / "-701.png").write_bytes(b"png")
    image = read(cards("scin"), root).images[0]
    assert image.path == root / expected
    assert image.exists() == (pictures is not None)


def test_the_place_the_table_names_wins_over_a_copy(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    root = scin_folder([make.case("-7")], [make.label("-7")], ".")
    for place in ("dataset/images", "cropped", ".trash"):
        (root / place).mkdir(parents=True)
        (root / place / "-701.png").write_bytes(place.encode())
    assert read(cards("scin"), root).images[0].read_bytes() == b"dataset/images"


def test_pictures_may_stay_in_their_zip(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    root = scin_folder([make.case("-7", 2)], [make.label("-7")], ".")
    make.zip(root / "images.zip", {"dataset/images/-701.png": b"one", "dataset/images/-702.png": b"two"})
    raw = read(cards("scin"), root)
    assert [image.read_bytes() for image in raw.images] == [b"one", b"two"]
    assert raw.account["distinct pictures"] == 2


def test_groups_come_from_all_four_tone_sources(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    grade, tone = "dermatologist_gradable_for_fitzpatrick_skin_type_", "dermatologist_fitzpatrick_skin_type_label_"
    first = make.label("1", **{grade + "2": "YES", tone + "2": "FST3", grade + "3": "NO"})
    second = make.label("2", **{grade + "1": "NO", tone + "1": ""})
    second |= {"gradable_for_monk_skin_tone_us": "False", "gradable_for_monk_skin_tone_india": "True"}
    second["monk_skin_tone_label_india"] = "7"
    cases = [
        make.case("1", fitzpatrick_skin_type="FST5", combined_race="ASIAN,WHITE", body_parts_arm="YES"),
        make.case("2", fitzpatrick_skin_type="NONE_IDENTIFIED", body_parts_arm="YES", body_parts_leg="YES"),
    ]
    samples = load_samples(cards("scin"), scin_folder(cases, [first, second]))

    def levels(group: str) -> list[str]:
        spec = samples.benchmark.group(group)
        return [spec.levels[code].id for code in samples.groups[group]]

    assert levels("fst-self") == ["v-vi", "none-identified"]
    # Half way between II and III goes up; a rater who could not tell takes no part.
    assert levels("fst-dermatologist") == ["iii-iv", "not-gradable"]
    assert levels("monk-us") == ["not-answered", "not-gradable"]
    assert levels("monk-india") == ["not-answered", "7-10"]
    assert levels("race-ethnicity") == ["two-or-more", "not-answered"]
    assert levels("body-part") == ["arm", "several"]
    assert levels("age") == ["not-answered", "not-answered"]
    assert levels("sex") == ["female", "female"]


@pytest.mark.parametrize(
    ("types", "level"), [((2, 3), "iii-iv"), ((4, 5), "v-vi"), ((1, 2), "i-ii"), ((3, 4), "iii-iv")]
)
def test_half_way_medians_go_to_the_darker_group(
    types: tuple[int, int], level: str, cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    grade, tone = "dermatologist_gradable_for_fitzpatrick_skin_type_", "dermatologist_fitzpatrick_skin_type_label_"
    changes = {f"{grade}{k}": "YES" for k in (1, 2)} | {
        f"{tone}{k}": f"FST{t}" for k, t in zip((1, 2), types, strict=True)
    }
    samples = load_samples(cards("scin"), scin_folder([make.case("1")], [make.label("1", **changes)]))
    group = samples.benchmark.group("fst-dermatologist")
    assert group.levels[samples.groups["fst-dermatologist"][0]].id == level


def test_an_apostrophe_and_commas_in_a_label_are_read(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    name = "Rosai Dorfman disease - I know rare, but I've seen a case like this"
    label = make.label("1", {name: 0.5, "Eczema": 0.5})
    assert '"Rosai' in label[NAMES]
    raw = read(cards("scin"), scin_folder([make.case("1")], [label]))
    assert classes_of(cards("scin"), raw.labels[0]) == {"eczema"}
    assert raw.account["mentions outside the class list"] == 1


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        (NAMES, "['Eczema'"),
        (NAMES, "__import__('os').system('true')"),
        (NAMES, "{'Eczema': 1}"),
        (NAMES, "[1]"),
        (NAMES, ""),
        (NAMES, "[" * 5000),
        (CONFIDENCES, "[6]"),
        (CONFIDENCES, "[True]"),
        (CONFIDENCES, "[3, 3]"),
        (WEIGHTS, "{'Eczema': 'much'}"),
        (WEIGHTS, "{'Eczema': 1e999}"),
        (WEIGHTS, "['Eczema']"),
    ],
)
def test_a_bad_label_cell_is_named(
    column: str, cell: str, cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    root = scin_folder([make.case("1"), make.case("2")], [make.label("1"), make.label("2", **{column: cell})])
    with pytest.raises(DataError) as caught:
        read(cards("scin"), root)
    error = caught.value
    assert (error.file, error.line, error.key) == (str(root / "dataset" / "scin_labels.csv"), 3, column)
    assert error.expected
    assert error.found


@pytest.mark.parametrize(
    "path", ["../../../etc/passwd", "/etc/passwd", "dataset/../../x.png", "C:\\x.png", "..\\x.png"]
)
def test_a_path_cannot_leave_the_folder(path: str, cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    root = scin_folder([make.case("1", image_1_path=path)], [make.label("1")])
    with pytest.raises(DataError, match="leads out") as caught:
        read(cards("scin"), root)
    assert caught.value.line == 2


def test_a_link_cannot_leave_the_folder(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace, tmp_path: Path
) -> None:
    root = scin_folder([make.case("1")], [make.label("1")])
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "dataset" / "images").symlink_to(outside)
    with pytest.raises(DataError, match="leads out"):
        read(cards("scin"), root)


def test_the_schema_documents_column_name_is_explained(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    root = scin_folder([make.case("1")], [make.label("1")])
    table = root / "dataset" / "scin_labels.csv"
    table.write_text(table.read_text().replace("_on_label_name", "_label_name"))
    with pytest.raises(DataError) as caught:
        read(cards("scin"), root)
    assert caught.value.key == NAMES
    assert "schema document" in (caught.value.hint or "")


def test_missing_tables_say_what_to_do(cards: Cards, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError) as caught:
        read(cards("scin"), tmp_path / "nothing")
    assert "vlmeval data fetch scin" in (caught.value.hint or "")
    assert caught.value.exit_code == 3


def test_ids_that_a_spreadsheet_spoiled_are_refused(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    root = scin_folder([make.case("-1.00E+18")], [make.label("-1.00E+18")])
    with pytest.raises(DataError, match="not an integer"):
        read(cards("scin"), root)


def test_cases_and_labels_must_pair_up(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    with pytest.raises(DataError, match="no row of labels"):
        read(cards("scin"), scin_folder([make.case("1"), make.case("2")], [make.label("1")]))
    with pytest.raises(DataError, match="there twice"):
        read(cards("scin"), scin_folder([make.case("1"), make.case("1")], [make.label("1")]))


def test_labels_of_cases_that_are_not_there_are_counted(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    raw = read(cards("scin"), scin_folder([make.case("1")], [make.label("2"), make.label("1")]))
    assert raw.units.tolist() == ["1"]
    assert raw.account["rows of labels without a case"] == 1


def test_an_unforeseen_group_value_is_an_error_not_a_gap(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    root = scin_folder([make.case("1", age_group="AGE_NEW")], [make.label("1")])
    with pytest.raises(DataError) as caught:
        load_samples(cards("scin"), root)
    assert caught.value.key == "age_group"
    assert "AGE_NEW" in (caught.value.found or "")


def test_a_wrong_option_names_the_key(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace, with_options: Callable[..., Benchmark]
) -> None:
    root = scin_folder([make.case("1")], [make.label("1")])
    with pytest.raises(CatalogError) as caught:
        read(with_options(cards("scin"), quality="good"), root)
    assert caught.value.key == "data.options.quality"
