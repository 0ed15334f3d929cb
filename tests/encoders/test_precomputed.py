"""Vectors that somebody else computed: read in three formats, joined by name, with nothing lost in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

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


@pytest.mark.parametrize("write", [npz, npy, parquet_list, parquet_columns])
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
        "by file name": 2,
        "samples without vector": 1,
        "vectors without sample": 1,
    }
    assert (joined.missing, joined.unused) == (("d",), ("nobody",))


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
        (None, np.array([["x"], ["y"], ["z"]]), "wrong vectors"),
    ],
)
def test_wrong_arrays_are_named(ids, vectors, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_vectors(npz(tmp_path, ids, vectors))


def test_pickled_arrays_are_never_read(tmp_path: Path) -> None:
    """Google publishes MedSigLIP's SCIN embeddings in this form; it has to be converted first."""
    objects = np.array([["path", [1.0], [0]]], dtype=object)
    np.savez(tmp_path / "v.npz", ids=np.array(["a"]), vectors=objects, allow_pickle=True)
    with pytest.raises(DataError, match="pickled content is never read"):
        read_vectors(tmp_path / "v.npz")
    np.save(tmp_path / "w.npy", objects, allow_pickle=True)
    with pytest.raises(DataError, match="pickled content is never read"):
        read_vectors(tmp_path / "w.npy")


def test_files_that_are_not_what_they_are_called(tmp_path: Path) -> None:
    for name in ("x.npz", "x.npy", "x.parquet"):
        (tmp_path / name).write_bytes(b"not this")
        with pytest.raises(DataError):
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
