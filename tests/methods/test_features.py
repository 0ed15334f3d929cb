"""Features against scikit-learn and zero-shot's own pooling; weights that make units and classes count once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from vlmeval.methods import Units
from vlmeval.methods.features import Features, class_weights, unit_weights
from vlmeval.methods.scored import unit_length

RNG = np.random.default_rng(3)
X = (RNG.normal(size=(40, 5)) * [1, 2, 3, 4, 5] + 7).astype(np.float32)
W = RNG.random(40) + 0.1


@pytest.mark.parametrize("weight", [None, W], ids=["plain", "weighted"])
def test_standardised_features_equal_scikit_learns(weight: Any) -> None:
    theirs = StandardScaler().fit(X.astype(np.float64), sample_weight=weight)
    ours = Features.fit("standardised", X, weight)
    new = X[:7] + 1
    np.testing.assert_allclose(ours.images(new), theirs.transform(new.astype(np.float64)), atol=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, 12345.678])
def test_a_dimension_that_does_not_vary_is_zero_for_every_row(value: float) -> None:
    constant = np.concatenate([X, np.full((40, 1), value, dtype=np.float32)], axis=1)
    features = Features.fit("standardised", constant)
    elsewhere = constant.copy()
    elsewhere[:, -1] += 1
    assert not features.images(constant)[:, -1].any()
    assert not features.images(elsewhere)[:, -1].any()
    assert features.images(constant)[:, :-1].all()


def test_raw_features_are_the_vectors_and_l2_features_have_length_one() -> None:
    np.testing.assert_array_equal(Features.fit("raw", X).images(X), X.astype(np.float64))
    np.testing.assert_allclose(np.linalg.norm(Features.fit("l2", X).images(X), axis=1), 1, atol=1e-12)


def test_units_pool_as_zero_shot_does_for_l2_and_by_the_mean_otherwise(made: Any) -> None:
    samples, images = made()
    units = Units.of(samples)
    pooled = Features.fit("l2", images.vectors).units(images.vectors, units)
    np.testing.assert_allclose(pooled, unit_length(units.mean(unit_length(images.vectors))), atol=1e-12)
    standard = Features.fit("standardised", images.vectors)
    of_means = standard.images(units.mean(images.vectors))
    np.testing.assert_allclose(standard.units(images.vectors, units), of_means, atol=1e-9)
    np.testing.assert_allclose(Features("raw").units(images.vectors, units), units.mean(images.vectors), atol=1e-12)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_every_unit_weighs_one(names: list[str]) -> None:
    weights = unit_weights(np.array(names))
    for name in set(names):
        assert sum(w for w, n in zip(weights, names, strict=True) if n == name) == pytest.approx(1)


def test_class_weights_are_scikit_learns_balanced_ones() -> None:
    codes = RNG.choice(4, size=60, p=[0.6, 0.2, 0.15, 0.05])
    labels = np.eye(4, dtype=bool)[codes]
    np.testing.assert_allclose(class_weights(labels), compute_sample_weight("balanced", codes), atol=1e-12)
    one = labels[:, 1:2]
    np.testing.assert_allclose(class_weights(one), compute_sample_weight("balanced", one[:, 0]), atol=1e-12)


def test_with_row_weights_classes_weigh_the_same_and_the_sum_stays() -> None:
    codes = RNG.choice(3, size=40, p=[0.7, 0.2, 0.1])
    both = W * class_weights(np.eye(5, dtype=bool)[codes], W)  # two of five classes have no row
    totals = np.bincount(codes, weights=both)
    np.testing.assert_allclose(totals, W.sum() / 3, rtol=1e-12)
    assert both.sum() == pytest.approx(W.sum())
