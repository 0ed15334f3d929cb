"""Fingerprints are made of pixels that are decoded anyway, kept by content, and never made twice."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from embed_fake_model import FakeHandle
from PIL import Image

from vlmeval.data.leaks.fingerprint import LENGTH, fingerprint
from vlmeval.embed import Cache, EmbedOptions, embed, fingerprints
from vlmeval.embed.decode import Decoder
from vlmeval.embed.fingerprints import fingerprints_of
from vlmeval.embed.hashing import content_hashes
from vlmeval.records import ImageRef

CPU = EmbedOptions(device="cpu", workers=0)


@pytest.fixture
def decoded(monkeypatch) -> list[int]:
    """How many pictures each decoder was given."""
    seen: list[int] = []
    stream = Decoder.stream

    def counting(self, batches):
        batches = list(batches)
        seen.append(sum(map(len, batches)))
        return stream(self, batches)

    monkeypatch.setattr(Decoder, "stream", counting)
    return seen


def look(samples, cache: Cache, workers: int | None = 0) -> np.ndarray:
    keys = [key if isinstance(key, bytes) else None for key in content_hashes(samples.images, cache.memo_folder)]
    return fingerprints_of(samples.images, keys, cache, workers)


def expected(pictures: list[Path]) -> np.ndarray:
    return np.array([fingerprint(Image.open(path).convert("RGB")) for path in pictures])


@pytest.mark.parametrize("workers", [0, 2])
def test_embedding_leaves_them_and_nothing_is_decoded_for_them(workers, pictures, make_samples, cache, decoded):
    samples = make_samples(pictures)
    embed(FakeHandle(), samples, [], cache, replace(CPU, workers=workers))
    assert decoded == [50]
    np.testing.assert_array_equal(look(samples, cache), expected(pictures))
    assert decoded == [50]
    embed(FakeHandle(name="another"), samples, [], cache, CPU)
    assert decoded == [50, 50]
    (info,) = (one for one in cache.info() if one.kind == "fingerprints")
    assert (info.vectors, info.shards, info.dim) == (50, 1, LENGTH)


@pytest.mark.parametrize("workers", [0, 2])
def test_where_only_vectors_are_kept_pictures_are_decoded_once(workers, pictures, make_samples, cache, decoded):
    """A cache of an older version, or vectors that are given."""
    samples = make_samples(pictures)
    stages: list[tuple[str, int]] = []
    keys = [key if isinstance(key, bytes) else None for key in content_hashes(samples.images, cache.memo_folder)]
    for _ in range(2):
        found = fingerprints_of(samples.images, keys, cache, workers, lambda stage, n, _: stages.append((stage, n)))
        np.testing.assert_array_equal(found, expected(pictures))
    assert decoded == [50]
    assert stages == [("fingerprint pictures", 0), ("fingerprint pictures", 50)]


def test_what_is_missing_alone_is_decoded_whoever_asks(pictures, make_samples, cache, decoded):
    embed(FakeHandle(), make_samples(pictures[:30]), [], cache, CPU)
    look(make_samples(pictures), cache)
    assert decoded == [30, 20]
    np.testing.assert_array_equal(look(make_samples(pictures[::-1]), cache), expected(pictures[::-1]))


def test_one_content_in_two_files_is_decoded_once(folder, pictures, make_samples, cache, decoded):
    copy = folder / "copy.png"
    copy.write_bytes(pictures[3].read_bytes())
    found = look(make_samples([*pictures, copy]), cache)
    assert decoded == [50]
    np.testing.assert_array_equal(found[3], found[50])


def test_unreadable_pictures_have_none_and_are_not_tried_again(folder, pictures, make_samples, cache, decoded):
    (folder / "bad.png").write_bytes(b"not a picture")
    buffer = io.BytesIO()
    Image.open(pictures[0]).save(buffer, "PNG")
    (folder / "torn.png").write_bytes(buffer.getvalue()[:-30])
    samples = make_samples([*pictures[:3], folder / "bad.png", folder / "torn.png", ImageRef(folder / "absent.png")])
    for _ in range(2):
        found = look(samples, cache)
        assert np.isfinite(found[:3]).all()
        assert np.isnan(found[3:]).all()
    assert decoded == [5]


def test_many_are_kept_in_several_files_and_damaged_ones_are_made_anew(
    pictures, make_samples, cache, decoded, monkeypatch
):
    monkeypatch.setattr(fingerprints, "SHARD", 20)
    monkeypatch.setattr(fingerprints, "BATCH", 8)
    samples = make_samples(pictures)
    look(samples, cache)
    files = sorted(cache.root.glob("fingerprints/*/*.safetensors"))
    assert len(files) == 3
    files[0].write_bytes(files[0].read_bytes()[:-1])
    np.testing.assert_array_equal(look(samples, cache), expected(pictures))
    assert decoded[0] == 50
    assert 0 < decoded[1] < 50


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(pictures, make_samples, tmp_path):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the cache's folder would be")
    samples = make_samples(pictures[:5])
    keys = [key if isinstance(key, bytes) else None for key in content_hashes(samples.images, tmp_path / "memo")]
    found = fingerprints_of(samples.images, keys, Cache(blocked), 0)
    np.testing.assert_array_equal(found, expected(pictures[:5]))
