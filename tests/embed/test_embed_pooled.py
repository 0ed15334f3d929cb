"""Pooled vectors beside the projected ones: one pass, a drawer of their own, only what is missing."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embed_fake_model import DIM, FakeEncoder, FakeHandle, Squash
from PIL import Image

from vlmeval.data.images import decode_rgb
from vlmeval.embed import Cache, EmbedOptions, embed
from vlmeval.embed import images as filling
from vlmeval.embed.drawer import Drawer
from vlmeval.errors import ModelUnavailableError, UsageError
from vlmeval.records import digest_of

P = 5
CPU = EmbedOptions(device="cpu", workers=0, batch_size=10)
POOLED = replace(CPU, pooled=True)


def model(**faults: Any) -> FakeHandle:
    return FakeHandle(FakeEncoder(pooled_dim=P, **faults))


def alone(path: Path) -> np.ndarray:
    """The pooled vector of one picture, straight from the encoder."""
    import torch

    pixels = Squash()(decode_rgb(path.read_bytes()))
    return FakeEncoder(pooled_dim=P).encode_images_both(torch.from_numpy(pixels[None]))[1][0].numpy()


def shards(cache: Cache, kind: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.root.glob(f"{kind}/*/*.safetensors")}


def counts(cache: Cache) -> dict[str, int]:
    return {info.kind: info.vectors for info in cache.info() if info.kind in ("images", "pooled")}


@pytest.mark.parametrize("workers", [0, 2])
def test_both_vectors_come_of_one_pass(workers, pictures, make_samples, cache):
    handle = model()
    samples = make_samples(pictures)
    got = embed(handle, samples, ["eczema"], cache, replace(POOLED, workers=workers))
    assert handle.encoder.calls == ["both"] * 5
    assert got.computed_images == 50
    assert got.pooled is not None
    assert got.pooled.ids.tolist() == got.images.ids.tolist() == samples.ids.tolist()
    np.testing.assert_allclose(got.pooled.vectors, np.stack([alone(path) for path in pictures]), rtol=0, atol=1e-4)
    assert got.pooled.key != got.images.key
    assert got.pooled.vectors.dtype == np.float32
    plain = embed(model(), samples, ["eczema"], Cache(cache.root / "plain"), CPU)
    np.testing.assert_array_equal(got.images.vectors, plain.images.vectors)
    assert got.images.key == plain.images.key
    assert plain.pooled is None


def test_they_are_neither_computed_nor_kept_unless_asked_for(pictures, make_samples, cache):
    handle = model()
    embed(handle, make_samples(pictures), ["eczema"], cache, CPU)
    assert handle.encoder.calls == ["projected"] * 5
    assert counts(cache) == {"images": 50}


def test_what_is_cached_is_not_computed_again(pictures, make_samples, cache):
    first = embed(model(), make_samples(pictures), ["eczema"], cache, POOLED)
    for options in (POOLED, CPU):
        handle = model()
        again = embed(handle, make_samples(pictures), ["eczema"], cache, options)
        assert (handle.loads, again.computed_images) == (0, 0)
        np.testing.assert_array_equal(again.images.vectors, first.images.vectors)
    assert first.pooled is not None
    got = embed(model(), make_samples(pictures[::-1]), [], cache, POOLED).pooled
    np.testing.assert_array_equal(got.vectors, first.pooled.vectors[::-1])


def test_asked_for_later_the_projected_vectors_stay_as_they_are(pictures, make_samples, cache):
    embed(model(), make_samples(pictures), [], cache, CPU)
    before = shards(cache, "images")
    handle = model()
    got = embed(handle, make_samples(pictures), [], cache, POOLED)
    assert handle.encoder.calls == ["both"] * 5
    assert got.computed_images == 50
    assert shards(cache, "images") == before
    whole = embed(model(), make_samples(pictures), [], Cache(cache.root / "at-once"), POOLED)
    np.testing.assert_array_equal(got.pooled.vectors, whole.pooled.vectors)
    assert shards(cache, "pooled") == shards(Cache(cache.root / "at-once"), "pooled")


def test_each_drawer_gets_only_what_it_lacks(pictures, make_samples, cache):
    embed(model(), make_samples(pictures[:20]), [], cache, CPU)
    embed(model(), make_samples(pictures[10:30]), [], cache, POOLED)
    assert counts(cache) == {"images": 30, "pooled": 20}
    handle = model()
    got = embed(handle, make_samples(pictures), [], cache, POOLED)
    assert got.computed_images == 30, "ten lack the pooled vector, twenty lack both"
    assert len(handle.encoder.shapes) == 3
    assert counts(cache) == {"images": 50, "pooled": 50}
    np.testing.assert_allclose(got.pooled.vectors, np.stack([alone(path) for path in pictures]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", ["images", "pooled"])
def test_a_damaged_shard_of_one_drawer_leaves_the_other_alone(kind, pictures, make_samples, cache):
    first = embed(model(), make_samples(pictures), [], cache, POOLED)
    other = "pooled" if kind == "images" else "images"
    kept, spoilt = shards(cache, other), shards(cache, kind)
    for path in cache.root.glob(f"{kind}/*/*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    got = embed(model(), make_samples(pictures), [], cache, POOLED)
    assert len(got.damaged) == 1
    assert got.computed_images == 50
    assert shards(cache, other) == kept
    assert shards(cache, kind) == spoilt
    np.testing.assert_array_equal(got.images.vectors, first.images.vectors)
    np.testing.assert_array_equal(got.pooled.vectors, first.pooled.vectors)


@pytest.mark.parametrize("later", [False, True])
def test_unreadable_and_repeated_pictures(later, folder, pictures, make_samples, cache):
    (folder / "003.png").write_bytes(b"<html>404</html>")
    (folder / "020.png").unlink()
    (folder / "again.png").write_bytes(pictures[5].read_bytes())
    samples = make_samples([*pictures, folder / "again.png"])
    if later:
        embed(model(), samples, [], cache, CPU)
    for attempt in range(2):
        handle = model()
        got = embed(handle, samples, [], cache, POOLED)
        assert list(got.unreadable) == samples.ids[[3, 20]].tolist()
        assert got.pooled.ids.tolist() == got.images.ids.tolist()
        assert got.pooled.vectors.shape == (49, P)
        np.testing.assert_array_equal(got.pooled.vectors[-1], got.pooled.vectors[4])
        np.testing.assert_allclose(got.pooled.vectors[4], alone(pictures[5]), atol=1e-4)
        assert handle.loads == (1 if attempt == 0 else 0)
    assert counts(cache) == {"images": 48, "pooled": 48}
    plain = embed(model(), samples, [], cache, CPU)
    assert (plain.computed_images, list(plain.unreadable)) == (0, list(got.unreadable))


def test_a_picture_that_goes_away_in_between_has_neither_vector(folder, pictures, make_samples, cache, monkeypatch):
    """Its projected vector is cached; of the pooled one there is no telling. The rows of both stay the same."""
    samples = make_samples(pictures)
    embed(model(), samples, [], cache, CPU)
    real = Squash.__call__
    unread = decode_rgb(pictures[7].read_bytes())

    def lost(self: Squash, image: Image.Image) -> np.ndarray:
        if image.size == unread.size and np.array_equal(np.array(image), np.array(unread)):
            raise ValueError("lost")
        return real(self, image)

    monkeypatch.setattr(Squash, "__call__", lost)
    got = embed(model(), samples, [], cache, POOLED)
    assert got.unreadable == {samples.ids[7]: "lost"}
    assert len(got.images.ids) == 49
    assert got.pooled.ids.tolist() == got.images.ids.tolist()
    plain = embed(model(), samples, [], cache, CPU)
    assert not plain.unreadable, "that the vector is known does not change for runs that do not ask for pooled ones"


@pytest.mark.parametrize("kind", [MemoryError, RuntimeError])
def test_batches_are_halved_when_memory_runs_out(kind, pictures, make_samples, cache):
    plenty = embed(model(), make_samples(pictures), [], Cache(cache.root / "plenty"), POOLED)
    handle = model(fits=3, out_of_memory=kind)
    got = embed(handle, make_samples(pictures), [], cache, POOLED)
    assert [shape[0] for shape in handle.encoder.shapes[:4]] == [10, 5, 2, 2]
    np.testing.assert_allclose(got.pooled.vectors, plenty.pooled.vectors, atol=1e-4)
    np.testing.assert_allclose(got.images.vectors, plenty.images.vectors, atol=1e-4)


@dataclass
class Overflows(FakeEncoder):
    """Gives infinity in the pooled vectors of bright pictures."""

    def encode_images_both(self, pixels: Any) -> Any:
        projected, pooled = super().encode_images_both(pixels)
        pooled[pixels.flatten(1).float().mean(1) > 200, 0] = float("inf")
        return projected, pooled


def test_infinity_in_a_pooled_vector_is_an_error_that_names_the_picture(folder, pictures, make_samples, cache):
    Image.new("RGB", (9, 9), "white").save(folder / "030.png")
    samples = make_samples(pictures)
    with pytest.raises(ModelUnavailableError, match="infinity") as caught:
        embed(FakeHandle(Overflows(pooled_dim=P)), samples, [], cache, POOLED)
    assert caught.value.file == str(folder / "030.png")
    assert counts(cache) == {"images": 0, "pooled": 0}
    assert np.isfinite(embed(model(), samples, [], cache, POOLED).pooled.vectors).all()


def test_a_model_without_pooled_vectors_says_so_before_anything_is_computed(pictures, make_samples, cache):
    told: list[str] = []
    for loads in (1, 0):
        handle = FakeHandle(name="siglip-like")
        with pytest.raises(UsageError, match="siglip-like has no pooled vectors") as caught:
            embed(handle, make_samples(pictures), [], cache, POOLED, lambda stage, *_: told.append(stage))
        assert "its projected embedding is its pooled one" in str(caught.value)
        assert handle.loads == loads, "the answer is remembered"
        assert not handle.encoder.calls
    assert set(told) == {"load model"}
    assert embed(FakeHandle(name="siglip-like"), make_samples(pictures), [], cache, CPU).computed_images == 50
    assert counts(cache)["images"] == 50
    assert "pooled" not in counts(cache)


def test_given_vectors_are_used_as_they_are(pictures, make_samples, cache):
    handle = FakeHandle(name="embeddings:x.npz", precomputed=True)
    with pytest.raises(UsageError, match=r"embeddings:x\.npz are given"):
        embed(handle, make_samples(pictures), [], cache, POOLED)
    assert handle.loads == 0


def test_a_cache_of_an_older_version_is_asked_for_no_more_than_it_knows(pictures, make_samples, cache):
    embed(model(), make_samples(pictures), ["eczema"], cache, CPU)
    for path in cache.root.glob("[it]*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        del manifest["digest"], manifest["pooled_dim"]
        path.write_text(json.dumps({**manifest, "digest": digest_of(manifest)}))
    handle = model()
    embed(handle, make_samples(pictures), ["eczema"], cache, CPU)
    assert handle.loads == 0
    embed(handle, make_samples(pictures), ["eczema"], cache, POOLED)
    assert handle.loads == 1


def test_an_altered_manifest_of_the_pooled_drawer_is_written_anew(pictures, make_samples, cache):
    embed(model(), make_samples(pictures), [], cache, POOLED)
    (path,) = cache.root.glob("pooled/*/manifest.json")
    path.write_text(path.read_text().replace(f'"dim": {P}', '"dim": 9'))
    assert embed(model(), make_samples(pictures), [], cache, POOLED).computed_images == 0
    assert {info.dim for info in cache.info() if info.kind == "pooled"} == {P}


def test_upkeep_shows_them_apart_and_clears_them_with_their_model(pictures, make_samples, cache):
    embed(model(), make_samples(pictures), ["eczema"], cache, POOLED)
    infos = {info.kind: info for info in cache.info()}
    assert {kind: (i.spec, i.vectors, i.dim, i.shards) for kind, i in infos.items()} == {
        "images": ("fake", 50, DIM, 1),
        "pooled": ("fake", 50, P, 1),
        "texts": ("fake", 1, DIM, 1),
        "fingerprints": ("fingerprints", 50, 256, 1),
    }
    report = cache.verify()
    assert (report.shards, report.vectors, report.damaged) == (4, 151, {})
    assert [i.kind for i in cache.clear(encoder=infos["pooled"].key)] == ["pooled"]
    assert embed(model(), make_samples(pictures), [], cache, POOLED).computed_images == 50
    assert sorted(i.kind for i in cache.clear(encoder="fake")) == ["images", "pooled", "texts"]
    assert [i.kind for i in cache.info()] == ["fingerprints"]


@pytest.mark.parametrize("written", range(8))
def test_killed_after_any_shard_and_resumed_is_bit_for_bit_the_same(
    written, pictures, make_samples, cache, monkeypatch
):
    """Four shards for two drawers: a kill can fall between the two writes of one shard."""
    monkeypatch.setattr(filling, "SHARD_ELSEWHERE", 14)
    options = replace(POOLED, batch_size=7)
    samples = make_samples(pictures)
    whole = embed(model(fits=3), samples, [], Cache(cache.root / "whole"), options)
    real = Drawer.append
    left = written

    def killed(self: Drawer, shard: Any) -> Path:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return real(self, shard)

    monkeypatch.setattr(Drawer, "append", killed)
    with pytest.raises(KeyboardInterrupt):
        embed(model(fits=3), samples, [], cache, options)
    monkeypatch.setattr(Drawer, "append", real)
    got = embed(model(fits=3), samples, [], cache, options)
    assert got.computed_images == 50 - 14 * (written // 2)
    np.testing.assert_array_equal(got.images.vectors, whole.images.vectors)
    np.testing.assert_array_equal(got.pooled.vectors, whole.pooled.vectors)
    for kind in ("images", "pooled"):
        assert shards(cache, kind) == shards(Cache(cache.root / "whole"), kind)


def test_both_drawers_are_in_use_while_they_are_filled(pictures, make_samples, cache):
    seen: list[tuple[set[str], list[Any]]] = []

    def progress(stage: str, done: int, total: int | None) -> None:
        if stage == "embed images" and done == 20:
            in_use = {info.kind for info in cache.info() if info.in_use}
            seen.append((in_use, cache.clear(encoder="fake")))

    embed(model(), make_samples(pictures), [], cache, POOLED, progress)
    ((in_use, cleared),) = seen
    assert in_use == {"images", "pooled"}
    assert {info.kind for info in cleared} <= {"texts"}
    assert counts(cache) == {"images": 50, "pooled": 50}


def test_runs_with_and_without_at_once_share_the_work(pictures, make_samples, cache):
    samples = make_samples(pictures)
    results: dict[bool, Any] = {}

    def run(pooled: bool) -> None:
        results[pooled] = embed(model(seconds=0.01), samples, [], cache, replace(CPU, pooled=pooled))

    threads = [threading.Thread(target=run, args=(pooled,)) for pooled in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results.keys() == {True, False}
    np.testing.assert_array_equal(results[True].images.vectors, results[False].images.vectors)
    assert counts(cache) == {"images": 50, "pooled": 50}


def test_a_fully_cached_call_imports_no_torch_and_loads_no_model(pictures, cache):
    script = textwrap.dedent(
        f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[1])
        from embed_pictures import samples_of
        from embed_fake_model import FakeEncoder, FakeHandle
        from vlmeval.embed import Cache, EmbedOptions, embed
        handle = FakeHandle(FakeEncoder(pooled_dim={P}))
        samples = samples_of(sorted(Path(sys.argv[2]).glob("*.png")))
        got = embed(handle, samples, ["eczema"], Cache(Path(sys.argv[3])), EmbedOptions(pooled=True))
        print(handle.loads, "torch" in sys.modules, *got.pooled.vectors.shape)
        """
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(pictures[0].parent), str(cache.root)]
    said = [subprocess.run(command, check=True, capture_output=True, text=True).stdout.split() for _ in range(2)]
    assert said == [["1", "True", "50", str(P)], ["0", "False", "50", str(P)]]
