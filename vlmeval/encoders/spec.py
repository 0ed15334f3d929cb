"""What a person may write after ``--model``, taken apart.

clip-vit-l14                     a model card
medsiglip-448:notebook           a card's other published preprocessing
medsiglip-448@/path/to/folder    a card with its weights in a local folder (either with a variant)
hf:ORG/NAME[@REVISION]           a hub repository, through transformers
hf-hub:ORG/NAME[@REVISION]       a hub repository, through open_clip
open_clip:ARCHITECTURE/TAG       one of open_clip's own
/path/to/folder                  a checkpoint folder, transformers or open_clip format
embeddings:FILE[::MODEL]         given image vectors; MODEL (any of the above) gives the text side
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vlmeval.errors import UsageError

Kind = Literal["card", "hf", "hf-hub", "open_clip", "folder", "embeddings"]


@dataclass(frozen=True)
class Spec:
    """A parsed model spec. ``name`` is an alias, repository, architecture or path, by ``kind``."""

    text: str
    kind: Kind
    name: str
    revision: str | None = None
    variant: str | None = None
    folder: Path | None = None
    tag: str | None = None
    text_model: str | None = None


def parse(text: str) -> Spec:
    """Take a model spec apart; raises UsageError when a prefix is known but the rest is not right."""
    if not text.strip():
        raise UsageError("no model was named", expected="an alias, hf:ORG/NAME, a folder, ... (vlmeval list models)")
    prefix, colon, rest = text.partition(":")
    if colon and prefix in ("hf", "hf-hub"):
        return _hub(text, "hf" if prefix == "hf" else "hf-hub", rest)
    if colon and prefix == "open_clip":
        architecture, slash, tag = rest.rpartition("/")
        if not (slash and architecture and tag):
            raise UsageError(f"not an open_clip model: {text!r}", expected="open_clip:ARCHITECTURE/TAG")
        return Spec(text, "open_clip", architecture, tag=tag)
    if colon and prefix == "embeddings":
        file, _, model = rest.partition("::")
        if not file:
            raise UsageError(f"no file in {text!r}", expected="embeddings:FILE or embeddings:FILE::MODEL")
        return Spec(text, "embeddings", file, text_model=model or None)
    if _is_path(text):
        return Spec(text, "folder", text, folder=Path(text).expanduser())
    return _card(text)


def _hub(text: str, kind: Literal["hf", "hf-hub"], rest: str) -> Spec:
    repo, _, revision = rest.partition("@")
    if repo.count("/") != 1 or not all(repo.split("/")):
        raise UsageError(f"not a hub repository: {text!r}", expected=f"{kind}:ORG/NAME or {kind}:ORG/NAME@REVISION")
    return Spec(text, kind, repo, revision=revision or None)


def _card(text: str) -> Spec:
    name, _, folder = text.partition("@")
    alias, _, variant = name.partition(":")
    return Spec(text, "card", alias, variant=variant or None, folder=Path(folder).expanduser() if folder else None)


def _is_path(text: str) -> bool:
    """Whether it is written as a path (/, ./, ../, ~, a drive) or is a folder that is there."""
    written = text.startswith(("/", "./", "../", "~")) or text in (".", "..") or Path(text).is_absolute()
    return written or ("@" not in text and Path(text).is_dir())
