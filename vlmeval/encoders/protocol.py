"""What the rest of vlmeval knows of a model: `ModelHandle` (named, not loaded), `Encoder` (loaded), `ScoreRule`.

Nothing here imports torch. A handle is cheap; its ``load`` is where weights are fetched and read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from vlmeval.records import ModelCard

if TYPE_CHECKING:
    import torch
    from PIL import Image

Pixels = npt.NDArray[np.uint8]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ScoreRule:
    """How a cosine becomes the model's own score.

    ``softmax``: softmax over classes of ``scale * cosine``; ``sigmoid``: ``1 / (1 + exp(-(scale * cosine + bias)))``;
    ``cosine``: the cosine itself. ``scale`` is already exponentiated (100 for CLIP).
    """

    kind: Literal["softmax", "sigmoid", "cosine"]
    scale: float | None = None
    bias: float | None = None


class ImageTransform(Protocol):
    """A decoded picture to the model's square of pixels; picklable, so that worker processes can run it."""

    @property
    def size(self) -> int:
        """Side S of the square in pixels."""

    def __call__(self, image: Image.Image) -> Pixels:
        """Return uint8 [S, S, 3] in RGB order, resized and cropped but not normalised."""


class Encoder(Protocol):
    """A loaded model on its device.

    Vectors are raw (not length-normalised) float32. ``mean`` and ``std`` are per channel on the 0..1 scale;
    ``encode_images`` applies them itself, on the device.
    """

    @property
    def dim(self) -> int:
        """Dimension d of the (projected) embedding, in the space shared with text."""

    @property
    def pooled_dim(self) -> int | None:
        """Dimension p of the pooled vector, before the projection; None where the embedding is the pooled vector."""

    @property
    def image_size(self) -> int:
        """Side S of the input square in pixels."""

    @property
    def preprocess(self) -> ImageTransform:
        """PIL picture to uint8 [S, S, 3]; picklable."""

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean per channel, of values in 0..1."""

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation per channel, of values in 0..1."""

    @property
    def score_rule(self) -> ScoreRule:
        """Softmax, sigmoid or cosine, with the checkpoint's scale and bias."""

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed a uint8 batch [B, S, S, 3] (any device); returns float32 [B, d] on the model's device."""

    def encode_images_both(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed a batch once; returns what ``encode_images`` does, and the pooled vectors float32 [B, p].

        Only where ``pooled_dim`` is not None.
        """

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed strings, by the model's text rules; returns float32 [m, d]."""

    def truncated(self, texts: Sequence[str]) -> list[str]:
        """Return those strings that are longer than the context and so lose their end."""

    def describe(self) -> dict[str, str | int | float | None]:
        """Say what a report needs (the keys of `ModelUsed` that only a loaded model knows).

        Keys: ``dim``, ``preprocessing``, ``text_rules``, ``revision``, ``score_rule``, ``scale``, ``bias``.
        """


@dataclass(frozen=True)
class Joined:
    """Given vectors matched to samples.

    ``vectors`` float32 [n, d], rows in the samples' order (NaN where ``found`` is False); ``account`` counts and
    ``missing`` and ``unused`` name what did not join. ``made`` is what the file says of how its vectors came to be.
    """

    vectors: Vectors
    found: npt.NDArray[np.bool_]
    account: dict[str, int]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    made: str = ""


class VectorSource(Protocol):
    """Image vectors that somebody else computed (``embeddings:FILE``)."""

    def join(self, ids: Sequence[str], names: Sequence[str]) -> Joined:
        """Match by sample id, else by image file name; raises DataError when nothing matches or a row is not finite."""


class ModelHandle(Protocol):
    """A model by name: everything that can be known without loading it.

    ``vectors`` is set for precomputed embeddings: then image vectors come from ``vectors().join(...)`` instead of
    ``load(...).encode_images``.
    """

    @property
    def spec(self) -> str:
        """What the user wrote."""

    @property
    def card(self) -> ModelCard:
        """The model card; made up from the spec for models without one."""

    @property
    def key(self) -> str:
        """SHA-256 over the weights' identity and the image pipeline with its library versions (not the dtype).

        May read files (a local folder is hashed once) or ask the hub for a revision; raises ModelUnavailableError.
        """

    @property
    def text_key(self) -> str:
        """SHA-256 over the weights' identity and the text rules: the same for all preprocessing variants."""

    @property
    def precomputed(self) -> bool:
        """Whether image vectors are given rather than computed."""

    @property
    def has_text(self) -> bool:
        """Whether prompts can be embedded; not so for given vectors without a text model."""

    def fetch(self) -> Path | None:
        """Make sure that the weights are on this machine; returns their folder or file.

        Raises ModelUnavailableError, with the steps to take, and leaves nothing half-written.
        """

    def look(self) -> None:
        """Raise ModelUnavailableError when the weights are neither here nor to be had; downloads nothing."""

    def load(self, device: str, dtype: str) -> Encoder:
        """Load on ``device`` (cpu, cuda, cuda:1, mps) in ``dtype`` (float32, float16, bfloat16)."""

    def vectors(self) -> VectorSource:
        """Return the given vectors; raises UsageError for a model that computes its own."""
