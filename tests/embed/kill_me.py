"""Run as a program: embed a folder of pictures slowly, so that a test can kill it at any moment."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from conftest import samples_of  # noqa: E402
from fake_model import FakeEncoder, FakeHandle  # noqa: E402

from vlmeval.embed import Cache, EmbedOptions, embed  # noqa: E402

if __name__ == "__main__":
    folder, root, workers, seconds = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    options = EmbedOptions(device="cpu", workers=workers, batch_size=4)
    handle = FakeHandle(FakeEncoder(seconds=seconds, fits=2))

    def tell(stage: str, done: int, total: int | None) -> None:
        print(stage, done, flush=True)

    samples = samples_of(sorted(folder.glob("*.png")))
    got = embed(handle, samples, ["eczema", "psoriasis"], Cache(root), options, tell)
    print("computed", got.computed_images, flush=True)
