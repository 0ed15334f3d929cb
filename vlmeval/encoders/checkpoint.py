"""What a checkpoint's own files say of its contract: image pipeline, text rules, kind of score. JSON only, no torch.

In: a model folder in transformers or open_clip format. Out: `ImageContract` and `TextRules`. Nothing is guessed: a
setting that vlmeval cannot honour is an error that names file and key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vlmeval.encoders.preprocess import Preprocess, Resize
from vlmeval.errors import DataError, MissingDataError, UsageError
from vlmeval.records import ImagePipeline, TextRules

Triple = tuple[float, float, float]
OPENAI_MEAN: Triple = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD: Triple = (0.26862954, 0.26130258, 0.27577711)
_PIL_FILTERS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
_OPEN_CLIP_MODES: dict[str, Resize] = {"shortest": "shortest", "longest": "longest", "squash": "squash"}
# Where a preprocessor_config.json is silent, its processor's class defaults hold.
_CLIP_DEFAULTS: dict[str, Any] = {
    "size": {"shortest_edge": 224},
    "crop_size": {"height": 224, "width": 224},
    "do_center_crop": True,
    "resample": 3,
    "image_mean": OPENAI_MEAN,
    "image_std": OPENAI_STD,
}
_SIGLIP_DEFAULTS: dict[str, Any] = {
    "size": {"height": 224, "width": 224},
    "do_center_crop": False,
    "resample": 3,
    "image_mean": (0.5, 0.5, 0.5),
    "image_std": (0.5, 0.5, 0.5),
}


@dataclass(frozen=True)
class ImageContract:
    """A model's image side: the picklable transform and the normalisation that the device applies after it."""

    transform: Preprocess
    mean: Triple
    std: Triple

    @classmethod
    def of(cls, pipeline: ImagePipeline, library: str) -> ImageContract:
        """Build from a card's pipeline; ``library`` decides how an odd crop margin is split."""
        crop: Literal["floor", "round"] = "round" if library == "open_clip" else "floor"
        return cls(Preprocess.of(pipeline, crop), pipeline.mean, pipeline.std)

    def describe(self) -> str:
        """Say in one line what happens to a picture."""
        return f"{self.transform.describe()}; mean {_numbers(self.mean)}, std {_numbers(self.std)}"


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON object; raises MissingDataError or DataError naming the file."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise MissingDataError(f"{path.name} is missing from the model folder", file=path) from None
    except ValueError as error:
        raise DataError("not valid JSON", file=path, found=str(error)) from None
    if not isinstance(value, dict):
        raise DataError("not a JSON object", file=path, found=type(value).__name__)
    return value


def hf_image_contract(folder: Path) -> ImageContract:
    """Read ``preprocessor_config.json`` (or ``processor_config.json``) of a transformers checkpoint."""
    file, config = _processor_config(folder)
    siglip = _model_type(folder).startswith("siglip")
    settings = {
        **(_SIGLIP_DEFAULTS if siglip else _CLIP_DEFAULTS),
        **{k: v for k, v in config.items() if v is not None},
    }
    for key in ("do_resize", "do_rescale", "do_normalize"):
        if settings.get(key) is False:
            raise UsageError("an image pipeline that vlmeval cannot follow", file=file, key=key, expected="true")
    interpolation = _PIL_FILTERS.get(settings["resample"])
    if interpolation is None:
        raise UsageError("an unknown resampling filter", file=file, key="resample", found=str(settings["resample"]))
    return ImageContract(
        _hf_transform(settings, interpolation, file), _triple(settings["image_mean"]), _triple(settings["image_std"])
    )


def hf_text_rules(folder: Path) -> TextRules:
    """Read the context length from ``config.json``; the SigLIP family is lower-cased and padded to it, always.

    SigLIP was trained on lower-cased text padded to 64 tokens, whatever the tokenizer's config says (big_vision issues
    166, 186; transformers issue 43054).
    """
    config = read_json(folder / "config.json")
    siglip = _model_type(folder).startswith("siglip")
    text = config.get("text_config") or {}
    default = 64 if siglip else 77
    length = text.get("max_position_embeddings", default) if isinstance(text, dict) else default
    return TextRules(context_length=int(length), lower=siglip, pad_to_context=True)


