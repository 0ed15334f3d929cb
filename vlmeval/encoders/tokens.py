"""Count tokens as a model does, without loading its weights.

In: a `ModelHandle`. Out: `Tokens`: the tokenizer's name, the context, and a function from a string to its token count.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlmeval.encoders import text as text_rules
from vlmeval.encoders.checkpoint import hf_text_rules, read_json
from vlmeval.encoders.handle import VectorsHandle, WeightsHandle
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.encoders.sources import HubSource, LocalFolder, OpenClipTag
from vlmeval.errors import ModelUnavailableError, UsageError
from vlmeval.records import TextRules


@dataclass(frozen=True)
class Tokens:
    """How a model counts. ``count`` takes a string and includes the marks of start and end; nothing is cut."""

    tokenizer: str
    context: int
    count: Callable[[str], int]


def tokens_of(handle: ModelHandle) -> Tokens:
    """Return how a model counts tokens; reads its tokenizer and configs alone.

    Raises
    ------
    ModelUnavailableError
        The tokenizer's files are not here and cannot be had, or need a library that is not installed.
    UsageError
        Given vectors without a text model.
    """
    if isinstance(handle, VectorsHandle):
        if handle.text_model is None:
            raise UsageError("given image vectors have no text side", file=handle.file, hint="name a text model: "
                             f"--model {handle.spec}::MODEL")  # fmt: skip
        return tokens_of(handle.text_model)
    if not isinstance(handle, WeightsHandle):
        raise UsageError(f"vlmeval does not know how {handle.spec} counts tokens")
    if handle.card.library == "open_clip":
        return _open_clip(handle)
    folder = _configs(handle)
    return _transformers(folder, handle.card.text or hf_text_rules(folder))


def clip_tokens() -> Callable[[str], int]:
    """Return a function that counts by CLIP's byte pairs (Radford et al. 2021), which come with open_clip."""
    from vlmeval.encoders.openclip import count_tokens, library

    tokenizer = library().SimpleTokenizer()
    return lambda text: count_tokens(tokenizer, text)


def _configs(handle: WeightsHandle) -> Path:
    """Return the folder with the model's small files, without its weights."""
    source = handle.source
    if isinstance(source, LocalFolder):
        return source.folder
    return source.repo.fetch(()) if isinstance(source, HubSource) else source.fetch()


def _open_clip(handle: WeightsHandle) -> Tokens:
    from vlmeval.encoders.openclip import CONFIG, count_tokens, library, own_rules

    open_clip = library()
    if isinstance(handle.source, OpenClipTag):
        name = handle.source.architecture
    else:
        folder = _configs(handle)
        read_json(folder / CONFIG)
        name = f"local-dir:{folder}"
    tokenizer: Any = open_clip.get_tokenizer(name)
    return _tokens(tokenizer, handle.card.text or own_rules(tokenizer), lambda text: count_tokens(tokenizer, text))


def _transformers(folder: Path, rules: TextRules) -> Tokens:
    from vlmeval.encoders.hf import count_tokens, read_tokenizer

    try:
        import transformers
    except ImportError as error:
        raise ModelUnavailableError(
            "this model needs the transformers library", found=str(error), hint="pip install transformers"
        ) from error
    tokenizer = read_tokenizer(transformers, folder)
    return _tokens(tokenizer, rules, lambda text: count_tokens(tokenizer, text))


def _tokens(tokenizer: Any, rules: TextRules, count: Callable[[str], int]) -> Tokens:
    name = type(getattr(tokenizer, "tokenizer", tokenizer)).__name__
    return Tokens(name, rules.context_length, lambda text: count(text_rules.clean(text, rules)))
