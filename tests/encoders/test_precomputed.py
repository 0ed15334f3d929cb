"""Vectors that somebody else computed: read in four formats, joined by name, with nothing lost in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vlmeval.catalog import load_catalog
from vlmeval.encoders.given.convert import convert
from vlmeval.encoders.precomputed import read_vectors
from vlmeval.encoders.resolve import resolve
from vlmeval.errors import DataError, MissingDataError, UsageError

IDS = ["a", "-17", "c"]
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4) + 1


def npz(folder: Path, ids: object = None, vectors: object = None) -> Path:
    file = folder / "v.npz"
    np.savez(file, ids=np.array(IDS) if ids is None else ids, vectors=VECTORS if vectors is None else vectors)
    return file


def npy(folder: Path) -> Path:
    np.save(folder / "v.npy", VECTORS.astype(np.float64))
    pd.DataFrame({"note": ["x", "y", "z"], "id": IDS}).to_csv(folder / "v.csv", index=False)
    return folder / "v.npy"


def parquet_list(folder: Path) -> Path:
    pd.DataFrame({"id": IDS, "vector": list(VECTORS)}).to_parquet(folder / "l.parquet")
    return folder / "l.parquet"


def parquet_columns(folder: Path) -> Path:
    frame = pd.DataFrame(VECTORS, columns=[f"d{i}" for i in range(4)])
    frame.insert(0, "id", IDS)
    frame.to_parquet(folder / "c.parquet")
    return folder / "c.parquet"


def csv(folder: Path) -> Path:
    frame = pd.DataFrame(VECTORS, columns=[f"d{i}" for i in range(4)])
    frame["id"] = IDS
    frame.to_csv(folder / "t.csv", index=False)
    return folder / "t.csv"


@pytest.mark.parametrize("write", [npz, npy, parquet_list, parquet_columns, csv])
def test_every_format_gives_the_same_vectors(write, tmp_path: Path) -> None:
    given = read_vectors(write(tmp_path))
    joined = given.join(["c", "a", "-17"], ["x.png"] * 3)
    assert joined.vectors.dtype == np.float32
    np.testing.assert_array_equal(joined.vectors, VECTORS[[2, 0, 1]])
    assert joined.found.all()


def test_the_account_says_what_did_not_join(tmp_path: Path) -> None:
    given = read_vectors(npz(tmp_path, ids=np.array(["a", "img_2.png", "img_3", "nobody"]), vectors=np.eye(4)))
    joined = given.join(["a", "b", "c", "d"], ["img_1.png", "part/img_2.png", "img_3.jpg", "img_4.jpg"])
    np.testing.assert_array_equal(joined.found, [True, True, True, False])
    np.testing.assert_array_equal(joined.vectors[:3], np.eye(4)[:3])
    assert np.isnan(joined.vectors[3]).all()
    assert joined.account == {
        "vectors in file": 4,
        "by id": 1,
        "by image path": 0,
        "by file name": 2,
        "samples without vector": 1,
        "vectors without sample": 1,
    }
    assert (joined.missing, joined.unused) == (("d",), ("nobody",))


def joined(folder: Path, names: list[str], ids: list[str], images: list[str]):
    """Join vectors of these names, row k being k + 1 in every number; return what each sample got, and the account."""
    vectors = np.repeat(np.arange(1.0, len(names) + 1)[:, None], 3, axis=1)
    found = read_vectors(npz(folder, ids=np.array(names), vectors=vectors)).join(ids, images)
    return [None if np.isnan(v) else int(v) for v in found.vectors[:, 0]], found


SAMPLES = ["1/1", "1/2", "2/1"]
IMAGES = [
    "/home/x/scin/dataset/images/-7.png",
    "/home/x/scin/dataset/images/8.png",
    "/home/x/scin/dataset/images/9.png",
]


@pytest.mark.parametrize(
    ("names", "way"),
    [
        (["1/1", "1/2", "2/1"], "by id"),
        (["dataset/images/-7.png", "dataset/images/8.png", "dataset/images/9.png"], "by image path"),
        ([r"images\-7.png", "images/8.png", "gs://bucket/dataset/images/9.png"], "by image path"),
        (["-7.png", "8.png", "9.png"], "by file name"),
        (["-7", "8", "9"], "by file name"),
        (["elsewhere/-7.jpg", "8.JPG", "9.npy"], "by file name"),
    ],
)
def test_rows_are_found_by_id_path_file_name_or_stem(names: list[str], way: str, tmp_path: Path) -> None:
    rows, found = joined(tmp_path, names[::-1], SAMPLES, IMAGES)
    assert rows == [3, 2, 1]
    assert {key: n for key, n in found.account.items() if key.startswith("by ") and n} == {way: 3}


def test_an_id_goes_before_a_path_and_the_same_suffix_before_another(tmp_path: Path) -> None:
    rows, _ = joined(tmp_path, ["a.jpg", "a.png", "s2"], ["s1", "s2"], ["x/a.png", "x/b.png"])
    assert rows == [2, 3]


def test_folders_decide_between_pictures_of_one_name(tmp_path: Path) -> None:
    images = ["d/train/1.png", "d/test/1.png"]
    assert joined(tmp_path, ["test/1.png", "train/1.png"], ["a", "b"], images)[0] == [2, 1]
    rows, found = joined(tmp_path, ["test/1.png", "a"], ["a", "b"], images)
    assert rows == [2, 1]
    rows, found = joined(tmp_path, ["test/1.png"], ["a", "b"], images)
    assert rows == [None, 1]
    assert found.missing == ("a",)


def test_a_name_that_fits_two_pictures_or_two_rows_is_not_guessed(tmp_path: Path) -> None:
    rows, found = joined(tmp_path, ["1.png", "c"], ["a", "b", "c"], ["train/1.png", "test/1.png", "z.png"])
    assert rows == [None, None, 2]
    assert found.account["samples whose file name is ambiguous"] == 2
    assert found.missing == ("a", "b")
    rows, found = joined(tmp_path, ["p/1.png", "q/1.png", "c"], ["a", "c"], ["x/1.png", "z.png"])
    assert rows == [None, 3]
    with pytest.raises(DataError, match="fits more than one"):
        joined(tmp_path, ["1.png"], ["a", "b"], ["train/1.png", "test/1.png"])


def test_one_picture_may_serve_several_samples(tmp_path: Path) -> None:
    """SCIN shows one file in more than one place."""
    rows, found = joined(tmp_path, ["images/8.png"], ["1/1", "2/1"], ["d/images/8.png", "d/images/8.png"])
    assert rows == [1, 1]
    assert found.unused == ()


def test_two_rows_with_one_vector_are_not_ambiguous(tmp_path: Path) -> None:
    file = npz(tmp_path, ids=np.array(["p/1.png", "q/1.png"]), vectors=np.ones((2, 3)))
    assert read_vectors(file).join(["a"], ["x/1.png"]).found.all()


def test_names_with_dots_are_not_cut(tmp_path: Path) -> None:
    rows, _ = joined(tmp_path, ["case.1", "case.2"], ["a", "b"], ["x/case.2.png", "x/case.3.png"])
    assert rows == [2, None]


LONG = [-1834609919572055750, -2243186711511406658]


@pytest.mark.parametrize(
    "ids",
    [
        np.array(LONG, dtype=np.float64),
        np.array([str(float(number)) for number in LONG]),
        np.array([f"{float(number):.0f}" for number in LONG]),
        np.array([int(float(number)) for number in LONG]),
        np.array([f"dataset/images/{int(float(number))}.png" for number in LONG]),
    ],
    ids=["floats", "text of floats", "text of rounded", "rounded", "paths of rounded"],
)
def test_ids_that_went_through_floats_are_recognised(ids, tmp_path: Path) -> None:
    """The last digits of SCIN's 64-bit names get lost when a reader takes them for floating-point numbers."""
    images = [f"dataset/images/{number}.png" for number in LONG]
    with pytest.raises(DataError, match="lost their last digits") as caught:
        read_vectors(npz(tmp_path, ids=ids, vectors=np.ones((2, 3)))).join(["p", "q"], images)
    assert "dtype" in str(caught.value.hint)


