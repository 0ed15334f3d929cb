"""transformers models: pictures, strings and scores equal the library's own reference path."""

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
    """The library's own model, PIL image processor and tokenizer."""
    import transformers
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    model = transformers.AutoModel.from_pretrained(folder).eval()
    processor = CLIPImageProcessorPil if "clip" in folder.name else SiglipImageProcessorPil
    return model, processor.from_pretrained(folder), transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture(params=["hf_clip", "hf_siglip", "hf_siglip2"])
def folder(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def pixels_of(encoder: Encoder, image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(encoder.preprocess(image)[None])


def test_pixels_equal_after_normalisation(folder: Path, encoder: Encoder, any_picture: Image.Image) -> None:
    _, processor, _ = reference(folder)
    expected = processor(any_picture.convert("RGB"), return_tensors="pt")["pixel_values"][0].permute(1, 2, 0).numpy()
    ours = (encoder.preprocess(any_picture) / 255.0 - encoder.mean) / encoder.std
    assert np.abs(ours - expected).max() < CLOSE


def test_image_vectors_equal(folder: Path, encoder: Encoder, pictures) -> None:
    model, processor, _ = reference(folder)
    images = list(pictures.values())
    with torch.inference_mode():
        batch = processor([i.convert("RGB") for i in images], return_tensors="pt")
        expected = model.get_image_features(**batch).pooler_output
    ours = encoder.encode_images(torch.cat([pixels_of(encoder, i) for i in images]))
    assert ours.dtype == torch.float32
    assert ours.shape == (len(images), encoder.dim)
    assert (ours - expected).abs().max() < CLOSE


def test_text_vectors_equal(folder: Path, encoder: Encoder, prompts) -> None:
    model, _, tokenizer = reference(folder)
    siglip = "siglip" in folder.name
    texts = [t.lower() for t in prompts] if siglip else prompts
    length = 64 if siglip else 77
    tokens = tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
    assert ("attention_mask" in tokens) is not siglip
    with torch.inference_mode():
        expected = model.get_text_features(**tokens).pooler_output.numpy()
    ours = encoder.encode_texts(prompts)
    assert ours.dtype == np.float32
    assert np.abs(ours - expected).max() < CLOSE


def test_scores_equal_the_models_own(folder: Path, encoder: Encoder, pictures, prompts) -> None:
    model, processor, tokenizer = reference(folder)
    siglip = "siglip" in folder.name
    texts = [t.lower() for t in prompts[:4]]
    images = [pictures[name].convert("RGB") for name in ("wide", "tall", "square")]
    tokens = tokenizer(texts, padding="max_length", max_length=64 if siglip else 77, return_tensors="pt")
    with torch.inference_mode():
        logits = model(**tokens, **processor(images, return_tensors="pt")).logits_per_image
    expected = (torch.sigmoid(logits) if siglip else logits.softmax(dim=1)).numpy()

    i = encoder.encode_images(torch.cat([pixels_of(encoder, image) for image in images])).numpy().astype(np.float64)
    t = encoder.encode_texts(texts).astype(np.float64)
    cosine = (i / np.linalg.norm(i, axis=1, keepdims=True)) @ (t / np.linalg.norm(t, axis=1, keepdims=True)).T
    rule = encoder.score_rule
    assert rule.scale is not None
    if siglip:
        assert rule.kind == "sigmoid"
        assert rule.bias is not None
        ours = 1 / (1 + np.exp(-(rule.scale * cosine + rule.bias)))
    else:
        assert (rule.kind, rule.bias) == ("softmax", 0.0)
        e = np.exp(rule.scale * (cosine - cosine.max(axis=1, keepdims=True)))
        ours = e / e.sum(axis=1, keepdims=True)
    assert np.abs(ours - expected).max() < CLOSE


def test_truncated_names_the_long_prompts_only(encoder: Encoder, prompts) -> None:
    assert encoder.truncated(prompts) == [prompts[-1]]


def test_wrong_padding_or_case_would_show(hf_siglip2: Path, no_cards, prompts) -> None:
    """The texts above tell right rules from wrong ones: else their agreement would prove nothing."""
    model, _, tokenizer = reference(hf_siglip2)
    ours = resolve(str(hf_siglip2), no_cards).load("cpu", "float32").encode_texts(prompts[:4])
    with torch.inference_mode():
        unpadded = model.get_text_features(**tokenizer([prompts[0]], return_tensors="pt")).pooler_output.numpy()
        cased = tokenizer([prompts[1]], padding="max_length", max_length=64, return_tensors="pt")
        upper = model.get_text_features(**cased).pooler_output.numpy()
    assert np.abs(ours[0] - unpadded).max() > 100 * CLOSE
    assert np.abs(ours[1] - upper).max() > 100 * CLOSE


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_is_near_and_scale_is_not_rounded(
    folder: Path, encoder: Encoder, dtype: str, pictures, prompts, no_cards
) -> None:
    half = resolve(str(folder), no_cards).load("cpu", dtype)
    images = torch.cat([pixels_of(encoder, pictures[name]) for name in ("wide", "tall", "square")])
    full, ours = encoder.encode_images(images), half.encode_images(images)
    assert ours.dtype == torch.float32
    assert torch.nn.functional.cosine_similarity(full, ours).min() > 0.99
    assert half.score_rule == encoder.score_rule
    assert half.encode_texts(prompts[:2]).dtype == np.float32
