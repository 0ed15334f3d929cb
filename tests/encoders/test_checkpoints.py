"""Checkpoints that are damaged, dangerous, incomplete, or of a kind that is not supported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch

from vlmeval.encoders.resolve import resolve
from vlmeval.errors import MissingDataError, ModelUnavailableError, UsageError


class Bomb:
    """What a malicious pickle does: run code when it is read."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (self.marker, "w"))


def pickled(folder: Path, source: str, target: str, extra: object = None) -> Path:
    """Replace the safetensors of a folder with a pickled file of the same tensors."""
    tensors: dict[str, object] = dict(safetensors.torch.load_file(folder / source))
    (folder / source).unlink()
    if extra is not None:
        tensors["extra"] = extra
    torch.save(tensors, folder / target)
    return folder / target


FORMATS = [
    ("hf_clip", "model.safetensors", "pytorch_model.bin"),
    ("open_clip_clip", "open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
]


@pytest.mark.parametrize(("name", "source", "target"), FORMATS)
def test_a_pickle_with_code_in_it_is_refused_and_not_run(
    name: str, source: str, target: str, request, tmp_path: Path, no_cards
) -> None:
    folder = shutil.copytree(request.getfixturevalue(name), tmp_path / "model")
    marker = tmp_path / "it-ran"
    pickled(folder, source, target, Bomb(marker))
    with pytest.raises(ModelUnavailableError, match=target) as caught:
        resolve(str(folder), no_cards).load("cpu", "float32")
    assert not marker.exists()
    assert "safetensors" in str(caught.value.hint)


@pytest.mark.parametrize(("name", "source", "target"), FORMATS)
def test_a_pickle_of_tensors_alone_gives_the_same_model(
    name: str, source: str, target: str, request, tmp_path: Path, no_cards, prompts
) -> None:
    original = request.getfixturevalue(name)
    folder = shutil.copytree(original, tmp_path / "model")
    pickled(folder, source, target)
    ours, theirs = (resolve(str(f), no_cards).load("cpu", "float32").encode_texts(prompts) for f in (folder, original))
    assert (ours == theirs).all()


@pytest.mark.parametrize(("name", "source", "target"), FORMATS)
def test_missing_tensors_are_an_error_not_random_numbers(
    name: str, source: str, target: str, request, tmp_path: Path, no_cards
) -> None:
    folder = shutil.copytree(request.getfixturevalue(name), tmp_path / "model")
    tensors = safetensors.torch.load_file(folder / source)
    tensors.pop("text_projection.weight" if name == "hf_clip" else "text_projection")
    safetensors.torch.save_file(tensors, folder / source, metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match="text_projection"):
        resolve(str(folder), no_cards).load("cpu", "float32")


@pytest.mark.parametrize(("name", "source", "target"), FORMATS)
def test_torn_weights_name_the_file(name: str, source: str, target: str, request, tmp_path: Path, no_cards) -> None:
    folder = shutil.copytree(request.getfixturevalue(name), tmp_path / "model")
    whole = (folder / source).read_bytes()
    (folder / source).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelUnavailableError) as caught:
        resolve(str(folder), no_cards).load("cpu", "float32")
    assert str(folder) in str(caught.value.file)


def edit(folder: Path, name: str, **changes: object) -> None:
    config = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"do_normalize": False}, "do_normalize"),
        ({"do_center_crop": False}, "size"),
        ({"size": {"height": 32, "width": 40}}, "size"),
        ({"resample": 99}, "resample"),
    ],
)
def test_a_pipeline_that_cannot_be_followed_names_its_key(
    changes: dict[str, object], key: str, hf_clip: Path, tmp_path: Path, no_cards
) -> None:
    folder = shutil.copytree(hf_clip, tmp_path / "model")
    edit(folder, "preprocessor_config.json", **changes)
    with pytest.raises(UsageError) as caught:
        resolve(str(folder), no_cards).load("cpu", "float32")
    assert caught.value.key == key
    assert str(caught.value.file).endswith("preprocessor_config.json")


def test_no_processor_in_the_folder(hf_clip: Path, tmp_path: Path, no_cards) -> None:
    folder = shutil.copytree(hf_clip, tmp_path / "model")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(MissingDataError, match="how pictures are prepared"):
        resolve(str(folder), no_cards).load("cpu", "float32")


def test_a_processor_as_version_5_nests_it(hf_clip: Path, tmp_path: Path, no_cards, pictures) -> None:
    folder = shutil.copytree(hf_clip, tmp_path / "model")
    inner = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": inner}))
    ours, theirs = (resolve(str(f), no_cards).load("cpu", "float32").preprocess for f in (folder, hf_clip))
    assert ours == theirs


def test_naflex_and_one_tower_models_are_refused_by_name(hf_clip: Path, tmp_path: Path, no_cards) -> None:
    from transformers import BertConfig, BertModel

    naflex = shutil.copytree(hf_clip, tmp_path / "naflex")
    edit(naflex, "config.json", model_type="siglip2")
    with pytest.raises(UsageError, match="NaFlex"):
        resolve(str(naflex), no_cards).load("cpu", "float32")
    bert = shutil.copytree(hf_clip, tmp_path / "bert")
    config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9)
    BertModel(config).save_pretrained(bert)
    with pytest.raises(UsageError, match="not a two-tower"):
        resolve(str(bert), no_cards).load("cpu", "float32")


def test_devices_and_dtypes_by_wrong_names(hf_clip: Path, no_cards) -> None:
    handle = resolve(str(hf_clip), no_cards)
    with pytest.raises(UsageError, match="unknown device"):
        handle.load("gpu", "float32")
    with pytest.raises(UsageError, match="unknown dtype"):
        handle.load("cpu", "int8")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no CUDA"):
            handle.load("cuda", "float32")


def test_version_4_outputs_are_plain_tensors(hf_clip: Path, no_cards, pictures, prompts, monkeypatch) -> None:
    """Version 4 returns the features themselves; the encoder takes both forms."""
    from transformers import CLIPModel

    now = resolve(str(hf_clip), no_cards).load("cpu", "float32")
    pixels = torch.from_numpy(now.preprocess(pictures["wide"])[None])
    expected = now.encode_images(pixels), now.encode_texts(prompts)
    for method in ("get_image_features", "get_text_features"):
        current = getattr(CLIPModel, method)
        monkeypatch.setattr(CLIPModel, method, lambda *a, _f=current, **k: _f(*a, **k).pooler_output)
    then = resolve(str(hf_clip), no_cards).load("cpu", "float32")
    assert torch.equal(then.encode_images(pixels), expected[0])
    assert (then.encode_texts(prompts) == expected[1]).all()


def test_no_gradients_are_kept(hf_clip: Path, no_cards, pictures) -> None:
    encoder = resolve(str(hf_clip), no_cards).load("cpu", "float32")
    out = encoder.encode_images(torch.from_numpy(encoder.preprocess(pictures["wide"])[None]))
    assert not out.requires_grad
