"""Foreign files of embeddings to the plain format: every known layout, an account of what happened, clear refusals."""

from __future__ import annotations

import contextlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.encoders.given.convert import Converted, convert
from vlmeval.encoders.given.plain import write_vectors
from vlmeval.encoders.precomputed import read_vectors
from vlmeval.errors import DataError, UsageError

NAMES = ["dataset/images/-123.png", "dataset/images/45.png", "dataset/images/-6.png"]
VECTORS = (np.arange(12, dtype=np.float32).reshape(3, 4) + 1) / 7


def objects(*values: Any) -> np.ndarray[Any, Any]:
    array = np.empty(len(values), dtype=object)
    for k, value in enumerate(values):
        array[k] = value
    return array


def table(*columns: Any) -> np.ndarray[Any, Any]:
    return np.stack([objects(*column) for column in columns], axis=1)


LABELS = [[0, 1], [1, 0], [1, 1]]
ITEMS = list(VECTORS)
LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {"ids": np.array(NAMES), "vectors": VECTORS},
    "plain with objects": {"ids": objects(*NAMES), "vectors": objects(*ITEMS)},
    "by key": dict(zip(NAMES, ITEMS, strict=True)),
    "by key, rows": {name: vector[None] for name, vector in zip(NAMES, ITEMS, strict=True)},
    "by key, objects": {name: np.array(v.tolist(), dtype=object) for name, v in zip(NAMES, ITEMS, strict=True)},
    "dict": {"arr_0": np.array(dict(zip(NAMES, ITEMS, strict=True)))},
    "dict of lists": {"embeddings": np.array({k: v.tolist() for k, v in zip(NAMES, ITEMS, strict=True)})},
    "dict of rows": {"x": np.array({k: v[None] for k, v in zip(NAMES, ITEMS, strict=True)})},
    "dict of ids and vectors": {"x": np.array({"ids": NAMES, "vectors": VECTORS})},
    "dict and another": {"x": np.array(dict(zip(NAMES, ITEMS, strict=True))), "meta": np.array({"model": "m"})},
    "dict of bytes": {"x": np.array({k.encode(): v for k, v in zip(NAMES, ITEMS, strict=True)})},
    "rows as MedSigLIP's": {"data": table(NAMES, ITEMS, LABELS)},
    "rows of rows": {"data": table(NAMES, [v[None] for v in ITEMS], LABELS)},
    "rows of lists": {"data": table(LABELS, [v.tolist() for v in ITEMS], NAMES)},
    "two arrays": {"paths": np.array(NAMES), "X": VECTORS},
    "two arrays and labels": {"paths": objects(*NAMES), "X": objects(*ITEMS), "y": np.array([0, 1, 1])},
    "bytes as names": {"paths": np.array([name.encode() for name in NAMES]), "X": VECTORS},
}


def save(folder: Path, **arrays: Any) -> Path:
    np.savez(folder / "in.npz", **arrays)
    return folder / "in.npz"


def run(folder: Path, arrays: dict[str, Any], **options: Any) -> Converted:
    return convert(save(folder, **arrays), folder / "out.npz", **options)


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_names_and_vectors(layout: str, suffix: str, tmp_path: Path) -> None:
    done = convert(save(tmp_path, **LAYOUTS[layout]), tmp_path / f"out{suffix}")
    given = read_vectors(tmp_path / f"out{suffix}")
    assert list(given.names) == NAMES
    assert given.vectors.dtype == np.float32
    np.testing.assert_array_equal(given.vectors, VECTORS)
    assert (done.rows_in, done.rows_out, done.dim, done.repeated, done.dropped) == (3, 3, 4, 0, ())


@pytest.mark.parametrize("value", [dict(zip(NAMES, ITEMS, strict=True)), None], ids=["dict", "rows"])
def test_an_npy_is_read_as_well(value: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.array(value) if value else table(NAMES, ITEMS))
    convert(tmp_path / "in.npy", tmp_path / "out.npz")
    np.testing.assert_array_equal(read_vectors(tmp_path / "out.npz").vectors, VECTORS)


