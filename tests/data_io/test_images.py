"""decode_rgb: equal to the reference loader on good pictures, a clear reason on bad ones."""

from __future__ import annotations

import contextlib
import copy
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vlmeval.data.images import MAX_PIXELS, ImageDecodeError, decode_rgb


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"])
def test_same_pixels_as_the_reference_loader(noise: Image.Image, kind: str) -> None:
    data = encoded(noise, kind)
    ours = decode_rgb(data)
    assert ours.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "CMYK"])
def test_every_mode_becomes_rgb(noise: Image.Image, mode: str) -> None:
    data = encoded(noise.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    np.testing.assert_array_equal(np.asarray(decode_rgb(data)), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_multi_picture_jpeg_gives_its_first_picture(noise: Image.Image) -> None:
    data = encoded(noise, "MPO", save_all=True, append_images=[Image.new("RGB", noise.size)])
    np.testing.assert_array_equal(np.asarray(decode_rgb(data)), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_alpha_is_dropped_not_blended(noise: Image.Image) -> None:
    clear = noise.copy()
    clear.putalpha(0)
    np.testing.assert_array_equal(np.asarray(decode_rgb(encoded(clear, "PNG"))), np.asarray(noise))


def test_palette_transparency_is_no_warning(noise: Image.Image) -> None:
    palette = noise.quantize(16)
    data = encoded(palette, "PNG", transparency=bytes(range(16)))
    np.testing.assert_array_equal(np.asarray(decode_rgb(data)), np.asarray(palette.convert("RGB")))


def test_exif_orientation_is_not_applied(noise: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # "rotate 90 degrees"
    assert decode_rgb(encoded(noise, "JPEG", exif=exif)).size == noise.size


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
def test_truncated_pictures_are_errors_at_every_cut(noise: Image.Image, kind: str) -> None:
    data = encoded(noise, kind)
    for cut in np.linspace(1, len(data) * 0.9, 25).astype(int):
        with pytest.raises(ImageDecodeError):
            decode_rgb(data[:cut])


def test_damaged_png_is_an_error(noise: Image.Image) -> None:
    data = bytearray(encoded(noise, "PNG"))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ImageDecodeError, match="damaged"):
        decode_rgb(bytes(data))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be huge and holds next to nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("width", "height"), [(9460, 9460), (20_000, 20_000), (100_000, 100_000)])
def test_decompression_bombs_are_refused_before_decoding(width: int, height: int) -> None:
    assert width * height > MAX_PIXELS
    with pytest.raises(ImageDecodeError, match="too many pixels"):
        decode_rgb(png_header(width, height))


@pytest.mark.filterwarnings("ignore")  # Pillow warns of odd metadata; the outcome is what counts
@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "PPM"]),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8),
    cut=st.floats(0, 1),
)
def test_damage_of_any_kind_gives_a_picture_or_the_one_error(
    kind: str, flips: list[tuple[float, int]], cut: float
) -> None:
    data = bytearray(encoded(Image.fromarray(np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)), kind))
    for place, mask in flips:
        data[int(place * len(data))] ^= mask
    with contextlib.suppress(ImageDecodeError):  # the one error that callers expect
        assert decode_rgb(bytes(data[: int(cut * len(data))]), max_pixels=1 << 20).mode == "RGB"


@given(st.binary(max_size=200))
def test_noise_is_no_picture(data: bytes) -> None:
    with pytest.raises(ImageDecodeError):
        decode_rgb(data)


def test_own_limit(noise: Image.Image) -> None:
    data = encoded(noise, "PNG")
    assert decode_rgb(data, max_pixels=37 * 53).size == (53, 37)
    with pytest.raises(ImageDecodeError, match="53 x 37"):
        decode_rgb(data, max_pixels=37 * 53 - 1)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>no such file</html>", "web page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "known format"),
        (bytes(range(256)), "known format"),
    ],
)
def test_what_is_no_picture_says_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(ImageDecodeError, match=reason):
        decode_rgb(data)


def test_the_error_crosses_a_process_border() -> None:
    error = copy.deepcopy(ImageDecodeError("empty file"))  # goes the way of pickling
    assert isinstance(error, ImageDecodeError)
    assert str(error) == "empty file"
