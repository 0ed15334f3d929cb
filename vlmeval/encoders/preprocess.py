"""From a decoded picture to the model's square of uint8 pixels, exactly as the model's reference does it.

In: a PIL picture of any size and mode. Out: uint8 [S, S, 3]. Normalisation is not done here: the encoder does it on
the device, so that only bytes cross from worker processes. `Preprocess` is small and picklable and needs only Pillow
and numpy.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL
from PIL import Image

from vlmeval.encoders.protocol import Pixels
from vlmeval.records import ImagePipeline

Resize = Literal["shortest", "squash", "pad", "longest"]
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_TOO_LARGE = 300_000_000


@dataclass(frozen=True)
class Preprocess:
    """A model's image pipeline up to, and without, normalisation.

    Attributes
    ----------
    size
        Side S of the output in pixels.
    resize
        ``shortest``: shortest side to ``resize_to``, then centre crop to S. ``squash``: both sides to S. ``pad``:
        zero-pad to a square (centred), then squash. ``longest``: longest side to S, then zero-pad (open_clip).
    interpolation
        Resampling filter.
    implementation
        ``pil``: Pillow, antialiased. ``tf``: TensorFlow 2's ``tf.image.resize(method="bilinear", antialias=False)``,
        the result truncated to uint8.
    resize_to
        Length of the shortest side after resizing; S unless the checkpoint says otherwise.
    crop
        Where an odd margin's extra pixel goes: ``floor`` as transformers, ``round`` (half to even) as torchvision.
    """

    size: int
    resize: Resize
    interpolation: str = "bicubic"
    implementation: Literal["pil", "tf"] = "pil"
    resize_to: int | None = None
    crop: Literal["floor", "round"] = "floor"

    @classmethod
    def of(cls, pipeline: ImagePipeline, crop: Literal["floor", "round"]) -> Preprocess:
        """Build from a card's pipeline."""
        return cls(
            size=pipeline.size,
            resize=pipeline.resize,
            interpolation=pipeline.interpolation,
            implementation=pipeline.implementation,
            crop=crop,
        )

    def __call__(self, image: Image.Image) -> Pixels:
        """Return uint8 [S, S, 3]."""
        rgb = image if image.mode == "RGB" else _to_rgb(image)
        if self.resize == "pad":
            rgb = _pad_to_square(rgb)
        if self.implementation == "tf":
            return tf_bilinear(np.asarray(rgb), self.size, self.size)
        if self.resize == "shortest":
            rgb = self._shortest_then_crop(rgb)
        elif self.resize == "longest":
            rgb = self._longest_then_pad(rgb)
        else:
            rgb = rgb.resize((self.size, self.size), _FILTERS[self.interpolation])
        return np.array(rgb, dtype=np.uint8)

    def describe(self) -> str:
        """Say in one line what is done, for reports."""
        s = self.size
        by = f"{self.interpolation}, " + (
            f"Pillow {PIL.__version__}" if self.implementation == "pil" else "as TensorFlow: no antialiasing, truncated"
        )
        return {
            "shortest": f"shortest side to {self.resize_to or s} ({by}), centre crop {s}x{s}",
            "squash": f"squashed to {s}x{s} ({by})",
            "pad": f"zero-padded to a square, resized to {s}x{s} ({by})",
            "longest": f"longest side to {s} ({by}), zero-padded to {s}x{s}",
        }[self.resize]

    def identity(self) -> dict[str, Any]:
        """Return everything the output depends on, with the version of what computes it."""
        return {**asdict(self), "library": implementation_identity(self.implementation)}

    def _shortest_then_crop(self, image: Image.Image) -> Image.Image:
        target = self.resize_to or self.size
        width, height = image.size
        short, long = min(width, height), max(width, height)
        # Both references truncate the long side: int(), not round().
        new_long = int(target * long / short)
        if target * new_long > _TOO_LARGE:
            raise ValueError(f"a picture of {width}x{height} is too long and thin for a crop after resizing")
        resized = (target, new_long) if width <= height else (new_long, target)
        if (width, height) != resized:
            image = image.resize(resized, _FILTERS[self.interpolation])
        left, top = (self._margin(side) for side in resized)
        return image.crop((left, top, left + self.size, top + self.size))

    def _longest_then_pad(self, image: Image.Image) -> Image.Image:
        width, height = image.size
        ratio = max(width, height) / self.size
        image = image.resize((round(width / ratio), round(height / ratio)), _FILTERS[self.interpolation])
        canvas = Image.new("RGB", (self.size, self.size))
        canvas.paste(image, ((self.size - image.width) // 2, (self.size - image.height) // 2))
        return canvas

    def _margin(self, side: int) -> int:
        return (side - self.size) // 2 if self.crop == "floor" else round((side - self.size) / 2)


def implementation_identity(implementation: str) -> str:
    """Name what resizes, with its version: Pillow's results differ by a level or so between versions."""
    return f"pillow {PIL.__version__}" if implementation == "pil" else "vlmeval tf-bilinear 1"


def tf_bilinear(image: npt.NDArray[np.uint8], height: int, width: int) -> Pixels:
    """Resize [H, W, 3] as TensorFlow 2's bilinear without antialiasing, half-pixel centres; truncate to uint8.

    Follows the arithmetic of TensorFlow's ``ResizeBilinear`` kernel in float32 (positions, then columns, then rows), as
    MedSigLIP's evaluation notebooks use it: ``tf.image.resize(...).numpy().astype(numpy.uint8)``.
    """
    top, bottom, dy = _tf_weights(image.shape[0], height)
    left, right, dx = _tf_weights(image.shape[1], width)
    upper, lower = image[top].astype(np.float32), image[bottom].astype(np.float32)
    dx3 = dx[None, :, None]
    above = upper[:, left] + (upper[:, right] - upper[:, left]) * dx3
    below = lower[:, left] + (lower[:, right] - lower[:, left]) * dx3
    blended = above + (below - above) * dy[:, None, None]
    return blended.astype(np.uint8)


def _tf_weights(length: int, target: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float32]]:
    scale = np.float32(length) / np.float32(target)
    position = (np.arange(target, dtype=np.float32) + np.float32(0.5)) * scale - np.float32(0.5)
    floor = np.floor(position)
    low = np.maximum(floor, 0).astype(np.intp)
    high = np.minimum(np.ceil(position), length - 1).astype(np.intp)
    return np.minimum(low, high), high, (position - floor).astype(np.float32)


def _pad_to_square(image: Image.Image) -> Image.Image:
    side = max(image.size)
    canvas = Image.new("RGB", (side, side))
    canvas.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return canvas


def _to_rgb(image: Image.Image) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow warns that a palette with transparency should be RGBA; alpha is dropped here as the references do.
        warnings.filterwarnings("ignore", "Palette images with Transparency", UserWarning)
        return image.convert("RGB")
