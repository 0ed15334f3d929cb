"""What may be written after --model, what it becomes, and that naming a model costs nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vlmeval.encoders.resolve import resolve
from vlmeval.encoders.spec import parse
from vlmeval.errors import DataError, MissingDataError, ModelUnavailableError, UnknownNameError, UsageError
from vlmeval.records import ImagePipeline, ModelCard, TextRules, Weights

PIPELINE = ImagePipeline(size=32, resize="squash", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


def card(**changes: object) -> ModelCard:
    plain = ModelCard(
        schema_=1,
        id="tiny-siglip",
        title="Tiny",
        family="tiny",
        library="transformers",
        weights=Weights(hub="org/tiny-siglip", revision="0" * 40),
        image=PIPELINE,
        variants={"notebook": PIPELINE.model_copy(update={"implementation": "tf", "interpolation": "bilinear"})},
        text=TextRules(context_length=64, lower=True),
        score="sigmoid",
        licence="none",
        homepage="https://example.org",
    )
    return plain.model_copy(update=changes)


@pytest.mark.parametrize(
    ("text", "kind", "facts"),
    [
        ("clip-vit-l14", "card", {"name": "clip-vit-l14"}),
        ("medsiglip-448:notebook", "card", {"name": "medsiglip-448", "variant": "notebook"}),
        ("medsiglip-448@/w/x", "card", {"name": "medsiglip-448", "folder": Path("/w/x")}),
        ("medsiglip-448:padded@/w/a@b", "card", {"variant": "padded", "folder": Path("/w/a@b")}),
        ("hf:org/name", "hf", {"name": "org/name", "revision": None}),
        ("hf:org/name@abc", "hf", {"name": "org/name", "revision": "abc"}),
        ("hf-hub:org/name", "hf-hub", {"name": "org/name"}),
        ("open_clip:ViT-B-32/openai", "open_clip", {"name": "ViT-B-32", "tag": "openai"}),
        ("/no/such/folder", "folder", {"folder": Path("/no/such/folder")}),
        ("./here", "folder", {"folder": Path("here")}),
        ("embeddings:x.npz", "embeddings", {"name": "x.npz", "text_model": None}),
        ("embeddings:C:/x.npz::hf:org/name", "embeddings", {"name": "C:/x.npz", "text_model": "hf:org/name"}),
    ],
)
def test_parse(text: str, kind: str, facts: dict[str, object]) -> None:
    spec = parse(text)
    assert spec.kind == kind
    assert {key: getattr(spec, key) for key in facts} == facts


@pytest.mark.parametrize(
    "text", ["hf:name", "hf:a/b/c", "hf-hub:/x", "open_clip:ViT-B-32", "open_clip:/x", "embeddings:"]
)
def test_half_a_spec_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.expected


def test_unknown_names_say_the_nearest(cards_of) -> None:
    with pytest.raises(UnknownNameError, match="tiny-siglip"):
        resolve("tiny-siglpi", cards_of(card()))
    with pytest.raises(UnknownNameError, match="notebook"):
        resolve("tiny-siglip:notbook", cards_of(card()))


def test_naming_a_model_imports_nothing_heavy(hf_siglip: Path, open_clip_clip: Path) -> None:
    """Resolving and keying local folders, hub models and open_clip tags leaves torch and the model libraries alone."""
    code = f"""
import sys
from vlmeval.encoders.resolve import resolve
from vlmeval.errors import ModelUnavailableError
from vlmeval.records import ModelCard
class Cards:
    model_cards = {{}}
for spec in ({str(hf_siglip)!r}, {str(open_clip_clip)!r}):
    handle = resolve(spec, Cards())
    assert len(handle.key) == len(handle.text_key) == 64
    assert handle.card.score == ("sigmoid" if "siglip" in spec else "softmax"), handle.card.score
assert resolve("open_clip:ViT-B-16-SigLIP/webli", Cards()).card.score == "sigmoid"
tag = resolve("open_clip:ViT-B-32/openai", Cards())
assert tag.card.score == "softmax" and tag.key != resolve("open_clip:ViT-B-32/laion2b_e16", Cards()).key
handle = resolve("hf:org/name", Cards())
try:
    handle.key
except ModelUnavailableError as error:
    assert "HF_HUB_OFFLINE" in error.found
