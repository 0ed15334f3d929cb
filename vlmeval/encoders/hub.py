"""Bring a model from the Hugging Face hub to this machine, or say exactly why not and what to do.

What is in the local hub cache is used without asking the network. Otherwise one question to the hub (10 seconds at
most) tells whether the model exists, is gated, or the network is away; downloads are the hub client's own, which writes
to a temporary name and renames. Nothing half-written is ever taken for a model.
"""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlmeval.atomic import write_text
from vlmeval.errors import ModelUnavailableError

_TIMEOUT = 10.0
_COMMIT = re.compile(r"^[0-9a-f]{40}$")
CONFIG_FILES = ("*.json", "*.txt", "*.model", "*.gz")
# In order of preference; pickled ones are only ever read with weights_only=True.
OPEN_CLIP_WEIGHTS = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
)
TRANSFORMERS_WEIGHTS = (
    "model.safetensors",
    "model-*-of-*.safetensors",
    "pytorch_model.bin",
    "pytorch_model-*-of-*.bin",
)


@dataclass(frozen=True)
class HubRepo:
    """A repository on the hub. ``revision`` is a branch, tag or commit; ``gated`` what the card knows of its access."""

    repo: str
    revision: str | None = None
    gated: bool = False
    alias: str | None = None

    def commit(self) -> str:
        """Return the commit that ``revision`` means: given, else from the local cache, else asked of the hub."""
        known = self.local_commit()
        return known if known is not None else _ask_hub(self)[0]

    def local_commit(self) -> str | None:
        """Return the commit as far as this machine knows it, or None."""
        if self.revision and _COMMIT.match(self.revision):
            return self.revision
        reference = _repo_cache(self.repo) / "refs" / (self.revision or "main")
        return reference.read_text("utf-8").strip() if reference.is_file() else None

    def fetch(self, weights: Sequence[str], commit: str | None = None) -> Path:
        """Return a local folder with the repository's configs and its preferred weights, downloading what is absent.

        Parameters
        ----------
        weights
            File name patterns in order of preference; the first that the repository has is taken. Empty: configs only.
        commit
            The commit that ``revision`` is known to mean.
        """
        known = commit or self.local_commit()
        here = self._here(weights, known)
        if here is not None:
            return here
        pinned = HubRepo(self.repo, known or self.revision, self.gated, self.alias)
        found, names = _ask_hub(pinned)
        wanted = _wanted(names, weights, self)
        # Weights last: where they are whole, the small files are there too, whenever a download was cut off.
        folder = _download(self, found, CONFIG_FILES)
        if wanted:
            folder = _download(self, found, wanted)
        self._remember(found)
        return folder

    def look(self, weights: Sequence[str], commit: str | None = None) -> None:
        """Raise ModelUnavailableError when ``fetch`` would, as far as one question can tell; downloads nothing."""
        known = commit or self.local_commit()
        if self._here(weights, known) is not None:
            return
        _ask_hub(HubRepo(self.repo, known or self.revision, self.gated, self.alias))
        # The hub describes gated models to anybody, and refuses their files to those who are not logged in.
        from huggingface_hub import get_token

        if self.gated and get_token() is None:
            raise gated_error(self)

    def _here(self, weights: Sequence[str], commit: str | None) -> Path | None:
        folder = None if commit is None else _repo_cache(self.repo) / "snapshots" / commit
        return folder if folder is not None and is_complete(folder, weights) else None

    def _remember(self, commit: str) -> None:
        """Note what a branch or tag meant, as the hub client does: the next run need not ask."""
        if not (self.revision and _COMMIT.match(self.revision)):
            write_text(_repo_cache(self.repo) / "refs" / (self.revision or "main"), commit)


def is_complete(folder: Path, weights: Sequence[str]) -> bool:
    """Whether ``folder`` holds every shard of some weights in ``weights``; without any wanted, a config."""
    if weights:
        return bool(weight_files(folder, weights))  # they come last, so the small files are there as well
    return (folder / "config.json").is_file()


def weight_files(folder: Path, weights: Sequence[str]) -> list[Path]:
    """Return the files of the preferred weights that are whole in ``folder``: one file, or every shard of a set."""
    for pattern in weights:
        found = sorted(folder.glob(pattern))
        if found and _all_shards(found):
            return found
    return []


def _all_shards(files: list[Path]) -> bool:
    match = re.search(r"-of-(\d+)\.", files[0].name)
    return match is None or len(files) == int(match.group(1))


