"""Few-shot draws: nested, of the right size, the same whatever else is asked for, and from the pool only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from few_shot_world import samples_of
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.errors import DataError
from vlmeval.methods.fewshot import draw_all, drawn
from vlmeval.records import Draw, FewShotOptions, Samples

SHOTS = (1, 2, 4, 8)


@st.composite
def pools(draw: Any, task: str) -> Samples:
    k = draw(st.integers(2, 5))
    u = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    share = rng.dirichlet(np.ones(k) * 0.7)
    if task == "single-label":
        labels = np.eye(k, dtype=bool)[rng.choice(k, size=u, p=share)]
    else:
        labels = rng.random((u, k)) < share * draw(st.floats(0.2, 2.5))
        labels[0, 0] = True
    return samples_of(labels, np.repeat("train", u), task, seed=u)


def unit_labels(samples: Samples, units: tuple[str, ...]) -> np.ndarray:
    return np.array([samples.labels[samples.units == unit].any(axis=0) for unit in units])


def by_key(draws: tuple[Draw, ...]) -> dict[tuple[str, int], Draw]:
    return {(draw.regime, draw.seed): draw for draw in draws}


BOTH = pytest.mark.parametrize("task", ["single-label", "multi-label"])


@settings(max_examples=60, deadline=None)
@given(samples=pools("single-label"))
def test_a_balanced_draw_has_k_units_of_every_class_or_all_there_are(samples: Samples) -> None:
    draws, shortfalls = draw_all(samples, FewShotOptions(shots=SHOTS, seeds=3))
    _, first = np.unique(samples.units, return_index=True)
    available = samples.labels[first].sum(axis=0)
    for draw in draws:
        assert len(set(draw.units)) == len(draw.units)
        for k in SHOTS:
            counts = unit_labels(samples, drawn(draw, k)).sum(axis=0)
            np.testing.assert_array_equal(counts, np.minimum(available, k))
    expected = {(f"c{c}", k, int(n), "take-all") for c, n in enumerate(available) for k in SHOTS if n < k}
    assert {(s.class_id, s.shots, s.available, s.done) for s in shortfalls} == expected


@settings(max_examples=100, deadline=None)
@given(samples=pools("multi-label"))
def test_a_multi_label_draw_has_k_with_and_k_without_each_label_and_k_without_any(samples: Samples) -> None:
    draws, _ = draw_all(samples, FewShotOptions(shots=SHOTS, seeds=2))
    everything = unit_labels(samples, tuple(np.unique(samples.units)))
    for draw in draws:
        assert len(set(draw.units)) == len(draw.units)
        for k in SHOTS:
            mine = unit_labels(samples, drawn(draw, k))
            with_it, without = mine.sum(axis=0), (~mine).sum(axis=0)
            assert (with_it >= np.minimum(everything.sum(axis=0), k)).all()
            assert (without >= np.minimum((~everything).sum(axis=0), k)).all()
            free, all_free = (~mine.any(axis=1)).sum(), (~everything.any(axis=1)).sum()
            assert free >= min(all_free, k)
            # Nobody is drawn for nothing: K labels, "none of them", and K times "without".
            assert len(mine) <= k * (2 * mine.shape[1] + 1)


def test_multi_label_draws_rarest_label_first_so_that_common_ones_come_along() -> None:
    # Every unit with the rare label has the common one too: two units do for two shots of both.
    labels = [[1, 1, 0]] * 2 + [[0, 1, 0]] * 30 + [[0, 0, 1]] * 30 + [[0, 0, 0]] * 30
    samples = samples_of(labels, np.repeat("train", len(labels)), "multi-label")
    for draw in draw_all(samples, FewShotOptions(shots=(1, 2), seeds=5))[0]:
        mine = unit_labels(samples, drawn(draw, 2))
        assert mine.sum(axis=0).tolist() == [2, 2, 2]
        assert len(mine) == 6, "two with both, two with the third, two with none"


@BOTH
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_fewer_shots_lie_inside_more(task: str, data: Any) -> None:
    samples = data.draw(pools(task))
    options = FewShotOptions(shots=(*SHOTS, "all"), seeds=2, regimes=("balanced", "natural"))
    for draw in draw_all(samples, options)[0]:
        sizes = [draw.sizes[str(k)] for k in SHOTS]
        assert sizes == sorted(sizes)
        assert len(draw.units) == max(draw.sizes.values())


@BOTH
@settings(max_examples=40, deadline=None)
@given(data=st.data(), extra=st.sampled_from([3, 16, 64]))
def test_more_shots_more_seeds_and_another_order_change_no_draw(task: str, data: Any, extra: int) -> None:
    samples = data.draw(pools(task))
    few = FewShotOptions(shots=(1, 4), seeds=2, regimes=("balanced", "natural"))
    shots = tuple(sorted({1, 2, 4, extra}))
    more = FewShotOptions(shots=(*shots, "all"), seeds=5, regimes=("natural", "balanced"))
    shuffled = samples.take(np.random.default_rng(0).permutation(len(samples)))
    before, after = by_key(draw_all(samples, few)[0]), by_key(draw_all(shuffled, more)[0])
    for key, draw in before.items():
        for k in (1, 4):
            assert drawn(draw, k) == drawn(after[key], k)


def test_seeds_differ() -> None:
    samples = samples_of(np.eye(3, dtype=bool)[np.arange(90) % 3], np.repeat("train", 90))
    draws = draw_all(samples, FewShotOptions(shots=(4,), seeds=10))[0]
    assert len({frozenset(draw.units) for draw in draws}) == 10


@BOTH
def test_all_is_every_unit_once_and_in_one_seed_only(task: str) -> None:
    labels = np.eye(3, dtype=bool)[np.arange(31) % 3]
    samples = samples_of(labels, np.repeat("train", 31), task)
    options = FewShotOptions(shots=(2, "all"), seeds=3, regimes=("balanced", "natural"))
    for draw in draw_all(samples, options)[0]:
        assert ("all" in draw.sizes) == (draw.seed == 0)
        if draw.seed == 0:
            assert sorted(drawn(draw, "all")) == sorted(set(samples.units.tolist()))
    only = draw_all(samples, FewShotOptions(shots=("all",), seeds=3))[0]
    assert [draw.seed for draw in only] == [0]


def test_a_natural_draw_has_the_pools_class_mix_on_average() -> None:
    labels = np.eye(2, dtype=bool)[(np.arange(400) % 10 == 0).astype(int)]
    samples = samples_of(labels, np.repeat("train", 400))
    draws = draw_all(samples, FewShotOptions(shots=(1, 16), seeds=60, regimes=("natural",)))[0]
    assert {len(drawn(draw, 16)) for draw in draws} == {32}
    counts = [unit_labels(samples, drawn(draw, 16)).sum(axis=0)[1] for draw in draws]
    # 60 draws of 32 units without replacement: the mean of 3.2 has a standard error of about 0.21.
    assert abs(np.mean(counts) - 3.2) < 0.85
    assert any(unit_labels(samples, drawn(draw, 1)).sum(axis=0)[1] == 0 for draw in draws), "classes may be missing"


def test_dropped_classes_are_named_and_units_stay_in_order() -> None:
    labels = np.eye(3, dtype=bool)[[0] * 9 + [1] * 9 + [2] * 3]
    samples = samples_of(labels, np.repeat("train", 21))
    taken, _ = draw_all(samples, FewShotOptions(shots=(2, 4), seeds=1))
    draws, shortfalls = draw_all(samples, FewShotOptions(shots=(2, 4), seeds=1, few_units="drop-class"))
    assert [(s.class_id, s.shots, s.available, s.done) for s in shortfalls] == [("c2", 4, 3, "drop-class")]
    assert draws == taken


def test_too_few_units_are_an_error_if_asked_for() -> None:
    labels = np.eye(3, dtype=bool)[[0] * 9 + [1] * 2]
    samples = samples_of(labels, np.repeat("train", 11))
    with pytest.raises(DataError) as caught:
        draw_all(samples, FewShotOptions(shots=(1, 4), seeds=1, few_units="error"))
    text = str(caught.value)
    assert "c1 has 2" in text
    assert "c2 has 0" in text
    assert "c0" not in text
    assert "at least 4 cases" in text
    assert "take-all" in text
    draws, shortfalls = draw_all(samples, FewShotOptions(shots=("all",), few_units="error"))
    assert len(draws[0].units) == 11
    assert not shortfalls, "'all' never falls short"
    natural = FewShotOptions(shots=(4,), regimes=("natural",), few_units="error")
    assert len(draw_all(samples, natural)[0]) == 10, "natural draws promise no class"


def test_units_without_a_class_are_not_drawn_for_one_label_tasks() -> None:
    labels = np.eye(2, dtype=bool)[np.arange(10) % 2]
    labels[:4] = False
    samples = samples_of(labels, np.repeat("train", 10))
    draw = draw_all(samples, FewShotOptions(shots=("all",)))[0][0]
    assert sorted(draw.units) == ["u4", "u5", "u6", "u7", "u8", "u9"]


@BOTH
def test_an_empty_pool_says_so(task: str) -> None:
    samples = samples_of(np.zeros((3, 2)), np.repeat("train", 3), task)
    with pytest.raises(DataError, match="nothing to draw from"):
        draw_all(samples, FewShotOptions())
