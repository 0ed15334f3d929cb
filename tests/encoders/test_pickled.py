"""Pickles read as data: what numpy writes comes back as numpy would read it, everything else is refused by name."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import pickle  # noqa: TID251  (writes the files that must be refused, and is the oracle for those that must not)
import pickletools
import struct
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.encoders.given.npz_objects import read_arrays
from vlmeval.encoders.given.pickled import read_pickle
from vlmeval.encoders.given.pickled_arrays import RefusedError
from vlmeval.errors import DataError, MissingDataError, UsageError

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**100), 2**100)
    | st.floats()
    | st.text()
    | st.binary()
    | st.sampled_from([np.float32(1.5), np.int64(-7), np.str_("ä"), np.bool_(True)]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(-(2**63), 2**63) | st.binary(), inner, max_size=4)
    ),
    max_leaves=12,
)
ARRAYS = [
    np.arange(6, dtype=np.float32).reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
    np.arange(4, dtype=">i8"),
    np.array([1.5, -2], dtype=np.float16),
    np.zeros((0, 5)),
    np.array(3.25),
    np.array(["ab", "ü"]),
    np.array([b"x", b"yz"]),
    np.array([True, False]),
    np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
]


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, np.generic):
        theirs = theirs.item()
    if isinstance(theirs, np.ndarray):
        if theirs.dtype == object:
            return ours.shape == theirs.shape and all(map(same, ours.ravel().tolist(), theirs.ravel().tolist()))
        return ours.dtype == theirs.dtype and ours.shape == theirs.shape and np.array_equal(ours, theirs)
    if type(ours) is not type(theirs):
        return False
    if isinstance(theirs, list | tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(map(same, ours.values(), theirs.values()))
    return ours == theirs or (ours != ours and theirs != theirs)


def as_numpy_1(data: bytes) -> bytes:
    """Write `numpy._core` as numpy 1 did, `numpy.core`; frames are left out, as their lengths change."""
    out = io.BytesIO()
    operations = list(pickletools.genops(data))
    ends = [place for _, _, place in operations[1:]] + [len(data)]
    for (operation, argument, start), end in zip(operations, ends, strict=True):
        if operation.name == "FRAME":
            continue
        if operation.name == "SHORT_BINUNICODE":
            text = argument.replace("numpy._core", "numpy.core").encode()
            out.write(b"\x8c" + bytes([len(text)]) + text)
        elif operation.name == "GLOBAL":
            module, _, name = argument.replace("numpy._core", "numpy.core").partition(" ")
            out.write(f"c{module}\n{name}\n".encode())
        else:
            out.write(data[start:end])
    return out.getvalue()


@settings(max_examples=150, deadline=None)
@given(PLAIN, st.sampled_from(PROTOCOLS))
def test_plain_values_come_back_as_pickle_would_give_them(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    assert same(read_pickle(data), pickle.loads(data))  # noqa: S301


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_come_back_as_numpy_would_give_them(protocol: int) -> None:
    objects = np.empty((2, len(ARRAYS)), dtype=object)
    objects[0] = [f"path {k}" for k in range(len(ARRAYS))]
    for k, array in enumerate(ARRAYS):
        objects[1, k] = array
    for value in (*ARRAYS, objects, {"a": ARRAYS[0], "again": ARRAYS[0]}, np.array(None, dtype=object)):
        data = pickle.dumps(value, protocol)
        assert same(read_pickle(data), value)
        older = as_numpy_1(data)
        assert b"numpy._core" not in older
        assert same(read_pickle(older), value)


def test_the_python_2_way_of_bytes_is_read() -> None:
    """Protocol 2 of Python 2 has one type for text and bytes: SHORT_BINSTRING."""
    content = np.arange(2, dtype="<f4").tobytes()
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x08" + content + b"tb."
    )
    np.testing.assert_array_equal(read_pickle(data), np.arange(2, dtype=np.float32))


class Evil:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class Plain:
    def __init__(self) -> None:
        self.x = 1


CANARY = "vlmeval-was-here"
EVILS = [
    (lambda: Evil(os.system, f"touch {CANARY}"), "system"),
    (lambda: Evil(eval, f"open({CANARY!r}, 'w')"), "eval"),
    (lambda: Evil(exec, f"open({CANARY!r}, 'w')"), "exec"),
    (lambda: Evil(getattr, "x", "upper"), "getattr"),
    (lambda: Evil(functools.partial, open, CANARY, "w"), "functools.partial"),
    (lambda: functools.partial(open, CANARY, "w"), "functools.partial"),
    (lambda: Evil(np.load, CANARY), "load"),
    (lambda: Evil(np.testing.assert_equal, 1, 1), "assert_equal"),
    (lambda: Evil(np.memmap, CANARY, "u1", "w+", 0, (1,)), "memmap"),
    (lambda: Evil(np.ndarray, (1 << 40,)), "ndarray"),
    (lambda: np.ma.masked_array([1.0], [True]), "_mareconstruct"),
    (lambda: np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]), "dtype"),
    (lambda: np.array(["2020-01-01"], dtype="datetime64[D]"), "dtype"),
    (Plain, "Plain|copy_reg._reconstructor"),
    (lambda: Path("/etc/passwd"), "Path"),
    (lambda: complex(1, 2), "complex"),
    (lambda: {1, 2}, "set"),
    (lambda: np.random.default_rng(0), "numpy.random"),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("place", ["alone", "in a dict", "in an array", "in a list in a dict in an array"])
@pytest.mark.parametrize(("make", "name"), EVILS, ids=[name for _, name in EVILS])
def test_everything_else_is_refused_by_name_and_nothing_happens(
    make: Any, name: str, place: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value = make()
    if place == "in a dict":
        value = {"good": np.zeros(3), "bad": value}
    elif place != "alone":
        inner, value = value, np.empty(2, dtype=object)
        value[0], value[1] = "path", inner if place == "in an array" else {"x": [inner]}
    with pytest.raises(RefusedError, match=name):
        read_pickle(pickle.dumps(value, protocol))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"cos\nsystem\n.", "os.system"),
        (b"(S'touch x'\nios\nsystem\n.", "protocol 0"),
        (b"(Vtouch x\nios\nsystem\n.", "INST"),
        (b"(cnumpy\ndtype\no.", "OBJ"),
        (b"cnumpy\ndtype\n)\x81.", "NEWOBJ"),
        (b"Pwho\n.", "persistent"),
        (b"K\x01Q.", "persistent"),
        (b"\x82\x01.", "extension"),
        (b"\x97.", "buffer"),
        (b"\x8f.", "set"),
        (b"\x80\x06N.", "protocol 6"),
        (b"cnumpy\ndtype\n}(Vx\nK\x01ub.", "a state for Name"),  # sets an attribute of numpy.dtype in a real unpickler
        (b"]}(Vx\nK\x01ub.", "a state for list"),
        (b"K\x01)R.", "a call of int"),
        (b"cnumpy\nndarray\n(K\x01tR.", "a call of numpy.ndarray"),
        (b"cnumpy\nndarray\nK\x01R.", "a call of numpy.ndarray"),
        (b"K\x01K\x02a.", "items added to int"),
        (b"}]K\x01s.", "key of type list"),
        (b"c_codecs\nencode\n(Vabc\nVrot13\ntR.", "_codecs.encode"),
        (b"cbuiltins\nbytes\n(J\xff\xff\xff\x7ftR.", "bytes made from"),
        (b"cnumpy\ndtype\n(VO8\nI0\nI1\ntR.", "without content"),
        (b"N", "cut off"),
        (b"", "cut off"),
        (b".", "damaged"),
        (b"h\x05.", "damaged"),
        (b"\xff", "unknown pickle operation"),
        (b"V" + b"x" * 5000, "cut off"),
        (b"c" + b"x" * 5000 + b"\ny\n.", "500. characters"),
        (b"L" + b"9" * 5000 + b"L\n.", "500. characters"),
        (b"L" + b"9" * 50 + b"L\n.", "51 digits"),
        (b"}L" + b"9" * 30 + b"L\nNs.", "beyond 64 bits"),
    ],
)
def test_hand_made_streams_are_refused(data: bytes, what: str) -> None:
    with pytest.raises(RefusedError, match=what):
        read_pickle(data)


BOMBS = {
    "bytes": b"\x8e" + struct.pack("<Q", 1 << 40) + b"x.",
    "bytearray": b"\x96" + struct.pack("<Q", 1 << 62) + b"x.",
    "text": b"\x8d" + struct.pack("<Q", (1 << 64) - 1) + b"x.",
    "frame": b"\x95" + struct.pack("<Q", 1 << 60) + b"N",
    "memo": b"Nr\xff\xff\xff\xff" + b"Q",
    "number": b"\x8b\xff\xff\xff\x7f.",
    "array": b"cnumpy._core.numeric\n_frombuffer\n(C\x04abcdcnumpy\ndtype\n(Vf4\nI0\nI1\ntR(J\xff\xff\xff\x7ftVC\ntR.",
    "scalar": b"cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(VU999999\nI0\nI1\ntRC\x04abcdtR.",
    "objects": b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
    b"(K\x01(J\xff\xff\xff\x7ftcnumpy\ndtype\n(VO8\nI0\nI1\ntRI00\n]tb.",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_short_stream_cannot_ask_for_much_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(RefusedError):
            read_pickle(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_depth_and_cycles_are_no_trouble() -> None:
    deep = read_pickle(b"]" * 50_000 + b"a" * 49_999 + b".")
    for _ in range(49_999):
        deep = deep[0]
    assert deep == []
    itself = read_pickle(b"]q\x00h\x00a.")
    assert itself[0] is itself


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_streams_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    value = {"a": ARRAYS[0], "b": [1, "x", b"y", np.float32(2)], "c": np.array(["p", None], dtype=object)}
    stream = bytearray(pickle.dumps(value, data.draw(st.sampled_from(PROTOCOLS))))
    for _ in range(data.draw(st.integers(1, 4))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(stream)))
    with contextlib.suppress(RefusedError):
        read_pickle(bytes(stream[:cut] if data.draw(st.booleans()) else stream))


def save(folder: Path, name: str = "v.npz", **arrays: Any) -> Path:
    np.savez(folder / name, **arrays)
    return folder / name


def test_object_arrays_of_an_npz_are_read(tmp_path: Path) -> None:
    names = np.array(["a", "b"], dtype=object)
    found = read_arrays(save(tmp_path, names=names, nested=np.array({"x": ARRAYS[0]}), plain=ARRAYS[1]))
    assert same(found["names"], names)
    assert same(found["nested"].item()["x"], ARRAYS[0])
    assert same(found["plain"], ARRAYS[1])


def test_a_refusal_names_file_array_and_what_was_found(tmp_path: Path) -> None:
    file = save(tmp_path, good=np.zeros(2), bad=np.array([Evil(os.system, f"touch {tmp_path / CANARY}")]))
    with pytest.raises(DataError) as caught:
        read_arrays(file)
    assert (caught.value.file, caught.value.key) == (str(file), "bad")
    assert "system" in str(caught.value.found)
    assert not (tmp_path / CANARY).exists()


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_cut_files_are_refused_wherever_they_are_cut(suffix: str, tmp_path: Path) -> None:
    objects = np.array(["a", np.arange(5.0)], dtype=object)
    for array in (objects, np.arange(40.0).reshape(8, 5)):
        whole = tmp_path / f"whole{suffix}"
        if suffix == ".npy":
            np.save(whole, array)
        else:
            np.savez(whole, x=array)
        data = whole.read_bytes()
        for cut in range(0, len(data) - 1, 7):
            (tmp_path / f"cut{suffix}").write_bytes(data[:cut])
            with pytest.raises(DataError):
                read_arrays(tmp_path / f"cut{suffix}")


def test_a_header_that_lies_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array(["a", "b"], dtype=object))
    data = (tmp_path / "v.npy").read_bytes()
    (tmp_path / "v.npy").write_bytes(data.replace(b"(2,)", b"(3,)"))
    with pytest.raises(DataError, match="something else"):
        read_arrays(tmp_path / "v.npy")
    (tmp_path / "v.npy").write_bytes(data.replace(b"'|O'", b"'<f8'"))
    with pytest.raises(DataError):
        read_arrays(tmp_path / "v.npy")


def test_other_files_and_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        read_arrays(tmp_path / "absent.npz")
    (tmp_path / "x.pkl").write_bytes(b"N.")
    with pytest.raises(UsageError):
        read_arrays(tmp_path / "x.pkl")
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(20 << 20))
    with pytest.raises(DataError, match="far larger"):
        read_arrays(tmp_path / "bomb.npz")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_archives_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, x=np.array(["a", np.arange(3.0)], dtype=object), y=np.arange(5.0))
    content = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "v.npz").write_bytes(content)
        with contextlib.suppress(DataError):
            read_arrays(Path(folder) / "v.npz")
