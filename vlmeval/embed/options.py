"""What goes into `embed` beside model and samples (`EmbedOptions`), and what comes out (`Embedded`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from vlmeval.encoders.protocol import ScoreRule
from vlmeval.errors import UsageError
from vlmeval.records import Embeddings

DTypeChoice = Literal["auto", "float32", "float16", "bfloat16"]
Facts = Mapping[str, str | int | float | None]


@dataclass(frozen=True)
class EmbedOptions:
    """How to compute; nothing here but ``dtype`` and ``pooled`` changes which vectors are meant.

    Attributes
    ----------
    device
        ``auto`` (cuda, else mps, else cpu), or a torch device such as ``cpu`` or ``cuda:1``.
    dtype
        ``auto`` is bfloat16 on GPUs that have it, float16 on other GPUs, float32 on the CPU.
    batch_size
        Pictures a forward pass; None chooses by device. Halved by itself when memory runs out.
    workers
        Processes that decode; 0 decodes in this process, None chooses by cores and amount of work.
    pooled
        Whether the pooled vectors of pictures are wanted beside the projected ones; they cost no further pass.
    """

    device: str = "auto"
    dtype: DTypeChoice = "auto"
    batch_size: int | None = None
    workers: int | None = None
    pooled: bool = False

    def __post_init__(self) -> None:
        if self.dtype not in ("auto", "float32", "float16", "bfloat16"):
            raise UsageError(f"unknown dtype {self.dtype!r}", expected="auto, float32, float16 or bfloat16")
        if self.batch_size is not None and self.batch_size < 1:
            raise UsageError("the batch size must be at least 1", found=str(self.batch_size))
        if self.workers is not None and self.workers < 0:
            raise UsageError("the number of workers cannot be negative", found=str(self.workers))


@dataclass(frozen=True)
class Embedded:
    """Vectors of pictures and texts, and everything a record must say about how they came to be.

    Attributes
    ----------
    images
        Projected vectors (the space shared with text) of the readable samples, in the samples' order.
    texts
        Prompt -> raw float32 [d].
    unreadable
        Sample id -> why its picture has no vector.
    hashes
        Sample id -> SHA-256 (hex) of the picture's encoded bytes; empty for precomputed embeddings.
    score_rule
        The model's own rule.
    facts
        What the encoder says of itself (``Encoder.describe``).
    truncated
        Prompts longer than the model's context: they lost their end.
    device, dtype
        Where and in what precision vectors are (or would have been) computed.
    computed_images, computed_texts
        How many pictures and prompts had to be embedded, as something of them was not in the cache.
    damaged
        Cache files whose checksum was wrong; they were set aside and their vectors computed anew.
    account
        Precomputed embeddings only: how rows and samples were matched.
    missing, unused
        Precomputed embeddings only: samples without a vector, and names of vectors without a sample.
    timings
        Seconds by stage: ``hash``, ``load model``, ``embed images``, ``embed texts`` (those that took place).
    pooled
        Where asked for: the vectors before the projection, of the same samples in the same order; a key of their own.
    """

    images: Embeddings
    texts: Mapping[str, npt.NDArray[np.float32]]
    unreadable: Mapping[str, str]
    hashes: Mapping[str, str]
    score_rule: ScoreRule
    facts: Facts
    truncated: tuple[str, ...]
    device: str
    dtype: str
    computed_images: int = 0
    computed_texts: int = 0
    damaged: tuple[str, ...] = ()
    account: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    pooled: Embeddings | None = None

    @property
    def images_per_second(self) -> float | None:
        """Pictures decoded and encoded a second of the ``embed images`` stage; None when all were in the cache."""
        seconds = self.timings.get("embed images", 0.0)
        return self.computed_images / seconds if self.computed_images and seconds > 0 else None
