"""Differences told together: against a plain loop, against known quantiles, and in agreement with themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from vlmeval.stats.paired.interaction import FEW_DRAWS, TIED, TOO_FEW, equal_differences
from vlmeval.stats.paired.simultaneous import effective_units, from_interval, together

B = 400
MANY = 10**6


def drawn(values: list[float], correlation: float, seed: int, spread: float = 1.0, draws: int = B) -> np.ndarray:
    """Differences whose draws are normal around them and share a part."""
    rng = np.random.default_rng(seed)
    shared, own = rng.normal(size=draws), rng.normal(size=(len(values), draws))
    errors = spread * (np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own)
    at = np.array(values)[:, None]
    return np.concatenate([at, at + errors], axis=1)


def by_hand(draws: np.ndarray, units: list[int]) -> tuple[list[float], list[float]]:
    """Adjusted p and half-width of every difference, in plain loops."""
    errors = draws[:, 1:] - draws[:, :1]
    sd = [float(np.sqrt(np.mean((e - e.mean()) ** 2))) for e in errors]
    largest = [max(abs(errors[f, b]) / sd[f] for f in range(len(draws))) for b in range(errors.shape[1])]
    p = []
    for f, n in enumerate(units):
        t = abs(draws[f, 0]) / (sd[f] * np.sqrt(n / (n - 1)))
        score = stats.norm.isf(stats.t.sf(t, n - 1))
        p.append((1 + sum(one >= score for one in largest)) / (1 + len(largest)))
    allowed = max(k for k in range(len(largest)) if (1 + k) / (1 + len(largest)) < 0.05)
    critical = sorted(largest, reverse=True)[allowed]
    half = [sd[f] * np.sqrt(n / (n - 1)) * stats.t.isf(stats.norm.sf(critical), n - 1) for f, n in enumerate(units)]
    return p, half


def test_the_family_is_told_as_by_hand() -> None:
    draws, units = drawn([0.0, 2.0, -3.5, 5.0], 0.4, 1), [300, 40, 25, 12]
    found = together(draws, units)
    p, half = by_hand(draws, units)
    np.testing.assert_allclose(found.p_adjusted, p, rtol=1e-12)
    np.testing.assert_allclose((found.high - found.low) / 2, half, rtol=1e-9)
    np.testing.assert_allclose((found.high + found.low) / 2, draws[:, 0], atol=1e-12)


def test_many_independent_differences_have_sidaks_quantile() -> None:
    found = together(drawn([0.0] * 20, 0.0, 2, draws=20_000), [MANY] * 20)
    sidak = stats.norm.isf((1 - 0.95 ** (1 / 20)) / 2)
    assert found.critical == pytest.approx(sidak, abs=0.05)


def test_one_difference_alone_has_students_interval() -> None:
    found = together(drawn([1.0], 0.0, 3, draws=20_000), [15])
    assert found.high[0] - 1.0 == pytest.approx(stats.t.isf(0.025, 14) * np.sqrt(15 / 14), abs=0.05)
    assert found.p[0] == pytest.approx(2 * stats.t.sf(1 / np.sqrt(15 / 14), 14), abs=0.01)


def test_differences_that_are_one_cost_nothing() -> None:
    one = drawn([2.0], 0.0, 4)
    alone, thrice = together(one, [50]), together(np.repeat(one, 3, axis=0), [50] * 3)
    assert thrice.low.tolist() == pytest.approx([alone.low[0]] * 3)
    assert thrice.p_adjusted.tolist() == pytest.approx([alone.p_adjusted[0]] * 3)


@given(
    st.lists(st.floats(-6, 6), min_size=1, max_size=6), st.floats(0, 0.99), st.integers(0, 10**6), st.integers(5, 400)
)
def test_interval_and_adjusted_p_agree(values: list[float], correlation: float, seed: int, units: int) -> None:
    found = together(drawn(values, correlation, seed, draws=199), [units] * len(values))
    out = (found.low > 0) | (found.high < 0)
    assert out.tolist() == (found.p_adjusted < 0.05).tolist()
    assert (found.p_adjusted >= found.p - 0.1).all()  # never far below what each has alone: the draws are few


@given(st.integers(0, 10**6), st.permutations(range(5)), st.floats(0.01, 100))
def test_order_and_scale_do_not_matter(seed: int, order: list[int], scale: float) -> None:
    draws, units = drawn([0.3, 1.0, -2.0, 3.0, 0.0], 0.5, seed, draws=99), [10, 20, 30, 40, 50]
    first = together(draws, units)
    other = together(scale * draws[order], [units[i] for i in order])
    np.testing.assert_allclose(other.p_adjusted, first.p_adjusted[order])
    np.testing.assert_allclose(other.low, scale * first.low[order], rtol=1e-9, atol=1e-12)


def test_what_never_differs_is_equal_and_no_test() -> None:
    draws = drawn([0.0, 3.0], 0.0, 5)
    with_equal = together(np.concatenate([draws, np.zeros((1, B + 1))]), [100, 100, 100])
    alone = together(draws, [100, 100])
    assert (with_equal.low[2], with_equal.high[2], with_equal.p_adjusted[2]) == (0.0, 0.0, 1.0)
    np.testing.assert_allclose(with_equal.low[:2], alone.low)


def test_too_many_undefined_draws_leave_the_family() -> None:
    draws = drawn([0.0, 3.0, 1.0], 0.0, 6)
    draws[2, 1 : 1 + B // 10] = np.nan
    found = together(draws, [100] * 3)
    assert np.isnan([found.low[2], found.p_adjusted[2]]).all()
    np.testing.assert_allclose(found.low[:2], together(draws[:2], [100] * 2).low)


@pytest.mark.parametrize("draws", [0, 5, 19])
def test_too_few_draws_tell_nothing(draws: int) -> None:
    found = together(drawn([50.0], 0.0, 7, draws=draws), [100])
    assert np.isnan(found.low).all()
    assert not (found.p_adjusted < 0.05).any()


@given(st.floats(-1, 1), st.floats(0.001, 1), st.floats(0.001, 1), st.integers(3, 1000))
def test_p_of_an_interval_agrees_with_it(value: float, below: float, above: float, units: int) -> None:
    low, high = value - below, value + above
    if min(abs(low), abs(high)) < 1e-9:
        return
    (p,) = from_interval(*(np.array([x]) for x in (value, low, high)), [units])
    assert (p < 0.05) == (low > 0 or high < 0)


def test_p_of_a_student_interval_is_its_own() -> None:
    value, error, units = 0.3, 0.1, 12
    half = stats.t.isf(0.025, units - 1) * error
    (p,) = from_interval(*(np.array([x]) for x in (value, value - half, value + half)), [units])
    assert p == pytest.approx(2 * stats.t.sf(3.0, units - 1))
    none, zero = from_interval(np.array([0.2, 0.0]), np.array([np.nan, -0.1]), np.array([np.nan, 0.2]), [9, 9])
    assert np.isnan(none)
    assert zero == 1.0


def test_effective_units_are_satterthwaites() -> None:
    rng = np.random.default_rng(8)
    noise = rng.normal(size=(4, 20_000))
    noise /= noise.std(axis=1, keepdims=True)
    alike = np.concatenate([np.zeros((4, 1)), noise], axis=1)
    assert effective_units(alike, [11] * 4) == pytest.approx(1 + 4 * 10)
    scarce = alike * np.array([[1.0], [1e-4], [1e-4], [1e-4]])
    assert effective_units(scarce, [7, 900, 900, 900]) == pytest.approx(7, abs=1e-3)
    assert effective_units(np.zeros((2, 10)), [7, 30]) == 30


def test_two_levels_are_welchs_t_test() -> None:
    draws = drawn([1.5, 0.0], 0.0, 9, draws=4000)
    draws[1] *= 3
    test = equal_differences(draws, [30, 30])
    variance = sum(np.var(d[1:], ddof=1) for d in draws) * 30 / 29 - 2 * np.cov(draws[:, 1:])[0, 1] * 30 / 29
    assert test.df == 1
    assert test.statistic == pytest.approx(1.5**2 / variance)
    a, b = draws[:, 1:].var(axis=1)
    welch = (a + b) ** 2 / (a**2 / 29 + b**2 / 29)
    assert 30 < welch < 50
    assert test.p == pytest.approx(2 * stats.t.sf(np.sqrt(test.statistic or 0), welch))


def test_many_units_make_it_walds() -> None:
    draws = drawn([0.0, 1.0, 2.5], 0.3, 10, draws=4000)
    test = equal_differences(draws, [MANY] * 3)
    errors = draws[:, 1:]
    spread = np.linalg.inv(np.cov(errors))
    mean = (spread @ draws[:, 0]).sum() / spread.sum()
    apart = draws[:, 0] - mean
    assert test.statistic == pytest.approx(apart @ spread @ apart, rel=1e-5)
    assert test.p == pytest.approx(stats.chi2.sf(test.statistic, 2), rel=1e-3)


@given(st.permutations(range(4)), st.floats(-5, 5), st.floats(0.1, 10))
def test_interaction_knows_no_order_shift_or_scale(order: list[int], shift: float, scale: float) -> None:
    draws, units = drawn([0.0, 1.0, 2.5, -1.0], 0.3, 11), [20, 30, 40, 50]
    first = equal_differences(draws, units)
    other = equal_differences(scale * draws[order] + shift, [units[i] for i in order])
    assert other.p == pytest.approx(first.p, rel=1e-6)


def test_a_level_that_never_differs_takes_no_part() -> None:
    draws = drawn([0.0, 1.0], 0.0, 12)
    flat = np.zeros((1, B + 1))
    assert equal_differences(np.concatenate([draws, flat]), [20, 20, 20]).used == (0, 1)
    assert equal_differences(np.concatenate([draws[:1], flat]), [20, 20]).reason == TOO_FEW


@pytest.mark.parametrize(("draws", "levels", "reason"), [
    (1, 2, FEW_DRAWS), (2, 3, FEW_DRAWS), (19, 2, FEW_DRAWS), (99, 6, FEW_DRAWS), (20, 2, None), (100, 6, None),
])  # fmt: skip
def test_levels_are_not_told_apart_by_a_handful_of_draws(draws: int, levels: int, reason: str | None) -> None:
    test = equal_differences(drawn([0.0] * levels, 0.0, 11, draws=draws), [MANY] * levels)
    assert test.reason == reason
    assert (test.p is None) == (reason is not None)


def test_levels_whose_differences_are_one_and_the_same_are_no_test() -> None:
    draws = drawn([0.5, 1.0], 0.0, 12)
    assert equal_differences(draws[[0, 1, 0]], [20, 20, 20]).reason == TIED
    nearly = draws[[0, 1, 0]] + np.array([[0.0], [0.0], [1e-9]]) * draws[1]
    assert equal_differences(nearly, [20, 20, 20]).reason == TIED
