"""Lets the tests of this folder share `written_prompts` (importlib mode puts no test folder on the path)."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="module")
def clip_pieces() -> Any:
    """CLIP's own way of cutting a text into pieces."""
    tokenizer = pytest.importorskip("open_clip.tokenizer")
    return tokenizer.SimpleTokenizer().encode