@pytest.mark.parametrize("ids", [LONG, [str(number) for number in LONG]])
def test_whole_ids_of_64_bits_join(ids, tmp_path: Path) -> None:
    pd.DataFrame({"id": ids, "vector": list(VECTORS[:2])}).to_parquet(tmp_path / "v.parquet")
    frame = pd.DataFrame(VECTORS[:2], columns=list("abcd")).assign(id=ids)
    frame.to_csv(tmp_path / "v.csv", index=False)
    for name in ("v.parquet", "v.csv"):
        found = read_vectors(tmp_path / name).join(["p", "q"], [f"images/{number}.png" for number in LONG])
        np.testing.assert_array_equal(found.vectors, VECTORS[:2])


def test_small_numbers_read_as_floats_are_still_exact(tmp_path: Path) -> None:
    pd.DataFrame({"id": [17.0, 5.0], "vector": list(VECTORS[:2])}).to_parquet(tmp_path / "v.parquet")
    assert read_vectors(tmp_path / "v.parquet").names == ("17", "5")
    pd.DataFrame({"id": [17.5, 5.0], "vector": list(VECTORS[:2])}).to_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataError, match="lost their last digits"):
        read_vectors(tmp_path / "v.parquet")


def test_rows_that_are_there_twice_are_merged_when_they_are_equal(tmp_path: Path) -> None:
    given = read_vectors(npz(tmp_path, ids=np.array(["a", "b", "a"]), vectors=VECTORS[[0, 1, 0]]))
    assert given.names == ("a", "b")
    assert given.join(["a"], ["x.png"]).account["repeated rows in file"] == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,a,b\nx,1,2\ny,3,z\n", "no number"),
        ("id,a,b\nx,1,2\ny,1,2,3\n", "same columns"),
        ("id\nx\n", "wrong vectors"),
        ("id,a\n", "no vectors"),
        ("", "empty"),
    ],
)
def test_wrong_csv_tables_are_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text(text)
    with pytest.raises(DataError, match=message):
        read_vectors(tmp_path / "v.csv")


