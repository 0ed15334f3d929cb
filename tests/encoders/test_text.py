"""Text rules against the libraries that define them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeval.encoders.text import canonicalise, clean
from vlmeval.records import TextRules


@given(st.text())
def test_canonicalise_equals_open_clip(text: str) -> None:
    from open_clip.tokenizer import canonicalize_text

    assert canonicalise(text) == canonicalize_text(text)


@given(st.text())
def test_canonicalise_twice_changes_nothing(text: str) -> None:
    assert canonicalise(canonicalise(text)) == canonicalise(text)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (TextRules(context_length=64), "Kaposi's  Sarcoma."),
        (TextRules(context_length=64, lower=True), "kaposi's  sarcoma."),
        (TextRules(context_length=64, canonicalise=True), "kaposis sarcoma"),
    ],
)
def test_clean_follows_the_rules(rules: TextRules, expected: str) -> None:
    assert clean("Kaposi's  Sarcoma.", rules) == expected
