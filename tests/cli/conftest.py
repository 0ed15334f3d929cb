"""A user's own small benchmark (pictures, table, card) and a tiny random checkpoint; and a way to call the CLI."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vlmeval.cli.app import app

CARD = """\
schema: 1
id: mini
version: "1"
title: Mini
summary: Coloured squares.
task: single-label
modality: other
unit: {name: case, column: case}
headline_metrics: [balanced-accuracy, auroc, accuracy]
data: {adapter: table, home: mini, options: {table: photos.csv, image: file, label: colour}}
protocol: {by: unit, fractions: [0.2, 0.2, 0.6]}
classes:
  - {id: red, name: red square, labels: [r]}
  - {id: green, name: green square, labels: [g]}
  - {id: blue, name: blue square, labels: [b]}
groups:
  - id: tone
    name: Tone
    kind: skin-tone
    scale: fitzpatrick
    column: fst
    levels:
      - {id: light, name: I-III, from: 1, below: 3.5}
      - {id: dark, name: IV-VI, from: 3.5, below: 7}
      - {id: unknown, name: not answered, values: [""], missing: true}
  - {id: monk, name: Monk, kind: skin-tone, scale: monk, unavailable: nobody rated it}
prompts: {default: generic/names, compare: [generic/photo]}
licence: {name: CC0}
citation: nobody
homepage: https://example.org
"""
MULTI = """\
extends: mini
id: mini-multi
task: multi-label
headline_metrics: [auroc, average-precision]
data:
  adapter: table
  home: mini
  options: {table: photos.csv, image: file, one_hot: {red: red, green: green, blue: blue}}
"""
COLOURS = {"r": (200, 30, 30), "g": (30, 200, 30), "b": (30, 30, 200)}


@dataclass(frozen=True)
class World:
    """Folders of one test: the user's data root, the data, and where runs and cache go."""

    root: Path
    data: Path
    runs: Path
    cache: Path

    def options(self) -> list[str]:
        """The options that say where everything is."""
        places = {"--data-root": self.root, "--data": self.data, "--out": self.runs, "--cache": self.cache}
        return [str(part) for pair in places.items() for part in pair]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Sixty cases of one or two coloured squares."""
    world = World(tmp_path / "root", tmp_path / "data", tmp_path / "runs", tmp_path / "cache")
    for name, text in (("mini", CARD), ("mini-multi", MULTI)):
        folder = world.root / "benchmarks" / name
        folder.mkdir(parents=True)
        (folder / "benchmark.yaml").write_text(text)
    world.data.mkdir()
    rng = np.random.default_rng(0)
    lines = ["file,colour,red,green,blue,case,fst"]
    for case in range(90):
        colour = "rgb"[case % 3]
        for shot in range(1 + case % 2):
            name = f"{case}-{shot}.png"
            pixels = np.clip(np.array(COLOURS[colour]) + rng.integers(-30, 30, (24, 32, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(world.data / name)
            flags = ",".join(str(int(colour == c)) for c in "rgb")
            lines.append(f"{name},{colour},{flags},c{case},{['1', '5', ''][(case // 3) % 3]}")
    (world.data / "photos.csv").write_text("\n".join(lines) + "\n")
    return world


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP in open_clip's own format."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("models") / "tiny"
    folder.mkdir()
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    torch.manual_seed(3)
    model = open_clip.CLIP(**config)
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


@dataclass(frozen=True)
class Answer:
    """What a call left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """Stdout as one JSON object."""
        return json.loads(self.out)


Cli = Callable[..., Answer]


@pytest.fixture
def cli() -> Cli:
    """Call the command line in this process."""

    def call(*arguments: object) -> Answer:
        result = CliRunner().invoke(app, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return call
