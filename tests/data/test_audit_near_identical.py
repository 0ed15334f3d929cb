"""Near-identical pictures: found however they were saved, resized, cropped a little or turned, and nothing else is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter

from vlmeval.data.leaks import near_identical as module
from vlmeval.data.leaks.fingerprint import (
    KEPT,
    LENGTH,
    ORIENTATIONS,
    contrast,
    fingerprint,
    gradients,
    hashes,
    oriented,
)
from vlmeval.data.leaks.near_identical import near_identical, popcount
from vlmeval.records import NearIdentical

Change = Callable[[Image.Image], Image.Image]
RULE = NearIdentical()


def photograph(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    """A made-up photograph: soft patches of many sizes, as skin and lesions have, and a little grain."""
    rng = np.random.default_rng(seed)
    width, height = size
    field = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24):
        rough = rng.normal(size=(cells, cells, 3)) / cells**0.5
        patch = [
            Image.fromarray(rough[:, :, c].astype(np.float32)).resize(size, Image.Resampling.BICUBIC) for c in range(3)
        ]
        field += np.stack([np.asarray(one) for one in patch], axis=-1)
    field = 128 + 55 * field + rng.normal(scale=3, size=field.shape)
    return Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))


def resaved(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def cropped(picture: Image.Image, share: float) -> Image.Image:
    width, height = picture.size
    x, y = round(width * share), round(height * share)
    return picture.crop((x, y, width - x, height - y))


def turned(method: Image.Transpose) -> Change:
    return lambda picture: picture.transpose(method)


CHANGES: dict[str, Change] = {
    "jpeg of quality 40": lambda p: resaved(p, 40),
    "half the size": lambda p: p.resize((120, 90), Image.Resampling.LANCZOS),
    "three times the size": lambda p: p.resize((720, 540), Image.Resampling.BICUBIC),
    "squashed to a square": lambda p: p.resize((224, 224), Image.Resampling.BICUBIC),
    "small, then jpeg": lambda p: resaved(p.resize((80, 60), Image.Resampling.BILINEAR), 75),
    "cropped by 1 % on each side": lambda p: cropped(p, 0.01),
    "darker": lambda p: ImageEnhance.Brightness(p).enhance(0.8),
    "paler": lambda p: ImageEnhance.Color(p).enhance(0.4),
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(1.5)),
    **{f"{way.name.lower()}": turned(way) for way in Image.Transpose},
    "turned, small, jpeg": lambda p: resaved(p.transpose(Image.Transpose.ROTATE_90).resize((90, 120)), 60),
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_picture_is_found_again_however_it_was_changed(name: str) -> None:
    pictures = [photograph(seed) for seed in range(30)]
    again = CHANGES[name](pictures[7])
    pairs = near_identical(np.array([fingerprint(p) for p in [*pictures, again]]), RULE)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == [(7, 30)]
    assert pairs.compared == 31
    assert pairs.flat == 0


def test_the_orientation_is_told() -> None:
    """Orientation k makes the second picture like the first."""
    picture = photograph(1, (180, 180))
    pixels = np.asarray(picture)
    for k in range(ORIENTATIONS):
        changed = pixels.swapaxes(0, 1) if k & 4 else pixels  # the inverse: transposed first, then flipped
        changed = changed[::-1] if k & 1 else changed
        changed = changed[:, ::-1] if k & 2 else changed
        both = np.array([fingerprint(p) for p in (picture, Image.fromarray(np.ascontiguousarray(changed)))])
        pairs = near_identical(both, RULE)
        assert pairs.orientation.tolist() == [k]
        assert pairs.distance[0] <= 1
        assert pairs.correlation[0] > 0.99


def test_the_fingerprint_is_scipys_cosine_transform() -> None:
    picture = photograph(3)
    grey = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BOX), dtype=np.float64)
    expected = scipy.fft.dctn(grey, norm="ortho")[:KEPT, :KEPT]
    np.testing.assert_allclose(fingerprint(picture).reshape(KEPT, KEPT), expected, atol=2e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_orientations_of_a_fingerprint_are_those_of_the_pixels(seed: int) -> None:
    """Signs and transposition of frequencies do what turning the pixels does, and distances do not depend on it."""
    rng = np.random.default_rng(seed)
    grey = rng.integers(0, 256, (2, 32, 32), dtype=np.uint8)
    block = np.array([fingerprint(Image.fromarray(one).convert("RGB")) for one in grey])
    every = hashes(block)
    across = np.array([[popcount(every[k, [0]] ^ every[j, [1]])[0] for j in range(8)] for k in range(8)])
    assert set(across.min(axis=0)) == set(across.min(axis=1)) == {across.min()}
    for k in range(ORIENTATIONS):
        pixels = grey[0]
        pixels = pixels[::-1] if k & 1 else pixels
        pixels = pixels[:, ::-1] if k & 2 else pixels
        pixels = pixels.T if k & 4 else pixels
        turned_pixels = fingerprint(Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB"))
        turned_block = oriented(block[:1].reshape(1, KEPT, KEPT), k).reshape(LENGTH)
        np.testing.assert_allclose(turned_pixels, turned_block, atol=2e-2)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 20), st.sampled_from([0.0001, 0.3, 0.9]))
def test_the_blocked_search_finds_what_a_loop_over_all_pairs_finds(
    seed: int, distance: int, correlation: float
) -> None:
    rng = np.random.default_rng(seed)
    base = rng.normal(size=(5, LENGTH)) * 200
    block = (base[rng.integers(0, 5, 24)] + rng.normal(size=(24, LENGTH)) * rng.choice([1, 60, 200], (24, 1))).astype(
        np.float32
    )
    every, shapes = hashes(block), gradients(block)
    expected = {}
    for i in range(24):
        for j in range(i + 1, 24):
            ways = [
                (float((shapes[i] * oriented(shapes[[j]], k)[0]).sum()), -k)
                for k in range(8)
                if bin(int(every[0, i] ^ every[k, j])).count("1") <= distance
            ]
            if ways and max(ways)[0] >= correlation:
                expected[i, j] = max(ways)[0]
    pairs = near_identical(block, NearIdentical(hash_distance=distance, correlation=correlation))
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True)) == sorted(expected)
    np.testing.assert_allclose(pairs.correlation, [expected[pair] for pair in sorted(expected)], atol=1e-5)


def test_blocks_and_stripes_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    block = (np.repeat(rng.normal(size=(20, LENGTH)), 3, axis=0) + 0.05 * rng.normal(size=(60, LENGTH))).astype(
        np.float32
    ) * 300
    whole = near_identical(block, RULE)
    assert len(whole) == 60
    monkeypatch.setattr(module, "BLOCK", 7)
    monkeypatch.setattr(module, "STRIPE", 11)
    monkeypatch.setattr(module, "CHUNK", 2)
    cut = near_identical(block, RULE)
    for name in ("first", "second", "distance", "orientation"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))


def test_counting_bits_without_numpy_2(monkeypatch: pytest.MonkeyPatch) -> None:
    words = np.random.default_rng(0).integers(0, 2**64, (5, 7), dtype=np.uint64)
    expected = [[bin(int(word)).count("1") for word in row] for row in words]
    np.testing.assert_array_equal(popcount(words), expected)
    monkeypatch.delattr(np, "bitwise_count", raising=False)
    np.testing.assert_array_equal(popcount(words), expected)


def test_thresholds_are_obeyed() -> None:
    picture = photograph(5)
    both = np.array([fingerprint(picture), fingerprint(cropped(picture, 0.04))])
    wide = near_identical(both, NearIdentical(hash_distance=32, correlation=0.01))
    assert len(wide) == 1
    distance, correlation = int(wide.distance[0]), float(wide.correlation[0])
    assert distance > 0
    assert len(near_identical(both, NearIdentical(hash_distance=distance, correlation=correlation - 1e-4))) == 1
    assert len(near_identical(both, NearIdentical(hash_distance=distance - 1, correlation=correlation - 1e-4))) == 0
    assert len(near_identical(both, NearIdentical(hash_distance=distance, correlation=correlation + 1e-4))) == 0


def test_even_and_unread_pictures_are_counted_and_not_compared() -> None:
    prints = [fingerprint(Image.new("RGB", (50, 50), colour)) for colour in ("white", "white", "pink")]
    prints += [np.full(LENGTH, np.nan, dtype=np.float32), fingerprint(photograph(1))]
    pairs = near_identical(np.array(prints), RULE)
    assert (len(pairs), pairs.compared, pairs.flat) == (0, 1, 3)
    assert near_identical(np.empty((0, LENGTH), dtype=np.float32), RULE).compared == 0


def test_contrast_is_the_standard_deviation_of_grey_values() -> None:
    stripes = np.repeat(np.repeat(np.array([[100, 140]], dtype=np.uint8), 16, axis=1), 32, axis=0)
    assert contrast(fingerprint(Image.fromarray(stripes).convert("RGB"))[None])[0] == pytest.approx(20, rel=0.02)


@pytest.mark.realdata
def test_of_ham10000_one_picture_stands_under_two_lesions(real_data: Path) -> None:
    """Looked at by eye: of fifty million pairs of different lesions this one alone shows one picture so alike."""
    from vlmeval.catalog import load_catalog
    from vlmeval.data import load_samples
    from vlmeval.data.images import decode_rgb

    whole = load_samples(load_catalog().benchmark("ham10000"), real_data / "ham10000")
    names = {"ISIC_0025226", "ISIC_0030074"}
    samples = whole.take(np.isin(whole.ids, [*sorted(whole.ids)[:1500], *names]))
    prints = np.array([fingerprint(decode_rgb(ref.read_bytes())) for ref in samples.images])
    pairs = near_identical(prints, RULE)
    apart = samples.units[pairs.first] != samples.units[pairs.second]
    found = [set(samples.ids[[i, j]].tolist()) for i, j in zip(pairs.first[apart], pairs.second[apart], strict=True)]
    assert found == [names]
    assert pairs.flat == 0
