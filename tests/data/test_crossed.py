"""Crossed groups: products of levels, one level for what is not known, and names that do not fit."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeval.catalog import load_catalog
from vlmeval.data.crossed import check_pairs, own_card, read_pairs, with_crossed
from vlmeval.data.tone_estimate.estimate import with_estimated_tone
from vlmeval.errors import UnknownNameError, UsageError
from vlmeval.records import Benchmark, ImageRef, Samples


def samples_of(age: list[int], sex: list[int]) -> Samples:
    card: Benchmark = load_catalog().benchmark("derm-demo")
    n = len(age)
    labels = np.zeros((n, len(card.classes)), dtype=bool)
    labels[:, 0] = True
    codes = {"age": np.array(age, dtype=np.int16), "sex": np.array(sex, dtype=np.int16)}
    return Samples(
        benchmark=card,
        ids=np.array([f"row{i}" for i in range(n)]),
        images=tuple(ImageRef(Path("none.png")) for _ in range(n)),
        units=np.array([f"case{i}" for i in range(n)]),
        labels=labels,
        split=np.full(n, "test"),
        groups={g.id: codes.get(g.id, np.zeros(n, dtype=np.int16)) for g in card.groups},
    )


ALL = list(product(range(4), range(4)))  # age: three bands and unknown; sex: three answers and none


def test_every_level_is_a_product_and_the_rest_is_not_known() -> None:
    samples = samples_of([a for a, _ in ALL], [s for _, s in ALL])
    crossed = with_crossed(samples, [("age", "sex")])
    group = crossed.benchmark.group("age/sex")
    assert [level.id for level in group.levels][:4] == ["18-39/female", "18-39/male", "18-39/other", "40-59/female"]
    assert [level.missing for level in group.levels] == [False] * 9 + [True]
    assert group.crossed == ("age", "sex")
    ages, sexes = (samples.benchmark.group(name).levels for name in ("age", "sex"))
    for row, (age, sex) in enumerate(ALL):
        level = group.levels[crossed.groups["age/sex"][row]]
        known = not (ages[age].missing or sexes[sex].missing)
        assert level.id == (f"{ages[age].id}/{sexes[sex].id}" if known else "not-known")
        assert level.name == (f"{ages[age].name}, {sexes[sex].name}" if known else "one of the two not known")


@given(st.lists(st.sampled_from(ALL), min_size=1, max_size=40))
def test_a_crossed_level_holds_who_is_in_both(rows: list[tuple[int, int]]) -> None:
    samples = samples_of([a for a, _ in rows], [s for _, s in rows])
    crossed = with_crossed(samples, [("age", "sex"), ("sex", "age")])
    one, other = crossed.benchmark.group("age/sex"), crossed.benchmark.group("sex/age")
    for level_a, level_b in product(samples.benchmark.group("age").levels, samples.benchmark.group("sex").levels):
        if level_a.missing or level_b.missing:
            continue
        both = [crossed.groups[g.id] == [lv.id for lv in g.levels].index(i) for g, i in (
            (one, f"{level_a.id}/{level_b.id}"), (other, f"{level_b.id}/{level_a.id}"))]  # fmt: skip
        assert (both[0] == both[1]).all()
    known = np.array([level.missing for level in one.levels])
    assert (known[crossed.groups["age/sex"]] == [a == 3 or s == 3 for a, s in rows]).all()


def test_the_card_is_still_the_card() -> None:
    samples = samples_of([0, 1], [0, 1])
    more = with_crossed(with_estimated_tone(samples, [10.0, None]), [("age", "sex"), ("tone-estimated", "sex")])
    assert more.benchmark.content_digest != samples.benchmark.content_digest
    assert own_card(more.benchmark) == samples.benchmark
    assert more.digest != samples.digest
    assert more.benchmark.group("tone-estimated/sex").estimated
    assert not more.benchmark.group("age/sex").estimated
    assert "estimated from pixels" in more.benchmark.group("tone-estimated/sex").name


def test_a_pair_twice_is_one_group() -> None:
    samples = samples_of([0, 1], [0, 1])
    pairs = read_pairs(["age:sex", " age : sex ", "sex:age"])
    assert pairs == (("age", "sex"), ("sex", "age"))
    twice = with_crossed(with_crossed(samples, [("age", "sex")]), [("age", "sex")])
    assert [g.id for g in twice.benchmark.groups].count("age/sex") == 1


@pytest.mark.parametrize("text", ["age", "age:", ":sex", "age:sex:site", "age:age", "", "<script>"])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(UsageError, match="no pair of groups") as caught:
        read_pairs([text])
    assert "--cross" in str(caught.value)


def test_an_unknown_group_is_told_with_the_nearest_names() -> None:
    card = load_catalog().benchmark("scin")
    with pytest.raises(UnknownNameError, match="fst-self") as caught:
        check_pairs(card, [("fst-slef", "age")])
    assert caught.value.exit_code == 2
    assert "monk-us" in str(caught.value.hint)
    with pytest.raises(UnknownNameError, match="tone-estimated"):
        check_pairs(card, [("tone-estimate", "age")], ("tone-estimated",))
    check_pairs(card, [("tone-estimated", "age")], ("tone-estimated",))


def test_a_group_that_the_data_have_not_says_why() -> None:
    with pytest.raises(UsageError, match="cannot be crossed") as caught:
        check_pairs(load_catalog().benchmark("ham10000"), [("skin-tone", "sex")])
    assert "no skin-tone label" in str(caught.value)


def test_rows_that_are_taken_keep_their_crossed_level() -> None:
    crossed = with_crossed(samples_of([a for a, _ in ALL], [s for _, s in ALL]), [("age", "sex")])
    taken = crossed.take(np.array([5, 0]))
    assert taken.groups["age/sex"].tolist() == crossed.groups["age/sex"][[5, 0]].tolist()
    assert replace(taken).benchmark.group("age/sex")
