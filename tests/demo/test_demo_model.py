"""clip-demo: an ordinary, small open_clip folder, trained on nothing of the bench, clearly better than chance."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from vlmeval.catalog import expand_prompts, load_catalog
from vlmeval.data.demo import SERIES, planned_cases
from vlmeval.data.demo_drawing import MORPHOLOGIES, Chance, draw
from vlmeval.demo_model.captions import read_captions
from vlmeval.demo_model.pictures import draw_series, series_cases, turned
from vlmeval.demo_model.train import Recipe, train
from vlmeval.records import Benchmark
from vlmeval.resources import data_folder

FOLDER = data_folder("benchmarks") / "derm-demo" / "clip-demo"
WEIGHTS = FOLDER / "open_clip_model.safetensors"


@pytest.fixture(scope="module")
def loaded() -> tuple[Any, Any, Any]:
    """The model, its preprocessing and tokenizer as open_clip's own loader gives them."""
    import open_clip

    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{FOLDER}")
    return model.eval(), preprocess, open_clip.get_tokenizer(f"local-dir:{FOLDER}")


def test_weights_are_the_recorded_ones_and_small() -> None:
    recorded = json.loads((FOLDER / "training.json").read_text())
    assert hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() == recorded["weights_sha256"]
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 8_000_000


def test_plain_open_clip_beats_chance_clearly_on_bench_cases(loaded: tuple[Any, Any, Any], card: Benchmark) -> None:
    import torch

    model, preprocess, tokenize = loaded
    cases = [case for name in MORPHOLOGIES for case in _some(card, name, 6)]
    pixels = torch.stack([preprocess(Image.fromarray(draw(case, 0))) for case in cases])
    with torch.no_grad():
        images = model.encode_image(pixels, normalize=True)
        texts = model.encode_text(tokenize([spec.name for spec in card.classes]), normalize=True)
    guessed = (images @ texts.T).argmax(dim=1).tolist()
    right = [case.morphology in card.classes[k].labels for k, case in zip(guessed, cases, strict=True)]
    # 48 cases, chance 1/8: 24 right by luck has a probability below 1e-9.
    assert np.mean(right) > 0.5


def test_no_training_case_is_a_bench_case(card: Benchmark) -> None:
    bench = {case.seed for case in planned_cases(card)}
    recipe = Recipe()
    trained = {case.seed for series in ("train", "held-out") for case in series_cases(series, recipe.cases)}
    assert len(trained) == 2 * recipe.cases
    assert not bench & trained
    with pytest.raises(ValueError, match="the bench's"):
        draw_series(SERIES, 1, 64)


def test_no_training_picture_is_a_bench_picture(card: Benchmark) -> None:
    few = planned_cases(card)[:12]
    shown = draw_series("train", 12, 160).pixels
    bench = {draw(case, 0).tobytes() for case in few}
    assert len(bench) == 12
    assert not bench & {picture.tobytes() for picture in shown}


def test_words_without_training_mean_nothing(loaded: tuple[Any, Any, Any]) -> None:
    model, _, tokenize = loaded
    words = tokenize(["wheals zebra"])[0].tolist()
    assert model.token_embedding.weight[words[1]].abs().sum() > 0
    assert model.token_embedding.weight[tokenize(["zebra"])[0, 1]].abs().sum() == 0


@pytest.mark.parametrize("name", ["names", "photo", "clinical", "lay"])
def test_every_prompt_fits_the_context(loaded: tuple[Any, Any, Any], card: Benchmark, name: str) -> None:
    import open_clip

    context = loaded[0].context_length
    long = open_clip.SimpleTokenizer(context_length=4 * context)
    for prompts in expand_prompts(load_catalog().prompt_set(f"derm-demo/{name}"), card).prompts.values():
        used = (long(list(prompts)) != 0).sum(dim=1)
        assert used.max() <= context


def test_the_card_agrees_with_the_folder(loaded: tuple[Any, Any, Any]) -> None:
    model, _, _ = loaded
    model_card = load_catalog().model_card("clip-demo")
    config = json.loads((FOLDER / "open_clip_config.json").read_text())
    assert model_card.weights.hub == f"package:{FOLDER.relative_to(data_folder('benchmarks')).as_posix()}"
    assert model_card.dim == config["model_cfg"]["embed_dim"]
    assert model_card.image is not None
    assert model_card.image.size == config["model_cfg"]["vision_cfg"]["image_size"]
    assert list(model_card.image.mean) == config["preprocess_cfg"]["mean"]
    assert list(model_card.image.std) == config["preprocess_cfg"]["std"]
    assert model_card.text is not None
    assert model_card.text.context_length == model.context_length
    millions = sum(p.numel() for p in model.parameters()) / 1e6
    assert model_card.parameters_millions == pytest.approx(millions, abs=0.05)


def test_everything_says_that_it_is_synthetic(card: Benchmark) -> None:
    catalog = load_catalog()
    assert card.synthetic
    assert catalog.model_card("clip-demo").synthetic
    for text in (card.title, catalog.model_card("clip-demo").title, *card.known_issues[:1]):
        assert "synthetic" in text.lower()
    for chosen in (card.prompts.default, *card.prompts.compare):
        assert "synthetic" in catalog.prompt_set(chosen).title
    for path in (FOLDER.parent / "CARD.md", FOLDER / "training.json"):
        assert "synthetic" in path.read_text().lower()
    assert b"synthetic" in WEIGHTS.read_bytes()[:100_000]


def test_captions_name_every_class_as_the_card_does(card: Benchmark) -> None:
    captions = read_captions(FOLDER / "captions.yaml")
    for spec in card.classes:
        assert spec.name in captions.usual[spec.labels[0]]
    case = planned_cases(card)[0]
    sentences = {captions.sentence(case, Chance("captions", i)) for i in range(20)}
    assert len(sentences) > 5


def test_captions_without_a_morphology_are_refused(tmp_path: Path) -> None:
    content = yaml.safe_load((FOLDER / "captions.yaml").read_text())
    del content["rare"]["ring"]
    (tmp_path / "captions.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(ValueError, match="need phrases for exactly"):
        read_captions(tmp_path / "captions.yaml")


def test_turning_keeps_the_pixels() -> None:
    pixels = draw_series("turn", 3, 16).pixels
    for seed in range(5):
        for before, after in zip(pixels, turned(pixels, Chance("turn", seed)), strict=True):
            assert sorted(before.reshape(-1, 3).tolist()) == sorted(after.reshape(-1, 3).tolist())


def test_training_runs_repeats_itself_and_leaves_a_folder_that_loads(tmp_path: Path) -> None:
    import open_clip

    recipe = Recipe(cases=16, held_out=8, epochs=2, batch=8, warm_up=1)
    told = [train(tmp_path / name, recipe) for name in ("a", "b")]
    assert told[0]["recipe"]["cases"] == 16
    first, second = (tmp_path / name / "open_clip_model.safetensors" for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()
    assert open_clip.create_model(f"local-dir:{tmp_path / 'a'}").visual.image_size == 64


def _some(card: Benchmark, morphology: str, count: int) -> list[Any]:
    return [case for case in planned_cases(card) if case.morphology == morphology][:count]
