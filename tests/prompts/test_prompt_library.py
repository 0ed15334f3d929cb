"""Every prompt set we ship: loads, covers its classes, reads well, and fits the text encoders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vlmeval.catalog import expand_prompts, load_catalog
from vlmeval.records import PromptSet

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(p for p in (ROOT / "prompts").rglob("*.yaml") if p.parent.name != "derm-demo")
IDS = [f"{p.parent.name}/{p.stem}" for p in FILES]
FAMILIES = ("scin", "scin-broad", "ham10000")
KINDS = ("names", "photo", "clinical", "lay")

SCIN_TEN = (
    "eczema",
    "allergic-contact-dermatitis",
    "insect-bite",
    "urticaria",
    "psoriasis",
    "folliculitis",
    "irritant-contact-dermatitis",
    "tinea",
    "herpes-zoster",
    "drug-rash",
)
HAM_SEVEN = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")

# A hallmark whose usual name is also a class of its own: said once, on purpose.
SHARED_WORDS = {("leukocytoclastic-vasculitis", "purpura")}

# CLIP has 77 places, two of them for start and end. SigLIP has 64 and its vocabulary splits medical words a little
# more finely, so 48 CLIP pieces leave room for a third more.
CLIP_PLACES = 75
SAFE_FOR_SIGLIP = 48


def read(path: Path) -> PromptSet:
    return PromptSet.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def load(set_id: str) -> PromptSet:
    return read(ROOT / "prompts" / f"{set_id}.yaml")


def class_ids(prompts: PromptSet) -> tuple[str, ...]:
    return tuple(prompts.names or prompts.class_templates)


def filled(prompts: PromptSet) -> dict[str, list[str]]:
    """The final strings per class, written down from the record's own definition of them.

    A set that takes its names from a card gets the stand-in class "psoriasis".
    """
    classes = class_ids(prompts) or ("psoriasis",)
    return {
        k: [
            template.replace("{name}", name)
            for template in prompts.class_templates.get(k, prompts.templates)
            for name in prompts.names.get(k, (k,))
        ]
        for k in classes
    }


def normal(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split())


def says(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(normal(name))}\b", normal(text)) is not None


def wrong_articles(texts: Iterable[str]) -> list[str]:
    wrong = re.compile(r"\b(a (?=[aeio]|un(?!i)|urt)|an (?![aeiouh])|(?:an?|the) (?:an?|the) )", re.IGNORECASE)
    return [text for text in texts if wrong.search(text)]


@pytest.fixture(scope="module")
def clip_pieces() -> Any:
    tokenizer = pytest.importorskip("open_clip.tokenizer")
    return tokenizer.SimpleTokenizer().encode


def test_every_benchmark_has_the_four_kinds() -> None:
    expected = {f"{family}/{kind}" for family in FAMILIES for kind in KINDS}
    assert expected <= set(IDS)
    assert len([i for i in IDS if i.startswith("generic/")]) >= 4


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_the_record_loads_and_says_where_it_comes_from(path: Path) -> None:
    prompts = read(path)
    assert prompts.id == f"{path.parent.name}/{path.stem}"
    assert len(prompts.source) > 20
    if path.stem in {"clinical", "lay", "photo"} and path.parent.name != "generic":
        assert prompts.notes is not None
        assert "Not yet reviewed by a dermatologist" in prompts.notes


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("family", "classes"), [("scin", SCIN_TEN), ("ham10000", HAM_SEVEN)])
def test_a_set_covers_its_classes_in_the_benchmarks_order(family: str, classes: tuple[str, ...], kind: str) -> None:
    assert class_ids(load(f"{family}/{kind}")) == classes


@pytest.mark.parametrize("kind", KINDS)
def test_scin_broad_sets_cover_the_benchmarks_card(kind: str) -> None:
    card = ROOT / "benchmarks" / "scin-broad" / "benchmark.yaml"
    wanted = [c["id"] for c in yaml.safe_load(card.read_text(encoding="utf-8"))["classes"]]
    assert Counter(class_ids(load(f"scin-broad/{kind}"))) == Counter(wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_of_both_scin_families_says_the_same_in_both(kind: str) -> None:
    ten, broad = load(f"scin/{kind}"), load(f"scin-broad/{kind}")
    assert ten.templates == broad.templates
    for k in SCIN_TEN:
        assert filled(ten)[k] == filled(broad)[k], k


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_placeholders_are_filled_and_texts_are_clean(path: Path) -> None:
    for k, texts in filled(read(path)).items():
        assert texts, k
        for text in texts:
            assert not set(text) & set("{}<>[]\n\t"), text
            assert text == " ".join(text.split()), text
            assert len(text.split()) <= 40, text


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_prompt_stands_twice(path: Path) -> None:
    counts = Counter(normal(text) for texts in filled(read(path)).values() for text in texts)
    assert [text for text, n in counts.items() if n > 1] == []


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_articles_read_well(path: Path) -> None:
    for texts in filled(read(path)).values():
        assert wrong_articles(texts) == []


@pytest.mark.parametrize("text", ["a photo of a eczema", "an wart", "a urticarial rash", "a photo of an the bruise"])
def test_wrong_articles_are_found(text: str) -> None:
    assert wrong_articles([text]) == [text]


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_every_prompt_fits_the_text_encoders(path: Path, clip_pieces: Any) -> None:
    longest = max((len(clip_pieces(text)), text) for texts in filled(read(path)).values() for text in texts)
    assert longest[0] <= min(CLIP_PLACES, SAFE_FOR_SIGLIP), longest


@pytest.mark.parametrize("family", FAMILIES)
def test_descriptions_start_with_a_name_of_their_class(family: str) -> None:
    bare = load(f"{family}/names").names
    known = {k: {*bare[k], *load(f"{family}/photo").names[k]} for k in bare}
    for k, texts in load(f"{family}/clinical").class_templates.items():
        assert 2 <= len(texts) <= 4, k
        for text in texts:
            start = text.split(":")[0]
            assert any(says(start, re.sub(r"^an? ", "", name)) for name in known[k]), text


@pytest.mark.parametrize("kind", ["photo", "clinical", "lay"])
@pytest.mark.parametrize("family", FAMILIES)
def test_no_prompt_says_the_name_of_another_class(family: str, kind: str) -> None:
    bare = {k: names[0] for k, names in load(f"{family}/names").names.items()}
    for k, texts in filled(load(f"{family}/{kind}")).items():
        for other, name in bare.items():
            if other == k or says(bare[k], name) or (k, other) in SHARED_WORDS:
                continue
            assert [text for text in texts if says(text, name)] == [], (k, other)


@pytest.mark.parametrize("family", ["scin", "scin-broad"])
def test_descriptions_of_clinical_photos_speak_of_dark_and_light_skin(family: str) -> None:
    """Inflammation that is red on light skin is not red on dark skin; a description must serve both."""
    for k, texts in load(f"{family}/clinical").class_templates.items():
        together = " ".join(texts)
        assert "dark skin" in together, k
        assert "light skin" in together, k


BRITISH = re.compile(r"grey|colour|\bcentre|oedema|haem|naev|orrhoe|mould|metre|tumour|\w*enterd\b", re.IGNORECASE)
BRITISH_SYNONYMS = {"seborrhoeic dermatitis", "a melanocytic naevus"}


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_spelling_is_american_except_in_synonyms(path: Path) -> None:
    prompts = read(path)
    words = [name for names in prompts.names.values() for name in names if name not in BRITISH_SYNONYMS]
    words += [text for texts in prompts.class_templates.values() for text in texts]
    assert [text for text in (*words, *prompts.templates) if BRITISH.search(text)] == []


def test_sentences_name_the_dermatoscope_only_where_there_is_one() -> None:
    through_a_dermatoscope = re.compile(r"derm(at)?oscop", re.IGNORECASE)
    assert all(through_a_dermatoscope.search(template) for template in load("ham10000/photo").templates)
    for family in ("scin", "scin-broad"):
        for kind in KINDS:
            texts = [text for texts in filled(load(f"{family}/{kind}")).values() for text in texts]
            assert [text for text in texts if through_a_dermatoscope.search(text)] == []


@pytest.mark.parametrize("kind", ["names", "photo", "clinical"])
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


def test_what_the_cards_name_is_there_and_fits() -> None:
    """Every set a benchmark's card names fills without error, and to the strings this module expects."""
    catalog = load_catalog()
    for family in FAMILIES:
        benchmark = catalog.benchmark(family)
        for set_id in (benchmark.prompts.default, *benchmark.prompts.compare):
            prompts = catalog.prompt_set(set_id)
            ours = expand_prompts(prompts, benchmark).prompts
            assert {k: sorted(texts) for k, texts in ours.items()} == {k: sorted(v) for k, v in filled(prompts).items()}


@pytest.mark.parametrize("set_id", [i for i in IDS if i.startswith("generic/")])
def test_generic_sets_read_well_with_every_card(set_id: str, clip_pieces: Any) -> None:
    catalog = load_catalog()
    for benchmark in catalog.benchmarks.values():
        words = expand_prompts(catalog.prompt_set(set_id), benchmark)
        texts = [text for texts in words.prompts.values() for text in texts]
        assert wrong_articles(texts) == []
        assert max(len(clip_pieces(text)) for text in texts) <= SAFE_FOR_SIGLIP
