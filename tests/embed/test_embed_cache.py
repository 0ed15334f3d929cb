"""The cache's files, its upkeep, and the memory of hashes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time

import filelock
import numpy as np
import pytest
from embed_fake_model import FakeHandle
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vlmeval.embed import Cache, EmbedOptions, embed
from vlmeval.embed.hashing import content_hashes
from vlmeval.embed.shards import Shard, ShardError, count_rows, file_name, pack, unpack
from vlmeval.records import ImageRef

CPU = EmbedOptions(device="cpu", workers=0)
OLD = 10**18  # nanoseconds since the epoch: a file old enough for its stamp to be trusted


@given(st.data())
def test_a_shard_is_its_bytes_and_back(data):
    n, d = data.draw(st.integers(0, 5)), data.draw(st.integers(1, 4))
    hashes = data.draw(hnp.arrays(np.uint8, (n, 32)))
    vectors = data.draw(hnp.arrays(np.float32, (n, d), elements=st.floats(width=32, allow_nan=False)))
    note = {"unreadable": data.draw(st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=4))}
    packed = pack(Shard(hashes, vectors, note))
    assert packed == pack(Shard(hashes.copy(), np.asfortranarray(vectors), dict(reversed(note.items()))))
    back = unpack(file_name(packed), packed)
    np.testing.assert_array_equal(back.hashes, hashes)
    np.testing.assert_array_equal(back.vectors, vectors)
    assert back.note == note
    assert back.keys() == [row.tobytes() for row in hashes]


def test_any_flipped_or_missing_byte_is_noticed():
    data = pack(Shard(np.zeros((2, 32), np.uint8), np.ones((2, 3), np.float32), {"a": 1}))
    for i in range(len(data)):
        with pytest.raises(ShardError, match="checksum"):
            unpack(file_name(data), data[:i] + bytes([data[i] ^ 1]) + data[i + 1 :])
    with pytest.raises(ShardError):
        unpack(file_name(data), data[:-1])


@pytest.mark.parametrize("content", [b"", b"junk", b"\xff" * 64])
def test_a_file_named_by_its_checksum_may_still_be_no_shard(content, tmp_path):
    with pytest.raises(ShardError, match="not a shard"):
        unpack(file_name(content), content)
    (tmp_path / "x").write_bytes(content)
    assert count_rows(tmp_path / "x") == 0


def test_arrays_of_the_wrong_shape_are_refused():
    from safetensors.numpy import save

    for arrays in (
        {"hashes": np.zeros((2, 31), np.uint8), "vectors": np.zeros((2, 3), np.float32)},
        {"hashes": np.zeros((2, 32), np.uint8), "vectors": np.zeros((3, 3), np.float32)},
        {"hashes": np.zeros((2, 32), np.uint8), "vectors": np.zeros((2, 3), np.float64)},
        {"hashes": np.zeros((2, 32), np.uint8)},
    ):
        data = save(arrays, metadata={"vlmeval": "{}"})
        with pytest.raises(ShardError):
            unpack(file_name(data), data)


@pytest.fixture
def filled(pictures, make_samples, cache) -> Cache:
    """A cache with two models."""
    for name in ("a", "b"):
        embed(FakeHandle(name=name), make_samples(pictures), ["eczema"], cache, CPU)
    return cache


def test_info_counts_what_is_there(filled):
    infos = filled.info()
    assert sorted((i.kind, i.spec, i.vectors, i.dim, i.dtype) for i in infos) == [
        ("fingerprints", "fingerprints", 50, 256, "float32"),  # of both models
        ("images", "a", 50, 8, "float32"),
        ("images", "b", 50, 8, "float32"),
        ("texts", "a", 1, 8, "float32"),
        ("texts", "b", 1, 8, "float32"),
    ]
    assert all(i.bytes > 0 and i.shards == 1 and not i.in_use for i in infos)
    json.dumps([i.as_dict() for i in infos])
    assert Cache(filled.root / "nowhere").info() == []


def test_clear_by_model_and_by_age(filled, pictures, make_samples):
    cleared = filled.clear(encoder="a")
    assert [i.spec for i in cleared] == ["a", "a"]
    assert {i.spec for i in filled.info()} == {"b", "fingerprints"}
    assert filled.clear(older_days=1) == []
    for path in filled.root.rglob("manifest.json"):
        os.utime(path, (time.time() - 5 * 86400,) * 2)
    embed(FakeHandle(name="b"), make_samples(pictures), [], filled, CPU)  # used again: the pictures only
    assert [i.kind for i in filled.clear(older_days=1)] == ["texts", "fingerprints"]
    assert len(filled.clear()) == 1
    assert filled.info() == []


def test_clear_leaves_alone_what_is_not_its_own_or_in_use(filled):
    (filled.root / "images" / "notes.txt").write_text("mine")
    drawer = next(filled.root.glob("images/*/"))
    (drawer / "notes.txt").write_text("mine")
    with filelock.FileLock(drawer / ".lock"):
        kept = {i.key for i in filled.info()} - {i.key for i in filled.clear()}
        assert kept == {drawer.name}
        assert next(i for i in filled.info() if i.key == drawer.name).in_use
    filled.clear()
    assert (drawer / "notes.txt").read_text() == "mine"
    assert (filled.root / "images" / "notes.txt").read_text() == "mine"


def test_verify_finds_and_sets_aside_what_was_altered(filled, pictures, make_samples):
    assert filled.verify().as_dict() == {
        "shards": 5, "vectors": 152, "bytes": sum(p.stat().st_size for p in filled.root.rglob("*.safetensors")),
        "damaged": {},
    }  # fmt: skip
    path = next(filled.root.glob("images/*/*.safetensors"))
    path.write_bytes(path.read_bytes() + b"x")
    report = filled.verify()
    assert list(report.damaged) == [str(path)]
    assert "checksum" in report.damaged[str(path)]
    assert filled.verify().damaged == {}
    assert sum(i.damaged for i in filled.info()) == 1


def test_a_damaged_shard_is_reported_by_the_run_that_meets_it(filled, pictures, make_samples):
    before = embed(FakeHandle(name="a"), make_samples(pictures), [], filled, CPU)
    for path in filled.root.glob("images/*/*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    got = embed(FakeHandle(name="a"), make_samples(pictures), [], filled, CPU)
    assert len(got.damaged) == 1
    assert got.computed_images == 50
    np.testing.assert_array_equal(got.images.vectors, before.images.vectors)


def test_an_altered_manifest_is_written_anew(filled, pictures, make_samples):
    handle = FakeHandle(name="a")
    for path in filled.root.glob("*/*/manifest.json"):
        path.write_text(path.read_text().replace('"dim": 8', '"dim": 9'))
    got = embed(handle, make_samples(pictures), ["eczema"], filled, CPU)
    assert (handle.loads, got.computed_images, got.facts["dim"]) == (1, 0, 8)


def test_a_second_run_waits_for_the_first(pictures, make_samples, cache):
    samples, told = make_samples(pictures), []
    drawer = cache.drawer("images", embed(FakeHandle(), make_samples([]), [], cache, CPU).images.key)
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        with drawer.locked():
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)

    def progress(stage: str, done: int, total: int | None) -> None:
        told.append(stage)
        if stage.startswith("wait"):
            release.set()

    assert embed(FakeHandle(), samples, [], cache, CPU, progress).computed_images == 50
    thread.join()
    assert "wait for another run with this model" in told


def test_half_written_shards_are_removed_and_a_manifest_being_written_is_not(filled, pictures, make_samples):
    drawer = next(filled.root.glob("images/*/"))
    manifest = drawer / ".manifest.json.0123.tmp"  # another run that loads the same model writes it without the lock
    shard = drawer / f".{64 * '0'}.safetensors.0123.tmp"
    for path in (manifest, shard):
        path.write_bytes(b"half")
    for path in drawer.glob("*.safetensors"):
        path.unlink()
    for name in ("a", "b"):
        embed(FakeHandle(name=name), make_samples(pictures), [], filled, CPU)
    assert manifest.exists()
    assert not shard.exists()
    filled.clear()
    assert not manifest.exists()


def test_hashes_are_those_of_the_bytes_and_are_remembered(pictures, cache):
    refs = [ImageRef(path) for path in pictures]
    expected = [hashlib.sha256(path.read_bytes()).digest() for path in pictures]
    for path in pictures:
        os.utime(path, ns=(OLD, OLD))
    assert content_hashes(refs, cache.memo_folder) == expected
    # Same stamp, other content: the memory answers, which shows that nothing is read a second time.
    changed = pictures[0].read_bytes()
    pictures[0].write_bytes(bytes(len(changed)))
    os.utime(pictures[0], ns=(OLD, OLD))
    assert content_hashes(refs, cache.memo_folder) == expected
    os.utime(pictures[0], ns=(OLD + 1, OLD + 1))
    assert content_hashes(refs, cache.memo_folder)[0] == hashlib.sha256(bytes(len(changed))).digest()


def test_a_file_written_just_now_is_not_remembered_yet(pictures, cache):
    ref, stat = ImageRef(pictures[0]), pictures[0].stat()
    size = len(pictures[0].read_bytes())
    content_hashes([ref], cache.memo_folder)
    pictures[0].write_bytes(bytes(size))
    os.utime(pictures[0], ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert content_hashes([ref], cache.memo_folder) == [hashlib.sha256(bytes(size)).digest()]


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"container": 1}', '{"container": "C", "entries": {"000.png": 3}}']
)
def test_a_spoilt_memory_is_no_memory(content, folder, pictures, cache):
    for path in pictures:
        os.utime(path, ns=(OLD, OLD))
    refs = [ImageRef(path) for path in pictures]
    expected = content_hashes(refs, cache.memo_folder)
    (memo,) = cache.memo_folder.glob("*.json")
    memo.write_text(content.replace('"C"', json.dumps(str(folder))))
    assert content_hashes(refs, cache.memo_folder) == expected


def test_the_cache_can_be_moved(filled, tmp_path, pictures, make_samples):
    shutil.move(filled.root, tmp_path / "elsewhere")
    handle = FakeHandle(name="a")
    assert embed(handle, make_samples(pictures), ["eczema"], Cache(tmp_path / "elsewhere"), CPU).computed_images == 0
    assert handle.loads == 0