def test_keys_and_columns_can_be_named(tmp_path: Path) -> None:
    other = -VECTORS[:, :2]
    arrays = {"data": table(NAMES, ITEMS, [x.tolist() for x in other]), "X": VECTORS, "names": np.array(NAMES)}
    for ids, vectors, expected in (("data:0", "data:2", other), ("names", "X", VECTORS), ("names", "data:1", VECTORS)):
        run(tmp_path, arrays, ids=ids, vectors=vectors)
        np.testing.assert_array_equal(
            read_vectors(tmp_path / "out.npz").vectors, other if expected is other else VECTORS
        )


def test_one_of_several_dicts_can_be_named(tmp_path: Path) -> None:
    arrays = {"y": np.array(dict(zip(NAMES, LABELS, strict=True))), "x": np.array(dict(zip(NAMES, ITEMS, strict=True)))}
    run(tmp_path, arrays, vectors="x")
    np.testing.assert_array_equal(read_vectors(tmp_path / "out.npz").vectors, VECTORS)
    with pytest.raises(DataError, match="no names and vectors") as caught:
        run(tmp_path, arrays)
    assert "--vectors" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ids": "names"}, "go together"),
        ({"ids": "nams", "vectors": "X"}, "no such array"),
        ({"ids": "names", "vectors": "X:9"}, "no such array"),
        ({}, "more than one pair"),
    ],
)
def test_a_wrong_or_missing_choice_says_what_there_is(options: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run(tmp_path, {"names": np.array(NAMES), "X": VECTORS, "Y": VECTORS}, **options)
    assert "names" in str(caught.value) or "--ids" in str(caught.value)


def test_columns_that_cannot_be_told_apart_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not clear which column"):
        run(tmp_path, {"data": table(NAMES, ITEMS, ITEMS)})
    with pytest.raises(UsageError, match="not clear which column"):
        run(tmp_path, {"data": table(NAMES, NAMES, ITEMS)})


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(4), "y": np.zeros(5)}, "longer or shorter"),
        ({"ids": np.array(["a", "b"]), "vectors": objects([1.0, 2.0], [1.0])}, "longer or shorter"),
        ({"ids": np.array(["a", "b"]), "vectors": np.zeros((3, 2))}, "differ in number"),
        ({"ids": np.array(["a", "b"]), "vectors": np.zeros(2)}, "wrong vectors"),
        ({"ids": np.array(["a", "b"]), "vectors": np.array([["x"], ["y"]])}, "wrong vectors"),
        ({"ids": np.zeros((2, 2)), "vectors": np.zeros((2, 2))}, "no list of texts"),
        ({"ids": objects("a", None), "vectors": np.zeros((2, 2))}, "no list of texts"),
        ({"ids": objects("a", "b"), "vectors": objects([1.0], ["x"])}, "no vector of numbers"),
        ({"x": np.array({"a": [1.0], "b": None})}, "no vector of numbers"),
        ({"x": np.array({})}, "no vectors"),
        ({"ids": np.array([], dtype=str), "vectors": np.zeros((0, 4))}, "no vectors"),
        ({"arr_0": np.zeros((3, 4))}, "no names and vectors"),
        ({"arr_0": np.zeros(3)}, "no names and vectors"),
        ({}, "no names and vectors"),
        ({"ids": np.array([b"\xff"]), "vectors": np.zeros((1, 2))}, "not UTF-8"),
        ({"ids": np.array([-1834609919572055750.0]), "vectors": np.ones((1, 2))}, "lost their last digits"),
        ({"x": np.array({0.5: [1.0, 2.0]})}, "lost their last digits"),
    ],
)
def test_files_without_usable_vectors_are_refused(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        run(tmp_path, arrays)
    assert not (tmp_path / "out.npz").exists()


def test_a_ragged_file_names_the_odd_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        run(tmp_path, {"a": np.ones(4), "b": np.ones(3), "c": np.ones(4)})
    assert caught.value.expected == "4 numbers"
    assert caught.value.found == "b: 3"


@pytest.mark.parametrize("bad", [np.nan, -np.inf, 1e300])
def test_rows_that_are_not_finite_are_refused_by_name_or_dropped(bad: float, tmp_path: Path) -> None:
    vectors = VECTORS.astype(np.float64)
    vectors[1, 2] = bad
    arrays = {"ids": np.array(NAMES), "vectors": vectors}
    with pytest.raises(DataError, match="1 of 3 vectors hold NaN or infinity") as caught:
        run(tmp_path, arrays)
    assert caught.value.found == NAMES[1]
    assert "--drop-bad" in str(caught.value.hint)
    done = run(tmp_path, arrays, drop=True)
    assert (done.rows_in, done.rows_out, done.dropped) == (3, 2, (NAMES[1],))
    assert read_vectors(tmp_path / "out.npz").names == (NAMES[0], NAMES[2])


def test_repeats_are_merged_when_identical_and_refused_when_not(tmp_path: Path) -> None:
    ids = np.array(["a", "b", "a"])
    done = run(tmp_path, {"ids": ids, "vectors": VECTORS[[0, 1, 0]]})
    assert (done.rows_in, done.rows_out, done.repeated) == (3, 2, 1)
    with pytest.raises(DataError, match="1 ids stand for more than one vector") as caught:
        run(tmp_path, {"ids": ids, "vectors": VECTORS})
    assert caught.value.found == "a"


def test_one_array_named_very_often_does_not_fill_the_memory(tmp_path: Path) -> None:
    """A pickle may name one array again and again; a small file could then ask for any amount of memory."""
    big = np.zeros(1 << 20, dtype=np.float32)
    file = tmp_path / "in.npz"
    np.savez(file, x=np.array({f"k{i}": big for i in range(1000)}))
    assert file.stat().st_size < 5 << 20
    with pytest.raises(DataError, match="more vectors than the file can hold"):
        convert(file, tmp_path / "out.npz")


def test_the_file_says_where_it_comes_from_and_is_the_same_each_time(tmp_path: Path) -> None:
    arrays = LAYOUTS["rows as MedSigLIP's"]
    for suffix in (".npz", ".parquet"):
        contents = []
        for k in range(2):
            convert(save(tmp_path, **arrays), tmp_path / f"out{k}{suffix}")
            contents.append((tmp_path / f"out{k}{suffix}").read_bytes())
        assert contents[0] == contents[1]
    meta = json.loads(str(np.load(tmp_path / "out0.npz")["meta"]))
    assert meta == json.loads(pq.read_schema(tmp_path / "out0.parquet").metadata[b"vlmeval"])
    assert (meta["from"], meta["dtype"]) == ("in.npz", "float32")
    assert "column 1" in meta["layout"]
    assert "converted from in.npz" in read_vectors(tmp_path / "out0.npz").join([NAMES[0]], ["x"]).made


def test_targets_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a kind of embeddings file"):
        convert(save(tmp_path, **LAYOUTS["plain"]), tmp_path / "out.csv")
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_vectors(tmp_path / "folder.npz", NAMES, VECTORS, {})


def test_ids_that_are_no_text_are_refused(tmp_path: Path) -> None:
    broken = np.array([0xFFFFFFFF], dtype="<u4").view("<U1")
    with pytest.raises(DataError, match="something else"):
        run(tmp_path, {"ids": broken, "vectors": np.ones((1, 2))})
    with pytest.raises(DataError):
        read_vectors(tmp_path / "in.npz")
    with pytest.raises(DataError, match="not UTF-8"):
        run(tmp_path, {"ids": np.array(["\ud800"]), "vectors": np.ones((1, 2))})


@pytest.mark.filterwarnings("ignore:Reading `.npy`")
@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_members_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    """Bytes are changed inside the archive, whose checksums are right again afterwards."""
    layout = data.draw(st.sampled_from(["plain", "plain with objects", "dict", "rows as MedSigLIP's"]))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(save(folder, **LAYOUTS[layout])) as archive:
            members = {member: bytearray(archive.read(member)) for member in archive.namelist()}
        with zipfile.ZipFile(folder / "in.npz", "w") as archive:
            for member, content in members.items():
                for _ in range(data.draw(st.integers(0, 3))):
                    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
                archive.writestr(member, content)
        with contextlib.suppress(DataError, UsageError):
            read_vectors(folder / "in.npz")
        with contextlib.suppress(DataError, UsageError):
            convert(folder / "in.npz", folder / "out.npz")
