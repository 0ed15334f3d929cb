"""From the bytes of a picture to RGB pixels: the one place where a picture is decoded.

In: the encoded bytes of one picture, from anywhere. Out: a Pillow image in mode RGB, or `ImageDecodeError` with the
reason. Cheap to import (worker processes do), and it never touches the network or runs another program.

Policy, the same as the loaders that models were evaluated with (``Image.open(...).convert("RGB")``):

* EXIF orientation is **not** applied; alpha is dropped, not blended; of an animation the first frame counts.
* A truncated or damaged file is an error, never a half-grey picture.
* More than `MAX_PIXELS` pixels are refused before a single one is decoded (decompression bombs).
* Only photographic formats are tried; Pillow's others include some that start programs (EPS).
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Final

from PIL import Image, UnidentifiedImageError

MAX_PIXELS: Final = 89_478_485
"""Pixels (width x height) above which a picture is refused: Pillow's own warning level, a quarter GiB as RGB."""

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
"""Pillow's names of the formats that are tried (JPEG covers the multi-picture files of phones)."""

EXTENSIONS: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"})
"""File name endings (lower case) that are taken for pictures."""

_DECODER_ERRORS: Final = (
    OSError,  # truncated, broken data stream, unsupported compression
    SyntaxError,  # Pillow's plugins raise it for a broken header
    ValueError,
    TypeError,
    EOFError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,  # raised, not shown, where warnings are errors
)


class ImageDecodeError(ValueError):
    """A picture cannot be used; ``str()`` is the reason in a few words."""


def decode_rgb(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode one picture to RGB.

    Parameters
    ----------
    data
        The encoded bytes.
    max_pixels
        Refuse pictures with more pixels than this.

    Returns
    -------
    PIL.Image.Image
        Mode ``RGB``, fully loaded, orientation as stored.

    Raises
    ------
    ImageDecodeError
        The bytes are empty, of no known format, damaged, truncated or too large.
    """
    if not data:
        raise ImageDecodeError("empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise ImageDecodeError(_too_large(width, height, max_pixels))
            picture.load()
            # Transparency never changes the RGB values; Pillow would only warn that it cannot keep it.
            picture.info.pop("transparency", None)
            return picture.convert("RGB")  # always a new image, which outlives the closed file
    except ImageDecodeError:
        raise
    except UnidentifiedImageError:
        raise ImageDecodeError(_unknown(data)) from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageDecodeError(f"too many pixels: {error}") from None
    except _DECODER_ERRORS as error:
        raise ImageDecodeError(f"damaged: {error}") from None


def _too_large(width: int, height: int, limit: int) -> str:
    return f"too many pixels: {width} x {height} is above the limit of {limit} (a decompression bomb?)"


def _unknown(data: bytes) -> str:
    start = data[:16].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "not a picture: a web page (an error page saved by a download?)"
    if start.startswith(b"version https://"):
        return "not a picture: a Git LFS pointer (run 'git lfs pull')"
    return "not a picture of a known format (" + ", ".join(FORMATS) + ")"
