"""What a run ran on: versions, device, commit. Package versions are read from metadata, nothing heavy is imported."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from vlmeval.records import Environment

PACKAGES = (
    "torch", "torchvision", "open_clip_torch", "transformers", "datasets", "scikit-learn", "pandas", "numpy", "pillow",
    "pyarrow", "safetensors", "pydantic", "altair",
)  # fmt: skip


APPEARANCE = ("cli", "report", "demo_model")
"""Rooms that no number of a run depends on."""


def environment(device: str, dtype: str) -> Environment:
    """Return the record of this machine and installation; ``device`` and ``dtype`` are those that were used."""
    commit, dirty = _git(Path(__file__).resolve().parent)
    return Environment(
        vlmeval=own_version(),
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        packages={name: found for name in PACKAGES if (found := _version(name)) is not None},
        device=device,
        dtype=dtype,
        cpus=os.cpu_count(),
        threads=sys.modules["torch"].get_num_threads() if "torch" in sys.modules else None,
        git_commit=commit,
        git_dirty=dirty,
    )


def own_version() -> str:
    """Return vlmeval's version ("unknown" when it runs from a checkout that was never installed)."""
    return _version("vlmeval") or "unknown"


@functools.cache
def code_version() -> str:
    """Return vlmeval's version and a digest of the code that numbers depend on.

    A run's identity holds it: in a checkout whose code was changed, an older run is not taken for this one's.
    """
    package = Path(__file__).resolve().parent
    parts = sorted(path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in APPEARANCE)
    code = hashlib.sha256()
    for path in parts:
        code.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"{own_version()}+{code.hexdigest()[:12]}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(folder: Path) -> tuple[str | None, bool | None]:
    """Commit and dirty flag of the checkout vlmeval runs from; (None, None) when installed or without git."""
    if not (folder.parent / ".git").exists():
        return None, None
    try:
        commit = _run_git(folder, "rev-parse", "HEAD")
        return commit, bool(_run_git(folder, "status", "--porcelain", "--untracked-files=no"))
    except (OSError, subprocess.SubprocessError):
        return None, None


def _run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()