def test_an_empty_cell_is_a_missing_number(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("id,a,b\nx,1,\ny,1,2\n")
    given = read_vectors(tmp_path / "v.csv")
    assert given.join(["y"], ["y.png"]).found.all()
    with pytest.raises(DataError, match="NaN"):
        given.join(["x"], ["x.png"])


def test_wrong_columns_of_a_parquet_are_named(tmp_path: Path) -> None:
    file = tmp_path / "v.parquet"
    for frame, message in (
        ({"id": ["a", None], "vector": [[1.0], [2.0]]}, "no id"),
        ({"id": ["a", "b"], "vector": [[1.0], None]}, "no vector"),
        ({"id": ["a", "b"], "vector": ["x", "y"]}, "no lists of numbers"),
        ({"id": ["a", "b"], "vector": [["x"], ["y"]]}, "no lists of numbers"),
    ):
        pd.DataFrame(frame).to_parquet(file)
        with pytest.raises(DataError, match=message):
            read_vectors(file)


def test_numbers_as_ids_join_as_text(tmp_path: Path) -> None:
    given = read_vectors(npz(tmp_path, ids=np.array([-17, 5, 6])))
    assert given.join(["-17"], ["x.png"]).account["by id"] == 1


def test_nothing_in_common_is_an_error_that_shows_both_sides(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_vectors(npz(tmp_path)).join(["p1"], ["p1.png"])
    assert "p1" in str(caught.value.expected)
    assert "-17" in str(caught.value.found)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_numbers_matter_only_where_they_are_used(bad: float, tmp_path: Path) -> None:
    vectors = VECTORS.copy()
    vectors[1, 2] = bad
    given = read_vectors(npz(tmp_path, vectors=vectors))
    assert given.join(["a"], ["x.png"]).found.all()
    with pytest.raises(DataError, match="NaN or infinity") as caught:
        given.join(IDS, ["x.png"] * 3)
    assert "-17" in str(caught.value.found)


def test_a_vector_without_direction_is_refused(tmp_path: Path) -> None:
    vectors = VECTORS.copy()
    vectors[0] = 0
    with pytest.raises(DataError, match="all zero"):
        read_vectors(npz(tmp_path, vectors=vectors)).join(IDS, ["x.png"] * 3)


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        (np.array(["a", "a", "c"]), None, "more than one vector"),
        (np.array(["a", "b"]), None, "differ in number"),
        (None, np.zeros((3, 2, 2)), "wrong vectors"),
        (None, np.zeros(3), "wrong vectors"),
        (np.array([], dtype=str), np.zeros((0, 4)), "no vectors"),
        (None, np.array([["x"], ["y"], ["z"]]), "wrong vectors"),
    ],
)
def test_wrong_arrays_are_named(ids, vectors, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_vectors(npz(tmp_path, ids, vectors))


def test_pickled_arrays_are_never_read(tmp_path: Path) -> None:
    """Google publishes MedSigLIP's SCIN embeddings in such a form; it has to be converted first."""
    objects = np.array([["path", [1.0], [0]]], dtype=object)
    np.savez(tmp_path / "v.npz", ids=np.array(["a"]), vectors=objects, allow_pickle=True)
    with pytest.raises(DataError, match="pickled content is never read") as caught:
        read_vectors(tmp_path / "v.npz")
    assert "vlmeval data convert" in str(caught.value.hint)
    np.save(tmp_path / "w.npy", objects, allow_pickle=True)
    with pytest.raises(DataError, match="pickled content is never read"):
        read_vectors(tmp_path / "w.npy")


def test_files_that_are_not_what_they_are_called(tmp_path: Path) -> None:
    for name in ("x.npz", "x.npy", "x.parquet"):
        (tmp_path / name).write_bytes(b"not this")
        with pytest.raises(DataError):
            read_vectors(tmp_path / name)
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(DataError, match="empty"):
            read_vectors(tmp_path / name)
    (tmp_path / "x.pkl").write_bytes(b"")
    with pytest.raises(UsageError):
        read_vectors(tmp_path / "x.pkl")
    with pytest.raises(MissingDataError):
        read_vectors(tmp_path / "absent.npz")


def test_parts_that_are_missing_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", vectors=VECTORS)
    with pytest.raises(DataError, match="array is missing") as caught:
        read_vectors(tmp_path / "v.npz")
    assert caught.value.key == "ids"
    np.save(tmp_path / "v.npy", VECTORS)
    with pytest.raises(MissingDataError, match="CSV"):
        read_vectors(tmp_path / "v.npy")
    pd.DataFrame({"id": IDS, "vector": [[1.0], [1.0, 2.0], [3.0]]}).to_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataError, match="differ in length"):
        read_vectors(tmp_path / "v.parquet")
    pd.DataFrame({"id": IDS, "d0": ["x", "y", "z"]}).to_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataError, match="no dimension"):
        read_vectors(tmp_path / "v.parquet")


