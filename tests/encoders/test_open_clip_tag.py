"""open_clip:ARCHITECTURE/TAG: the tag's own settings count, and the weights come from the hub's cache."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from vlmeval.encoders.resolve import resolve
from vlmeval.errors import ModelUnavailableError, UnknownNameError

COMMIT = "c" * 40
TAG = {
    "hf_hub": "org/tiny/",
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
    "interpolation": "bilinear",
    "resize_mode": "squash",
    "quick_gelu": True,
}
ARCHITECTURE = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 1},
}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny architecture and tag that open_clip knows, with weights where the hub client keeps them."""
    import open_clip
    from open_clip import factory

    monkeypatch.setattr(factory, "_MODEL_CONFIGS", {**factory._MODEL_CONFIGS, "Tiny-Arch": ARCHITECTURE})
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repo = tmp_path / "models--org--tiny"
    file = repo / "snapshots" / COMMIT / "open_clip_model.safetensors"
    file.parent.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT)
    torch.manual_seed(5)
    model = open_clip.create_model("Tiny-Arch")
    safetensors.torch.save_file({k: v.contiguous() for k, v in model.state_dict().items()}, file)

    def settings(name: str, tag: str) -> dict[str, object]:
        return dict(TAG) if (name, tag) == ("Tiny-Arch", "mine") else {}

    for module in (open_clip, factory):
        monkeypatch.setattr(module, "get_pretrained_cfg", settings)
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda _name: ["mine"])
    monkeypatch.setattr(factory, "download_pretrained", lambda *_args, **_settings: str(file))
    return file


def test_vectors_equal_open_clips_own_loading_of_the_tag(weights: Path, no_cards, pictures, prompts) -> None:
    import open_clip

    # The library only warns when a tag was trained with QuickGELU and the architecture says otherwise.
    model, _, transform = open_clip.create_model_and_transforms("Tiny-Arch", pretrained="mine", force_quick_gelu=True)
    model.eval()
    encoder = resolve("open_clip:Tiny-Arch/mine", no_cards).load("cpu", "float32")
    images = [p.convert("RGB") for p in pictures.values()]
    with torch.inference_mode():
        expected = model.encode_image(torch.stack([transform(i) for i in images]))
        texts = model.encode_text(open_clip.get_tokenizer("Tiny-Arch")(prompts)).numpy()
    ours = encoder.encode_images(torch.stack([torch.from_numpy(encoder.preprocess(i)) for i in images]))
    assert (ours - expected).abs().max() < 1e-5
    assert np.abs(encoder.encode_texts(prompts) - texts).max() < 1e-5
    assert "squashed" in str(encoder.describe()["preprocessing"])
    assert encoder.describe()["revision"] == COMMIT


def test_quick_gelu_matters(weights: Path, no_cards, prompts) -> None:
    import open_clip

    plain = open_clip.create_model("Tiny-Arch", pretrained=str(weights)).eval()
    with torch.inference_mode():
        wrong = plain.encode_text(open_clip.get_tokenizer("Tiny-Arch")(prompts)).numpy()
    ours = resolve("open_clip:Tiny-Arch/mine", no_cards).load("cpu", "float32").encode_texts(prompts)
    assert np.abs(ours - wrong).max() > 1e-4


def test_wrong_architectures_and_tags_say_the_nearest(weights: Path, no_cards) -> None:
    with pytest.raises(UnknownNameError, match="mine"):
        resolve("open_clip:Tiny-Arch/mime", no_cards).fetch()
    with pytest.raises(UnknownNameError, match="Tiny-Arch"):
        resolve("open_clip:Tiny-Ark/mine", no_cards).fetch()


def test_a_tag_whose_weights_are_elsewhere(weights: Path, no_cards) -> None:
    weights.unlink()
    with pytest.raises(ModelUnavailableError, match="org/tiny"):
        resolve("open_clip:Tiny-Arch/mine", no_cards).load("cpu", "float32")


def test_random_word_dropping_is_switched_off(open_clip_clip: Path, tmp_path: Path, no_cards, prompts) -> None:
    """Some training configs mask random words of long texts; twice the same prompt must give twice the same vector."""
    import shutil

    folder = shutil.copytree(open_clip_clip, tmp_path / "masked")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"reduction_mask": "simple"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    masked, plain = (
        resolve(str(f), no_cards).load("cpu", "float32").encode_texts(prompts) for f in (folder, open_clip_clip)
    )
    np.testing.assert_array_equal(masked, plain)
