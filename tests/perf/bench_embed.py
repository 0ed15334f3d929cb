"""How fast embedding is, as ratios in one run: `python tests/perf/bench_embed.py [--pictures N] [--json]`.

For each model, on the same drawn pictures, device, dtype, batch and threads:

* end to end   `vlmeval.embed.embed` with an empty cache: hash, decode in workers, resize, forward, write the cache
               (loading the model excluded, starting the workers included);
* encoder only the same encoder on one uint8 batch that is in memory already: the most any pipeline could reach;
* plain loop   as in the MedSigLIP notebook: `Image.open`, the library's own processor, float32 forward of one
               picture, `.cpu()`;
* warm         the same call again, everything in the cache.

Weights are random, shapes are real: speed does not depend on what a model has learnt.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vlmeval.catalog import load_catalog
from vlmeval.embed import Cache, EmbedOptions, embed
from vlmeval.embed.device import let_idle_threads_sleep
from vlmeval.encoders import Encoder
from vlmeval.encoders.resolve import resolve
from vlmeval.records import ImageRef, Samples

WORDS = "a photo of the skin showing eczema psoriasis urticaria melanoma nevus on an arm leg hand face"


@dataclass(frozen=True)
class Row:
    """One model's figures; throughputs in pictures a second."""

    model: str
    pictures: int
    batch: int
    dtype: str
    encoder_only: float
    end_to_end: float
    plain_loop: float
    warm_seconds: float
    cold_seconds: float

    @property
    def ratios(self) -> dict[str, float]:
        return {
            "end to end / encoder only": self.end_to_end / self.encoder_only,
            "end to end / plain loop": self.end_to_end / self.plain_loop,
            "cold / warm": self.cold_seconds / self.warm_seconds,
        }


# --- pictures


def draw(folder: Path, number: int, png_every: int) -> list[Path]:
    """Draw skin-like pictures: JPEG of 600x450, and every so many a PNG of 1000x1300, as SCIN has."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(number):
        is_png = png_every > 0 and i % png_every == png_every - 1
        width, height = (1000, 1300) if is_png else (600, 450)
        coarse = rng.integers(90, 220, (8, 8, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = rng.integers(-6, 7, (height, width, 1), dtype=np.int16)
        image = Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8))
        path = folder / f"{i:05d}{'.png' if is_png else '.jpg'}"
        image.save(path, **({"compress_level": 3} if is_png else {"quality": 92}))
        paths.append(path)
    return paths


def as_samples(paths: list[Path]) -> Samples:
    """Wrap pictures as samples of some benchmark (which one does not matter here)."""
    benchmark = load_catalog().benchmark("ham10000")
    n = len(paths)
    ids = np.array([path.stem for path in paths])
    labels = np.zeros((n, len(benchmark.classes)), dtype=np.bool_)
    return Samples(benchmark, ids, tuple(ImageRef(path) for path in paths), ids, labels, np.full(n, "test"), {})


# --- models


def make_clip(folder: Path, width: int, layers: int, patch: int) -> Path:
    """Save a CLIP of random weights in transformers' format; the text tower is minimal, it is not measured."""
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    letters = [chr(c) for c in range(33, 127)]
    pieces = [*letters, *(c + "</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=[], model_max_length=77)
    ends = {name: tokenizer.convert_tokens_to_ids("<|endoftext|>") for name in ("eos_token_id", "pad_token_id")}
    text = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = {"hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers}
    vision |= {"num_attention_heads": width // 64, "image_size": 224, "patch_size": patch}
    config = CLIPConfig(text_config={**text, **ends, "vocab_size": len(pieces)}, vision_config=vision)
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}).save_pretrained(folder)
    return folder


def make_siglip(folder: Path) -> Path:
    """Save a SigLIP base (patch 16, 224) of random weights; the text tower is minimal."""
    import sentencepiece
    from transformers import SiglipConfig, SiglipModel, SiglipTokenizer
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(rng.choice(WORDS.split(), 8)) for _ in range(200)]),
        model_prefix=str(folder / "spiece"), vocab_size=80, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        hard_vocab_limit=False, minloglevel=2, num_threads=1,
    )  # fmt: skip
    tokenizer = SiglipTokenizer(str(folder / "spiece.model"), model_max_length=64, model_input_names=["input_ids"])
    text = {"hidden_size": 768, "intermediate_size": 64, "num_hidden_layers": 1, "vocab_size": len(tokenizer)}
    SiglipModel(SiglipConfig(text_config=text, vision_config={})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 224, "width": 224}).save_pretrained(folder)
    return folder


