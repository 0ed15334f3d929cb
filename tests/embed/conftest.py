"""Pictures, samples and an empty cache for the embedding tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from vlmeval.embed import Cache
from vlmeval.records import ImageRef, Samples

sys.path.insert(0, str(Path(__file__).parent))

from embed_pictures import picture_bytes, samples_of

MakeSamples = Callable[[Sequence[Path | ImageRef]], Samples]


@pytest.fixture
def make_samples() -> MakeSamples:
    """Samples from pictures."""
    return samples_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of fifty pictures, `000.png` onwards."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(50):
        (folder / f"{i:03d}.png").write_bytes(picture_bytes(i))
    return folder


@pytest.fixture
def pictures(folder: Path) -> list[Path]:
    """The fifty pictures."""
    return sorted(folder.glob("*.png"))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """An empty cache."""
    return Cache(tmp_path / "cache")
