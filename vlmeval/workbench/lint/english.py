"""English articles: `a` or `an` by sound, no article twice, none before plurals and words that cannot be counted.

Pure text, no catalog: `article_mistakes` takes a string and returns what is wrong with its articles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# Begins with a vowel letter and sounds like a consonant: "you" (unilateral, uric, UV, eumelanin) or "won" (one-sided).
_CONSONANT_SOUND: Final = re.compile(
    r"eu|ew[er]|one\b|once\b|ouija|u[vk]|ubi|us(?:e|a[bg]|u)|ut[ei]|ur(?:[ao]|e[atmd]|in|ic)|"
    r"uni(?!n|d(?:ent|im)|m(?:p|ag|mu)|rri|nt|ss)"
)
# Begins with a consonant letter and sounds like a vowel.
_VOWEL_SOUND: Final = re.compile(r"hour|honest|honou?r|heir|x-")
# Said in both ways by careful writers.
_EITHER: Final = re.compile(r"herb|histor|hotel|urush|hyster|habitual|homage|sql")
# Letters whose names begin with a vowel: an SCC, an MRI, an x-ray.
_SPELT_WITH_VOWEL: Final = frozenset("aefhilmnorsx")
_ARTICLE: Final = re.compile(r"(?<![\w'’-])(an?|the)\s+([\"'“‘(]*)([\w][\w'’-]*)", re.IGNORECASE)
_MANY: Final = 4

# Reviewed by hand: names of conditions that take no "a", as they stand alone at the end of a noun phrase.
WITHOUT_A: Final = frozenset(
    {
        "acne", "rosacea", "eczema", "psoriasis", "vitiligo", "scabies", "measles", "shingles", "hives", "herpes",
        "herpes zoster", "herpes simplex", "chickenpox", "ringworm", "dandruff", "athlete's foot", "poison ivy",
        "prickly heat", "molluscum contagiosum", "keratosis pilaris", "pityriasis rosea", "cutaneous lupus", "syphilis",
        "wheals", "welts", "blisters", "pustules", "papules", "vesicles", "plaques", "macules", "bumps", "pimples",
        "spots", "warts", "moles", "freckles", "bruises", "scabs", "scrapes", "bites", "insect bites", "mosquito bites",
        "nevi", "naevi", "keratoses", "petechiae", "ecchymoses", "scales", "crusts", "lesions", "rashes",
    }
)  # fmt: skip
# What may follow a noun phrase; before anything else the word is part of a longer one ("a psoriasis plaque").
_ENDS: Final = frozenset(
    {
        "on", "of", "in", "at", "with", "without", "and", "or", "but", "is", "are", "was", "were", "that", "which",
        "from", "by", "to", "under", "over", "near", "around", "after", "before", "for", "as", "along", "across",
        "between", "seen", "taken", "shown", "showing", "photographed", "captured", "viewed",
    }
)  # fmt: skip


@dataclass(frozen=True)
class ArticleMistake:
    """A wrong article: the words as they stand, and as they should (None: leave the article out)."""

    found: str
    expected: str
    why: str


def article_mistakes(text: str) -> list[ArticleMistake]:
    """Return what is wrong with the articles of an English text, from left to right."""
    return list(_mistakes(text))


def _mistakes(text: str) -> Iterator[ArticleMistake]:
    at = 0
    while match := _ARTICLE.search(text, at):
        at = match.end(1)  # the word may be an article itself
        article, opening, word = match.groups()
        if _is_letter(article, match.start(), text):
            continue
        if word.lower() in ("a", "an", "the") and not opening and not _is_letter(word, match.start(3), text):
            yield ArticleMistake(f"{article} {word}", word, "two articles")
        elif article.lower() != "the":
            yield from _before(article, opening, word, text[match.end() :])


def _before(article: str, opening: str, word: str, rest: str) -> Iterator[ArticleMistake]:
    alone = _stands_without(word, rest)
    if alone is not None:
        yield ArticleMistake(f"{article} {opening}{alone}", f"{opening}{alone}", "no article before it")
        return
    sound = starts_with_vowel_sound(word)
    wanted = article if sound is None else ("an" if sound else "a")
    if wanted != article.lower():
        right = wanted.capitalize() if article[0].isupper() else wanted
        yield ArticleMistake(f"{article} {opening}{word}", f"{right} {opening}{word}", "by sound")


def starts_with_vowel_sound(word: str) -> bool | None:
    """Whether an English word begins with a vowel sound; None where both are said, or nobody can tell."""
    lower = word.lower()
    if lower[0].isdigit():
        return _number_begins_with_vowel(lower)
    letters = re.match(r"[^\W\d_]+", word)
    run = letters[0] if letters else word
    if len(run) == 1 or run.isupper() or not re.search(r"[aeiouy]", run.lower()):
        return _abbreviation_begins_with_vowel(run)
    if _EITHER.match(lower) or not lower[0].isascii():
        return None
    return bool(_VOWEL_SOUND.match(lower)) or (lower[0] in "aeiou" and not _CONSONANT_SOUND.match(lower))


def _number_begins_with_vowel(word: str) -> bool:
    """Eight, eleven, eighteen, eighty; 11 and 18 with hundreds are rare enough to be said otherwise."""
    digits = re.split(r"\D", word)[0]
    return digits.startswith("8") or digits in ("11", "18")


def _abbreviation_begins_with_vowel(letters: str) -> bool | None:
    """Letter by letter: an SCC, an MRI. Long ones with vowels may be said as a word, as SARS is: None."""
    if len(letters) >= _MANY and re.search(r"[aeiou]", letters.lower()):
        return None
    return letters[0].lower() in _SPELT_WITH_VOWEL


def _is_letter(article: str, start: int, text: str) -> bool:
    """Whether an "A" is a name (vitamin A, hepatitis A) or an "a" a measure of another tongue (à la)."""
    inside = start > 0 and not re.search(r"[.!?:;\"'“‘(]\s*$", text[:start])
    return (article == "A" and inside) or text[start:].lower().startswith("a la ")


def _stands_without(word: str, rest: str) -> str | None:
    """Return the plural or uncountable name that begins here and ends the noun phrase, or None."""
    following = re.findall(r"\s+([\w'’-]+)|([^\w\s])", rest)
    words = [word]
    for plain, _ in [*following[:1], ("", "")]:
        name = " ".join(words).lower().replace("’", "'")
        after = _next_word(rest, len(words) - 1)
        if name in WITHOUT_A and (after is None or after in _ENDS):
            return " ".join(words)
        if not plain:
            return None
        words.append(plain)
    return None


def _next_word(rest: str, skip: int) -> str | None:
    """Return the word that follows in the same clause, lower-cased; None at its end."""
    clause = re.split(r"[^\w\s'’-]", rest)[0].split()
    return clause[skip].lower() if len(clause) > skip else None
