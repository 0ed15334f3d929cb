"""Pooled vectors: what the projection is given, from the same pass, equal to the libraries' own modules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vlmeval.encoders import Encoder
from vlmeval.encoders.pooled import ModuleProjection, ParameterProjection, open_clip_projection
from vlmeval.encoders.resolve import resolve

CLOSE = 1e-5
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 1}


def batch(encoder: Encoder, count: int = 5) -> torch.Tensor:
    side = encoder.image_size
    return torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))


def normalised(encoder: Encoder, pixels: torch.Tensor) -> torch.Tensor:
    """What the libraries' models take."""
    values = (pixels.numpy() / 255.0 - encoder.mean) / encoder.std
    return torch.from_numpy(values.astype(np.float32)).permute(0, 3, 1, 2)


def both(encoder: Encoder) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Normalised pixels, projected and pooled vectors, after the checks that hold for every model."""
    pixels = batch(encoder)
    alone = encoder.encode_images(pixels)
    projected, pooled = encoder.encode_images_both(pixels)
    assert projected.dtype == pooled.dtype == torch.float32
    assert (projected.shape, pooled.shape) == ((5, encoder.dim), (5, encoder.pooled_dim))
    assert torch.equal(projected, alone), "bit for bit what the model gives without asking for pooled vectors"
    assert torch.equal(encoder.encode_images(pixels), alone), "and the model is left as it was"
    return normalised(encoder, pixels), projected, pooled


def open_clip_folder(folder: Path, vision: dict[str, Any], **more: Any) -> Path:
    """Save a random model in open_clip format."""
    import open_clip
    import safetensors.torch

    folder.mkdir()
    config = {"model_cfg": {"embed_dim": 16, "vision_cfg": vision, "text_cfg": TEXT, **more}, "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(3)
    weights = open_clip.create_model(f"local-dir:{folder}").state_dict()
    safetensors.torch.save_file({k: v.contiguous() for k, v in weights.items()}, folder / "open_clip_model.safetensors")
    return folder


def library_model(folder: Path) -> Any:
    import open_clip

    return open_clip.create_model_from_pretrained(f"local-dir:{folder}")[0].eval()


@pytest.mark.parametrize("name", ["open_clip_clip", "open_clip_siglip", "open_clip_biomed"])
def test_open_clip_vision_transformer(name, request, no_cards):
    folder = request.getfixturevalue(name)
    encoder = resolve(str(folder), no_cards).load("cpu", "float32")
    assert encoder.pooled_dim == 32
    pixels, projected, pooled = both(encoder)
    model = library_model(folder)
    with torch.inference_mode():
        assert (pooled @ model.visual.proj - projected).abs().max() < CLOSE
        layers = model.visual.forward_intermediates(pixels, normalize_intermediates=True, output_extra_tokens=True)
    class_token = layers["image_intermediates_prefix"][-1][:, 0]
    assert (pooled - class_token).abs().max() < CLOSE


def test_open_clip_average_pooling_with_a_late_norm(tmp_path, no_cards):
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 8}
    folder = open_clip_folder(tmp_path / "avg", {**vision, "pool_type": "avg", "final_ln_after_pool": True})
    encoder = resolve(str(folder), no_cards).load("cpu", "float32")
    pixels, projected, pooled = both(encoder)
    model = library_model(folder)
    with torch.inference_mode():
        layers = model.visual.forward_intermediates(pixels, output_fmt="NLC")
        expected = model.visual.ln_post(layers["image_intermediates"][-1].mean(dim=1))
        assert (pooled - expected).abs().max() < CLOSE
        assert (pooled @ model.visual.proj - projected).abs().max() < CLOSE


def test_transformers_clip(hf_clip, no_cards):
    from transformers import CLIPModel, CLIPVisionModel

    encoder = resolve(str(hf_clip), no_cards).load("cpu", "float32")
    assert (encoder.dim, encoder.pooled_dim) == (16, 32)
    pixels, projected, pooled = both(encoder)
    with torch.inference_mode():
        expected = CLIPVisionModel.from_pretrained(hf_clip).eval()(pixel_values=pixels).pooler_output
        matrix = CLIPModel.from_pretrained(hf_clip).visual_projection.weight
        assert (pooled - expected).abs().max() < CLOSE
        assert (pooled @ matrix.T - projected).abs().max() < CLOSE


TIMM = {"timm_model_name": "test_vit", "image_size": 160}


@pytest.mark.parametrize(
    ("settings", "dim"),
    [
        ({"timm_proj": "linear", "timm_pool": ""}, 64),  # BiomedCLIP
        ({"timm_proj": "mlp", "timm_pool": "avg"}, 64),
        ({"timm_proj": "", "timm_pool": "token"}, 64),  # EVA: the trunk's classifier projects
    ],
    ids=["linear", "mlp", "classifier"],
)
def test_timm_towers_with_a_projection(settings, dim, tmp_path, no_cards):
    folder = open_clip_folder(tmp_path / "timm", {**TIMM, **settings})
    encoder = resolve(str(folder), no_cards).load("cpu", "float32")
    assert (encoder.dim, encoder.pooled_dim) == (16, dim)
    pixels, projected, pooled = both(encoder)
    tower = library_model(folder).visual
    with torch.inference_mode():
        expected = tower.trunk.forward_head(tower.trunk.forward_features(pixels), pre_logits=True)
        assert (pooled - expected).abs().max() < CLOSE
        last = tower.head if len(tower.head) else tower.trunk.head
        assert (last(pooled) - projected).abs().max() < CLOSE


def test_timm_tower_without_a_projection(tmp_path, no_cards):
    """As SigLIP in open_clip: attention pooling, and what it gives is the embedding."""
    vision = {**TIMM, "timm_pool": "map", "timm_proj": "none"}
    folder = open_clip_folder(tmp_path / "map", vision, embed_dim=64)
    encoder = resolve(str(folder), no_cards).load("cpu", "float32")
    assert encoder.dim == encoder.encode_images(batch(encoder)).shape[1] == 64
    assert encoder.pooled_dim is None


def test_resnet_projects_as_it_pools(tmp_path, no_cards):
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 8}
    encoder = resolve(str(open_clip_folder(tmp_path / "rn", vision)), no_cards).load("cpu", "float32")
    assert encoder.pooled_dim is None
    assert encoder.encode_images(batch(encoder)).shape == (5, 16)


def test_a_model_that_normalises_its_vectors_is_left_out():
    import open_clip

    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 8, "output_tokens": True}
    vision |= {"attentional_pool": True, "attn_pooler_heads": 4}
    text = {**TEXT, "embed_cls": True, "output_tokens": True}
    multimodal = {"context_length": 76, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 1}
    model = open_clip.CoCa(embed_dim=32, multimodal_cfg=multimodal, text_cfg=text, vision_cfg=vision)
    assert model.visual.proj is not None
    assert open_clip_projection(model) is None


@pytest.mark.parametrize("name", ["hf_siglip", "hf_siglip2"])
def test_siglip_has_none(name, request, no_cards):
    encoder = resolve(str(request.getfixturevalue(name)), no_cards).load("cpu", "float32")
    assert encoder.pooled_dim is None
    with pytest.raises(ValueError, match="no pooled vectors"):
        encoder.encode_images_both(batch(encoder))


@pytest.mark.parametrize("name", ["open_clip_clip", "hf_clip"])
def test_half_precision_is_near(name, request, no_cards):
    folder = str(request.getfixturevalue(name))
    full, half = (resolve(folder, no_cards).load("cpu", dtype) for dtype in ("float32", "bfloat16"))
    for exact, near in zip(both(full)[1:], both(half)[1:], strict=True):
        assert torch.nn.functional.cosine_similarity(exact, near).min() > 0.98


@pytest.mark.parametrize("name", ["open_clip_clip", "hf_clip"])
def test_wrong_batches_are_refused(name, request, no_cards):
    encoder = resolve(str(request.getfixturevalue(name)), no_cards).load("cpu", "float32")
    with pytest.raises(ValueError, match="expected uint8"):
        encoder.encode_images_both(torch.zeros(1, 32, 32, 3))


def fail() -> torch.Tensor:
    raise MemoryError("out of memory")


def test_a_pass_that_fails_leaves_the_model_as_it_was(open_clip_clip):
    """A batch that does not fit into memory is tried again in halves, with the same model."""
    visual = library_model(open_clip_clip).visual
    matrix = visual.proj
    with pytest.raises(MemoryError):
        ParameterProjection(visual).both(fail)
    assert visual.proj is matrix
    assert "proj" in visual.state_dict()
    linear = torch.nn.Linear(3, 2)
    with pytest.raises(MemoryError):
        ModuleProjection(linear, 3).both(fail)
    assert not linear._forward_pre_hooks


def test_a_projection_that_is_given_something_else_is_a_bug_that_shows():
    linear = torch.nn.Linear(3, 2)
    with pytest.raises(RuntimeError, match="expected"):
        ModuleProjection(linear, 3).both(lambda: linear(torch.zeros(5, 7, 3)))
    with pytest.raises(RuntimeError, match="expected"):
        ModuleProjection(linear, 3).both(lambda: torch.zeros(5, 2))
