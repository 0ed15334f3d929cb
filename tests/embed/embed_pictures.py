"""Made-up pictures and samples; a plain module, because subprocesses of the tests import it too."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

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
