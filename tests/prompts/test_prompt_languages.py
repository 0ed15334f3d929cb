"""Spanish, German and Portuguese sets: right letters, right articles and endings, no English left over."""

from __future__ import annotations

import re

import pytest
from written_prompts import FAMILIES, LANGUAGES, filled, load, says

SETS = [(family, kind) for family in FAMILIES for kind in LANGUAGES]
LETTERS = {"es": "a-záéíóúüñ", "de": "a-zäöüß", "pt": "a-záâãàçéêíóôõú"}
ENGLISH = re.compile(
    r"\b(of|the|with|and|or|on|by|from|skin|rash|bites?|warts?|photo|picture|image|patients?|infected|disease|cancer|"
    r"acute|chronic|eruption|lesion|lesions|herpes simple[sx]? virus)\b"
)
WITHOUT_ACCENT = {"es": re.compile(r"\b\w+cion\b|\b\w+patia\b"), "pt": re.compile(r"\b\w+c(ao|oes)\b|\blesao\b")}

# The first noun of a name, and its gender: m and n share the German dative article; p is a plural.
GERMAN = {
    "m": "Insektenstich Medikamentenausschlag Zoster Ausschlag Hautausschlag Bluterguss Fleck Wundschorf Schub "
    "Abszess Hautabszess Furunkel Primäraffekt Lupus Nävus Morbus Herpes Lichen Lippenherpes Genitalherpes",
    "f": "Dermatitis Neurodermitis Kontaktdermatitis Kontaktallergie Urtikaria Nesselsucht Psoriasis "
    "Schuppenflechte Plaque-Psoriasis Follikulitis Haarbalgentzündung Tinea Dermatophytose "
    "Arzneimittelreaktion Gürtelrose Impetigo Überempfindlichkeitsreaktion Vaskulitis Kleingefäßvaskulitis "
    "Akne Acne Dermatose Pigmentpurpura Pityriasis Röschenflechte Stauungsdermatitis Skabies Krätze Keratosis "
    "Reibeisenhaut Kleienpilzflechte Rosazea Ekchymose Hautabschürfung Schürfwunde Photodermatitis "
    "Lichtdermatose Sonnenallergie Verruca Warze Zellulitis Phlegmone Purpura Miliaria Syphilis Intertrigo "
    "Keratose Lentigo Gefäßläsion Einblutung",
    "n": "Ekzem Kontaktekzem Handekzem Arzneimittelexanthem Exanthem Virusexanthem Stauungsekzem Molluscum "
    "Granuloma Plattenepithelkarzinom Spinaliom Erythema Karzinom Basalzellkarzinom Basaliom Dermatofibrom "
    "Histiozytom Melanom Muttermal Angiom Angiokeratom Granulom",
    "p": "Insektenstichen Mückenstichen Quaddeln Mollusca Dellwarzen Viruswarzen Hautblutungen Hitzepickeln",
}
SPANISH = {
    "m": "eczema eccema exantema folículos herpes zóster impétigo acné liquen molusco moluscos granuloma moretón "
    "moretones raspón absceso forúnculo carcinoma eritema chancro lupus intertrigo lentigo dermatofibroma "
    "histiocitoma melanoma nevo lunar angioma angioqueratoma habones sarpullido",
    "f": "dermatitis alergia picadura picaduras urticaria ronchas psoriasis foliculitis tiña dermatofitosis "
    "erupción culebrilla reacción vasculitis dermatosis capilaritis pitiriasis neurodermatitis sarna "
    "escabiosis queratosis rosácea equimosis abrasión costra fotodermatitis verruga verrugas celulitis "
    "púrpura manchas miliaria sudamina sífilis enfermedad lesión hemorragia",
}
PORTUGUESE = {
    "m": "eczema folículos exantema cobreiro herpes zóster impetigo líquen molusco moluscos granuloma abscesso "
    "furúnculo carcinoma eritema cancro lúpus intertrigo lentigo dermatofibroma histiocitoma melanoma nevo "
    "angioma angioqueratoma",
    "f": "dermatite alergia picada picadas urticária urticas psoríase foliculite tinea tinha dermatofitose erupção "
    "farmacodermia reação vasculite acne dermatose capilarite pitiríase neurodermatite escabiose sarna "
    "queratose ceratose rosácea equimose equimoses abrasão escoriação crosta fotodermatite verruga verrugas "
    "celulite púrpura manchas miliária brotoeja sífilis doença pinta lesão hemorragia",
}
END_OF_THE_NOUN = {
    "de",
    "del",
    "da",
    "do",
    "das",
    "dos",
    "por",
    "en",
    "em",
    "na",
    "no",
    "in",
    "tipo",
    "con",
    "à",
    "al",
    "ao",
}


def gender(noun: str, nouns: dict[str, str]) -> str:
    """m, f, n or p; a noun that is not listed fails the test: look its gender up and add it."""
    found = [g for g, listed in nouns.items() if noun in listed.split()]
    assert len(found) == 1, f"the gender of {noun!r} is not known to this test"
    return found[0]


def german_errors(name: str) -> list[str]:
    """What is wrong with a name in the dative: `einem Ekzem`, `einer akuten Dermatitis`, `sekundärer Syphilis`."""
    words = [word for word in name.split() if word != "und"]
    at = next(i for i, word in enumerate(words) if word[0].isupper() and not word.endswith("artigen"))
    before, kind = words[:at], gender(words[at], GERMAN)
    article = before[0] if before and before[0].startswith("ein") else None
    wanted = {"m": "em", "n": "em", "f": "er", "p": "en"}[kind]
    errors = []
    if article and article != f"ein{wanted}":
        errors.append("article")
    ending = "en" if article else wanted
    adjectives = [word for word in before if word != article and word != "subakut"]
    errors += [f"ending of {word}" for word in adjectives if not word.endswith(ending)]
    if kind == "p" and not words[at].endswith(("n", "a")):
        errors.append("dative plural")
    return errors


