"""Where weights come from: a local folder, a hub repository, or an open_clip architecture and tag.

Each source answers two questions: ``identity`` (what exactly these weights are, for cache keys) and ``fetch`` (a folder
or file on this machine). Torch is imported only to fetch an open_clip tag, as the list of tags lives in that library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from vlmeval.encoders.fingerprint import folder_fingerprint
from vlmeval.encoders.hub import HubRepo, weight_files
from vlmeval.errors import ModelUnavailableError, UnknownNameError, UsageError

_FORMATS: Final = {"open_clip_config.json": "open_clip", "config.json": "transformers"}


class Source(Protocol):
    """Weights that can be named and fetched."""

    def identity(self) -> dict[str, str]:
        """Return what the weights are, as plain data."""

    @property
    def revision(self) -> str | None:
        """Commit or fingerprint, for the record."""

    def fetch(self) -> Path:
        """Return the folder (a checkpoint) or file (an open_clip tag's weights) on this machine."""

    def look(self) -> None:
        """Raise ModelUnavailableError when the weights are neither here nor to be had; downloads nothing."""


@dataclass(frozen=True)
class LocalFolder:
    """A checkpoint folder on this machine; its identity is its content, not its path."""

    folder: Path
    weights: tuple[str, ...]

    def identity(self) -> dict[str, str]:
        """Return the content fingerprint."""
        return {"folder": self._fingerprint}

    @property
    def revision(self) -> str:
        """The first twelve digits of the content fingerprint."""
        return "sha256:" + self._fingerprint[:12]

    @cached_property
    def _fingerprint(self) -> str:
        return folder_fingerprint(self.folder)

    def fetch(self) -> Path:
        """Return the folder; raises ModelUnavailableError when it holds no whole weights."""
        if not weight_files(self.folder, self.weights):
            raise ModelUnavailableError(
                "no weights in this model folder",
                file=self.folder,
                expected=" or ".join(self.weights),
                found=", ".join(sorted(p.name for p in self.folder.iterdir()))[:400] or "an empty folder",
            )
        return self.folder

    def look(self) -> None:
        """Raise as ``fetch`` does."""
        self.fetch()


@dataclass(frozen=True)
class HubSource:
    """A hub repository; its identity is its name and commit."""

    repo: HubRepo
    weights: tuple[str, ...]

    def identity(self) -> dict[str, str]:
        """Return repository and commit; asks the hub when no commit is known on this machine."""
        return {"hub": self.repo.repo, "commit": self._commit}

    @property
    def revision(self) -> str:
        """The commit."""
        return self._commit

    @cached_property
    def _commit(self) -> str:
        return self.repo.commit()

    def fetch(self) -> Path:
        """Return the snapshot folder, downloading what is absent."""
        return self.repo.fetch(self.weights, self._commit)

    def look(self) -> None:
        """Ask the hub whether it would give what is absent."""
        self.repo.look(self.weights)


@dataclass(frozen=True)
class OpenClipTag:
    """An architecture and a tag that open_clip knows.

    The identity is the two names (with the library's version, which the key holds): what a tag means is written in that
    library, and asking it would import torch.
    """

    architecture: str
    tag: str

    def identity(self) -> dict[str, str]:
        """Return architecture and tag."""
        return {"architecture": self.architecture, "tag": self.tag}

    @property
    def revision(self) -> str:
        """The commit of the hub repository behind the tag."""
        return self._hub.revision

    def fetch(self) -> Path:
        """Return the weights file."""
        files = weight_files(self._hub.fetch(), self._hub.weights)
        return files[0]

    def look(self) -> None:
        """Ask the hub whether it would give what is absent."""
        self._hub.look()

    def config(self) -> dict[str, Any]:
        """Return open_clip's settings for the tag: mean, std, interpolation, resize_mode, quick_gelu."""
        return self._config

    @cached_property
    def _config(self) -> dict[str, Any]:
        import open_clip

        architectures = open_clip.list_models()
        if self.architecture not in architectures:
            raise UnknownNameError("open_clip architecture", self.architecture, architectures)
        config = open_clip.get_pretrained_cfg(self.architecture, self.tag)
        if not config:
            tags = open_clip.list_pretrained_tags_by_model(self.architecture)
            raise UnknownNameError(f"open_clip tag of {self.architecture}", self.tag, tags)
        return dict(config)

    @cached_property
    def _hub(self) -> HubSource:
        where = str(self._config.get("hf_hub") or "")
        repo, _, file = where.rpartition("/")
        if not repo:
            raise UsageError(
                f"open_clip has {self.architecture}/{self.tag} only as a plain download, which is not supported",
                found=str(self._config.get("url")),
                hint="download it, save it as a folder in open_clip format (config, safetensors), and give that folder",
            )
        return HubSource(HubRepo(repo), _open_clip_names(file))


def _open_clip_names(file: str) -> tuple[str, ...]:
    from vlmeval.encoders.hub import OPEN_CLIP_WEIGHTS

    if not file:
        return OPEN_CLIP_WEIGHTS
    stem, _, suffix = file.rpartition(".")
    # The library too prefers a safetensors file of the same name where the repository has one.
    return (f"{stem}.safetensors", file) if suffix in ("bin", "pt", "pth") else (file,)


def as_folder(path: Path, kinds: Sequence[str]) -> Path:
    """Check that ``path`` is a folder with one of the config files ``kinds``."""
    if not path.is_dir():
        raise UsageError("no such model folder", file=path)
    if not any((path / kind).is_file() for kind in kinds):
        raise UsageError(
            "not a model folder" if len(kinds) > 1 else f"not in the {_FORMATS[kinds[0]]} format of this model",
            file=path,
            expected=" or ".join(f"{kind} ({_FORMATS[kind]} format)" for kind in kinds),
            found=", ".join(sorted(p.name for p in path.iterdir()))[:400] or "an empty folder",
        )
    return path
