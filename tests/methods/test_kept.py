"""Kept fits: what is put is got, whole or not at all."""

import numpy as np
import pytest

from vlmeval.methods.kept import Kept

KEY = "ab" * 32
ARRAYS = {"coef": np.arange(6.0).reshape(2, 3), "gap": np.array(1e-9), "rows": np.array([1, 2], dtype=np.int64)}


@pytest.fixture(params=["disk", "memory"])
def kept(request, tmp_path):
    return Kept(tmp_path if request.param == "disk" else None)


def test_what_is_put_is_got(kept):
    assert kept.get(KEY) is None
    kept.put(KEY, ARRAYS)
    got = kept.get(KEY)
    assert got.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(got[name], array, strict=True)
    assert kept.hits == 1
    assert kept.get("cd" * 32) is None


def test_a_later_put_replaces_and_clear_empties(kept):
    kept.put(KEY, ARRAYS)
    kept.put(KEY, {"coef": np.zeros(1)})
    assert kept.get(KEY).keys() == {"coef"}
    assert kept.size()[0] == 1
    assert kept.clear()[0] == 1
    assert kept.size() == (0, 0)
    assert kept.get(KEY) is None


def test_another_object_on_the_same_folder_finds_it(tmp_path):
    Kept(tmp_path).put(KEY, ARRAYS)
    assert Kept(tmp_path).get(KEY) is not None


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:40] + b"x" + b[41:], lambda _: b""])
def test_a_damaged_entry_is_as_good_as_none(tmp_path, damage):
    kept = Kept(tmp_path)
    kept.put(KEY, ARRAYS)
    (path,) = (tmp_path / "fits").rglob("*.fit")
    path.write_bytes(damage(path.read_bytes()))
    assert kept.get(KEY) is None


def test_a_folder_that_cannot_be_written_keeps_nothing_and_does_not_fail(tmp_path):
    (tmp_path / "fits").write_text("in the way")
    kept = Kept(tmp_path)
    kept.put(KEY, ARRAYS)
    assert kept.get(KEY) is None


def test_a_key_cannot_leave_the_folder(tmp_path):
    with pytest.raises(ValueError, match="not a digest"):
        Kept(tmp_path).put("../../outside", ARRAYS)
