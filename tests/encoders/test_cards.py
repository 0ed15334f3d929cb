"""The shipped model cards: all valid, nothing claimed without a source, nothing pinned that is no commit."""

from __future__ import annotations

import re

import pytest

from vlmeval.catalog import load_catalog
from vlmeval.encoders.resolve import resolve
from vlmeval.errors import ModelUnavailableError, UnknownNameError
from vlmeval.records import ModelCard

CATALOG = load_catalog()
CARDS = sorted(CATALOG.model_cards)
ON_THE_HUB = [c for c in CARDS if not str(CATALOG.model_card(c).weights.hub).startswith("package:")]
# DermLIP's commits are shown nowhere that could be checked.
NOT_PINNED = {"dermlip-vit-b16"}


@pytest.fixture(params=CARDS)
def card(request: pytest.FixtureRequest) -> ModelCard:
    return CATALOG.model_card(request.param)


def test_the_models_people_ask_for_are_there() -> None:
    assert {
        "clip-vit-b32", "clip-vit-b16", "clip-vit-l14", "clip-vit-l14-336",
        "laion-clip-vit-b32", "laion-clip-vit-l14", "laion-clip-vit-h14",
        "siglip-base-224", "siglip-so400m-384", "siglip2-base-224", "siglip2-so400m-384",
        "medsiglip-448", "biomedclip", "dermlip-vit-b16", "monet",
    } <= set(CARDS)  # fmt: skip


def test_every_card_names_its_licence_and_its_family(card: ModelCard) -> None:
    assert card.licence
    assert card.family != "unknown"


@pytest.mark.parametrize("name", ON_THE_HUB)
def test_revisions_are_commits_or_absent(name: str) -> None:
    revision = CATALOG.model_card(name).weights.revision
    if name in NOT_PINNED:
        assert revision is None
    else:
        assert re.fullmatch(r"[0-9a-f]{40}", str(revision))


def test_siglips_are_lower_cased_padded_and_sigmoid(card: ModelCard) -> None:
    siglip = "siglip" in card.id
    assert (card.score == "sigmoid") is siglip
    if siglip:
        assert card.text is not None
        assert card.text.lower
        assert card.text.pad_to_context


def test_medsiglip_carries_its_gate_its_variants_and_its_family() -> None:
    card = CATALOG.model_card("medsiglip-448")
    assert card.gated
    assert set(card.variants) == {"notebook", "padded"}
    assert CATALOG.contamination.of(card.family, "scin").status == "in-training"
    keys = {resolve(name, CATALOG).key for name in ("medsiglip-448", "medsiglip-448:notebook", "medsiglip-448:padded")}
    assert len(keys) == 3


@pytest.mark.parametrize("name", sorted(set(ON_THE_HUB) - NOT_PINNED))
def test_hub_cards_resolve_without_network_and_say_what_is_missing(name: str) -> None:
    handle = resolve(name, CATALOG)
    assert len(handle.key) == 64
    with pytest.raises(ModelUnavailableError) as caught:
        handle.fetch()
    assert f"--model {name}@FOLDER" in str(caught.value.hint)
    assert (f"huggingface.co/{handle.card.weights.hub}" in str(caught.value.hint)) is handle.card.gated


def test_a_mistyped_alias_says_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="medsiglip-448"):
        resolve("medsiglip448", CATALOG)
