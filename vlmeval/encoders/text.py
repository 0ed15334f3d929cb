"""What happens to a string before the tokenizer sees it, and how a model's text rules read in a report."""

from __future__ import annotations

import string

from vlmeval.records import TextRules

_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def canonicalise(text: str) -> str:
    """Lower-case, drop ASCII punctuation, turn underscores into spaces and collapse white space.

    As big_vision's ``canonicalize_text`` (google-research/big_vision, prompt_engineering.py), which SigLIP was trained
    and evaluated with, and as open_clip's ``canonicalize`` cleaning.
    """
    return " ".join(text.replace("_", " ").translate(_NO_PUNCTUATION).lower().split())


def clean(text: str, rules: TextRules) -> str:
    """Apply a model's rules to one string; tokenising, truncation and padding come after."""
    if rules.canonicalise:
        return canonicalise(text)
    return text.lower() if rules.lower else text


def describe(rules: TextRules, tokenizer: str) -> str:
    """Say the rules in one line, for reports."""
    parts = [f"{rules.context_length} tokens ({tokenizer})"]
    if rules.canonicalise:
        parts.append("lower-cased, punctuation removed")
    elif rules.lower:
        parts.append("lower-cased")
    parts.append("padded to the full context" if rules.pad_to_context else "padded to the longest prompt")
    return ", ".join(parts)
