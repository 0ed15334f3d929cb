"""A real checkpoint (tiny, random) through the real encoder: end to end, against transformers' own path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlmeval.catalog import load_catalog
from vlmeval.embed import Cache, EmbedOptions, embed
from vlmeval.encoders.resolve import resolve
from vlmeval.errors import UsageError

# Third parties' own: nothing of ours is hidden by these.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("model")
    letters = [chr(c) for c in range(33, 127)]
    pieces = [*letters, *(c + "</w>" for c in letters), "<|startoftext|>", "<|endoftext|>"]
    tokenizer = CLIPTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=[], model_max_length=77)
    ids = {"bos_token_id": len(pieces) - 2, "eos_token_id": len(pieces) - 1, "pad_token_id": len(pieces) - 1}
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    torch.manual_seed(0)
    config = CLIPConfig(
        text_config={**tower, **ids, "vocab_size": len(pieces)},
        vision_config={**tower, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def reference(checkpoint: Path, pictures: list[Path], texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """transformers' own way, one input at a time."""
    import torch
    from transformers import CLIPModel, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    model = CLIPModel.from_pretrained(checkpoint).eval()
    processor = CLIPImageProcessorPil.from_pretrained(checkpoint)
    tokenizer = CLIPTokenizer.from_pretrained(checkpoint)

    def tensor(features: object) -> np.ndarray:
        return getattr(features, "pooler_output", features).numpy()[0]

    with torch.no_grad():
        images = [
            tensor(model.get_image_features(**processor(Image.open(path).convert("RGB"), return_tensors="pt")))
            for path in pictures
        ]
        prompts = [tensor(model.get_text_features(**tokenizer(text, return_tensors="pt"))) for text in texts]
    return np.stack(images), np.stack(prompts)


def test_the_whole_way_equals_transformers_own(checkpoint, pictures, make_samples, cache):
    texts = ["eczema", "psoriasis on the arm", "x" * 200]
    samples = make_samples(pictures)
    got = embed(resolve(str(checkpoint), load_catalog()), samples, texts, cache, EmbedOptions(device="cpu", workers=1))
    images, prompts = reference(checkpoint, pictures, texts[:2])
    np.testing.assert_allclose(got.images.vectors, images, rtol=0, atol=1e-5)
    np.testing.assert_allclose(np.stack([got.texts[text] for text in texts[:2]]), prompts, rtol=0, atol=1e-5)
    assert got.truncated == (texts[2],)
    assert got.score_rule.kind == "softmax"
    assert got.facts["dim"] == 16
    again = embed(resolve(str(checkpoint), load_catalog()), samples, texts, cache, EmbedOptions(device="cpu"))
    assert (again.computed_images, again.computed_texts) == (0, 0)
    assert (again.score_rule, again.facts, again.truncated) == (got.score_rule, got.facts, got.truncated)


def test_given_vectors_take_the_pictures_place(checkpoint, tmp_path, pictures, make_samples, cache):
    samples = make_samples(pictures)
    given = np.random.default_rng(0).normal(size=(49, 16)).astype(np.float32)
    np.savez(tmp_path / "given.npz", ids=samples.ids[:49], vectors=given)
    options = EmbedOptions(device="cpu")
    got = embed(resolve(f"embeddings:{tmp_path / 'given.npz'}", load_catalog()), samples, [], cache, options)
    np.testing.assert_array_equal(got.images.vectors, given)
    assert list(got.unreadable) == [samples.ids[49]]
    assert got.hashes == {}
    spec = f"embeddings:{tmp_path / 'given.npz'}::{checkpoint}"
    with_texts = embed(resolve(spec, load_catalog()), samples, ["eczema"], cache, options)
    computed = embed(resolve(str(checkpoint), load_catalog()), samples, ["eczema"], cache, options)
    np.testing.assert_array_equal(with_texts.texts["eczema"], computed.texts["eczema"])
    assert computed.computed_texts == 0, "prompts are shared with the model that computes its own pictures"


def test_pooled_vectors_equal_transformers_own(checkpoint, pictures, make_samples, cache):
    import torch
    from transformers import CLIPVisionModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    options = EmbedOptions(device="cpu", workers=0, pooled=True)
    got = embed(resolve(str(checkpoint), load_catalog()), make_samples(pictures), [], cache, options)
    processor = CLIPImageProcessorPil.from_pretrained(checkpoint)
    batch = processor([Image.open(path).convert("RGB") for path in pictures], return_tensors="pt")
    with torch.no_grad():
        expected = CLIPVisionModel.from_pretrained(checkpoint).eval()(**batch).pooler_output.numpy()
    assert got.pooled is not None
    assert got.pooled.vectors.shape == (50, 32)
    np.testing.assert_allclose(got.pooled.vectors, expected, rtol=0, atol=1e-5)
    images, _ = reference(checkpoint, pictures[:3], ["x"])
    np.testing.assert_allclose(got.images.vectors[:3], images, rtol=0, atol=1e-5)


def test_the_demonstrations_model_has_no_pooled_vectors(pictures, make_samples, cache):
    """It is a ResNet, whose attention pooling projects."""
    options = EmbedOptions(device="cpu", workers=0, pooled=True)
    with pytest.raises(UsageError, match="clip-demo has no pooled vectors"):
        embed(resolve("clip-demo", load_catalog()), make_samples(pictures[:2]), [], cache, options)


@pytest.mark.realdata
def test_real_photographs(checkpoint, real_data, make_samples, tmp_path):
    photographs = sorted((real_data / "ham10000" / "images").glob("*.jpg"))[:48]
    options = EmbedOptions(device="cpu", workers=0)
    handle = resolve(str(checkpoint), load_catalog())
    got = embed(handle, make_samples(photographs), [], Cache(tmp_path / "cache"), options)
    images, _ = reference(checkpoint, photographs, ["x"])
    np.testing.assert_allclose(got.images.vectors, images, rtol=0, atol=1e-5)
    assert not got.unreadable