def hf_is_sigmoid(folder: Path) -> bool:
    """Whether the checkpoint's family was trained with the sigmoid loss."""
    return _model_type(folder).startswith("siglip")


def open_clip_image_contract(config: dict[str, Any], file: Path | None) -> ImageContract:
    """Turn open_clip's preprocessing config (size, mean, std, interpolation, resize_mode) into a contract."""
    size, mode = config.get("size", 224), str(config.get("resize_mode") or "shortest")
    if isinstance(size, list | tuple):
        size = _square(tuple(size), file, "preprocess_cfg.size")
    if config.get("fill_color"):
        raise UsageError(
            "a padding colour other than black is not supported", file=file, key="preprocess_cfg.fill_color"
        )
    if mode not in _OPEN_CLIP_MODES:
        raise UsageError("an unknown resize mode", file=file, key="preprocess_cfg.resize_mode", found=mode)
    # open_clip: anything but 'bilinear' (also 'random', a training setting) means bicubic at inference.
    interpolation = "bilinear" if config.get("interpolation") == "bilinear" else "bicubic"
    return ImageContract(
        Preprocess(size=int(size), resize=_OPEN_CLIP_MODES[mode], interpolation=interpolation, crop="round"),
        _triple(config.get("mean") or OPENAI_MEAN),
        _triple(config.get("std") or OPENAI_STD),
    )


def _hf_transform(settings: dict[str, Any], interpolation: str, file: Path) -> Preprocess:
    size = settings["size"] if isinstance(settings["size"], dict) else {"shortest_edge": settings["size"]}
    if "height" in size:
        side = _square((size["height"], size["width"]), file, "size")
        return Preprocess(size=side, resize="squash", interpolation=interpolation, crop="floor")
    if "shortest_edge" not in size or not settings.get("do_center_crop"):
        raise UsageError(
            "an image pipeline that does not end in a square",
            file=file,
            key="size",
            expected="height and width, or shortest_edge with do_center_crop",
            found=json.dumps(size),
        )
    crop = settings["crop_size"]
    side = _square((crop["height"], crop["width"]), file, "crop_size") if isinstance(crop, dict) else int(crop)
    edge = int(size["shortest_edge"])
    return Preprocess(
        size=side,
        resize="shortest",
        interpolation=interpolation,
        resize_to=None if edge == side else edge,
        crop="floor",
    )


def _processor_config(folder: Path) -> tuple[Path, dict[str, Any]]:
    file = folder / "preprocessor_config.json"
    if file.is_file():
        return file, read_json(file)
    combined = folder / "processor_config.json"  # transformers 5 may nest the image processor in here
    inner = read_json(combined).get("image_processor") if combined.is_file() else None
    if isinstance(inner, dict):
        return combined, inner
    raise MissingDataError(
        "the checkpoint does not say how pictures are prepared",
        file=file,
        expected="preprocessor_config.json, or processor_config.json with 'image_processor'",
        hint="save the model's processor into the folder: AutoProcessor.from_pretrained(...).save_pretrained(FOLDER)",
    )


def _model_type(folder: Path) -> str:
    return str(read_json(folder / "config.json").get("model_type", ""))


def _square(size: tuple[Any, ...], file: Path | None, key: str) -> int:
    if len(set(size)) != 1:
        raise UsageError("only square model inputs are supported", file=file, key=key, found=str(size))
    return int(size[0])


def _triple(values: Any) -> Triple:
    r, g, b = (float(v) for v in values) if isinstance(values, list | tuple) else (float(values),) * 3
    return (r, g, b)


def _numbers(values: Triple) -> str:
    return " ".join(f"{v:g}" for v in values)
