"""Two-tower models of transformers (CLIP, SigLIP, fixed-size SigLIP2, MedSigLIP), from a checkpoint folder.

The folder is local or a hub snapshot; nothing here asks the network. Weights are safetensors, or read with
``weights_only=True``. Version 4 returns features as a tensor, version 5 as an output object: both are taken.
"""

from __future__ import annotations

import pickle  # noqa: TID251 - for the name of the error that weights_only=True raises; nothing is unpickled here
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlmeval.encoders.checkpoint import hf_image_contract, hf_text_rules, read_json
from vlmeval.encoders.hub import TRANSFORMERS_WEIGHTS, weight_files
from vlmeval.encoders.pooled import Projection, hf_projection
from vlmeval.encoders.towers import Contract, TwoTowers, Wanted, check_input_size, in_brief, refused_pickle
from vlmeval.errors import ModelUnavailableError, UsageError

if TYPE_CHECKING:
    import torch

# Names that a checkpoint may lack: buffers that older versions stored and newer ones compute.
_COMPUTED = ("position_ids",)


class HFEncoder(TwoTowers):
    """A transformers model with ``get_image_features`` and ``get_text_features``."""

    def __init__(self, model: Any, tokenizer: Any, contract: Contract, device: str, dtype: str) -> None:
        self._tokenizer = tokenizer
        # The SigLIP family never saw an attention mask on its padding; CLIP is causal and does not mind.
        self._masks = not str(model.config.model_type).startswith("siglip")
        super().__init__(model, contract, device, dtype)

    def _embed_pixels(self, pixels: torch.Tensor) -> torch.Tensor:
        return _features(self._net.get_image_features(pixel_values=pixels))

    def _find_projection(self) -> Projection | None:
        return hf_projection(self._net)

    def _embed_strings(self, texts: list[str]) -> torch.Tensor:
        rules = self._contract.text
        tokens = self._tokenizer(
            texts,
            padding="max_length" if rules.pad_to_context else True,
            max_length=rules.context_length,
            truncation=True,
            return_attention_mask=self._masks,
            return_tensors="pt",
        )
        wanted = ("input_ids", "attention_mask") if self._masks else ("input_ids",)
        return _features(self._net.get_text_features(**{k: tokens[k].to(self._device) for k in wanted}))

    def _count_tokens(self, text: str) -> int:
        return count_tokens(self._tokenizer, text)

    def _tokenizer_name(self) -> str:
        return type(self._tokenizer).__name__


def count_tokens(tokenizer: Any, text: str) -> int:
    """Count a cleaned string's tokens, special ones included; nothing is cut."""
    return len(tokenizer(text, truncation=False, verbose=False)["input_ids"])


def load_folder(folder: Path, wanted: Wanted, device: str, dtype: str) -> HFEncoder:
    """Load a checkpoint folder in transformers format.

    Raises
    ------
    ModelUnavailableError
        transformers is not installed, or the weights are absent, damaged, or do not fit the config.
    UsageError
        The config is of a kind of model that has no image and text towers, or takes pictures of any size (NaFlex).
    """
    model_type = str(read_json(folder / "config.json").get("model_type"))
    if model_type == "siglip2":
        raise UsageError(
            "SigLIP2 NaFlex models are not supported: they take pictures of any size",
            file=folder / "config.json",
            key="model_type",
            hint="use a fixed-size one, e.g. google/siglip2-base-patch16-224",
        )
    try:
        import transformers
    except ImportError as error:
        raise ModelUnavailableError(
            "this model needs the transformers library", found=str(error), hint="pip install transformers"
        ) from error
    model = _model(transformers, folder)
    for method in ("get_image_features", "get_text_features"):
        if not hasattr(model, method):
            raise UsageError(
                f"a {model_type!r} model has no {method}: not a two-tower image-text model", file=folder / "config.json"
            )
    contract = wanted.contract(wanted.image or hf_image_contract(folder), wanted.text or hf_text_rules(folder))
    check_input_size(contract, _input_size(model.config), folder / "config.json")
    return HFEncoder(model, read_tokenizer(transformers, folder), contract, device, dtype)


def _input_size(config: Any) -> object:
    """Return the side of the pictures a model takes; None for one without patches, which takes any."""
    vision = getattr(config, "vision_config", None)
    return getattr(vision, "image_size", None) if getattr(vision, "patch_size", None) else None


def _model(transformers: Any, folder: Path) -> Any:
    from safetensors import SafetensorError

    transformers.utils.logging.disable_progress_bar()  # rooms never print
    files = weight_files(folder, TRANSFORMERS_WEIGHTS)
    pickled = bool(files) and files[0].suffix == ".bin"
    try:
        model, info = transformers.AutoModel.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=not pickled,
            weights_only=True,
            output_loading_info=True,
        )
    except pickle.UnpicklingError as error:
        raise refused_pickle(files[0], error) from error
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        if pickled and "weights_only" in str(error).lower():
            raise refused_pickle(files[0], error) from error
        raise _unreadable(folder, error) from error
    missing = sorted(k for k in info["missing_keys"] if not k.endswith(_COMPUTED))
    if missing:
        # transformers would go on with random numbers in their place.
        raise ModelUnavailableError(
            f"the checkpoint lacks {len(missing)} of the model's tensors",
            file=folder,
            found="no " + ", ".join(missing[:5]),
        )
    return model.float()


def read_tokenizer(transformers: Any, folder: Path) -> Any:
    """Return the tokenizer of a checkpoint folder; raises ModelUnavailableError where it cannot be read."""
    try:
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except ImportError as error:
        raise ModelUnavailableError(
            "this model's tokenizer needs another library",
            file=folder,
            found=in_brief(error),
            hint="pip install sentencepiece protobuf",
        ) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> ModelUnavailableError:
    return ModelUnavailableError(
        "transformers cannot read this checkpoint",
        file=folder,
        found=in_brief(error),
        hint="the folder should be as save_pretrained writes it: config, weights, tokenizer and preprocessor",
    )


def _features(output: Any) -> torch.Tensor:
    """Return the features of either version: a tensor (4), or an output whose pooler_output they are (5)."""
    pooled = getattr(output, "pooler_output", None)
    features: torch.Tensor = output if pooled is None else pooled
    return features
