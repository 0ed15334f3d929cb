"""Fixtures shared by all rooms' tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the checkout under test."""
    return CHECKOUT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder with the real `scin/` and `ham10000/`: $VLMEVAL_TEST_DATA, or `shared/data` beside the checkout."""
    folder = Path(os.environ.get("VLMEVAL_TEST_DATA", CHECKOUT.parent / "shared" / "data"))
    if not (folder / "scin" / "scin_cases.csv").is_file() or not (folder / "ham10000" / "images").is_dir():
        pytest.skip("the real SCIN and HAM10000 files are not here (set VLMEVAL_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser: $VLMEVAL_CHROMIUM or Debian's, else a visible skip."""
    path = Path(os.environ.get("VLMEVAL_CHROMIUM", "/usr/bin/chromium"))
    if not path.is_file():
        pytest.skip(f"no browser at {path} (apt-get install chromium, or set VLMEVAL_CHROMIUM)")
    return path


@pytest.fixture(autouse=True)
def _own_homes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's data and cache folders."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VLMEVAL_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("VLMEVAL_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
