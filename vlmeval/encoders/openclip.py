"""Models of open_clip: an architecture with a tag's weights file, or a folder in open_clip format.

A folder holds ``open_clip_config.json``, weights, and the tokenizer's files where the text tower is a transformers
model (BiomedCLIP). Image pipeline and tokenizer are those of the checkpoint's config.
"""

from __future__ import annotations

import pickle  # noqa: TID251 - for the name of the error that weights_only=True raises; nothing is unpickled here
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlmeval.encoders.checkpoint import open_clip_image_contract, read_json
from vlmeval.encoders.hub import OPEN_CLIP_WEIGHTS, HubRepo, weight_files
from vlmeval.encoders.pooled import Projection, open_clip_projection
from vlmeval.encoders.sources import OpenClipTag
from vlmeval.encoders.towers import Contract, TwoTowers, Wanted, check_input_size, in_brief, refused_pickle
from vlmeval.errors import ModelUnavailableError
from vlmeval.records import TextRules

if TYPE_CHECKING:
    import torch

CONFIG = "open_clip_config.json"


class OpenClipEncoder(TwoTowers):
    """An open_clip model with ``encode_image`` and ``encode_text``."""

    def __init__(self, model: Any, tokenizer: Any, contract: Contract, device: str, dtype: str) -> None:
        self._tokenizer = tokenizer
        super().__init__(model, contract, device, dtype)

    def _embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self._net.encode_image(pixels)
        return features

    def _find_projection(self) -> Projection | None:
        return open_clip_projection(self._net)

    def _embed_strings(self, texts: list[str]) -> torch.Tensor:
        tokens = self._tokenizer(texts, context_length=self._contract.text.context_length)
        features: torch.Tensor = self._net.encode_text(tokens.to(self._device))
        return features

    def _count_tokens(self, text: str) -> int:
        return count_tokens(self._tokenizer, text)

    def _tokenizer_name(self) -> str:
        inner = getattr(self._tokenizer, "tokenizer", self._tokenizer)
        return type(inner).__name__


def count_tokens(tokenizer: Any, text: str) -> int:
    """Count a cleaned string's tokens, start and end included, by one of open_clip's tokenizers; nothing is cut."""
    if hasattr(tokenizer, "encode"):
        return len(tokenizer.encode(text)) + 2  # start and end of text
    inner = tokenizer.tokenizer
    return len(inner(tokenizer.clean_fn(text), truncation=False, verbose=False)["input_ids"])


def load_folder(folder: Path, wanted: Wanted, device: str, dtype: str) -> OpenClipEncoder:
    """Load a folder in open_clip format; what a card wants overrules the checkpoint's own pipeline."""
    config = read_json(folder / CONFIG)
    model_cfg = config.get("model_cfg") or {}
    open_clip = library()
    text_cfg = dict(model_cfg.get("text_cfg") or {})
    if "hf_model_name" in text_cfg:
        text_cfg.update(hf_model_name=_text_tower(folder, str(text_cfg["hf_model_name"])), hf_model_pretrained=False)
    weights = weight_files(folder, OPEN_CLIP_WEIGHTS)[0]
    model = _create(open_clip, weights, f"local-dir:{folder}", text_cfg=text_cfg)
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    image = open_clip_image_contract(dict(model.visual.preprocess_cfg), folder / CONFIG)
    contract = wanted.contract(image, own_rules(tokenizer))
    check_input_size(contract, getattr(model.visual, "image_size", None), folder / CONFIG)
    return _encoder(model, tokenizer, contract, device, dtype)


def load_tag(source: OpenClipTag, wanted: Wanted, device: str, dtype: str) -> OpenClipEncoder:
    """Load an architecture with a tag's weights, under the tag's own settings."""
    open_clip = library()
    config = source.config()
    weights = source.fetch()
    settings = {k: config[k] for k in ("mean", "std", "interpolation", "resize_mode") if config.get(k) is not None}
    model = _create(
        open_clip,
        weights,
        source.architecture,
        pretrained=str(weights),
        force_quick_gelu=bool(config.get("quick_gelu")),
        force_preprocess_cfg=settings,
    )
    tokenizer = open_clip.get_tokenizer(source.architecture)
    image = open_clip_image_contract(dict(model.visual.preprocess_cfg), None)
    return _encoder(model, tokenizer, wanted.contract(image, own_rules(tokenizer)), device, dtype)


def _encoder(model: Any, tokenizer: Any, contract: Contract, device: str, dtype: str) -> OpenClipEncoder:
    # Some training configs drop random words of long texts; an evaluation cuts them at the end, always the same.
    if getattr(tokenizer, "reduction_fn", None) is not None:
        tokenizer.reduction_fn = None
    return OpenClipEncoder(model, tokenizer, contract, device, dtype)


def own_rules(tokenizer: Any) -> TextRules:
    """Return the text rules that a tokenizer of open_clip follows by itself."""
    return TextRules(context_length=int(tokenizer.context_length), canonicalise=_canonicalises(tokenizer))


def _canonicalises(tokenizer: Any) -> bool:
    # Only for the description: open_clip's tokenizer cleans by itself, and cleaning twice changes nothing.
    return "canonicalize" in getattr(getattr(tokenizer, "clean_fn", None), "__name__", "")


def _create(open_clip: Any, weights: Path, name: str, **settings: Any) -> Any:
    from safetensors import SafetensorError

    try:
        return open_clip.create_model(name, precision="fp32", device="cpu", weights_only=True, **settings)
    except pickle.UnpicklingError as error:
        raise refused_pickle(weights, error) from error
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise ModelUnavailableError("open_clip cannot read this model", file=weights, found=in_brief(error)) from error


def _text_tower(folder: Path, name: str) -> str:
    """Return a local folder with the text tower's config: inside the model folder, or from the hub (config only)."""
    for inside in (folder / name, folder / name.rpartition("/")[2]):
        if (inside / "config.json").is_file() and inside.resolve() != folder.resolve():
            return str(inside)
    return str(HubRepo(name).fetch(weights=()))


def library() -> Any:
    """Return the open_clip library; raises ModelUnavailableError where it cannot be imported."""
    try:
        import open_clip
    except (ImportError, RuntimeError) as error:
        # RuntimeError: torch and torchvision of different builds ("operator torchvision::nms does not exist").
        raise ModelUnavailableError(
            "this model needs the open_clip library, which cannot be imported",
            found=in_brief(error),
            hint="pip install open_clip_torch, with torch and torchvision from the same index",
        ) from error
    return open_clip