heavy = {{"torch", "torchvision", "open_clip", "transformers", "pandas"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_key_is_content_not_place(hf_clip: Path, tmp_path: Path, no_cards) -> None:
    copy = shutil.copytree(hf_clip, tmp_path / "elsewhere")
    (copy / "README.md").write_text("no part of the model")
    original, moved = resolve(str(hf_clip), no_cards), resolve(str(copy), no_cards)
    assert original.key == moved.key
    config = json.loads((copy / "preprocessor_config.json").read_text())
    (copy / "preprocessor_config.json").write_text(json.dumps({**config, "resample": 2}))
    assert resolve(str(copy), no_cards).key != original.key


def test_key_tells_variants_and_pillow_versions_apart(cards_of, hf_siglip: Path, monkeypatch) -> None:
    cards = cards_of(card())
    plain, notebook = (resolve(f"tiny-siglip{v}@{hf_siglip}", cards) for v in ("", ":notebook"))
    assert plain.key != notebook.key
    assert plain.text_key == notebook.text_key
    monkeypatch.setattr("PIL.__version__", "0.1")
    assert resolve(f"tiny-siglip@{hf_siglip}", cards).key != plain.key
    assert resolve(f"tiny-siglip:notebook@{hf_siglip}", cards).key == notebook.key  # no Pillow in it


def test_hub_key_is_the_commit(cards_of, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    pinned = resolve("tiny-siglip", cards_of(card()))
    other = resolve("tiny-siglip", cards_of(card(weights=Weights(hub="org/tiny-siglip", revision="1" * 40))))
    assert pinned.key != other.key
    refs = tmp_path / "models--org--tiny-siglip" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text("0" * 40)
    floating = resolve("tiny-siglip", cards_of(card(weights=Weights(hub="org/tiny-siglip"))))
    assert floating.key == pinned.key


def test_a_variant_changes_pixels_but_not_strings(cards_of, hf_siglip: Path, pictures, prompts) -> None:
    import torch

    cards = cards_of(card())
    plain, notebook = (resolve(f"tiny-siglip{v}@{hf_siglip}", cards).load("cpu", "float32") for v in ("", ":notebook"))
    a, b = (torch.from_numpy(e.preprocess(pictures["wide"])[None]) for e in (plain, notebook))
    assert not torch.equal(a, b)
    assert (plain.encode_images(a) - notebook.encode_images(b)).abs().max() > 1e-4
    np.testing.assert_array_equal(plain.encode_texts(prompts), notebook.encode_texts(prompts))
    assert "TensorFlow" in str(notebook.describe()["preprocessing"])


def test_a_card_in_the_package(cards_of, open_clip_clip: Path, tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(open_clip_clip, tmp_path / "derm-demo" / "clip-demo")
    monkeypatch.setattr("vlmeval.encoders.resolve.data_folder", lambda name: tmp_path if name == "benchmarks" else None)
    demo = card(id="clip-demo", library="open_clip", image=None, text=None, score="softmax", variants={})
    demo = demo.model_copy(update={"weights": Weights(hub="package:derm-demo/clip-demo")})
    handle = resolve("clip-demo", cards_of(demo))
    assert handle.load("cpu", "float32").dim == 16
    assert handle.key == resolve(str(open_clip_clip), cards_of()).key


def test_a_folder_with_both_formats_is_open_clip_where_its_weights_are(
    hf_clip: Path, open_clip_clip: Path, tmp_path: Path, no_cards
) -> None:
    both = shutil.copytree(hf_clip, tmp_path / "both")
    shutil.copy(open_clip_clip / "open_clip_config.json", both)
    assert resolve(str(both), no_cards).card.library == "transformers"
    shutil.copy(open_clip_clip / "open_clip_model.safetensors", both)
    assert resolve(str(both), no_cards).card.library == "open_clip"


def test_folders_that_are_no_models(tmp_path: Path, hf_clip: Path, no_cards) -> None:
    with pytest.raises(UsageError, match="no such model folder"):
        resolve(str(tmp_path / "absent"), no_cards)
    with pytest.raises(UsageError, match="not a model folder"):
        resolve(str(tmp_path), no_cards)
    copy = shutil.copytree(hf_clip, tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match="no weights"):
        resolve(str(copy), no_cards).load("cpu", "float32")
    (copy / "config.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        resolve(str(copy), no_cards)


def test_half_a_set_of_shards_is_no_weights(tmp_path: Path, hf_clip: Path, no_cards) -> None:
    copy = shutil.copytree(hf_clip, tmp_path / "copy")
    (copy / "model.safetensors").rename(copy / "model-00001-of-00002.safetensors")
    with pytest.raises(ModelUnavailableError, match="no weights"):
        resolve(str(copy), no_cards).fetch()


@pytest.mark.parametrize("written", ["name", "config", "hub"])
def test_a_copy_of_a_known_model_keeps_what_is_known_of_its_training_data(
    written: str, hf_siglip: Path, tmp_path: Path, cards_of
) -> None:
    known = card(weights=Weights(hub="org/Tiny-SigLIP-448"))
    folder = shutil.copytree(hf_siglip, tmp_path / ("Tiny-SigLIP-448" if written == "name" else "weights"))
    if written == "config":
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "_name_or_path": "org/tiny-siglip-448"}))
    spec = "hf:org/tiny-siglip-448" if written == "hub" else str(folder)
    handle = resolve(spec, cards_of(known))
    assert handle.card.family == "tiny"
    assert "tiny-siglip" in str(handle.card.note)
    stranger = shutil.copytree(hf_siglip, tmp_path / "stranger")
    assert resolve(str(stranger), cards_of(known)).card.family == "unknown"


def test_no_file_of_embeddings(no_cards, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        resolve(f"embeddings:{tmp_path / 'x.npz'}", no_cards)


def test_a_cards_picture_size_must_be_the_checkpoints(
    cards_of, hf_siglip: Path, open_clip_clip: Path, tmp_path: Path
) -> None:
    """Pictures in the card's size would fail deep in the library, or worse, not at all."""
    other = PIPELINE.model_copy(update={"size": 48})
    cards = cards_of(
        card(id="hf", image=other), card(id="oc", library="open_clip", image=other, text=None, score="softmax")
    )
    for spec in (f"hf@{hf_siglip}", f"oc@{open_clip_clip}"):
        with pytest.raises(UsageError, match="another size") as caught:
            resolve(spec, cards).load("cpu", "float32")
        assert caught.value.expected == "32 pixels, by the checkpoint"
        assert "48" in str(caught.value.found)


def test_a_card_says_which_format_it_needs(cards_of, open_clip_clip: Path) -> None:
    with pytest.raises(UsageError, match="transformers format of this model") as caught:
        resolve(f"hf@{open_clip_clip}", cards_of(card(id="hf")))
    assert caught.value.expected == "config.json (transformers format)"
