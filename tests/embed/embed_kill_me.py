"""Embed a folder of pictures slowly; run as a program, so that a test can kill it at any moment."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from embed_fake_model import FakeEncoder, FakeHandle
from embed_pictures import samples_of

from vlmeval.embed import Cache, EmbedOptions, embed
from vlmeval.progress import Progress, silent


def run(folder: Path, root: Path, workers: int = 0, seconds: float = 0.0, progress: Progress = silent) -> int:
    """Embed; return how many pictures were computed. Memory suffices for two pictures a forward, not for four."""
    options = EmbedOptions(device="cpu", workers=workers, batch_size=4)
    handle = FakeHandle(FakeEncoder(seconds=seconds, fits=2))
    samples = samples_of(sorted(folder.glob("*.png")))
    return embed(handle, samples, ["eczema", "psoriasis"], Cache(root), options, progress).computed_images


def tell(stage: str, done: int, total: int | None) -> None:
    """Print progress for the test that reads it."""
    print(stage, done, flush=True)


if __name__ == "__main__":
    print("computed", run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), tell), flush=True)
