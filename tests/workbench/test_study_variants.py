"""Reduced prompt sets: their strings are the set's own, and what is drawn depends on seed and strings only."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from study_world import catalog

from vlmeval.records import Wording
from vlmeval.workbench.study.asked import Asked
from vlmeval.workbench.study.variants import (
    drawn,
    filled,
    in_another_order,
    names_of,
    one_template,
    shuffled,
    templates_of,
)

WORDS = st.lists(st.sampled_from(["a", "photo", "of", "skin", "naïve", "x"]), min_size=1, max_size=8).map(" ".join)


@given(WORDS, st.integers(0, 5), st.integers(0, 10))
def test_a_shuffle_has_the_same_words_in_another_order(text: str, turn: int, seed: int) -> None:
    found = shuffled(text, turn, seed)
    assert Counter(found.split()) == Counter(text.split())
    assert (found == text) == (len(set(text.split())) < 2)
    assert found == shuffled(text, turn, seed)


def test_shuffles_differ_by_turn_and_by_seed() -> None:
    text = "one two three four five six seven eight"
    assert len({shuffled(text, turn, 0) for turn in range(5)}) == 5
    assert shuffled(text, 0, 0) != shuffled(text, 0, 1)


def test_many_strings_are_shuffled_less_often_unless_asked_for() -> None:
    asked = Asked(("m",), ("b",))
    assert [asked.turns(n) for n in (1, 1000, 1600, 3000, 50_000)] == [5, 5, 5, 2, 1]
    assert replace(asked, shuffles=7).turns(50_000) == 7
    assert replace(asked, shuffles=0).turns(3) == 0


def test_only_prompts_are_shuffled() -> None:
    wording = Wording(prompts={"k": ("red ring here", "wheals")}, negatives={"k": ("healthy skin here",)})
    found = in_another_order(wording, 0, 0)
    assert found.negatives == wording.negatives
    assert found.prompts["k"][0] != "red ring here"
    assert found.prompts["k"][1] == "wheals"


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 10))
def test_every_way_is_there_or_so_many_distinct_ones(counts: list[int], most: int, seed: int) -> None:
    options = {f"c{i}": n for i, n in enumerate(counts)}
    ways, of = drawn(options, most, seed, "set")
    total = 1
    for n in counts:
        total *= n
    assert of == total
    assert len({tuple(way.values()) for way in ways}) == len(ways)
    assert len(ways) == total if total <= most else 0 < len(ways) <= most
    assert all(0 <= way[k] < n for way in ways for k, n in options.items())
    assert (ways, of) == drawn(options, most, seed, "set")


def test_draws_are_of_the_set_and_the_seed() -> None:
    options = dict.fromkeys("abcdef", 9)
    assert drawn(options, 5, 0, "x") != drawn(options, 5, 1, "x")
    assert drawn(options, 5, 0, "x") != drawn(options, 5, 0, "y")


def test_templates_and_names_fill_to_the_strings_of_the_set(tmp_path: Path) -> None:
    known = catalog(tmp_path)
    card, photo = known.benchmark("squares"), known.prompt_set("squares/photo")
    whole = known.expand("squares/photo", card)
    assert templates_of(photo) == photo.templates
    parts = [one_template(photo, template, card) for template in templates_of(photo)]
    for class_id, prompts in whole.prompts.items():
        assert {text for part in parts for text in part.prompts[class_id]} == set(prompts)
    names = names_of(photo, card, known)
    assert names["red"] == ("red square", "crimson tile", "scarlet box")
    assert {text for name in names["red"] for text in filled(photo, name)} == set(whole.prompts["red"])


@pytest.mark.parametrize("set_id", ["squares/own", "squares/both"])
def test_sets_without_shared_templates_have_none(tmp_path: Path, set_id: str) -> None:
    known = catalog(tmp_path, more={"both": {"kind": "ensemble", "includes": ["squares/plain", "squares/own"]}})
    assert templates_of(known.prompt_set(set_id)) == ()
    assert names_of(known.prompt_set(set_id), known.benchmark("squares"), known) == {}
