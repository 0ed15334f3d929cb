"""Numbers with their nouns, for messages that people read."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return "1 case" or "3 cases", "1 class" or "3 classes", "1 biopsy" or "3 biopsies"; "10,015 pictures"."""
    if noun.endswith("y") and not noun.endswith(("ay", "ey", "oy")):
        many = noun[:-1] + "ies"
    else:
        many = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else many}"
