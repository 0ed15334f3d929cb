"""Thumbnails: small, without the camera's metadata, and none for what cannot be read."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

from vlmeval.data.thumbnails import SIDE, thumbnail
from vlmeval.records import ImageRef


def opened(address: str) -> Image.Image:
    head, _, body = address.partition(",")
    assert head == "data:image/webp;base64"
    return Image.open(io.BytesIO(base64.b64decode(body)))


def test_a_thumbnail_is_small_and_keeps_its_shape(tmp_path: Path) -> None:
    photo = Image.fromarray(np.full((300, 600, 3), (200, 120, 90), dtype=np.uint8))
    exif = photo.getexif()
    exif[0x010F] = "a camera that tells whose it is"
    photo.save(tmp_path / "photo.jpg", exif=exif)
    found = thumbnail(ImageRef(tmp_path / "photo.jpg"))
    assert found is not None
    small = opened(found)
    assert small.size == (SIDE, SIDE // 2)
    assert not small.getexif()
    assert np.abs(np.asarray(small.convert("RGB"), dtype=int) - (200, 120, 90)).max() < 12
    assert found == thumbnail(ImageRef(tmp_path / "photo.jpg"))


def test_what_cannot_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "page.jpg").write_text("<html>", encoding="utf-8")
    assert thumbnail(ImageRef(tmp_path / "page.jpg")) is None
    assert thumbnail(ImageRef(tmp_path / "nothing.jpg")) is None
