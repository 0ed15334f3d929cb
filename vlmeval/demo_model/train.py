"""Train clip-demo: a small CLIP (ResNet and transformer) by the ordinary contrastive loss, on one core, in minutes.

    python -m vlmeval.demo_model.train [--out FOLDER]

Writes ``open_clip_config.json``, ``open_clip_model.safetensors`` (float16) and ``training.json`` (recipe, versions and
held-out accuracy). The seed fixes pictures, captions and order; sums of floats still differ between processors and
torch versions, so training again elsewhere gives a model of the same kind, not the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vlmeval.atomic import write_bytes, write_text
from vlmeval.data.demo_drawing import MORPHOLOGIES, Chance
from vlmeval.demo_model.captions import Captions, read_captions
from vlmeval.demo_model.pictures import LIGHT_TONES, Pictures, draw_series, turned
from vlmeval.resources import data_folder

if TYPE_CHECKING:
    import torch

    Model = Any  # open_clip has no types

LOG = logging.getLogger("vlmeval.demo_model")
MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
STD: Final = (0.26862954, 0.26130258, 0.27577711)

MODEL_CONFIG: Final[dict[str, Any]] = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 12, "head_width": 64},
    "text_cfg": {"context_length": 48, "vocab_size": 49408, "width": 48, "heads": 2, "layers": 2},
}


@dataclass(frozen=True)
class Recipe:
    """Everything that was chosen for the training."""

    seed: int = 1
    cases: int = 2400
    held_out: int = 400
    epochs: int = 12
    batch: int = 96
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warm_up: int = 60


def train(out: Path, recipe: Recipe) -> dict[str, Any]:
    """Draw, train, save to ``out`` and return what training.json holds."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    captions = read_captions(data_folder("benchmarks") / "derm-demo" / "clip-demo" / "captions.yaml")
    size = MODEL_CONFIG["vision_cfg"]["image_size"]
    pictures = draw_series("train", recipe.cases, size, _log_progress)
    held_out = draw_series("held-out", recipe.held_out, size, _log_progress)
    model, tokenize = build(captions)
    fit(model, tokenize, pictures, captions, recipe)
    accuracy = held_out_accuracy(model.eval(), tokenize, held_out, captions)
    LOG.info("held-out accuracy %.3f", accuracy)
    told = _training_record(recipe, accuracy)
    save(model, out, told)
    return told


def build(captions: Captions) -> tuple[Model, Any]:
    """Return a fresh model, with zeros for every token that no caption has, and its tokenizer."""
    import open_clip
    import torch

    tokenize = open_clip.SimpleTokenizer(context_length=MODEL_CONFIG["text_cfg"]["context_length"])
    model = open_clip.CLIP(**MODEL_CONFIG)
    known = torch.zeros(MODEL_CONFIG["text_cfg"]["vocab_size"], dtype=torch.bool)
    known[tokenize(captions.strings()).unique()] = True
    with torch.no_grad():
        model.token_embedding.weight[~known] = 0.0
    return model, tokenize


def fit(model: Model, tokenize: Any, pictures: Pictures, captions: Captions, recipe: Recipe) -> None:
    """Train in place: AdamW, linear warm-up, cosine decay, CLIP's symmetric cross-entropy over each batch."""
    import torch
    from open_clip.loss import ClipLoss

    chance = Chance("clip-demo", recipe.seed, "order")
    steps = recipe.epochs * (recipe.cases // recipe.batch)
    decayed = [p for name, p in model.named_parameters() if p.ndim >= 2 and "embedding" not in name]
    kept = [p for name, p in model.named_parameters() if p.ndim < 2 or "embedding" in name]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": kept, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _pace(step, steps, recipe.warm_up))
    loss_of = ClipLoss()
    model.train()
    for epoch in range(recipe.epochs):
        order = chance.shuffled(range(recipe.cases))
        losses = []
        for start in range(0, recipe.cases - recipe.batch + 1, recipe.batch):
            rows = order[start : start + recipe.batch]
            texts = tokenize([captions.sentence(pictures.cases[row], chance) for row in rows])
            loss = loss_of(*model(normalise(turned(pictures.pixels[rows], chance)), texts))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(0, float(np.log(100)))
            losses.append(loss.item())
        LOG.info("epoch %d: loss %.3f, scale %.1f", epoch + 1, np.mean(losses), model.logit_scale.exp().item())


def normalise(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> torch.Tensor:
    """Return uint8 [n, S, S, 3] as the float32 [n, 3, S, S] that the image tower takes."""
    import torch

    scaled = (pixels.astype(np.float32) / 255 - np.array(MEAN, np.float32)) / np.array(STD, np.float32)
    return torch.from_numpy(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)))


def held_out_accuracy(model: Model, tokenize: Any, pictures: Pictures, captions: Captions) -> float:
    """Return the share of pictures whose nearest usual first phrase is their morphology's (chance: 1/8)."""
    import torch

    names = list(MORPHOLOGIES)
    with torch.no_grad():
        texts = model.encode_text(tokenize([captions.usual[name][0] for name in names]), normalize=True)
        images = model.encode_image(normalise(pictures.pixels), normalize=True)
    guessed = (images @ texts.T).argmax(dim=1).tolist()
    return float(np.mean([names[k] == case.morphology for k, case in zip(guessed, pictures.cases, strict=True)]))


def save(model: Model, out: Path, told: dict[str, Any]) -> None:
    """Write the open_clip folder; floats as float16, which halves the package and changes no decision to speak of."""
    import torch
    from safetensors.torch import save as to_bytes

    state = {name: t.half() if t.is_floating_point() else t for name, t in model.state_dict().items()}
    if not all(torch.isfinite(t).all() for t in state.values()):
        raise FloatingPointError("a weight does not fit float16")
    config = {
        "model_cfg": MODEL_CONFIG,
        "preprocess_cfg": {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"},
    }
    state = {name: t.contiguous() for name, t in state.items()}
    # One entry only: safetensors writes several in a random order, and then the same weights would have other bytes.
    weights = to_bytes(state, {"note": "synthetic: clip-demo"})
    told = {**told, "weights_sha256": hashlib.sha256(weights).hexdigest()}
    write_bytes(out / "open_clip_model.safetensors", weights)
    write_text(out / "open_clip_config.json", json.dumps(config, indent=2) + "\n")
    write_text(out / "training.json", json.dumps(told, indent=2) + "\n")


def _pace(step: int, steps: int, warm_up: int) -> float:
    rising = min(1.0, (step + 1) / warm_up)
    return rising * 0.5 * (1 + float(np.cos(np.pi * step / steps)))


def _training_record(recipe: Recipe, accuracy: float) -> dict[str, Any]:
    import open_clip
    import torch

    return {
        "note": "Synthetic: a demonstration model trained on drawn pictures only. Of no use on real skin.",
        "recipe": asdict(recipe),
        "tones": LIGHT_TONES,
        "held_out_accuracy": accuracy,
        "chance": 1 / len(MORPHOLOGIES),
        "versions": {
            "python": sys.version.split()[0],
            "torch": torch.__version__,
            "open_clip": open_clip.__version__,
            "numpy": np.__version__,
        },
    }


def _log_progress(stage: str, done: int, total: int | None) -> None:
    if done % 400 == 0:
        LOG.info("%s: %d of %s", stage, done, total)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description="Train clip-demo, the demonstration's synthetic model.")
    parser.add_argument("--out", type=Path, default=data_folder("benchmarks") / "derm-demo" / "clip-demo")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(chosen.out, Recipe(epochs=chosen.epochs))


if __name__ == "__main__":
    main()
