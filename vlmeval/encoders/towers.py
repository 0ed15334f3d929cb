"""What the two libraries' encoders share: normalising on the device, batching strings, score rule and description."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vlmeval.encoders import text as text_rules
from vlmeval.encoders.checkpoint import ImageContract
from vlmeval.encoders.pooled import Projection
from vlmeval.encoders.preprocess import Preprocess
from vlmeval.encoders.protocol import ScoreRule, Vectors
from vlmeval.errors import ModelUnavailableError, UsageError
from vlmeval.records import TextRules

if TYPE_CHECKING:
    import torch

ScoreName = Literal["softmax", "sigmoid", "cosine"]
_TEXT_BATCH = 64
_DTYPES = ("float32", "float16", "bfloat16")


@dataclass(frozen=True)
class Contract:
    """Everything an encoder keeps to: pictures, strings, score and the identity of its weights."""

    image: ImageContract
    text: TextRules
    kind: ScoreName | None
    revision: str | None


@dataclass(frozen=True)
class Wanted:
    """What a card says of a model's contract; None where the checkpoint's own files rule."""

    image: ImageContract | None
    text: TextRules | None
    kind: ScoreName | None
    revision: str | None

    def contract(self, image: ImageContract, text: TextRules) -> Contract:
        """Fill what the card leaves open with the checkpoint's own."""
        return Contract(self.image or image, self.text or text, self.kind, self.revision)


