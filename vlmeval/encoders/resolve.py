"""From what a person wrote after ``--model`` to a `ModelHandle`: names only, no torch, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

from vlmeval.encoders import checkpoint
from vlmeval.encoders.given.formats import read_meta
from vlmeval.encoders.handle import VectorsHandle, WeightsHandle
from vlmeval.encoders.hub import OPEN_CLIP_WEIGHTS, TRANSFORMERS_WEIGHTS, HubRepo, weight_files
from vlmeval.encoders.protocol import ModelHandle
from vlmeval.encoders.sources import HubSource, LocalFolder, OpenClipTag, Source, as_folder
from vlmeval.encoders.spec import Spec, parse
from vlmeval.errors import MissingDataError, UnknownNameError, UsageError
from vlmeval.records import ImagePipeline, ModelCard, Weights
from vlmeval.records.contamination import UNKNOWN_FAMILY
from vlmeval.resources import data_folder

Library = Literal["open_clip", "transformers"]
PACKAGE_PREFIX = "package:"
_WEIGHTS = {"open_clip": OPEN_CLIP_WEIGHTS, "transformers": TRANSFORMERS_WEIGHTS}
_CONFIGS = {"open_clip": "open_clip_config.json", "transformers": "config.json"}
_NO_CARD = "a model without a card: licence and training data are not known to vlmeval"


class Cards(Protocol):
    """The part of the catalog that is needed here."""

    @property
    def model_cards(self) -> Mapping[str, ModelCard]:
        """All cards by alias."""

    def model_card(self, name: str, /) -> ModelCard:
        """Return a card by alias; raises UnknownNameError."""


def resolve(spec: str, catalog: Cards) -> ModelHandle:
    """Return the handle of a model spec (see `vlmeval.encoders.spec` for what may be written).

    Raises
    ------
    UnknownNameError
        No such alias or variant; the message says the nearest known ones.
    UsageError
        The spec or the folder it names is not right.
    MissingDataError
        The file of given vectors is not there.
    """
    parsed = parse(spec)
    if parsed.kind == "card":
        return _carded(parsed, catalog)
    if parsed.kind == "embeddings":
        return _vectors(parsed, catalog)
    card, source = _cardless(parsed)
    return WeightsHandle(spec, _like_its_kin(card, parsed, catalog), source, pipeline=None, carded=False)


def _carded(spec: Spec, catalog: Cards) -> WeightsHandle:
    card = catalog.model_card(spec.name)
    pipeline = card.image if spec.variant is None else _variant(card, spec.variant)
    if spec.folder is not None:
        folder = as_folder(spec.folder, [_CONFIGS[card.library]])
        source: Source = LocalFolder(folder, _WEIGHTS[card.library])
    else:
        source = _card_source(card)
    return WeightsHandle(spec.text, card, source, pipeline, carded=True, variant=spec.variant)


def _variant(card: ModelCard, name: str) -> ImagePipeline:
    if name not in card.variants:
        raise UnknownNameError(f"preprocessing variant of {card.id}", name, card.variants)
    return card.variants[name]


def _card_source(card: ModelCard) -> Source:
    weights = card.weights
    if weights.architecture is not None:
        return OpenClipTag(weights.architecture, weights.tag or "")
    hub = weights.hub or ""
    names = _WEIGHTS[card.library]
    if hub.startswith(PACKAGE_PREFIX):
        folder = data_folder("benchmarks") / hub.removeprefix(PACKAGE_PREFIX)
        return LocalFolder(as_folder(folder, [_CONFIGS[card.library]]), names)
    return HubSource(HubRepo(hub, weights.revision, card.gated, card.id), names)


def _cardless(spec: Spec) -> tuple[ModelCard, Source]:
    if spec.kind == "folder":
        folder = as_folder(spec.folder or Path(spec.name), list(_CONFIGS.values()))
        library = _folder_library(folder)
        score = _folder_score(folder, library)
        where = Weights(hub=folder.resolve().name)
        return _made_up(spec, folder.resolve().name, library, where, score), LocalFolder(folder, _WEIGHTS[library])
    if spec.kind == "open_clip":
        tag = OpenClipTag(spec.name, spec.tag or "")
        where = Weights(architecture=tag.architecture, tag=tag.tag)
        score = _open_clip_score(_architecture(tag.architecture))
        return _made_up(spec, f"{tag.architecture} ({tag.tag})", "open_clip", where, score), tag
    library = "transformers" if spec.kind == "hf" else "open_clip"
    where = Weights(hub=spec.name, revision=spec.revision)
    score = "sigmoid" if "siglip" in spec.name.lower() else "softmax"
    repo = HubRepo(spec.name, spec.revision)
    return _made_up(spec, spec.name, library, where, score), HubSource(repo, _WEIGHTS[library])


def _made_up(
    spec: Spec, title: str, library: Library, weights: Weights, score: Literal["softmax", "sigmoid"]
) -> ModelCard:
    return ModelCard(
        schema_=1,
        id=_as_id(spec.text),
        title=title,
        family=UNKNOWN_FAMILY,
        library=library,
        weights=weights,
        score=score,
        licence="not known to vlmeval",
        homepage=f"https://huggingface.co/{weights.hub}" if spec.kind in ("hf", "hf-hub") else "",
        note=_NO_CARD,
    )


def _like_its_kin(made_up: ModelCard, spec: Spec, catalog: Cards) -> ModelCard:
    """Take over a card's family (and so what is known of its training data) and licence for weights of its name.

    A copy of MedSigLIP in a local folder has seen SCIN as the original has; the badge must not get lost with the alias.
    """
    names = _names_of(spec)
    for card in catalog.model_cards.values():
        hub = (card.weights.hub or "").lower()
        if hub and not hub.startswith(PACKAGE_PREFIX) and names & {hub, hub.rpartition("/")[2], card.id}:
            taken = {"licence": card.licence, "homepage": card.homepage}
            note = f"no card of its own; training data and licence as model card {card.id}, whose name it bears"
            return made_up.model_copy(update={**taken, "family": card.family, "prompts": card.prompts, "note": note})
    return made_up


def _names_of(spec: Spec) -> set[str]:
    if spec.kind == "open_clip":
        return set()
    if spec.folder is None:
        return {spec.name.lower()}
    config = spec.folder / _CONFIGS["transformers"]
    written = checkpoint.read_json(config).get("_name_or_path") if config.is_file() else None
    return {spec.folder.resolve().name.lower(), *([written.lower()] if isinstance(written, str) and written else [])}


def _vectors(spec: Spec, catalog: Cards) -> VectorsHandle:
    file = Path(spec.name).expanduser()
    if not file.is_file():
        raise MissingDataError("no such file of embeddings", file=file)
    text_model = None if spec.text_model is None else resolve(spec.text_model, catalog)
    if text_model is not None and text_model.precomputed:
        raise UsageError("given vectors cannot be another's text side", found=spec.text)
    card = _made_up(spec, file.name, "transformers", Weights(hub=file.name), "softmax")
    card = _as_its_maker(card, read_meta(file).get("model"), catalog)
    if text_model is not None:
        # The pictures were seen by whoever made the vectors; the text side speaks for them where nobody is named.
        family = text_model.card.family if card.family == UNKNOWN_FAMILY else card.family
        title = f"{text_model.card.title}, given vectors ({file.name})"
        card = text_model.card.model_copy(update={"title": title, "family": family})
    return VectorsHandle(spec.text, card, file, text_model)


def _as_its_maker(made_up: ModelCard, model: object, catalog: Cards) -> ModelCard:
    """Take over the family and licence of the model that made given vectors, where the file names it.

    Vectors of MedSigLIP have seen SCIN as the model has. A path in a file is only a name here: nothing is read there.
    """
    if not isinstance(model, str) or not model.strip():
        return made_up
    try:
        spec = parse(model)
    except UsageError:
        return made_up
    card = catalog.model_cards.get(spec.name) if spec.kind == "card" else None
    if card is None:
        name = Path(spec.name).name if spec.kind == "folder" else spec.name
        return _like_its_kin(made_up, replace(spec, name=name, folder=None), catalog)
    taken = {"licence": card.licence, "homepage": card.homepage}
    note = f"vectors of model card {card.id}, as their file says; its training data and licence"
    more = {"family": card.family, "prompts": card.prompts, "synthetic": card.synthetic, "note": note}
    return made_up.model_copy(update={**taken, **more})


def _folder_library(folder: Path) -> Library:
    """Repositories may hold both formats: open_clip's is taken when its weights are there."""
    if (folder / _CONFIGS["open_clip"]).is_file():
        alone = not (folder / _CONFIGS["transformers"]).is_file()
        if alone or weight_files(folder, OPEN_CLIP_WEIGHTS):
            return "open_clip"
    return "transformers"


def _folder_score(folder: Path, library: Library) -> Literal["softmax", "sigmoid"]:
    if library == "transformers":
        return "sigmoid" if checkpoint.hf_is_sigmoid(folder) else "softmax"
    return _open_clip_score(checkpoint.read_json(folder / _CONFIGS["open_clip"]).get("model_cfg"))


def _open_clip_score(model_cfg: Any) -> Literal["softmax", "sigmoid"]:
    biased = isinstance(model_cfg, dict) and model_cfg.get("init_logit_bias") is not None
    return "sigmoid" if biased else "softmax"


def _architecture(name: str) -> dict[str, Any]:
    """Read an architecture's config from the installed open_clip without importing it (it imports torch)."""
    found = find_spec("open_clip")
    for place in (found.submodule_search_locations or []) if found else []:
        file = Path(place) / "model_configs" / f"{Path(name).name}.json"
        if file.is_file():
            config = json.loads(file.read_text("utf-8"))
            return config if isinstance(config, dict) else {}
    return {}


def _as_id(text: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "_.@/-") else "-" for c in text.lower()).lstrip("-_./@")
    return kept or "model"
