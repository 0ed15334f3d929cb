"""Image pipelines on their own: outside oracles for each, and what workers need of them."""

from __future__ import annotations

import pickle  # noqa: TID251 - the test is that worker processes can be sent the transform

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlmeval.encoders.preprocess import Preprocess, tf_bilinear

SIDES = st.integers(1, 90)
# What TensorFlow 2.21 gave for the picture of test_tf_bilinear_against_tensorflows_own_output. (The function was also
# compared with it on 200 random pictures and sizes up to 700, 72 million values: none differed.)
TENSORFLOW = [
    [[83, 101, 138], [90, 101, 132], [51, 88, 125], [77, 82, 119]],
    [[125, 123, 103], [55, 92, 116], [151, 53, 90], [170, 143, 84]],
    [[90, 127, 164], [20, 57, 94], [205, 18, 55], [135, 172, 49]],
    [[119, 92, 129], [209, 111, 59], [170, 207, 110], [139, 137, 174]],
    [[180, 185, 94], [174, 211, 24], [135, 172, 209], [161, 102, 139]],
]


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@given(width=SIDES, height=SIDES, size=st.integers(1, 48))
@settings(max_examples=60, deadline=None)
def test_shortest_equals_torchvision_for_any_size(width: int, height: int, size: int) -> None:
    from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

    reference = Compose([Resize(size, interpolation=InterpolationMode.BICUBIC), CenterCrop(size)])
    image = noise(width, height)
    ours = Preprocess(size=size, resize="shortest", crop="round")(image)
    np.testing.assert_array_equal(ours, np.asarray(reference(image)))


@given(width=SIDES, height=SIDES, size=st.integers(1, 48))
@settings(max_examples=60, deadline=None)
def test_longest_equals_open_clip_for_any_size(width: int, height: int, size: int) -> None:
    from open_clip.transform import CenterCropOrPad, ResizeKeepRatio

    short, long = sorted((width, height))
    if round(short * size / long) == 0:
        return  # open_clip cannot resize to nothing either
    image = noise(width, height)
    expected = CenterCropOrPad(size)(ResizeKeepRatio(size, longest=1)(image))
    np.testing.assert_array_equal(Preprocess(size=size, resize="longest")(image), np.asarray(expected))


@given(width=SIDES, height=SIDES, size=st.integers(1, 64))
@settings(max_examples=60, deadline=None)
def test_tf_bilinear_equals_torch_without_antialias(width: int, height: int, size: int) -> None:
    """Half-pixel centres without antialiasing are the same function in torch; only float32 rounding differs."""
    image = np.asarray(noise(width, height))
    values = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].double()
    exact = torch.nn.functional.interpolate(values, size=(size, size), mode="bilinear", align_corners=False)[0]
    expected = exact.permute(1, 2, 0).numpy()
    ours = tf_bilinear(image, size, size).astype(np.float64)
    # Truncation: ours is the whole part, up to float32 rounding at whole numbers.
    assert (ours <= expected + 1e-3).all()
    assert (ours > expected - 1 - 1e-3).all()


def test_tf_bilinear_against_tensorflows_own_output() -> None:
    """From TensorFlow 2's tf.image.resize(x, [5, 4], "bilinear", antialias=False), truncated as the notebook does."""
    image = (np.arange(7 * 9 * 3) * 37 % 256).astype(np.uint8).reshape(7, 9, 3)
    np.testing.assert_array_equal(tf_bilinear(image, 5, 4), TENSORFLOW)


def test_tf_does_not_antialias_and_pil_does() -> None:
    squares = (np.indices((32, 32)).sum(0) % 2 * 255).astype(np.uint8)
    board = Image.fromarray(squares).convert("RGB")
    pil = Preprocess(size=8, resize="squash", interpolation="bilinear")(board)
    tf = Preprocess(size=8, resize="squash", interpolation="bilinear", implementation="tf")(board)
    assert np.ptp(pil[2:-2, 2:-2].astype(int)) < 10
    assert not np.array_equal(pil, tf)


@pytest.mark.parametrize(("width", "height"), [(31, 10), (10, 31), (8, 8), (9, 4)])
def test_pad_is_what_the_serving_code_does(width: int, height: int) -> None:
    """Zero rows or columns on both sides, the odd one after, then the processor's own resize."""
    image = noise(width, height)
    pixels, side = np.asarray(image), max(width, height)
    before_y, before_x = (side - height) // 2, (side - width) // 2
    padded = np.pad(
        pixels, ((before_y, side - height - before_y), (before_x, side - width - before_x), (0, 0)), mode="constant"
    )
    expected = Image.fromarray(padded).resize((16, 16), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(Preprocess(size=16, resize="pad")(image), np.asarray(expected))


def test_an_odd_margin_goes_where_each_library_puts_it() -> None:
    image = noise(35, 32)  # a margin of 3: transformers drops 1 column on the left, torchvision 2
    floor, rounded = (Preprocess(size=32, resize="shortest", crop=c)(image) for c in ("floor", "round"))
    np.testing.assert_array_equal(floor, np.asarray(image)[:, 1:33])
    np.testing.assert_array_equal(rounded, np.asarray(image)[:, 2:34])


def test_resize_to_is_larger_than_the_crop() -> None:
    image = noise(80, 60)
    ours = Preprocess(size=28, resize="shortest", resize_to=32)(image)
    resized = image.resize((int(32 * 80 / 60), 32), Image.Resampling.BICUBIC)
    left, top = (resized.width - 28) // 2, 2
    np.testing.assert_array_equal(ours, np.asarray(resized.crop((left, top, left + 28, top + 28))))


def test_every_mode_becomes_writable_rgb_bytes(any_picture: Image.Image) -> None:
    out = Preprocess(size=8, resize="squash")(any_picture)
    assert (out.dtype, out.shape, out.flags.writeable) == (np.uint8, (8, 8, 3), True)


def test_workers_get_the_same_transform() -> None:
    transform = Preprocess(size=24, resize="shortest", resize_to=30, crop="round")
    copy = pickle.loads(pickle.dumps(transform))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(copy(noise(50, 40)), transform(noise(50, 40)))


def test_identity_names_implementation_and_version() -> None:
    import PIL

    pil = Preprocess(size=8, resize="squash").identity()
    tf = Preprocess(size=8, resize="squash", implementation="tf").identity()
    assert PIL.__version__ in str(pil["library"])
    assert pil != tf


def test_a_needle_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(ValueError, match="too long and thin"):
        Preprocess(size=448, resize="shortest")(Image.new("RGB", (20_000, 1)))