MODELS: dict[str, tuple[Callable[[Path], Path], int]] = {
    "tiny (ViT 192x4, patch 32)": (lambda folder: make_clip(folder, 192, 4, 32), 1),
    "CLIP ViT-B/32": (lambda folder: make_clip(folder, 768, 12, 32), 6),
    "SigLIP base, patch 16": (make_siglip, 25),
}
"""Name -> how to make it, and the share (1/n) of the pictures it is given, so that all take about as long."""


# --- measurements


def encoder_only(encoder: Encoder, batch: int, device: str, seconds: float = 1.5) -> float:
    """Return pictures a second of the encoder on a batch that is in memory (median over repeats)."""
    import torch

    side = encoder.image_size
    pixels = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8, device=device)
    times: list[float] = []
    while sum(times) < seconds or len(times) < 3:
        start = time.perf_counter()
        encoder.encode_images(pixels).cpu()
        times.append(time.perf_counter() - start)
    return batch / statistics.median(times)


class PlainLoop:
    """The notebook's way: one picture at a time, in float32."""

    def __init__(self, checkpoint: Path, device: str) -> None:
        from transformers import AutoModel, AutoProcessor

        self.device = device
        self.model = AutoModel.from_pretrained(checkpoint).eval().to(device)
        self.processor = AutoProcessor.from_pretrained(checkpoint)

    def __call__(self, paths: list[Path]) -> float:
        """Return pictures a second."""
        self.one(paths[0])
        start = time.perf_counter()
        for path in paths:
            self.one(path)
        return len(paths) / (time.perf_counter() - start)

    def one(self, path: Path) -> Any:
        """Load, process, forward, copy back."""
        import torch

        image = Image.open(path).convert("RGB")
        inputs = self.processor(images=image, return_tensors="pt").to(self.device)
        with torch.no_grad():
            features = self.model.get_image_features(**inputs)
        return getattr(features, "pooler_output", features).cpu().numpy()


