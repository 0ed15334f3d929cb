"""Lets the tests of this folder share `compare_world` (importlib mode puts no test folder on the path)."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser: $VLMEVAL_CHROMIUM or Debian's, else a visible skip."""
    path = Path(os.environ.get("VLMEVAL_CHROMIUM", "/usr/bin/chromium"))
    if not path.is_file():
        pytest.skip(f"no browser at {path} (apt-get install chromium, or set VLMEVAL_CHROMIUM)")
    return path