def _wanted(names: Sequence[str], weights: Sequence[str], repo: HubRepo) -> list[str]:
    if not weights:
        return []
    for pattern in weights:
        if fnmatch.filter(names, pattern):
            return [pattern]
    raise ModelUnavailableError(
        f"{repo.repo} has no weights that vlmeval can read",
        expected=" or ".join(weights),
        found=", ".join(n for n in names if "." in n)[:400],
    )


def _ask_hub(repo: HubRepo) -> tuple[str, list[str]]:
    """Return the commit and the file names; one request, no retries."""
    if _offline():
        raise _unreachable(repo, "HF_HUB_OFFLINE is set, and the model is not in the local cache")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        info = HfApi().model_info(repo.repo, revision=repo.revision, timeout=_TIMEOUT)
    except HFValidationError as error:
        raise ModelUnavailableError(f"not a hub repository: {repo.repo!r}", found=str(error)) from error
    except HfHubHTTPError as error:
        raise _refused(repo, error) from error
    except _network_errors() as error:
        raise _unreachable(repo, f"{type(error).__name__}: {error}") from error
    return str(info.sha), [s.rfilename for s in info.siblings or []]


def _download(repo: HubRepo, commit: str, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    try:
        # Only the top folder: subfolders hold other frameworks' copies.
        folder = snapshot_download(
            repo.repo, revision=commit, allow_patterns=list(patterns), ignore_patterns=["*/*"], etag_timeout=_TIMEOUT
        )
    except HfHubHTTPError as error:
        raise _refused(repo, error) from error
    except _network_errors() as error:
        raise _unreachable(repo, f"{type(error).__name__}: {error}") from error
    return Path(folder)


def _network_errors() -> tuple[type[BaseException], ...]:
    from huggingface_hub.errors import HfHubHTTPError

    # The hub client has spoken through requests, httpx and httpx2; its own error always derives from that library's.
    return (OSError, HfHubHTTPError.__bases__[0])


def _refused(repo: HubRepo, error: Exception) -> ModelUnavailableError:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    url = f"https://huggingface.co/{repo.repo}"
    # GatedRepoError is a RepositoryNotFoundError, so it is asked first.
    if isinstance(error, GatedRepoError):
        return gated_error(repo)
    if isinstance(error, RevisionNotFoundError):
        return ModelUnavailableError(f"{repo.repo} has no revision {repo.revision!r}", hint=f"see {url}/commits/main")
    if isinstance(error, RepositoryNotFoundError):
        return ModelUnavailableError(
            f"no model {repo.repo!r} on the hub, or it is private",
            hint=f"check the spelling at {url}; for a private model log in with `hf auth login`",
        )
    return _unreachable(repo, f"{type(error).__name__}: {str(error).splitlines()[0]}")


def gated_error(repo: HubRepo) -> ModelUnavailableError:
    """Say how to get at gated weights."""
    return ModelUnavailableError(
        f"{repo.repo} is gated: its licence has to be accepted before the weights can be downloaded",
        hint="\n".join(_gated_steps(repo)),
    )


def _unreachable(repo: HubRepo, why: str) -> ModelUnavailableError:
    steps = ["connect to the network and run again, or download the model on a machine that has one:"]
    if repo.gated:
        steps = ["the weights are gated as well, so with a network:", *_gated_steps(repo)[:-1], "and without one:"]
    return ModelUnavailableError(
        f"{repo.repo} is not on this machine and the hub cannot be reached",
        found=why,
        hint="\n".join([*steps, *_folder_steps(repo)]),
    )


def _gated_steps(repo: HubRepo) -> list[str]:
    return [
        f"1. accept the licence at https://huggingface.co/{repo.repo} (an account is needed)",
        "2. log in on this machine: hf auth login",
        "3. run the same command again; or give a folder that holds the weights: " + _folder_option(repo),
    ]


def _folder_steps(repo: HubRepo) -> list[str]:
    pinned = f" --revision {repo.revision}" if repo.revision else ""
    return [f"hf download {repo.repo}{pinned} --local-dir FOLDER", f"then give that folder: {_folder_option(repo)}"]


def _folder_option(repo: HubRepo) -> str:
    return f"--model {repo.alias}@FOLDER" if repo.alias else "--model FOLDER"


def _offline() -> bool:
    return any(
        os.environ.get(name, "").upper() in {"1", "ON", "YES", "TRUE"}
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    )


def _repo_cache(repo: str) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / ("models--" + repo.replace("/", "--"))
