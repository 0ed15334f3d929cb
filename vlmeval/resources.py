"""Where things are: the three data folders shipped with vlmeval, and the user's data, cache and model-card folders.

The data folders (`prompts/`, `benchmarks/`, `reports/`) stand at the top of a checkout and inside the package
(`vlmeval/_data/`) once installed from a wheel. This module is the only place that knows both.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from vlmeval.errors import MissingDataError

PACKAGE = Path(__file__).resolve().parent
DataFolder = Literal["prompts", "benchmarks", "reports"]


def data_folder(name: DataFolder) -> Path:
    """Return the shipped folder of that name: the packaged one if present, else the checkout's.

    Raises
    ------
    MissingDataError
        Neither is there: the installation is broken, or another package named ``vlmeval`` shadows this one.
    """
    for candidate in (PACKAGE / "_data" / name, PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise MissingDataError(
        f"the folder {name!r} that belongs to vlmeval is missing",
        file=PACKAGE,
        expected=f"{PACKAGE / '_data' / name} (installed) or {PACKAGE.parent / name} (checkout)",
        hint="install vlmeval again (pip install --force-reinstall vlmeval); `vlmeval doctor` tells of name clashes",
    )


def model_cards_folder() -> Path:
    """Return the folder of the shipped model cards."""
    return PACKAGE / "encoders" / "cards"


def data_home() -> Path:
    """Return where benchmarks' data live: $VLMEVAL_DATA_HOME, else `vlmeval/data` in the user's cache folder."""
    return _home("VLMEVAL_DATA_HOME", "data")


def cache_home() -> Path:
    """Return where embeddings are kept: $VLMEVAL_CACHE_HOME, else `vlmeval/cache` in the user's cache folder."""
    return _home("VLMEVAL_CACHE_HOME", "cache")


def _home(variable: str, name: str) -> Path:
    chosen = os.environ.get(variable)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("vlmeval")) / name
