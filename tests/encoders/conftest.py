"""Tiny random checkpoints, saved in the real formats by the real libraries, with real (tiny) tokenizers."""

from __future__ import annotations

import functools
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlmeval.encoders import Encoder
from vlmeval.encoders.resolve import resolve
from vlmeval.errors import UnknownNameError
from vlmeval.records import ModelCard

WORDS = (
    "a photo of the skin showing eczema psoriasis urticaria melanoma nevus basal cell carcinoma tinea insect bite "
    "herpes zoster drug rash folliculitis contact dermatitis scaly red patch on an arm leg hand face close up image "
    "benign malignant lesion dermoscopy clinical dermatology light dark brown tone 0 1 2 3 4 5 6 7 8 9"
)
# Odd sizes and every mode that skin photographs come in.
PICTURES = {
    "wide": ("RGB", (97, 41)),
    "tall": ("RGB", (33, 120)),
    "square": ("RGB", (64, 64)),
    "exact": ("RGB", (32, 32)),
    "tiny": ("RGB", (3, 2)),
    "one-pixel": ("RGB", (1, 1)),
    "odd-margin": ("RGB", (35, 32)),
    "alpha": ("RGBA", (50, 37)),
    "grey": ("L", (45, 71)),
    "palette": ("P", (52, 30)),
    "cmyk": ("CMYK", (40, 63)),
    "bilevel": ("1", (36, 50)),
}
TEXTS = [
    "eczema",
    "A photo of Psoriasis.",
    "basal-cell carcinoma, on the arm!",
    "Herpes   Zoster",
    "",
    " ".join(["a photo of the skin showing scaly red patch"] * 20),
]


def make_picture(name: str) -> Image.Image:
    """A picture by name, through its encoded bytes, as it was decoded from disk (any mode)."""
    mode, size = PICTURES[name]
    rng = np.random.default_rng(sorted(PICTURES).index(name))
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(rng.integers(0, 256, (size[1], size[0]), dtype=np.uint8)))
    elif mode != "RGB":
        image = image.convert(mode)
    stream = io.BytesIO()
    image.save(stream, format="TIFF" if mode == "CMYK" else "PNG")
    stream.seek(0)
    decoded = Image.open(stream)
    decoded.load()
    return decoded


@pytest.fixture(params=sorted(PICTURES))
def any_picture(request: pytest.FixtureRequest) -> Image.Image:
    return make_picture(request.param)


@pytest.fixture(scope="session")
def pictures() -> dict[str, Image.Image]:
    return {name: make_picture(name) for name in sorted(PICTURES)}


@pytest.fixture(scope="session")
def prompts() -> list[str]:
    """Strings that tell right text rules from wrong ones; the last is longer than any context."""
    return list(TEXTS)


class Cards(dict[str, ModelCard]):
    """A catalog of model cards made by a test."""

    __hash__ = object.__hash__  # type: ignore[assignment]

    @property
    def model_cards(self) -> dict[str, ModelCard]:
        return self

    def model_card(self, name: str) -> ModelCard:
        if name not in self:
            raise UnknownNameError("model", name, self)
        return self[name]


@pytest.fixture(scope="session")
def no_cards() -> Cards:
    return Cards()


@functools.cache
def loaded(spec: str, cards: Cards) -> Encoder:
    return resolve(spec, cards).load("cpu", "float32")


@pytest.fixture
def encoder(folder: Path, no_cards: Cards) -> Encoder:
    """The checkpoint of the module's own ``folder`` fixture, loaded by the real loading code, once."""
    return loaded(str(folder), no_cards)


@pytest.fixture(scope="session")
def cards_of():
    """Make a catalog of the given cards."""
    return lambda *cards: Cards({card.id: card for card in cards})


def clip_tokenizer():
    from transformers import CLIPTokenizer
    from transformers.models.clip.tokenization_clip import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(c + "</w>" for c in letters)]
    merges = [("e", "c"), ("s", "k"), ("i", "n</w>"), ("sk", "in</w>"), ("o", "f</w>")]
    pieces += ["".join(m) for m in merges] + ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={p: i for i, p in enumerate(pieces)}, merges=merges, model_max_length=77)


