"""Fill a drawer with the vectors of prompts that it lacks: each exact string is embedded once, for all benchmarks.

In: strings. Out: the drawer holds a vector for each; the note of a shard says which were longer than the context.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.embed.drawer import Drawer, as_matrix
from vlmeval.embed.forward import first_not_finite, halving
from vlmeval.embed.model import CachedModel
from vlmeval.embed.shards import Shard
from vlmeval.encoders.protocol import Encoder
from vlmeval.errors import ModelUnavailableError
from vlmeval.progress import Progress

STAGE: Final = "embed texts"
BATCH: Final = 32
SHARD: Final = 256
Vectors = npt.NDArray[np.float32]


def text_key(text: str) -> bytes:
    """Return the key of a prompt: SHA-256 of its exact characters in UTF-8."""
    return hashlib.sha256(text.encode()).digest()


def fill_texts(model: CachedModel, texts: Sequence[str], progress: Progress) -> int:
    """Compute what the model's drawer lacks of ``texts`` (distinct); return how many that were.

    Raises
    ------
    ModelUnavailableError
        The model cannot be loaded, runs out of memory on a single prompt, or gives NaN or infinity.
    """
    drawer = model.texts
    drawer.refresh()
    if not _missing(drawer, texts):
        return 0
    with drawer.locked():
        missing = _missing(drawer, texts)
        progress(STAGE, 0, len(missing))
        for start in range(0, len(missing), SHARD):
            part = missing[start : start + SHARD]
            drawer.append(_encode(model.encoder, part))
            progress(STAGE, start + len(part), len(missing))
    return len(missing)


def truncated_texts(drawer: Drawer, texts: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``texts`` that lost their end when they were embedded."""
    cut = {key for note in drawer.notes() for key in note.get("truncated", ())}
    return tuple(text for text in texts if text_key(text).hex() in cut)


def _missing(drawer: Drawer, texts: Sequence[str]) -> list[str]:
    return [text for text in texts if text_key(text) not in drawer]


def _encode(encoder: Encoder, texts: list[str]) -> Shard:
    import torch

    vectors: list[Vectors] = []
    rows = BATCH
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            part = texts[start : start + BATCH]
            got, rows = halving(lambda n, part=part: _in_parts(encoder, part, n), BATCH, rows)  # type: ignore[misc]
            vectors.append(got)
    whole = np.concatenate(vectors)
    bad = first_not_finite(whole)
    if bad is not None:
        raise ModelUnavailableError(
            "the model gives NaN or infinity for a prompt; its vector was not kept",
            found=repr(texts[bad]),
            hint="half precision can overflow: try --dtype float32 (or bfloat16)",
        )
    keys = [text_key(text) for text in texts]
    cut = sorted(text_key(text).hex() for text in encoder.truncated(texts))
    return Shard(as_matrix(keys), whole, {"truncated": cut})


def _in_parts(encoder: Encoder, texts: list[str], rows: int) -> Vectors:
    return np.concatenate([encoder.encode_texts(texts[i : i + rows]) for i in range(0, len(texts), rows)])
