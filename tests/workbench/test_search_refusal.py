"""Where a searched set may be evaluated: units are compared by their marks, within the same data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import search_worlds as worlds
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vlmeval.catalog import Catalog, load_catalog
from vlmeval.errors import UsageError
from vlmeval.evaluate.chosen_on import check_searched
from vlmeval.records import Samples
from vlmeval.records.search import MARK_DIGITS, unit_marks


def catalog(root: Path, **changes: Any) -> Catalog:
    known = {
        "vlmeval": "0", "created": "now", "benchmark": "made-up", "benchmark_digest": "0", "data_home": "here",
        "units": 20, "units_digest": "0", "model": "m", "model_key": "0", "objective": {"auroc": 1.0},
        "baseline": "a/start", "pool": {}, "candidates": 1, "seed": 0, "folds": 2, "steps": [],
        "validation": {"value": 0.5}, "nested": {"value": 0.5}, "optimism": {"value": 0.0},
        "unit_marks": " ".join(unit_marks(f"u{i}" for i in range(20)).values()),
    }  # fmt: skip
    about = {"schema": 1, "id": "my/found", "version": "1", "title": "f", "kind": "searched", "author": "t",
             "source": "t", "provenance": known | changes}  # fmt: skip
    (root / "prompts" / "my").mkdir(parents=True)
    (root / "prompts" / "my" / "found.yaml").write_text(yaml.safe_dump(about))
    return load_catalog([root])


def rows(test: Sequence[int] = range(20, 40), other: str = "val", **changes: Any) -> Samples:
    """Return forty units; those not of the test split are of the other one."""
    made = worlds.samples(40, card=worlds.benchmark(3, **changes))
    return replace(made, split=np.where(np.isin(np.arange(40), test), "test", other))


def check(known: Catalog, samples: Samples, split: str) -> None:
    check_searched(["my/found", "generic/names"], known, samples, split)


def test_only_rows_that_it_was_chosen_on_are_refused(tmp_path: Path) -> None:
    known = catalog(tmp_path)
    check(known, rows(), "test")
    check(known, rows(), "train")
    for split, seen, units in (("val", 20, 20), ("all", 20, 40)):
        with pytest.raises(UsageError, match=f"was chosen on {seen} of the {units} cases") as error:
            check(known, rows(), split)
        assert error.value.file == str(tmp_path / "prompts" / "my" / "found.yaml")
        assert error.value.hint is not None


def test_other_cards_of_the_same_data_are_compared_unit_by_unit_and_other_data_are_not(tmp_path: Path) -> None:
    known = catalog(tmp_path)
    check(known, rows([39], "train", id="other"), "test")
    with pytest.raises(UsageError, match="was chosen on 1 of the 2 cases"):
        check(known, rows([5, 39], "train", id="other"), "test")
    check(known, rows(data={"adapter": "table", "home": "elsewhere"}), "val")


def test_a_set_that_does_not_say_its_units_is_allowed_on_its_own_test_split_alone(tmp_path: Path) -> None:
    known = catalog(tmp_path, unit_marks="")
    check(known, rows(), "test")
    with pytest.raises(UsageError):
        check(known, rows(), "val")
    with pytest.raises(UsageError):
        check(known, rows(id="other"), "test")


@given(st.lists(st.text(), max_size=30))
def test_marks_are_short_and_of_the_id_alone(units: list[str]) -> None:
    marks = unit_marks(units)
    assert set(marks) == set(units)
    assert all(len(mark) == MARK_DIGITS and set(mark) <= set("0123456789abcdef") for mark in marks.values())
    assert marks == unit_marks(reversed(units))
