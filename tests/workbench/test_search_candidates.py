"""What a search knows: cosines by the ordinary rule, validation rows only; and what may be asked of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import search_worlds as worlds

from vlmeval.errors import DataError, UnknownNameError, UsageError
from vlmeval.methods import Rule
from vlmeval.workbench.search import parse_objective
from vlmeval.workbench.search.candidates import State
from vlmeval.workbench.search.target import target_of


def test_cosines_of_any_choice_are_those_of_an_ordinary_run() -> None:
    card = worlds.benchmark(3)
    rows, chosen = worlds.samples(40, card=card, images=3), worlds.pool(6, names=3)
    images, words = worlds.vectors(rows), worlds.texts(chosen)
    known = worlds.candidates(rows, images, chosen, words)
    for elements in ((0,), (2, 5), (0, 1, 2, 3, 4, 5)):
        plain = worlds.scored(rows, images, chosen, words, Rule("softmax", 10.0), elements)
        np.testing.assert_allclose(known.scores(known.cosines([State(elements)])[0]), plain, atol=1e-12)


def test_a_string_of_two_elements_counts_once() -> None:
    card = worlds.benchmark(3)
    rows, chosen = worlds.samples(40, card=card), worlds.pool(3, names=2)
    twice = replace(chosen, elements=(*chosen.elements, replace(chosen.elements[0], label="again")))
    images, words = worlds.vectors(rows), worlds.texts(chosen)
    known = worlds.candidates(rows, images, twice, words)
    once, both = known.cosines([State((0, 1)), State((0, 1, 3))])
    np.testing.assert_allclose(once, both, atol=1e-12)


def test_words_are_put_in_and_taken_out_class_by_class() -> None:
    known = worlds.candidates(
        rows := worlds.samples(40, card=worlds.benchmark(3)), worlds.vectors(rows), chosen := worlds.pool(2, names=2),
        worlds.texts(chosen),
    )  # fmt: skip
    state = State((0, 1)).with_word(1, "n10", False)
    assert known.prompts(state)[1] == ("t0 n11", "t1 n11")
    assert known.prompts(state)[0] == ("t0 n00", "t0 n01", "t1 n00", "t1 n01")
    assert known.prompts(state.with_word(1, "n10", True)) == known.prompts(State((0, 1)))


@pytest.mark.parametrize("split", ["test", "train"])
def test_rows_of_another_split_are_refused(split: str) -> None:
    rows = worlds.samples(40, card=worlds.benchmark(3))
    mixed = replace(rows, split=np.where(np.arange(40) == 7, split, "val"))
    chosen = worlds.pool(2)
    with pytest.raises(ValueError, match="only know validation rows"):
        worlds.candidates(mixed, worlds.vectors(rows), chosen, worlds.texts(chosen))


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("auroc", {"auroc": 1.0}),
        ("worst-tone=1", {"worst-tone": 1.0}),
        ("auroc=0.7,worst-tone=0.3", {"auroc": 0.7, "worst-tone": 0.3}),
        (" balanced-accuracy = .5 , auroc=0.5", {"balanced-accuracy": 0.5, "auroc": 0.5}),
    ],
)
def test_an_objective_is_a_part_or_a_mix_with_shares(text: str, shares: dict[str, float]) -> None:
    assert parse_objective(text) == shares


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("aurok", "did you mean auroc"),
        ("", "unknown objective"),
        ("auroc=0.7,worst-tone=0.2", "add up to 0.9"),
        ("auroc=0.5,auroc=0.5", "names a part twice"),
        ("auroc,worst-tone", "no share for auroc"),
        ("auroc=1.5", "no number above 0"),
        ("auroc=nan", "no number above 0"),
        ("auroc=__import__('os')", "no number above 0"),
        ("auroc=-1,worst-tone=2", "no number above 0"),
    ],
)
def test_a_wrong_objective_says_what_is_expected(text: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_objective(text)
    assert says in str(error.value)


def test_classes_and_levels_are_those_with_ten_units() -> None:
    card = worlds.benchmark(3)
    rows = worlds.samples(200, card=card, images=2)
    few = np.isin(rows.units, [f"u{i}" for i in range(9)])
    labels = np.where(few[:, None], [[False, False, True]], rows.labels & [[True, True, False]])
    labels[~labels.any(axis=1), 0] = True
    found = target_of({"auroc": 1.0}, card, (labels, rows.units), rows.groups)
    assert found.classes.tolist() == [True, True, False]
    tone = target_of({"worst-tone": 1.0}, card, (labels, rows.units), rows.groups)
    assert (tone.group, tone.levels) == ("tone", (0, 1, 2))
    assert tone.shared is not None
    assert tone.shared.tolist() == [True, True, False]
    light = {"tone": np.where(np.isin(rows.units, ["u1", "u2"]), 2, 0).astype(np.int16)}
    with pytest.raises(DataError, match="worst-tone") as error:
        target_of({"worst-tone": 1.0}, card, (labels, rows.units), light)
    assert "tone: 1 levels" in str(error.value)


def test_too_few_units_and_unknown_sources_are_told() -> None:
    card = worlds.benchmark(3)
    rows = worlds.samples(15, card=card)
    with pytest.raises(DataError, match="too few validation cases"):
        target_of({"auroc": 1.0}, card, (rows.labels, rows.units), rows.groups)
    more = worlds.samples(200, card=card)
    with pytest.raises(UnknownNameError, match="did you mean tone"):
        target_of({"worst-tone": 1.0}, card, (more.labels, more.units), more.groups, "tones")
    with pytest.raises(UsageError, match="--group is for"):
        target_of({"auroc": 1.0}, card, (more.labels, more.units), more.groups, "tone")
