"""The morphology sets: five phrases in a fixed order, and no name of any disease."""

from __future__ import annotations

import re
from functools import cache

import pytest
import yaml
from written_prompts import FAMILIES, ROOT, SCIN_FAMILIES, load, says

SLOTS = ("primary lesion", "color", "border", "distribution", "site")

LESION = re.compile(
    r"\b(bumps?|blisters?|patch(es)?|plaques?|nodule|swell\w*|pustules?|spots?|skin|lines|wheals?|papules?|plugs|flush|"
    r"flakes|area|ulcer|lakes|dome|flat)\b"
)
COLOR = re.compile(r"\b(red|pink|violet|purple|brown|black|gray|white|yellow|tan|pale|pearly|skin-colored|blue-gray)\b")
BORDER = re.compile(
    r"\b(edges?|edged|borders?|rims?|outlines?|outlined|circles|collar|fad(es|ing)|fades|blends|breaks|ends?|base|"
    r"merg(e|ing)|running together|network|center)\b"
)
DISTRIBUTION = re.compile(
    r"\b(sides?|scattered|groups?|rows?|lines?|lined|strip|single|one|few|many|several|widespread|spots|around|sheets|"
    r"merging|spread|crops|separate|mirrored|crowded|areas?|together|beside|middle|throughout|only|surface|network|"
    r"patches|(un)?even(ly)?)\b"
)
SITE = re.compile(
    r"\b(elbows?|knees?|neck|wrists?|hands?|legs?|arms?|trunk|face|scalp|chest|back|groin|armpits?|lips?|genitals|"
    r"shins?|ankles?|cheeks|nose|fingers?|feet|toes?|limbs?|forehead|waistline|sole|palms?|ear|thighs?)\b"
)
PATTERNS = (LESION, COLOR, BORDER, DISTRIBUTION, SITE)

# What only the name of a disease, or of its cause, is made of. "Lichenified" and "follicles" are morphology.
OF_A_DISEASE = re.compile(
    r"\b(\w*(itis|osis|oma|omas|iasis|infect\w*|allerg\w*|eczem\w*|psoria\w*|urticar\w*|purpur\w*|syphil\w*|herpe\w*)|"
    r"tinea|zoster|acne|rosacea|lupus|scabies|mollusc\w*|lichen|warts?|moles?|n(a?)ev(us|i)|cancer\w*|bruis\w*|"
    r"scabs?|scrapes?|bites?|bitten|hives|shingles|drugs?|medic\w*|virus|viral|fung\w*|malignan\w*|benign|healed)\b",
    re.IGNORECASE,
)
NOT_TO_BE_SEEN = re.compile(r"\b(itch\w*|pain\w*|tender|warm|hot|burning|fever|medicine|days?|weeks?|years?|after)\b")


@cache
def names_of(family: str) -> dict[str, set[str]]:
    """Every name of every class: of the card, and of the sets that hold names."""
    card = yaml.safe_load((ROOT / "benchmarks" / family / "benchmark.yaml").read_text(encoding="utf-8"))
    found = {c["id"]: {c["name"], *c.get("synonyms", ())} for c in card["classes"]}
    for kind in ("names", "photo", "lay"):
        for k, names in load(f"{family}/{kind}").names.items():
            found[k] |= {re.sub(r"^an? ", "", name) for name in names}
    return found


def blocks(family: str) -> list[tuple[str, tuple[str, ...]]]:
    """Class by class, every block of five phrases."""
    sets = load(f"{family}/morphology").class_templates
    return [(k, texts[at : at + 5]) for k, texts in sets.items() for at in range(0, len(texts), 5)]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_condition_has_five_phrases_in_the_same_order(family: str) -> None:
    for k, phrases in blocks(family):
        assert len(phrases) == len(SLOTS), k
        for slot, pattern, phrase in zip(SLOTS, PATTERNS, phrases, strict=True):
            assert pattern.search(phrase), f"{k}: is this the {slot}? {phrase!r}"


@pytest.mark.parametrize("family", FAMILIES)
def test_phrases_in_another_order_would_be_noticed(family: str) -> None:
    found = blocks(family)
    for shift in range(1, len(SLOTS)):
        unnoticed = [
            k
            for k, phrases in found
            if all(p.search(t) for p, t in zip(PATTERNS, (*phrases[shift:], *phrases[:shift]), strict=True))
        ]
        assert len(unnoticed) <= 0.1 * len(found), (shift, unnoticed)


@pytest.mark.parametrize(
    ("family", "k", "conditions"),
    [("ham10000", "akiec", 2), ("ham10000", "bkl", 3), ("ham10000", "vasc", 4), ("scin-broad", "scc-sccis", 2)],
)
def test_a_class_of_several_conditions_describes_each(family: str, k: str, conditions: int) -> None:
    assert len(load(f"{family}/morphology").class_templates[k]) == conditions * len(SLOTS)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_phrase_names_a_disease_its_own_or_anothers(family: str) -> None:
    every = {name for names in names_of(family).values() for name in names}
    for k, phrases in blocks(family):
        for phrase in phrases:
            assert [name for name in every if says(phrase, name)] == [], (k, phrase)
            assert not OF_A_DISEASE.search(phrase), (k, phrase)


@pytest.mark.parametrize("text", ["a plaque of psoriasis", "grouped warts", "a spot like a mole", "an infected bump"])
def test_names_of_diseases_are_found(text: str) -> None:
    assert OF_A_DISEASE.search(text)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_phrase_says_only_what_a_picture_can_show(family: str) -> None:
    for k, phrases in blocks(family):
        assert [phrase for phrase in phrases if NOT_TO_BE_SEEN.search(phrase)] == [], k


@pytest.mark.parametrize("family", SCIN_FAMILIES)
def test_color_is_told_for_light_and_for_dark_skin(family: str) -> None:
    for k, (_, color, *_rest) in blocks(family):
        for skin in ("light skin", "dark skin"):
            assert skin in color, k
