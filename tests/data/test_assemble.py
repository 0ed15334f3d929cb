"""From raw columns to levels and splits: what level takes a value, what is refused, and the registry of adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeval.data import ADAPTERS, adapter
from vlmeval.data.assemble import assemble, group_codes
from vlmeval.data.raw import DEVELOPMENT, RawTable
from vlmeval.errors import CatalogError, DataError, UnknownNameError
from vlmeval.records import Benchmark, GroupSpec, ImageRef

Cards = Callable[[str], Benchmark]
SPEC = GroupSpec.model_validate(
    {
        "id": "tone",
        "name": "Tone",
        "kind": "skin-tone",
        "column": "tone",
        "levels": [
            {"id": "low", "name": "low", "from": 1, "below": 2.5},
            {"id": "high", "name": "high", "from": 2.5, "below": 7},
            {"id": "none", "name": "none", "values": ["", "not-gradable"], "missing": True},
        ],
    }
)


def raw_of(values: Sequence[str] | np.ndarray, **changes: Any) -> RawTable:
    n = len(values)
    column = values if isinstance(values, np.ndarray) else np.array(values, dtype=np.str_)
    raw = RawTable(
        ids=np.array([f"i{k}" for k in range(n)]),
        images=tuple(ImageRef(Path(f"i{k}.jpg")) for k in range(n)),
        units=np.array([f"u{k}" for k in range(n)]),
        labels=np.eye(7, dtype=bool)[np.arange(n) % 7],
        columns={"tone": column},
        source=Path("table.csv"),
    )
    return replace(raw, **changes)


def plain(card: Benchmark, **protocol: Any) -> Benchmark:
    """The card without groups, under another protocol."""
    return card.model_copy(update={"groups": (), "protocol": card.protocol.model_copy(update=protocol)})


def test_ranges_are_half_open_and_words_are_exact() -> None:
    codes = group_codes(SPEC, raw_of(["1", "2.4", "2.5", "6.99", "", "not-gradable"]))
    assert codes.tolist() == [0, 0, 1, 1, 2, 2]
    assert codes.dtype == np.int16


def test_a_number_that_is_missing_is_not_recorded() -> None:
    assert group_codes(SPEC, raw_of(np.array([1.0, np.nan, 3.0]))).tolist() == [0, 2, 1]


@given(st.floats(allow_nan=False, allow_infinity=True))
def test_every_number_is_in_its_range_or_refused(value: float) -> None:
    raw = raw_of(np.array([value]))
    text = float(f"{value:g}")
    if 1 <= text < 7:
        assert group_codes(SPEC, raw).tolist() == [int(text >= 2.5)]
    else:
        with pytest.raises(DataError, match="no level"):
            group_codes(SPEC, raw)


@pytest.mark.parametrize("value", ["7", "0", "nan", "inf", "I", " ", "1e3"])
def test_a_value_no_level_takes_is_named(value: str) -> None:
    with pytest.raises(DataError) as caught:
        group_codes(SPEC, raw_of(["1", value]))
    assert caught.value.key == "tone"
    assert caught.value.file == "table.csv"
    assert caught.value.found == repr(value)


def test_a_missing_column_lists_what_there_is() -> None:
    with pytest.raises(DataError, match="does not have") as caught:
        group_codes(SPEC, raw_of(["1"], columns={"other": np.array(["1"])}))
    assert caught.value.found == "columns: other"


def test_other_takes_the_rest(cards: Cards) -> None:
    source = cards("ham10000").group("source")
    raw = raw_of(["", "rosendahl", "elsewhere"])
    raw = replace(raw, columns={"dataset": raw.columns["tone"]})
    assert [source.levels[code].id for code in group_codes(source, raw)] == ["not-recorded", "rosendahl", "other"]


def test_a_single_label_row_has_exactly_one_class(cards: Cards) -> None:
    labels = np.eye(7, dtype=bool)[[0, 1, 2]]
    labels[1, 3] = True
    with pytest.raises(DataError, match="exactly one class") as caught:
        assemble(plain(cards("ham10000")), raw_of(["1", "1", "1"], labels=labels))
    assert caught.value.key == "i1"


def test_a_sample_is_there_once(cards: Cards) -> None:
    with pytest.raises(DataError, match="there twice"):
        assemble(plain(cards("ham10000")), raw_of(["1", "1"], ids=np.array(["a", "a"])))


def test_the_data_may_say_the_split_and_leave_development_to_us(cards: Cards) -> None:
    split = np.array(["test"] * 10 + [DEVELOPMENT] * 30)
    card = plain(cards("ham10000"), by="column", column="split", fractions=(0.8, 0.2, 0.0))
    samples = assemble(card, raw_of(["1"] * 40, split=split))
    assert samples.split[:10].tolist() == ["test"] * 10
    assert sorted(set(samples.split[10:].tolist())) == ["train", "val"]
    assert (samples.split == "val").sum() == 6


@pytest.mark.parametrize(
    ("protocol", "split", "error"),
    [
        ({"by": "column", "column": "part"}, None, CatalogError),
        ({"by": "column", "column": "part"}, ["train", "holdout"], DataError),
        ({"recipe": "no-such-paper"}, None, CatalogError),
    ],
)
def test_splits_that_cannot_be_made(
    protocol: dict[str, str], split: list[str] | None, error: type[Exception], cards: Cards
) -> None:
    raw = raw_of(["1", "1"], split=None if split is None else np.array(split))
    with pytest.raises(error):
        assemble(plain(cards("ham10000"), **protocol), raw)


def test_splitting_by_image_ignores_units(cards: Cards) -> None:
    raw = raw_of(["1"] * 50, units=np.array(["one"] * 50))
    assert len(set(assemble(plain(cards("ham10000")), raw).split.tolist())) == 1
    assert len(set(assemble(plain(cards("ham10000"), by="image"), raw).split.tolist())) == 3


def test_columns_of_different_length_are_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="units has 1 rows"):
        raw_of(["1", "1"], units=np.array(["u"]))


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_every_registered_adapter_reads(name: str) -> None:
    assert callable(adapter(name).read)


def test_an_unknown_adapter_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="ham10000"):
        adapter("ham1000")
