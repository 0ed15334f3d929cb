"""Sentences made of parts, so that names from data stay apart from our own words until the page escapes them.

In: words, numbers, names. Out: plain lists that the template's ``say`` macro shows: a string stands as it is, a dict
with ``name`` is a name from data, one with ``strong`` is bold.
"""

from __future__ import annotations

from typing import Final

from vlmeval.report.lookup import View
from vlmeval.report.text import interval, signed, span

Said = list[str | dict[str, str]]
DIGITS: Final = 2


def named(name: str) -> dict[str, str]:
    """Return a name from data as a part of a sentence."""
    return {"name": name}


def strong(words: str) -> dict[str, str]:
    """Return words that a reader should not miss."""
    return {"strong": words}


def value(cell: View, digits: int = DIGITS) -> str:
    """Return a number with its interval: ``0.82 (0.77–0.87)``."""
    return interval(cell, digits)


def change(cell: View, digits: int = DIGITS) -> str:
    """Return a difference with its interval: ``−0.12 (−0.26 to 0.03)``."""
    between = span(cell, digits)
    return signed(cell["value"], digits) + (f" ({between})" if between else "")


def has(cell: View | None) -> bool:
    """Tell whether there is a number."""
    return cell is not None and cell["value"] is not None


def apart(a: View, b: View) -> bool:
    """Tell whether two intervals share no number: a cautious sign that two values differ."""
    ends = (a["low"], a["high"], b["low"], b["high"])
    return None not in ends and (a["high"] < b["low"] or b["high"] < a["low"])


def excludes(cell: View | None, line: float = 0.0, digits: int = DIGITS) -> bool:
    """Tell whether an interval leaves out a number, at the digits that are shown."""
    if cell is None or cell["low"] is None or cell["high"] is None:
        return False
    return not round(cell["low"], digits) <= line <= round(cell["high"], digits)


def joined(parts: list[str]) -> str:
    """Return words with commas and a last "and"."""
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""
