"""Numbers and names as a reader sees them; used by templates (as filters) and charts alike."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

MINUS = "\u2212"
DASH = "\u2013"


def number(value: float | None, digits: int = 3) -> str:
    """Return a value with a fixed number of digits and a real minus sign; a dash where there is none."""
    if value is None:
        return "—"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """Return a difference with its sign: ``+0.041`` or ``−0.041``."""
    text = number(value, digits)
    return "+" + text if value is not None and float(f"{value:.{digits}f}") > 0 else text


def span(cell: dict[str, Any], digits: int = 3) -> str:
    """Return a cell's 95 % interval: ``0.78–0.84``, or with `to` where a bound is negative; empty without one."""
    low, high = cell.get("low"), cell.get("high")
    if low is None or high is None:
        return ""
    joint = " to " if low < 0 or high < 0 else DASH
    return number(low, digits) + joint + number(high, digits)


def interval(cell: dict[str, Any], digits: int = 3) -> str:
    """Return a cell's value with its interval: ``0.812 (0.781–0.843)``."""
    between = span(cell, digits)
    return number(cell["value"], digits) + (f" ({between})" if between else "")


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in per cent: ``12.3 %``."""
    return "—" if share is None else f"{100 * share:.{digits}f}\u00a0%"


def count(value: int | None) -> str:
    """Return a count with thousands separators."""
    return "—" if value is None else f"{value:,}"


def seconds(value: float) -> str:
    """Return a duration: ``0.41 s``, ``46.0 s``, ``12 min 3 s``."""
    if value < 10:
        return f"{value:.2f} s"
    if value < 120:
        return f"{value:.1f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"


def one_line(text: str, limit: int) -> str:
    """Return text without control and direction characters, on one line, cut at ``limit``; never empty."""
    kept = "".join(" " if c in "\n\r\t\u2028\u2029" else c for c in text)
    kept = "".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cf") or c == "\u200d")
    kept = re.sub(r" {3,}", "  ", kept).strip() or "(no name)"
    return kept if len(kept) <= limit else kept[: limit - 1].rstrip() + "…"


def is_link(address: str | None) -> bool:
    """Tell whether an address may become a link: http and https only."""
    return bool(address) and re.match(r"https?://[^\s]+$", address or "") is not None


def lower_first(name: str) -> str:
    """Return a name as it stands inside a sentence: ``balanced accuracy``, but ``AUROC`` and ``F1`` stay."""
    return name if name[1:2].isupper() or name[1:2].isdigit() else name[:1].lower() + name[1:]


def capitalize_first(words: str) -> str:
    """Return words with a capital letter at their start; the rest stays (``C`` and ``AUROC`` do)."""
    return words[:1].upper() + words[1:] if len(words) > 1 else words


def sentence(words: str) -> str:
    """Return words with exactly one full stop."""
    return words.rstrip(". ") + "."


def slug(text: str) -> str:
    """Return an id for an anchor: letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"
