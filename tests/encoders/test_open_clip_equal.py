"""open_clip models: pictures, strings and scores equal the library's own reference path."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vlmeval.encoders import Encoder
from vlmeval.encoders.resolve import resolve

CLOSE = 1e-5


@functools.cache
def reference(folder: Path):
    import open_clip

    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    return model.eval(), transform, open_clip.get_tokenizer(f"local-dir:{folder}")


@pytest.fixture(params=["open_clip_clip", "open_clip_siglip", "open_clip_biomed"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def pixels_of(encoder: Encoder, image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(encoder.preprocess(image)[None])


def test_pixels_equal_after_normalisation(folder: Path, encoder: Encoder, any_picture: Image.Image) -> None:
    _, transform, _ = reference(folder)
    expected = transform(any_picture.convert("RGB")).permute(1, 2, 0).numpy()
    ours = (encoder.preprocess(any_picture) / 255.0 - encoder.mean) / encoder.std
    assert np.abs(ours - expected).max() < CLOSE


def test_vectors_equal(folder: Path, encoder: Encoder, pictures, prompts) -> None:
    model, transform, tokenizer = reference(folder)
    images = list(pictures.values())
    with torch.inference_mode():
        expected_images = model.encode_image(torch.stack([transform(i.convert("RGB")) for i in images]))
        expected_texts = model.encode_text(tokenizer(prompts)).numpy()
    ours = encoder.encode_images(torch.cat([pixels_of(encoder, i) for i in images]))
    assert (ours - expected_images).abs().max() < CLOSE
    assert np.abs(encoder.encode_texts(prompts) - expected_texts).max() < CLOSE
    assert np.abs(expected_texts[0] - expected_texts[1]).max() > 100 * CLOSE


def test_scores_equal_the_models_own(folder: Path, encoder: Encoder, pictures, prompts) -> None:
    model, transform, tokenizer = reference(folder)
    images = [pictures[name].convert("RGB") for name in ("wide", "tall", "square")]
    with torch.inference_mode():
        out = model.get_logits(torch.stack([transform(i) for i in images]), tokenizer(prompts[:4]))[0]
    i = encoder.encode_images(torch.cat([pixels_of(encoder, image) for image in images])).numpy().astype(np.float64)
    t = encoder.encode_texts(prompts[:4]).astype(np.float64)
    cosine = (i / np.linalg.norm(i, axis=1, keepdims=True)) @ (t / np.linalg.norm(t, axis=1, keepdims=True)).T
    rule = encoder.score_rule
    assert rule.kind == ("sigmoid" if "siglip" in folder.name else "softmax")
    assert rule.scale is not None
    assert rule.bias is not None
    assert np.abs(rule.scale * cosine + rule.bias - out.numpy()).max() < 20 * CLOSE  # logits reach 14


def test_truncated_names_the_long_prompts_only(encoder: Encoder, prompts) -> None:
    assert encoder.truncated(prompts) == [prompts[-1]]


def test_describe_says_the_contract(folder: Path, encoder: Encoder) -> None:
    told = encoder.describe()
    assert told["dim"] == encoder.dim == 16
    assert str(told["revision"]).startswith("sha256:")
    squash = "siglip" in folder.name
    assert ("squashed" if squash else "centre crop") in str(told["preprocessing"])
    assert ("punctuation" in str(told["text_rules"])) is squash


def test_bfloat16_is_near(folder: Path, encoder: Encoder, pictures, prompts, no_cards) -> None:
    half = resolve(str(folder), no_cards).load("cpu", "bfloat16")
    images = torch.cat([pixels_of(encoder, pictures[name]) for name in ("wide", "tall", "square")])
    near = torch.nn.functional.cosine_similarity(encoder.encode_images(images), half.encode_images(images))
    assert near.min() > 0.98
    full, ours = (torch.from_numpy(e.encode_texts(prompts[:3])) for e in (encoder, half))
    assert torch.nn.functional.cosine_similarity(full, ours).min() > 0.98
    assert half.score_rule == encoder.score_rule


def test_wrong_batches_are_refused(encoder: Encoder) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        encoder.encode_images(torch.zeros(1, 32, 32, 3))
    with pytest.raises(ValueError, match="expected uint8"):
        encoder.encode_images(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))