class TwoTowers(ABC):
    """A loaded two-tower model; subclasses say how the library's model embeds pixels and tokens."""

    def __init__(self, model: Any, contract: Contract, device: str, dtype: str) -> None:
        self._contract = contract
        self._rule = self._read_rule(model, contract.kind)
        self._device = torch_device(device)
        self._dtype = torch_dtype(dtype)
        self._net: Any = model.eval().requires_grad_(False).to(device=self._device, dtype=self._dtype)
        self._constants = self._normalisation()
        self._projection = self._find_projection()
        self._dim = self._measure()

    @property
    def dim(self) -> int:
        """Embedding dimension d."""
        return self._dim

    @property
    def pooled_dim(self) -> int | None:
        """Dimension p of the pooled vectors; None where the tower has none apart from the projected ones."""
        return None if self._projection is None else self._projection.dim

    @property
    def image_size(self) -> int:
        """Side S of the input square in pixels."""
        return self._contract.image.transform.size

    @property
    def preprocess(self) -> Preprocess:
        """PIL picture to uint8 [S, S, 3]; picklable."""
        return self._contract.image.transform

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean per channel, of values in 0..1."""
        return self._contract.image.mean

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation per channel, of values in 0..1."""
        return self._contract.image.std

    @property
    def score_rule(self) -> ScoreRule:
        """Softmax, sigmoid or cosine, with the checkpoint's scale and bias."""
        return self._rule

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed a uint8 batch [B, S, S, 3] (any device); returns float32 [B, d] on the model's device."""
        import torch

        with torch.inference_mode():
            return self._embed_pixels(self._normalise(pixels)).to(torch.float32)

    def encode_images_both(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed a uint8 batch once; returns projected float32 [B, d], as ``encode_images``, and pooled [B, p].

        Raises ValueError where ``pooled_dim`` is None.
        """
        import torch

        if self._projection is None:
            raise ValueError("this model has no pooled vectors apart from the projected ones")
        with torch.inference_mode():
            normalised = self._normalise(pixels)
            projected, pooled = self._projection.both(lambda: self._embed_pixels(normalised))
            return projected.to(torch.float32), pooled.to(torch.float32)

    def _normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        import torch

        s = self.image_size
        if pixels.dtype != torch.uint8 or tuple(pixels.shape[1:]) != (s, s, 3):
            raise ValueError(f"pixels is {pixels.dtype} {tuple(pixels.shape)}, expected uint8 [B, {s}, {s}, 3]")
        mean, std = self._constants
        values = pixels.to(self._device, non_blocking=True).permute(0, 3, 1, 2).to(torch.float32)
        # The references' own order of operations: to 0..1, minus mean, by standard deviation.
        return ((values / 255 - mean) / std).to(self._dtype).contiguous()

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed strings, by the model's text rules; returns float32 [m, d]."""
        import torch

        out = np.empty((len(texts), self.dim), dtype=np.float32)
        cleaned = [text_rules.clean(text, self._contract.text) for text in texts]
        with torch.inference_mode():
            for start in range(0, len(cleaned), _TEXT_BATCH):
                vectors = self._embed_strings(cleaned[start : start + _TEXT_BATCH])
                out[start : start + _TEXT_BATCH] = vectors.to(torch.float32).cpu().numpy()
        return out

    def truncated(self, texts: Sequence[str]) -> list[str]:
        """Return those strings that are longer than the context and so lose their end."""
        rules = self._contract.text
        return [t for t in texts if self._count_tokens(text_rules.clean(t, rules)) > rules.context_length]

    def describe(self) -> dict[str, str | int | float | None]:
        """Return what a report needs of the loaded model."""
        return {
            "dim": self.dim,
            "preprocessing": self._contract.image.describe(),
            "text_rules": text_rules.describe(self._contract.text, self._tokenizer_name()),
            "revision": self._contract.revision,
            "score_rule": self._rule.kind,
            "scale": self._rule.scale,
            "bias": self._rule.bias,
        }

    @abstractmethod
    def _embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed normalised pixels [B, 3, S, S]."""

    @abstractmethod
    def _find_projection(self) -> Projection | None:
        """Find the image tower's projection, where its pooled vector can be told from the projected one."""

    @abstractmethod
    def _embed_strings(self, texts: list[str]) -> torch.Tensor:
        """Tokenise and embed cleaned strings."""

    @abstractmethod
    def _count_tokens(self, text: str) -> int:
        """Count the tokens of one cleaned string, special tokens included, before truncation."""

    @abstractmethod
    def _tokenizer_name(self) -> str:
        """Name the tokenizer for reports."""

    def _read_rule(self, model: Any, kind: ScoreName | None) -> ScoreRule:
        # Read before the cast: bfloat16 would round a scale of 100 by up to 0.4.
        bias = getattr(model, "logit_bias", None)
        chosen = kind or ("softmax" if bias is None else "sigmoid")
        if chosen == "cosine":
            return ScoreRule("cosine")
        scale = float(model.logit_scale.detach().double().exp().reshape(-1)[0])
        return ScoreRule(chosen, scale, 0.0 if bias is None else float(bias.detach().double().reshape(-1)[0]))

    def _normalisation(self) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        mean, std = (
            torch.tensor(v, dtype=torch.float32).view(1, 3, 1, 1).to(self._device) for v in (self.mean, self.std)
        )
        return mean, std

    def _measure(self) -> int:
        import torch

        # By a short string: both towers end in the same space, and a picture can cost twenty times as much.
        with torch.inference_mode():
            return int(self._embed_strings(["a"]).shape[1])


def check_input_size(contract: Contract, takes: object, where: Path | None) -> None:
    """Raise UsageError when pictures are prepared in another size than the checkpoint ``takes`` (side, or both).

    A card's pipeline over somebody's folder is how this comes about; the library would fail in the middle of a run.
    """
    sides = {int(side) for side in (takes if isinstance(takes, list | tuple) else [takes]) if isinstance(side, int)}
    size = contract.image.transform.size
    if sides and sides != {size}:
        raise UsageError(
            "the checkpoint takes pictures of another size than they are prepared in",
            file=where,
            expected=" x ".join(str(side) for side in sorted(sides)) + " pixels, by the checkpoint",
            found=f"{size} pixels, by the image pipeline",
            hint="name the card these weights belong to, or give the folder alone: --model FOLDER",
        )


def torch_device(name: str) -> torch.device:
    """Return the torch device; raises UsageError for one that is not on this machine."""
    import torch

    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"unknown device {name!r}", expected="cpu, cuda, cuda:1, mps", found=str(error)) from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("no CUDA device on this machine", hint="use --device cpu or auto")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("no MPS device on this machine", hint="use --device cpu or auto")
    return device


def torch_dtype(name: str) -> torch.dtype:
    """Return the torch dtype of that name."""
    import torch

    if name not in _DTYPES:
        raise UsageError(f"unknown dtype {name!r}", expected=", ".join(_DTYPES))
    dtype: torch.dtype = getattr(torch, name)
    return dtype


def in_brief(error: Exception) -> str:
    """Return an error's first lines as one: libraries put what matters into the second."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines)[:400] or type(error).__name__


def refused_pickle(file: Path, error: Exception) -> ModelUnavailableError:
    """Say that a pickled file holds more than tensors, which are all that is ever read from it."""
    return ModelUnavailableError(
        f"{file.name} cannot be read safely: it is a pickle and holds more than tensors, or it is damaged",
        file=file,
        found=in_brief(error)[:200],
        hint="convert it to safetensors where you trust it: load it there, then safetensors.torch.save_file(...)",
    )