def plain_loop(checkpoint: Path, paths: list[Path], device: str) -> float:
    """Return pictures a second of the plain loop in a process of its own, with torch as its user finds it."""
    command = [sys.executable, __file__, "--plain-loop", str(checkpoint), device, *map(str, paths)]
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def measure(name: str, checkpoint: Path, paths: list[Path], arguments: argparse.Namespace, home: Path) -> Row:
    """Measure one model in interleaved rounds; the best of each counts, as other programs only ever slow down."""
    options = EmbedOptions(batch_size=arguments.batch, workers=arguments.workers)
    catalog, samples = load_catalog(), as_samples(paths)
    rounds: dict[str, list[float]] = {"end": [], "encoder": [], "loop": [], "cold": [], "warm": []}
    encoder = None
    for i in range(arguments.rounds):
        cache = Cache(home / f"cache{i}")
        cold = embed(resolve(str(checkpoint), catalog), samples, [], cache, options)
        start = time.perf_counter()
        warm = embed(resolve(str(checkpoint), catalog), samples, [], cache, options)
        rounds["warm"].append(time.perf_counter() - start)
        rounds["cold"].append(sum(cold.timings.values()))
        rounds["end"].append(cold.images_per_second or float("nan"))
        if warm.computed_images or not np.array_equal(cold.images.vectors, warm.images.vectors):
            raise SystemExit("the warm run computed something, or something else")
        batch = options.batch_size or (128 if cold.device.startswith("cuda") else 16)
        encoder = encoder or resolve(str(checkpoint), catalog).load(cold.device, cold.dtype)
        rounds["encoder"].append(encoder_only(encoder, batch, cold.device))
        rounds["loop"].append(plain_loop(checkpoint, paths[: max(12, len(paths) // 6)], cold.device))
    return Row(
        model=name,
        pictures=len(paths),
        batch=batch,
        dtype=cold.dtype,
        encoder_only=max(rounds["encoder"]),
        end_to_end=max(rounds["end"]),
        plain_loop=max(rounds["loop"]),
        warm_seconds=min(rounds["warm"]),
        cold_seconds=min(rounds["cold"]),
    )


def conditions(arguments: argparse.Namespace) -> dict[str, str]:
    """Return what a reader must know to compare."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    names = ("torch", "transformers", "pillow", "numpy")
    return {
        "baseline": "plain loop: Image.open, transformers' own processor, float32, one picture a forward, .cpu()",
        "pictures": f"{arguments.pictures} drawn; JPEG 600x450, every {arguments.png_every}th a PNG 1000x1300",
        "device": f"{device}, {os.cpu_count()} cores, {torch.get_num_threads()} torch threads",
        "load": f"{os.getloadavg()[0]:.1f} processes on average in the last minute; best of {arguments.rounds} rounds",
        "workers": "chosen by vlmeval" if arguments.workers is None else str(arguments.workers),
        "versions": ", ".join([f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)]),
    }


def show(rows: list[Row], facts: dict[str, str]) -> None:
    """Print tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=150)
    table = Table(title="Embedding: ratios in one run")
    for column in (
        "model",
        *rows[0].ratios,
        "end to end /s",
        "encoder only /s",
        "plain loop /s",
        "n",
        "batch",
        "dtype",
    ):
        table.add_column(column, justify="left" if column == "model" else "right")
    for row in rows:
        speeds = (f"{v:.1f}" for v in (row.end_to_end, row.encoder_only, row.plain_loop))
        table.add_row(
            row.model, *(f"{v:.2f}" for v in row.ratios.values()), *speeds, str(row.pictures), str(row.batch), row.dtype
        )
    console.print(table)
    for name, text in facts.items():
        console.print(f"{name}: {text}")


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1200, help="how many to draw (default 1200)")
    parser.add_argument("--png-every", type=int, default=12, help="every so many is a large PNG; 0 for none")
    parser.add_argument("--rounds", type=int, default=2, help="how often to measure (default 2)")
    parser.add_argument("--batch", type=int, help="pictures a forward pass (default: as vlmeval chooses)")
    parser.add_argument("--workers", type=int, help="decoding processes (default: as vlmeval chooses)")
    parser.add_argument("--model", action="append", choices=list(MODELS), help="only this one; may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--plain-loop", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    let_idle_threads_sleep()  # as every run does, before torch is imported
    be_quiet()
    if arguments.plain_loop:
        checkpoint, device, *names = arguments.plain_loop
        print(PlainLoop(Path(checkpoint), device)([Path(name) for name in names]))
        return
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        (home / "pictures").mkdir()
        paths = draw(home / "pictures", arguments.pictures, arguments.png_every)
        rows = []
        for i, (title, (make, share)) in enumerate(MODELS.items()):
            if not arguments.model or title in arguments.model:
                print(f"measuring {title} ...", file=sys.stderr)
                checkpoint = make(home / f"model{i}")
                some = paths[: max(32, len(paths) // share)]
                rows.append(measure(title, checkpoint, some, arguments, home / f"caches{i}"))
    facts = conditions(arguments)
    if arguments.json:
        print(json.dumps({"rows": [{**asdict(row), "ratios": row.ratios} for row in rows], "conditions": facts}))
    else:
        show(rows, facts)


def be_quiet() -> None:
    """Keep the libraries' own bars and remarks out of the tables."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


if __name__ == "__main__":
    main()