def romance_errors(name: str, nouns: dict[str, str], articles: dict[str, str]) -> list[str]:
    """What is wrong with `una erupción medicamentosa`: the article, or an adjective that does not agree."""
    words = name.split()
    article = words.pop(0) if words[0] in articles.values() else None
    kind = gender(words[0], nouns)
    errors = ["article"] if article and article != articles[kind] else []
    for word in words[1:]:
        if word in END_OF_THE_NOUN:
            break
        other = {"m": ("a", "as"), "f": ("o", "os")}[kind]
        if word.endswith(other) and word not in {"y", "e"}:
            errors.append(f"ending of {word}")
    return errors


def errors_in(language: str, name: str) -> list[str]:
    if language == "de":
        return german_errors(name)
    nouns, articles = (SPANISH, ("un", "una")) if language == "es" else (PORTUGUESE, ("um", "uma"))
    return romance_errors(name, nouns, dict(zip("mf", articles, strict=True)))


@pytest.mark.parametrize(("family", "kind"), SETS)
def test_a_set_says_its_language_and_whom_it_is_for(family: str, kind: str) -> None:
    prompts = load(f"{family}/{kind}")
    assert prompts.language == LANGUAGES[kind]
    assert prompts.models == ("siglip2",)
    assert "read mostly English" in (prompts.notes or "")
    assert prompts.class_templates == {}
    assert all(2 <= len(names) <= 5 for names in prompts.names.values())


@pytest.mark.parametrize(("family", "kind"), SETS)
def test_articles_and_endings_agree(family: str, kind: str) -> None:
    for names in load(f"{family}/{kind}").names.values():
        for name in names:
            assert errors_in(LANGUAGES[kind], name) == [], name


@pytest.mark.parametrize(
    ("language", "name"),
    [
        ("de", "ein Ekzem"),
        ("de", "einer Ekzem"),
        ("de", "einem Dermatitis"),
        ("de", "einer akute Dermatitis"),
        ("de", "sekundäre Syphilis"),
        ("es", "una exantema viral"),
        ("es", "un erupción viral"),
        ("es", "un exantema medicamentosa"),
        ("pt", "um erupção viral"),
        ("pt", "dermatite agudo"),
    ],
)
def test_wrong_articles_and_endings_are_found(language: str, name: str) -> None:
    assert errors_in(language, name) != []


@pytest.mark.parametrize(("family", "kind"), SETS)
def test_sentences_fit_the_form_of_the_names(family: str, kind: str) -> None:
    """German names stand in the dative; the others follow a preposition without an article in it."""
    for template in load(f"{family}/{kind}").templates:
        before = template.split("{name}")[0].split()
        if kind == "german":
            assert before[-1] in {"von", "mit"}, template
        else:
            assert not before or before[-1] in {"de", "con", "com"}, template
    for names in load(f"{family}/{kind}").names.values():
        assert [name for name in names if re.match(r"(el|la|los|las|lo|o|a|os|as|der|die|das|den|dem)\b ", name)] == []


@pytest.mark.parametrize(("family", "kind"), SETS)
def test_no_english_and_no_lost_accents(family: str, kind: str) -> None:
    language = LANGUAGES[kind]
    for texts in filled(load(f"{family}/{kind}")).values():
        for text in texts:
            assert not ENGLISH.search(text.lower()), text
            assert re.fullmatch(rf"[{LETTERS[language]} ,-]+", text.lower()), text
            assert language not in WITHOUT_ACCENT or not WITHOUT_ACCENT[language].search(text), text


@pytest.mark.parametrize("text", ["una foto de skin", "ein Foto of einem Ekzem", "acute dermatitis"])
def test_english_left_over_is_found(text: str) -> None:
    assert ENGLISH.search(text)


@pytest.mark.parametrize(("family", "kind"), SETS)
def test_no_name_is_that_of_another_class(family: str, kind: str) -> None:
    bare = {k: [re.sub(r"^(eine[mr]|una?|uma?) ", "", n) for n in v] for k, v in load(f"{family}/{kind}").names.items()}
    for k, names in bare.items():
        for other, others in bare.items():
            said = {name for name in names for theirs in others[:1] if other != k and says(name, theirs)}
            # What its own first name holds too cannot be left out (tiña versicolor, dermatitis aguda y crónica).
            assert {name for name in said if not says(names[0], others[0])} <= SHARED.get(k, set()), (k, other)


# Established names that hold another condition's, beside a first one that does not.
SHARED = {"tinea-versicolor": {"tiña versicolor", "tinea versicolor"}}


@pytest.mark.parametrize("kind", LANGUAGES)
def test_dermatoscopy_is_named_where_there_is_one(kind: str) -> None:
    dermatoscope = re.compile(r"dermatos[ck]", re.IGNORECASE)
    clinical = [load(f"{family}/{kind}").templates for family in ("scin", "scin-broad")]
    assert [t for t in load(f"ham10000/{kind}").templates if not dermatoscope.search(t) and t != "{name}"] == []
    assert [t for templates in clinical for t in templates if dermatoscope.search(t)] == []