def test_without_a_text_model_the_text_side_is_asked_for(tmp_path: Path, no_cards) -> None:
    handle = resolve(f"embeddings:{npz(tmp_path)}", no_cards)
    assert handle.precomputed
    assert handle.fetch() is None
    with pytest.raises(UsageError, match="no text side") as caught:
        handle.load("cpu", "float32")
    assert "::MODEL" in str(caught.value.hint)


def test_with_a_text_model_its_tower_gives_the_text_side(tmp_path: Path, no_cards, hf_clip: Path, prompts) -> None:
    handle = resolve(f"embeddings:{npz(tmp_path)}::{hf_clip}", no_cards)
    text = resolve(str(hf_clip), no_cards)
    assert handle.text_key == text.text_key
    assert handle.key != text.key
    np.testing.assert_array_equal(
        handle.load("cpu", "float32").encode_texts(prompts), text.load("cpu", "float32").encode_texts(prompts)
    )
    assert "given vectors" in handle.card.title


def test_key_is_the_files_content(tmp_path: Path, no_cards) -> None:
    first = resolve(f"embeddings:{npz(tmp_path)}", no_cards).key
    again = resolve(f"embeddings:{npz(tmp_path)}", no_cards).key
    other = resolve(f"embeddings:{npz(tmp_path, vectors=VECTORS + 1)}", no_cards).key
    assert first == again
    assert other != first


def test_a_model_that_computes_has_no_given_vectors(hf_clip: Path, no_cards) -> None:
    with pytest.raises(UsageError, match="computes its vectors"):
        resolve(str(hf_clip), no_cards).vectors()


def test_what_is_known_of_the_model_that_made_them_goes_with_the_vectors(tmp_path: Path) -> None:
    """Vectors of MedSigLIP have seen SCIN as the model has, also without its text side beside them."""
    catalog = load_catalog()
    card = catalog.model_card("medsiglip-448")
    assert catalog.contamination.of(card.family, "scin").status == "in-training"
    source = npz(tmp_path)
    assert resolve(f"embeddings:{source}", catalog).card.family == "unknown"
    for model in ("medsiglip-448", "hf:google/medsiglip-448", "/no/such/place/medsiglip-448"):
        for target in (tmp_path / "o.npz", tmp_path / "o.parquet"):
            convert(source, target, model=model)
            made = resolve(f"embeddings:{target}", catalog).card
            assert made.family == card.family == "medsiglip"
            assert made.licence == card.licence
    # Also with another model's text side: it is the pictures that were seen.
    assert resolve(f"embeddings:{tmp_path / 'o.npz'}::clip-vit-b32", catalog).card.family == "medsiglip"
    assert resolve(f"embeddings:{source}::clip-vit-b32", catalog).card.family == "openai-clip"
    convert(source, tmp_path / "o.npz", model="clip-demo")
    assert resolve(f"embeddings:{tmp_path / 'o.npz'}", catalog).card.synthetic


@pytest.mark.parametrize("meta", ["nonsense", "[1]", '{"model": 3}', '{"model": "hf:"}', '{"model": " "}', "{}"])
def test_what_others_call_meta_is_left_alone(meta: str, tmp_path: Path, no_cards) -> None:
    np.savez(tmp_path / "v.npz", ids=np.array(IDS), vectors=VECTORS, meta=np.array(meta))
    assert resolve(f"embeddings:{tmp_path / 'v.npz'}", no_cards).card.family == "unknown"
    assert read_vectors(tmp_path / "v.npz").join(["a"], ["x"]).made == ""
