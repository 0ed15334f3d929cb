"""Telling SCIN's readers apart: the weights follow from the readers' own lists, and only one cut may explain them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.data.scin.adapter import read
from vlmeval.data.scin.labels import CaseLabels, case_labels
from vlmeval.data.scin.opinions import opinions
from vlmeval.data.scin.tables import ALL_GRADED, read_tables
from vlmeval.errors import DataError
from vlmeval.records import Benchmark

Reader = list[tuple[str, int]]
Cards = Callable[[str], Benchmark]
Folder = Callable[..., Path]
YES = "DEFAULT_YES_IMAGE_QUALITY_SUFFICIENT"


def own_weights(reader: Reader) -> dict[str, float]:
    """1 / rank by confidence; equal confidences share their ranks. Written down apart from the code under test."""
    weights: dict[str, float] = {}
    rank = 0
    for confidence, count in sorted(Counter(c for _, c in reader).items(), reverse=True):
        share = sum(1 / (rank + i) for i in range(1, count + 1)) / count
        weights |= {name: share for name, c in reader if c == confidence}
        rank += count
    return weights


def published(readers: list[Reader]) -> CaseLabels:
    """What the release would say of these readers: one list, and weights with two decimals."""
    total: dict[str, float] = {}
    for reader in readers:
        for name, weight in own_weights(reader).items():
            total[name] = total.get(name, 0.0) + weight
    whole = sum(total.values())
    names, confidences = zip(*(pair for reader in readers for pair in reader), strict=True)
    return CaseLabels(names, confidences, {name: round(weight / whole, 2) for name, weight in total.items()})


def cuts_that_explain(said: CaseLabels, readers: int) -> int:
    """How many cuts of the joint list give the published weights, found by trying them all."""
    pairs = list(zip(said.names, said.confidences, strict=True))
    count = 0
    for parts in range(1, readers + 1):
        for ends in itertools.combinations(range(1, len(pairs)), parts - 1):
            lists = [pairs[a:b] for a, b in itertools.pairwise((0, *ends, len(pairs)))]
            if all(len(one) <= 3 and len({name for name, _ in one}) == len(one) for one in lists):
                again = published(lists).weights
                count += all(abs(again[name] - weight) < 0.0101 for name, weight in said.weights.items())
    return count


reader = st.lists(
    st.tuples(st.sampled_from("ABCDEF"), st.integers(1, 5)), min_size=1, max_size=3, unique_by=lambda pair: pair[0]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(reader, min_size=1, max_size=3))
def test_what_is_found_is_what_the_readers_said(readers: list[Reader]) -> None:
    """Never a wrong cut: the right one explains the weights, so that any other makes the case uncertain."""
    found = opinions(published(readers), len(readers))
    if found is None:
        return
    expected = []
    for one in readers:
        own = own_weights(one)
        expected.append({name: weight / sum(own.values()) for name, weight in own.items()})
    key = lambda weights: sorted((name, round(w, 9)) for name, w in weights.items())  # noqa: E731
    assert sorted(map(key, found)) == sorted(map(key, expected))


def test_one_reader_is_always_told() -> None:
    found = opinions(published([[("Impetigo", 2), ("Herpes", 1), ("Tinea", 1)]]), 1)
    assert found is not None
    assert found[0] == pytest.approx({"Impetigo": 6 / 11, "Herpes": 2.5 / 11, "Tinea": 2.5 / 11})


def test_two_cuts_that_explain_the_weights_are_no_answer() -> None:
    said = published([[("A", 4)], [("B", 1), ("C", 3)]])
    assert opinions(said, 2) is None  # [A, B] and [C] would weigh the same
    assert opinions(published([[("A", 1)], [("B", 1)]]), 2) is None  # or one reader who was equally sure of both
    assert opinions(published([[("A", 5)], [("A", 4), ("B", 3)], [("B", 5)]]), 3) is not None


def test_weights_that_no_cut_explains_are_no_answer() -> None:
    assert opinions(CaseLabels(("A", "B"), (5, 1), {"A": 0.9, "B": 0.1}), 2) is None
    assert opinions(CaseLabels(("A", "B"), (5, 1), {"A": 0.67, "C": 0.33}), 2) is None
    assert opinions(CaseLabels(("A",) * 4, (1,) * 4, {"A": 1.0}), 3) is None  # nobody says the same twice


def test_readers_and_their_opinions_become_columns(cards: Cards, scin_folder: Folder, make: SimpleNamespace) -> None:
    several = dict.fromkeys(ALL_GRADED[:2], YES)
    names = {"dermatologist_skin_condition_on_label_name": "['Eczema', 'Eczema', 'Unlisted']"}
    weights = {"weighted_skin_condition_label": "{'Eczema': 0.8, 'Unlisted': 0.2}"}
    confidences = {"dermatologist_skin_condition_confidence": "[5, 4, 3]"}
    root = scin_folder(
        [make.case("1", 2), make.case("2"), make.case("3")],
        [make.label("1", **several, **names, **weights, **confidences), make.label("2"), make.label("3", {})],
    )
    samples = load_samples(cards("scin"), root)
    assert samples.raters is not None
    assert samples.opinions is not None
    assert samples.raters.tolist() == [2, 2, 1, 1]
    eczema = samples.benchmark.class_ids.index("eczema")
    told = samples.opinions[:, :, eczema]
    assert sorted(told[0, :2].tolist()) == pytest.approx([2 / 3, 1])
    assert np.isnan(told[0, 2])
    assert told[2].tolist() == pytest.approx([1, np.nan, np.nan], nan_ok=True)
    assert np.nansum(samples.opinions[3]) == 0
    assert samples.weights is not None
    assert samples.weights[0].sum() == pytest.approx(0.8)
    half = samples.take(np.array([2, 0]))
    assert half.opinions is not None
    assert half.opinions[1, :, eczema].tolist() == pytest.approx(told[0].tolist(), nan_ok=True)
    assert samples.digest != load_samples(cards("scin-broad"), root).digest


def test_shares_are_of_all_conditions_however_the_release_rounds(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    label = make.label("1", {"Eczema": 0.33, "Tinea": 0.33, "Unlisted": 0.33})
    raw = read(cards("scin"), scin_folder([make.case("1")], [label]))
    assert raw.weights is not None
    assert raw.weights[0].sum() == pytest.approx(2 / 3)


def test_a_card_that_names_a_column_of_readers_that_is_not_there(
    cards: Cards, scin_folder: Folder, make: SimpleNamespace
) -> None:
    card = cards("scin")
    root = scin_folder([make.case("1")], [make.label("1")])
    for column in ("nobody", "body_part"):
        wrong = card.model_copy(update={"truth": card.truth.model_copy(update={"raters": column})})
        with pytest.raises(DataError) as caught:
            load_samples(wrong, root)
        assert caught.value.key == column


@pytest.mark.realdata
def test_the_rule_explains_every_labelled_case_of_scin(real_data: Path) -> None:
    _, labels, rows = read_tables(real_data / "scin")
    told: Counter[tuple[int, int]] = Counter()
    for row in rows:
        said = case_labels(labels, row)
        if said.names:
            readers = sum(labels[column][row] == YES for column in ALL_GRADED)
            found = opinions(said, readers)
            assert found is not None or cuts_that_explain(said, readers) > 1
            told[(readers, len(found) if found is not None else 0)] += 1
    assert sum(told.values()) == 3061
    assert told[(1, 1)] == 2409 + 99
    assert sum(n for (readers, _), n in told.items() if readers == 1) == told[(1, 1)]
    several = sum(n for (_, lists), n in told.items() if lists > 1)
    assert several == 468
    assert sum(n for (readers, _), n in told.items() if readers > 1) == 553


@pytest.mark.realdata
def test_opinions_and_weights_of_one_reader_are_the_same(real_data: Path) -> None:
    samples = load_samples(load_catalog().benchmark("scin-broad"), real_data / "scin")
    assert samples.weights is not None
    assert samples.opinions is not None
    assert samples.raters is not None
    alone = samples.raters == 1
    assert np.abs(samples.opinions[alone, 0] - samples.weights[alone]).max() < 0.0051
    assert np.isnan(samples.opinions[alone, 1:]).all()
    assert samples.weights.sum(axis=1).max() <= 1 + 1e-6
