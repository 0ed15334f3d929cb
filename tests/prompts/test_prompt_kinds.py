"""What each kind of prompt set promises: plain templates, balanced tones, negatives, ensembles, intended models."""

from __future__ import annotations

import re

import pytest
import yaml
from written_prompts import ENGLISH, EVERY, FAMILIES, IDS, LANGUAGES, ROOT, SCIN_FAMILIES, WORDED, denied, load, says

from vlmeval.catalog import load_catalog

TONES = (("light", "medium", "dark"), ("fair", "olive", "deep brown"), ("I or II", "III or IV", "V or VI"))
"""The same place of a sentence, filled for light, medium and dark skin."""

OF_MEDICINE = re.compile(r"derm|clinic|patient|medic|disease|condition|diagnos|skin|lesion|rash", re.IGNORECASE)


@pytest.mark.parametrize("family", FAMILIES)
def test_sets_that_differ_in_the_sentence_alone_share_their_names(family: str) -> None:
    names = load(f"{family}/photo").names
    assert load(f"{family}/general").names == names
    assert load(f"{family}/skin-tone").names == names
    if family in SCIN_FAMILIES:
        assert load(f"{family}/negatives").names == names
        assert load(f"{family}/negatives").templates == load(f"{family}/photo").templates


def test_general_templates_have_no_word_of_medicine_and_are_the_same_everywhere() -> None:
    templates = load("scin/general").templates
    assert len(templates) >= 8
    assert [text for text in templates if OF_MEDICINE.search(text)] == []
    assert {load(f"{family}/general").templates for family in FAMILIES} == {templates}


def frames(templates: tuple[str, ...]) -> list[list[str]]:
    """For light, medium and dark: the sentences of that tone, with a gap where they name it."""
    found: list[list[str]] = [[], [], []]
    for template in templates:
        ways = [
            (at, n, re.sub(rf"\b{re.escape(word)}\b", "_", template))
            for n, scale in enumerate(TONES)
            for at, word in enumerate(scale)
            if re.search(rf"(?<! or )\b{re.escape(word)}\b(?! or )", template)
        ]
        assert len(ways) == 1, f"one tone a sentence: {template!r}"
        at, n, frame = ways[0]
        found[at].append(f"{n}: {frame}")
    return [sorted(of_tone) for of_tone in found]


@pytest.mark.parametrize("family", [*FAMILIES, "derm-demo"])
def test_every_tone_has_the_same_sentences_in_every_class(family: str) -> None:
    prompts = load(f"{family}/skin-tone")
    assert prompts.kind == "tone"
    assert prompts.class_templates == {}  # so that no class has a sentence of its own
    light, medium, dark = frames(prompts.templates)
    assert light == medium == dark
    assert len(light) >= 2


@pytest.mark.parametrize(
    "templates",
    [
        ("{name} on light skin", "{name} on dark skin"),
        ("{name} on light skin", "{name}, medium skin", "{name} on dark skin"),
    ],
)
def test_a_tone_with_fewer_or_other_sentences_is_found(templates: tuple[str, ...]) -> None:
    light, medium, dark = frames(templates)
    assert not light == medium == dark


@pytest.mark.parametrize("family", SCIN_FAMILIES)
def test_negatives_say_healthy_skin_or_deny_the_class_itself(family: str) -> None:
    prompts = load(f"{family}/negatives")
    assert prompts.kind == "negatives"
    for k, texts in denied(prompts).items():
        by_name = [text for text in texts if any(says(text, name) for name in prompts.names[k])]
        assert all("without" in text for text in by_name), k
        healthy = [text for text in texts if text not in by_name]
        assert all("healthy" in text or "normal" in text for text in healthy), k
        assert len(by_name) == len(prompts.names[k]) < len(healthy), "the class's own words must not outweigh the rest"


@pytest.mark.parametrize("family", SCIN_FAMILIES)
def test_a_positive_sentence_has_its_counterpart_about_healthy_skin(family: str) -> None:
    """What a sentence adds of its own ("smartphone") then stands on both sides of the difference."""
    prompts = load(f"{family}/negatives")
    starts = {re.sub(r"skin with|\{name\}.*", "", t).strip() for t in prompts.templates if not t.startswith("{name}")}
    ours = {re.sub(r"healthy skin", "", t).strip() for t in prompts.negatives if "healthy" in t}
    assert ours == starts


@pytest.mark.parametrize("set_id", [i for i in EVERY if load(i).negatives])
def test_negatives_are_for_multi_label_benchmarks_only(set_id: str) -> None:
    card = ROOT / "benchmarks" / set_id.split("/", maxsplit=1)[0] / "benchmark.yaml"
    assert yaml.safe_load(card.read_text(encoding="utf-8"))["task"] == "multi-label"


@pytest.mark.parametrize("family", FAMILIES)
def test_an_ensemble_includes_what_it_says(family: str) -> None:
    english, every = load(f"{family}/ensemble"), load(f"{family}/ensemble-all")
    assert english.kind == every.kind == "ensemble"
    assert english.includes == tuple(f"{family}/{kind}" for kind in ENGLISH)
    assert every.includes == tuple(f"{family}/{kind}" for kind in (*ENGLISH, *LANGUAGES))
    assert {load(i).language for i in english.includes} == {english.language} == {"en"}
    assert every.language == "mul"  # ISO 639-2: several languages


@pytest.mark.parametrize("set_id", [i for i in EVERY if load(i).includes])
def test_an_ensemble_is_its_parts_and_nothing_else(set_id: str) -> None:
    catalog = load_catalog()
    benchmark = catalog.benchmark(set_id.split("/", maxsplit=1)[0])
    parts = [catalog.expand(part, benchmark).prompts for part in load(set_id).includes]
    for k, texts in catalog.expand(set_id, benchmark).prompts.items():
        assert len(texts) == len(set(texts)), k
        assert set(texts) == {text for part in parts for text in part[k]}, k
    assert catalog.expand(set_id, benchmark).negatives == {}


def test_intended_models_are_families_of_our_cards_and_only_where_language_asks_for_it() -> None:
    families = {card.family for card in load_catalog().model_cards.values()}
    for set_id in EVERY:
        models = set(load(set_id).models)
        assert models <= families, set_id
        if not set_id.startswith("derm-demo/"):
            assert bool(models) == (load(set_id).language != "en"), set_id


def test_the_readme_lists_every_kind_of_set() -> None:
    readme = (ROOT / "prompts" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.+?`) \|", readme, flags=re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert listed == {i.split("/")[1] for i in IDS if not i.startswith("generic/")}


@pytest.mark.parametrize("set_id", [i for i in EVERY if i.startswith("derm-demo/")])
def test_the_demonstrations_sets_say_that_they_are_synthetic(set_id: str) -> None:
    assert set_id not in WORDED
    assert "synthetic" in load(set_id).title.lower()
    assert "synthetic" in load(set_id).source.lower()
