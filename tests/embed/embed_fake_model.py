"""A model small enough to reason about: its vectors are a fixed projection of the pixels. Faults can be switched on.

Imported by name from test subprocesses too, so it is a plain module and everything in it is picklable.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vlmeval.encoders.protocol import ScoreRule
from vlmeval.records import ModelCard, Weights

DIM = 8


@dataclass(frozen=True)
class Squash:
    """Preprocessing: squash to a square."""

    size: int = 16

    def __call__(self, image: Image.Image) -> np.ndarray:
        return np.array(image.resize((self.size, self.size), Image.Resampling.BICUBIC))


@dataclass(frozen=True)
class DiesOnRed(Squash):
    """Preprocessing that takes its process down when it meets a red picture."""

    def __call__(self, image: Image.Image) -> np.ndarray:
        if image.getpixel((0, 0)) == (255, 0, 0):
            os._exit(9)
        return super().__call__(image)


@dataclass
class FakeEncoder:
    """Projects pixels; ``fits`` is the largest batch that memory allows.

    With ``pooled_dim`` it has pooled vectors too; then ``calls`` says which method each batch went through.
    """

    preprocess: Squash = field(default_factory=Squash)
    fits: int | None = None
    out_of_memory: type[Exception] = MemoryError
    nan_above: float | None = None
    seconds: float = 0.0
    shapes: list[tuple[int, ...]] = field(default_factory=list)
    text_calls: list[list[str]] = field(default_factory=list)
    pooled_dim: int | None = None
    calls: list[str] = field(default_factory=list)

    dim = DIM
    mean = (0.5, 0.5, 0.5)
    std = (0.5, 0.5, 0.5)
    score_rule = ScoreRule("softmax", 100.0)

    @property
    def image_size(self) -> int:
        return self.preprocess.size

    def encode_images(self, pixels: Any) -> Any:
        self.calls.append("projected")
        return self._project(pixels)

    def encode_images_both(self, pixels: Any) -> Any:
        import torch

        assert self.pooled_dim is not None
        self.calls.append("both")
        weights = torch.randn(pixels[0].numel(), self.pooled_dim, generator=torch.Generator().manual_seed(8))
        return self._project(pixels), (pixels.flatten(1).float() / 127.5 - 1) @ weights

    def _project(self, pixels: Any) -> Any:
        import torch

        self.shapes.append(tuple(pixels.shape))
        time.sleep(self.seconds)
        if self.fits is not None and len(pixels) > self.fits:
            raise self.out_of_memory("out of memory: tried to allocate")
        weights = torch.randn(pixels[0].numel(), DIM, generator=torch.Generator().manual_seed(7))
        vectors = (pixels.flatten(1).float() / 127.5 - 1) @ weights
        if self.nan_above is not None:
            vectors[pixels.flatten(1).float().mean(1) > self.nan_above] = float("nan")
        return vectors

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.text_calls.append(list(texts))
        if self.fits is not None and len(texts) > self.fits:
            raise self.out_of_memory("out of memory")
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") for text in texts]
        return np.stack([np.random.default_rng(seed).normal(size=DIM).astype(np.float32) for seed in seeds])

    def truncated(self, texts: Sequence[str]) -> list[str]:
        return [text for text in texts if len(text) > 40]

    def describe(self) -> dict[str, str | int | float | None]:
        return {"dim": DIM, "preprocessing": "squash", "text_rules": "none", "revision": None}


CARD = ModelCard(
    schema_=1, id="fake", title="Fake", family="fake", library="open_clip", weights=Weights(hub="nowhere/fake"),
    licence="Apache-2.0", homepage="https://example.org",
)  # fmt: skip


@dataclass
class FakeHandle:
    """Hands out its encoder and counts how often."""

    encoder: FakeEncoder = field(default_factory=FakeEncoder)
    name: str = "fake"
    loads: int = 0
    fetches: int = 0
    precomputed: bool = False
    has_text: bool = True
    card: ModelCard = CARD

    @property
    def spec(self) -> str:
        return self.name

    @property
    def key(self) -> str:
        return hashlib.sha256(f"images {self.name}".encode()).hexdigest()

    @property
    def text_key(self) -> str:
        return hashlib.sha256(f"texts {self.name}".encode()).hexdigest()

    def fetch(self) -> Path | None:
        self.fetches += 1
        return None

    def load(self, device: str, dtype: str) -> FakeEncoder:  # noqa: ARG002
        self.loads += 1
        return self.encoder

    def vectors(self) -> Any:
        raise AssertionError("not precomputed")
