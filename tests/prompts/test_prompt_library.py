"""Every prompt set we ship: covers its classes, fits the text encoders, says the same where it must.

What `vlmeval prompts lint` checks of any set, it checks of these too (tests/workbench/test_lint_rules.py).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
import yaml
from written_prompts import (
    EVERY,
    FAMILIES,
    HAM_SEVEN,
    IDS,
    IN_ENGLISH,
    ROOT,
    SCIN_FAMILIES,
    SCIN_TEN,
    WORDED,
    class_ids,
    denied,
    filled,
    kinds_of,
    load,
    says,
)

from vlmeval.catalog import expand_prompts, load_catalog
from vlmeval.errors import CatalogError
from vlmeval.records import PromptSet
from vlmeval.workbench.lint import article_mistakes

CARD_ORDER = {"scin": SCIN_TEN, "ham10000": HAM_SEVEN}
OF_A_FAMILY = [f"{family}/{kind}" for family in FAMILIES for kind in kinds_of(family)]

# CLIP has 77 places, two of them for start and end. SigLIP has 64 and its vocabulary splits medical words a little
# more finely, so 48 CLIP pieces leave room for a third more.
CLIP_PLACES = 75
SAFE_FOR_SIGLIP = 48


def test_every_benchmark_has_every_kind() -> None:
    expected = {*OF_A_FAMILY, *(f"{family}/{kind}" for family in FAMILIES for kind in ("ensemble", "ensemble-all"))}
    assert expected == {i for i in IDS if not i.startswith("generic/")}
    assert len([i for i in IDS if i.startswith("generic/")]) >= 4


@pytest.mark.parametrize("set_id", IDS)
def test_the_record_loads_and_says_where_it_comes_from(set_id: str) -> None:
    prompts = load(set_id)
    family, kind = set_id.split("/")
    assert prompts.id == set_id
    assert len(prompts.source) > 20
    if family == "generic":
        return
    assert prompts.benchmarks == (family,)
    if kind != "names":
        assert prompts.notes is not None
        assert "Not yet reviewed by a dermatologist" in prompts.notes


@pytest.mark.parametrize("set_id", [i for i in OF_A_FAMILY if i.split("/")[0] in CARD_ORDER])
def test_a_set_covers_its_classes_in_the_benchmarks_order(set_id: str) -> None:
    assert class_ids(load(set_id)) == CARD_ORDER[set_id.split("/", maxsplit=1)[0]]


@pytest.mark.parametrize("kind", kinds_of("scin-broad"))
def test_scin_broad_sets_cover_the_benchmarks_card(kind: str) -> None:
    card = ROOT / "benchmarks" / "scin-broad" / "benchmark.yaml"
    wanted = [c["id"] for c in yaml.safe_load(card.read_text(encoding="utf-8"))["classes"]]
    assert Counter(class_ids(load(f"scin-broad/{kind}"))) == Counter(wanted)


@pytest.mark.parametrize("kind", kinds_of("scin"))
def test_a_condition_of_both_scin_families_says_the_same_in_both(kind: str) -> None:
    ten, broad = load(f"scin/{kind}"), load(f"scin-broad/{kind}")
    assert ten.templates == broad.templates
    assert ten.negatives == broad.negatives
    for k in SCIN_TEN:
        assert filled(ten)[k] == filled(broad)[k], k


def texts_of(prompts: PromptSet) -> list[str]:
    """Every string of a set, negatives included, as often as it stands there."""
    return [text for texts in (*filled(prompts).values(), *denied(prompts).values()) for text in texts]


@pytest.mark.parametrize("set_id", WORDED)
def test_every_prompt_fits_the_text_encoders(set_id: str, clip_pieces: Any) -> None:
    longest = max((len(clip_pieces(text)), text) for text in texts_of(load(set_id)))
    assert longest[0] <= min(CLIP_PLACES, SAFE_FOR_SIGLIP), longest


@pytest.mark.parametrize("family", FAMILIES)
def test_bare_names_fit_the_shortest_text_encoder(family: str, clip_pieces: Any) -> None:
    """siglip-so400m-224 has 16 places: 11 CLIP pieces leave room for a third more and the end."""
    assert max(len(clip_pieces(text)) for text in texts_of(load(f"{family}/names"))) <= 11


@pytest.mark.parametrize("family", FAMILIES)
def test_descriptions_start_with_a_name_of_their_class(family: str) -> None:
    bare = load(f"{family}/names").names
    known = {k: {*bare[k], *load(f"{family}/photo").names[k]} for k in bare}
    for k, texts in load(f"{family}/clinical").class_templates.items():
        assert 2 <= len(texts) <= 4, k
        for text in texts:
            start = text.split(":")[0]
            assert any(says(start, re.sub(r"^an? ", "", name)) for name in known[k]), text


@pytest.mark.parametrize("set_id", [i for i in WORDED if load(i).hallmarks])
def test_a_declared_hallmark_is_said(set_id: str) -> None:
    """A permission that nothing needs any more would hide the next mistake."""
    prompts = load(set_id)
    for k, words in prompts.hallmarks.items():
        for word in words:
            assert any(says(text, word) for text in filled(prompts)[k]), (k, word)


@pytest.mark.parametrize("family", SCIN_FAMILIES)
def test_descriptions_of_clinical_photos_speak_of_dark_and_light_skin(family: str) -> None:
    """Inflammation that is red on light skin is not red on dark skin; a description must serve both."""
    for k, texts in load(f"{family}/clinical").class_templates.items():
        together = " ".join(texts)
        assert "dark skin" in together, k
        assert "light skin" in together, k


BRITISH = re.compile(r"grey|colour|\bcentre|oedema|haem|naev|orrhoe|mould|metre|tumour|\w*enterd\b", re.IGNORECASE)
BRITISH_SYNONYMS = {"seborrhoeic dermatitis", "a melanocytic naevus"}


@pytest.mark.parametrize("set_id", IN_ENGLISH)
def test_spelling_is_american_except_in_synonyms(set_id: str) -> None:
    prompts = load(set_id)
    words = [name for names in prompts.names.values() for name in names if name not in BRITISH_SYNONYMS]
    words += [text for texts in prompts.class_templates.values() for text in texts]
    assert [text for text in (*words, *prompts.templates, *prompts.negatives) if BRITISH.search(text)] == []


def test_sentences_name_the_dermatoscope_only_where_there_is_one() -> None:
    through_a_dermatoscope = re.compile(r"derm(at)?oscop", re.IGNORECASE)
    for kind in ("photo", "skin-tone"):
        assert all(through_a_dermatoscope.search(template) for template in load(f"ham10000/{kind}").templates), kind
    without = ["ham10000/general", *(f"{family}/{kind}" for family in SCIN_FAMILIES for kind in kinds_of(family))]
    for set_id in without:
        assert [text for text in texts_of(load(set_id)) if through_a_dermatoscope.search(text)] == [], set_id


@pytest.mark.parametrize("kind", ["names", "general", "photo", "clinical", "skin-tone"])
@pytest.mark.parametrize(
    ("family", "condition", "parts"),
    [
        ("ham10000", "akiec", ["actinic keratosis", "intraepithelial carcinoma"]),
        ("ham10000", "bkl", ["seborrheic keratosis", "solar lentigo", "lichen planus-like keratosis"]),
        ("ham10000", "vasc", ["angioma", "angiokeratoma", "pyogenic granuloma", "hemorrhage"]),
        ("scin-broad", "lichen-planus-lichenoid-eruption", ["lichen planus", "lichenoid eruption"]),
        ("scin-broad", "abrasion-scrape-or-scab", ["abrasion", "scrape", "scab"]),
        ("scin-broad", "scc-sccis", ["squamous cell carcinoma", "squamous cell carcinoma in situ"]),
    ],
)
def test_a_class_of_several_conditions_has_words_for_each(
    family: str, condition: str, parts: list[str], kind: str
) -> None:
    texts = filled(load(f"{family}/{kind}"))[condition]
    assert [part for part in parts if not any(says(text, part) for text in texts)] == []


@pytest.mark.parametrize("set_id", OF_A_FAMILY)
def test_the_catalog_fills_a_set_to_the_strings_of_this_folder(set_id: str) -> None:
    catalog = load_catalog()
    ours = catalog.expand(set_id, catalog.benchmark(set_id.split("/", maxsplit=1)[0]))
    assert {k: sorted(v) for k, v in ours.prompts.items()} == {k: sorted(v) for k, v in filled(load(set_id)).items()}
    negatives = {k: sorted(v) for k, v in denied(load(set_id)).items() if v}
    assert {k: sorted(v) for k, v in ours.negatives.items()} == negatives


def test_every_set_of_a_benchmark_fits_it() -> None:
    catalog = load_catalog()
    seen = set()
    for benchmark in catalog.benchmarks.values():
        for set_id in catalog.prompt_sets_for(benchmark):
            assert catalog.expand(set_id, benchmark).texts
            seen.add(set_id)
    assert seen == {i for i in EVERY if not i.startswith("generic/")}


def test_negatives_are_refused_where_a_picture_has_one_label() -> None:
    catalog = load_catalog()
    single = catalog.benchmark("scin-broad@top1")
    assert "scin-broad/negatives" not in catalog.prompt_sets_for(single)
    with pytest.raises(CatalogError, match="has negatives"):
        catalog.expand("scin-broad/negatives", single)


@pytest.mark.parametrize("set_id", [i for i in IDS if i.startswith("generic/")])
def test_generic_sets_read_well_with_every_card(set_id: str, clip_pieces: Any) -> None:
    catalog = load_catalog()
    for benchmark in catalog.benchmarks.values():
        words = expand_prompts(catalog.prompt_set(set_id), benchmark)
        texts = [text for texts in words.prompts.values() for text in texts]
        assert [text for text in texts if article_mistakes(text)] == []
        assert max(len(clip_pieces(text)) for text in texts) <= SAFE_FOR_SIGLIP
