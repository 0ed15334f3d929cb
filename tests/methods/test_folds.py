"""Folds: units stay whole, classes are spread, and only ids, labels and the seed decide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.errors import DataError
from vlmeval.methods.folds import grouped_folds


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_units_stay_whole_and_folds_have_the_same_class_mix(made: Any, task: str) -> None:
    samples, _ = made(units=200, k=4, task=task)
    folds = grouped_folds(samples.units, samples.labels, 5, 1, single_label=task == "single-label")
    assert set(folds) == set(range(5))
    names, first = np.unique(samples.units, return_index=True)
    for name in names:
        assert len(set(folds[samples.units == name])) == 1
    sizes = np.bincount(folds[first])
    assert sizes.max() - sizes.min() <= 2
    for k in range(4):
        counts = np.bincount(folds[first][samples.labels[first, k]], minlength=5)
        assert counts.max() - counts.min() <= 2, f"class {k}: {counts}"


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_row_order_does_not_matter_and_the_seed_does(made: Any, task: str) -> None:
    samples, _ = made(units=60, task=task)
    single = task == "single-label"
    folds = grouped_folds(samples.units, samples.labels, 3, 7, single_label=single)
    order = np.random.default_rng(0).permutation(len(samples))
    shuffled = grouped_folds(samples.units[order], samples.labels[order], 3, 7, single_label=single)
    np.testing.assert_array_equal(shuffled, folds[order])
    assert (grouped_folds(samples.units, samples.labels, 3, 8, single_label=single) != folds).any()


@given(st.integers(2, 12), st.integers(2, 8), st.booleans(), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_no_fold_is_empty_however_few_units_there_are(units: int, folds: int, single: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.eye(3, dtype=bool)[rng.integers(3, size=units)] if single else rng.random((units, 3)) < 0.5
    codes = grouped_folds(np.array([f"u{i}" for i in range(units)]), labels, folds, seed, single_label=single)
    assert 2 <= len(set(codes)) <= min(folds, units)
    assert set(codes) == set(range(codes.max() + 1))


def test_one_unit_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="at least two units"):
        grouped_folds(np.array(["a", "a"]), np.ones((2, 2), dtype=bool), 5, 0, single_label=False)
