"""Pictures and samples for the embedding tests, and the fake model as an importable module."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlmeval.embed import Cache
from vlmeval.records import (
    Benchmark,
    ClassSpec,
    DataSource,
    ImageRef,
    Licence,
    PromptChoice,
    Protocol,
    Samples,
    UnitSpec,
)

sys.path.insert(0, str(Path(__file__).parent))

BENCHMARK = Benchmark(
    schema_=1,
    id="toy",
    version="1",
    title="Toy",
    summary="",
    task="single-label",
    modality="other",
    unit=UnitSpec(name="case", column="case"),
    headline_metrics=("accuracy",),
    data=DataSource(adapter="table", home="toy"),
    protocol=Protocol(by="unit"),
    classes=(ClassSpec(id="a", name="A", labels=("a",)), ClassSpec(id="b", name="B", labels=("b",))),
    prompts=PromptChoice(default="x"),
    licence=Licence(name="CC0"),
    citation="",
    homepage="https://example.org",
)

MakeSamples = Callable[[Sequence[Path | ImageRef]], Samples]


def picture_bytes(seed: int, size: tuple[int, int] = (20, 14), kind: str = "PNG") -> bytes:
    """Return an encoded picture of noise; another seed, another picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def samples_of(pictures: Sequence[Path | ImageRef]) -> Samples:
    """Return samples, one a picture, with ids that sort unlike their order."""
    n = len(pictures)
    refs = tuple(p if isinstance(p, ImageRef) else ImageRef(p) for p in pictures)
    ids = np.array([f"{(i * 7919) % 10007:05d}-{i}" for i in range(n)])
    labels = np.zeros((n, 2), dtype=np.bool_)
    labels[:, 0] = True
    split = np.full(n, "test")
    return Samples(BENCHMARK, ids, refs, ids, labels, split, {})


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
