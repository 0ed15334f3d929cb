"""The model card: which weights, and the contract under which they were trained. Read from `<alias>.yaml`."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from vlmeval.records.base import Record
from vlmeval.records.benchmark import ID_PATTERN

Library = Literal["open_clip", "transformers"]
ScoreKind = Literal["cosine", "softmax", "sigmoid", "probability", "logit"]


class ImagePipeline(Record):
    """How a decoded RGB picture becomes the model's square of pixels.

    ``resize``: ``shortest`` (shortest side to ``size``, then centre crop), ``squash`` (both sides to ``size``,
    ignoring the aspect ratio) or ``pad`` (zero-pad to a square first, then squash).
    ``implementation``: ``pil`` (antialiased, as Pillow) or ``tf`` (TensorFlow's bilinear without antialiasing,
    result truncated to uint8, as MedSigLIP's evaluation notebook).
    """

    size: int = Field(gt=0)
    resize: Literal["shortest", "squash", "pad"]
    interpolation: Literal["bicubic", "bilinear", "nearest", "lanczos"] = "bicubic"
    implementation: Literal["pil", "tf"] = "pil"
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    source: str | None = None


class TextRules(Record):
    """What the text tower expects of a string and its tokens."""

    context_length: int = Field(gt=0)
    lower: bool = False
    canonicalise: bool = Field(False, description="Lower-case, strip punctuation, collapse spaces (big_vision).")
    pad_to_context: bool = Field(True, description="Pad every prompt to the context length (SigLIP needs it).")


class Weights(Record):
    """Where the weights are: a hub repository with its pinned revision, or an open_clip architecture and tag."""

    hub: str | None = None
    revision: str | None = None
    architecture: str | None = None
    tag: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if self.hub is None and self.architecture is None:
            raise ValueError("'weights' needs 'hub', or 'architecture' and 'tag'")
        return self


class ModelCard(Record):
    """A model under an alias, with its contract. ``image`` and ``text`` are absent where the checkpoint's files rule.

    ``variants`` are other published preprocessing pipelines of the same weights, chosen as ``alias:variant``.
    """

    schema_: Literal[1] = Field(alias="schema")
    id: str = Field(pattern=ID_PATTERN)
    title: str
    family: str = Field(description="Models that share training data, e.g. 'openai-clip'.")
    library: Library
    weights: Weights
    image: ImagePipeline | None = None
    variants: dict[str, ImagePipeline] = {}
    text: TextRules | None = None
    score: Literal["softmax", "sigmoid", "cosine"] = "softmax"
    dim: int | None = None
    parameters_millions: float | None = None
    licence: str
    gated: bool = False
    homepage: str
    citation: str | None = None
    prompts: str | None = Field(None, description="What the publisher says of prompts, for the report.")
    synthetic: bool = False
    note: str | None = None
