"""Strings made comparable: without case, punctuation, white space and the many ways Unicode writes one character."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_OTHER = re.compile(r"[^\w\s]|_")
_NO_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese, which put no space between words."""
ARTICLES = {
    "en": ("a", "an", "the"),
    "es": ("un", "una", "unos", "unas", "el", "la", "los", "las"),
    "de": ("ein", "eine", "einen", "einem", "einer", "eines", "der", "die", "das", "den", "dem", "des"),
    "pt": ("um", "uma", "uns", "umas", "o", "a", "os", "as"),
}


def normal(text: str) -> str:
    """Return a string's words: NFKC, case folded, punctuation and runs of white space as one space."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_OTHER.sub(_space, unicodedata.normalize("NFKC", folded)).split())


def _space(found: re.Match[str]) -> str:
    """Return a space for punctuation; signs that belong to the letter before them (vowels in Hindi, Thai) stay."""
    selects_a_look = "\ufe00" <= found[0] <= "\ufe0f"
    return found[0] if unicodedata.category(found[0]).startswith("M") and not selects_a_look else " "


def base_language(code: str) -> str:
    """Return the language of a code such as ``pt-BR``."""
    return code.partition("-")[0].lower()


def without_article(text: str, language: str) -> str:
    """Return a normal string without the article that it begins with."""
    first, _, rest = text.partition(" ")
    return rest if rest and first in ARTICLES.get(language, ()) else text


def says(text: str, name: str) -> bool:
    """Whether a normal string holds a normal name as whole words, or anywhere where words have no space between."""
    return bool(name) and (f" {name} " in f" {text} " or (bool(_NO_SPACES.search(name)) and name in text))


def variants(name: str, language: str) -> tuple[str, ...]:
    """Return the ways a name may stand in a text: as it is, and in English its plural."""
    bare = without_article(normal(name), language)
    if language != "en" or not bare:
        return (bare,)
    plural = bare[:-1] + "ies" if re.search(r"[^aeiou]y$", bare) else bare + "s"
    return (bare, plural)


def said(text: str, names: Iterable[str]) -> str | None:
    """Return the first of the normal ``names`` that the normal ``text`` says, or None."""
    return next((name for name in names if says(text, name)), None)
