"""Small pictures for a page: decoded as models see them, without any metadata of the camera.

In: samples and the ids wanted. Out: WebP pictures as ``data:`` addresses by id.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable
from typing import Final

from vlmeval.data.images import ImageDecodeError, decode_rgb
from vlmeval.progress import Progress, silent
from vlmeval.records import ImageRef, Samples

SIDE: Final = 144
"""Longest side in pixels: twice what the page shows, for dense screens."""
QUALITY: Final = 62
STAGE: Final = "thumbnails"


def thumbnails(samples: Samples, ids: Iterable[str], progress: Progress = silent) -> dict[str, str]:
    """Return thumbnails by sample id; pictures that are not there or cannot be read are left out."""
    refs = dict(zip(samples.ids.tolist(), samples.images, strict=True))
    wanted = [sample for sample in ids if sample in refs]
    found = {}
    for done, sample in enumerate(wanted):
        progress(STAGE, done, len(wanted))
        small = thumbnail(refs[sample])
        if small is not None:
            found[sample] = small
    progress(STAGE, len(wanted), len(wanted))
    return found


def thumbnail(ref: ImageRef) -> str | None:
    """Return one picture as a small WebP ``data:`` address, None if it cannot be read."""
    try:
        picture = decode_rgb(ref.read_bytes())
    except (OSError, KeyError, zipfile.BadZipFile, ImageDecodeError):
        return None
    picture.thumbnail((SIDE, SIDE))
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()