@pytest.fixture(scope="session")
def hf_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    folder = tmp_path_factory.mktemp("hf") / "tiny-clip"
    tokenizer = clip_tokenizer()
    torch.manual_seed(1)
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = CLIPConfig(
        text_config={**tower, **ends, "vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id},
        vision_config={**tower, "image_size": 32, "patch_size": 8},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def spiece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny SentencePiece model with SigLIP's special ids (</s> = 1, <unk> = 2)."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("spiece")
    words = WORDS.split()
    rng = np.random.default_rng(0)
    lines = [" ".join(rng.choice(words, 12)) for _ in range(400)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "spiece"),
        vocab_size=150,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        hard_vocab_limit=False,
        minloglevel=2,
        num_threads=1,
    )
    return folder / "spiece.model"


def siglip_model(vocabulary: int):
    import torch
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(2)
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = SiglipConfig(
        text_config={**tower, "vocab_size": vocabulary, "max_position_embeddings": 64, "projection_size": 32},
        vision_config={**tower, "image_size": 32, "patch_size": 8},
    )
    model = SiglipModel(config)
    with torch.no_grad():
        # Fresh weights are too small for any mistake in padding or case to show.
        for name, parameter in model.named_parameters():
            if "embedding" in name or "proj" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.3)
        model.logit_scale.fill_(2.3)
        model.logit_bias.fill_(-1.7)
    return model


@pytest.fixture(scope="session")
def hf_siglip(tmp_path_factory: pytest.TempPathFactory, spiece: Path) -> Path:
    from transformers import SiglipTokenizer
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    folder = tmp_path_factory.mktemp("hf") / "tiny-siglip"
    tokenizer = SiglipTokenizer(str(spiece), model_max_length=64, model_input_names=["input_ids"])
    siglip_model(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def hf_siglip2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fixed-size SigLIP2: a SigLIP model with Gemma's tokenizer, which keeps case, and bilinear pictures."""
    from transformers import GemmaTokenizer
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    folder = tmp_path_factory.mktemp("hf") / "tiny-siglip2"
    pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"]
    pieces += [chr(c) for c in range(33, 127)] + ["ec", "sk", "in", "skin"]
    tokenizer = GemmaTokenizer(
        vocab={p: i for i, p in enumerate(pieces)},
        merges=[("e", "c"), ("s", "k"), ("i", "n"), ("sk", "in")],
        add_bos_token=False,
        add_eos_token=True,
        padding_side="right",
        model_max_length=64,
        model_input_names=["input_ids"],
    )
    siglip_model(len(pieces)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=2).save_pretrained(folder)
    return folder


def save_open_clip(folder: Path, model_cfg: dict[str, object], preprocess_cfg: dict[str, object]) -> None:
    """Save a random model as open_clip's own push-to-hub does: config and safetensors."""
    import open_clip
    import safetensors.torch
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": model_cfg, "preprocess_cfg": preprocess_cfg}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(3)
    model = open_clip.create_model(f"local-dir:{folder}", pretrained_text=False)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    safetensors.torch.save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )


VISION = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 8}


@pytest.fixture(scope="session")
def open_clip_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP in open_clip format, with open_clip's own BPE tokenizer."""
    folder = tmp_path_factory.mktemp("oc") / "tiny-open-clip"
    text = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2}
    save_open_clip(
        folder,
        {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text, "quick_gelu": True},
        {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]},
    )
    return folder


@pytest.fixture(scope="session")
def open_clip_siglip(tmp_path_factory: pytest.TempPathFactory, hf_siglip2: Path) -> Path:
    """A SigLIP in open_clip format: custom text tower, bias, squash, canonicalising transformers tokenizer."""
    folder = tmp_path_factory.mktemp("oc") / "tiny-open-siglip"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((hf_siglip2 / name).read_bytes())
    text = {
        "context_length": 64,
        "vocab_size": 110,
        "width": 32,
        "heads": 4,
        "layers": 2,
        "hf_tokenizer_name": "org/siglip-like",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    }
    model = {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text, "custom_text": True, "init_logit_bias": -10}
    half = [0.5, 0.5, 0.5]
    save_open_clip(folder, model, {"mean": half, "std": half, "resize_mode": "squash", "interpolation": "bicubic"})
    return folder


@pytest.fixture(scope="session")
def open_clip_biomed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As BiomedCLIP: a transformers text tower and tokenizer inside an open_clip model."""
    from transformers import BertConfig, BertTokenizer

    folder = tmp_path_factory.mktemp("oc") / "tiny-biomed"
    tower = folder / "tiny-bert"
    tower.mkdir(parents=True)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(set(WORDS.split())), "##s", ".", ",", "-", "!"]
    BertTokenizer(vocab={p: i for i, p in enumerate(pieces)}).save_pretrained(folder)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    BertConfig(vocab_size=len(pieces), max_position_embeddings=64, **size).save_pretrained(tower)
    text = {
        "hf_model_name": str(tower),
        "hf_tokenizer_name": "org/tiny-bert",
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 64,
    }
    save_open_clip(folder, {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text}, {})
    return folder
