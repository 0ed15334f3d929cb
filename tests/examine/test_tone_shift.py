"""How numbers move between two sources of skin tone: against scikit-learn on the rows themselves, draw by draw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_subjects import card, scored
from sklearn.metrics import roc_auc_score

from vlmeval.examine import Examinee, Part, Subject
from vlmeval.examine.tone.shift import NO_PAIR, OTHER_CLASSES, tone_shifts
from vlmeval.records import Benchmark, GroupSpec, ImageRef, Plan, Predictions, Samples, Shift
from vlmeval.stats import Resamples

LEVELS = [{"id": x, "name": x, "values": [x], "missing": x == "silent"} for x in ("light", "dark", "silent")]


def source(name: str, scale: str | None = "fitzpatrick", **more: object) -> GroupSpec:
    facts = {"id": name, "name": name, "kind": "skin-tone", "scale": scale, "column": name, "levels": LEVELS}
    return GroupSpec.model_validate(facts | more)


def shifts(predictions: Predictions, benchmark: Benchmark, draws: int = 100) -> tuple[list[Shift], Part]:
    samples = Samples(
        benchmark=benchmark,
        ids=predictions.ids,
        images=tuple(ImageRef(Path("none.png")) for _ in predictions.ids),
        units=predictions.units,
        labels=predictions.y_true,
        split=np.full(len(predictions), "test"),
        groups=predictions.groups,
    )
    part = Part()
    resamples = Resamples.draw(predictions.units, draws, 0)
    plan = Plan(benchmark=benchmark.id, model="m")
    tone_shifts(Subject(plan, samples, [Examinee([predictions], [])], resamples), part)
    return part.shifts, part


@pytest.fixture
def predictions() -> Predictions:
    """Two sources that mostly agree; a third on another scale."""
    made = scored("multi-label", units=400, k=3)
    rng = np.random.default_rng(5)
    own = rng.choice(3, size=400, p=(0.5, 0.3, 0.2)).astype(np.int16)
    seen = np.where(rng.random(400) < 0.8, own, rng.choice(3, size=400)).astype(np.int16)
    return replace(made, groups={"self": own, "panel": seen, "monk": own[::-1].copy()})


@pytest.fixture
def benchmark() -> Benchmark:
    groups = (source("self"), source("panel"), source("monk", "monk"))
    return card("multi-label", 3).model_copy(update={"groups": groups})


def macro(predictions: Predictions, group: str, code: int, weight: np.ndarray | None = None) -> float:  # type: ignore[type-arg]
    rows = predictions.groups[group] == code
    weights = None if weight is None else weight[rows]
    values = [
        roc_auc_score(predictions.y_true[rows, k], predictions.scores[rows, k], sample_weight=weights) for k in range(3)
    ]
    return float(np.mean(values))


def test_a_shift_is_the_difference_of_two_groupings_of_the_same_rows(
    predictions: Predictions, benchmark: Benchmark
) -> None:
    found, _ = shifts(predictions, benchmark)
    plain = {s.group_level: s for s in found if s.averaging == "macro"}
    assert [(s.a, s.b) for s in found] == [("self", "panel")] * 6
    for code, level in enumerate(("light", "dark")):
        expected = macro(predictions, "self", code) - macro(predictions, "panel", code)
        assert plain[level].value == pytest.approx(expected)
        assert plain[level].n_a == (predictions.groups["self"] == code).sum()
        assert plain[level].n_b == (predictions.groups["panel"] == code).sum()
    gaps = [macro(predictions, s, 1) - macro(predictions, s, 0) for s in ("self", "panel")]
    assert plain["last-first"].value == pytest.approx(gaps[0] - gaps[1])


def test_the_interval_is_of_the_same_draws_on_both_sides(predictions: Predictions, benchmark: Benchmark) -> None:
    found, _ = shifts(predictions, benchmark, draws=100)
    one = next(s for s in found if (s.averaging, s.group_level) == ("macro", "dark"))
    counts = Resamples.draw(predictions.units, 100, 0)
    rows = counts.index_of(predictions.units)
    draws = [
        macro(predictions, "self", 1, counts.counts[rows, d]) - macro(predictions, "panel", 1, counts.counts[rows, d])
        for d in range(1, 101)
    ]
    assert [one.low, one.high] == pytest.approx(np.quantile(draws, [0.025, 0.975]))


def test_equal_sources_shift_nothing(predictions: Predictions, benchmark: Benchmark) -> None:
    same = replace(predictions, groups={**predictions.groups, "panel": predictions.groups["self"]})
    found, _ = shifts(same, benchmark)
    assert {(s.value, s.low, s.high) for s in found} == {(0.0, 0.0, 0.0)}


def test_swapping_the_sources_turns_the_sign(predictions: Predictions, benchmark: Benchmark) -> None:
    found, _ = shifts(predictions, benchmark)
    turned = benchmark.model_copy(update={"groups": (source("panel"), source("self"))})
    other, _ = shifts(predictions, turned)
    for one, two in zip(found, other, strict=True):
        assert one.value == pytest.approx(-float(two.value or 0))
        assert (one.n_a, one.n_b) == (two.n_b, two.n_a)


def test_where_sides_differ_in_classes_only_common_ones_are_compared(
    predictions: Predictions, benchmark: Benchmark
) -> None:
    truth, codes = predictions.y_true.copy(), predictions.groups["self"].copy()
    # In the dark level of one source the last class is never there.
    codes[(codes == 1) & truth[:, 2]] = 2
    found, _ = shifts(replace(predictions, groups={**predictions.groups, "self": codes}), benchmark)
    of = {(s.averaging, s.group_level): s for s in found}
    assert of["macro", "dark"].value is None
    assert of["macro", "dark"].reason == OTHER_CLASSES
    common = of["macro-common", "dark"]
    assert common.n_classes == 2
    rows = [codes == 1, predictions.groups["panel"] == 1]
    sides = [np.mean([roc_auc_score(truth[r, k], predictions.scores[r, k]) for k in (0, 1)]) for r in rows]
    assert common.value == pytest.approx(sides[0] - sides[1])
    assert of["macro-common", "light"].n_classes == 3
    assert of["macro-common", "last-first"].n_classes == 2


def test_a_small_side_has_no_value_but_a_reason(predictions: Predictions, benchmark: Benchmark) -> None:
    codes = np.full(400, 2, dtype=np.int16)
    codes[:200], codes[200:205] = 0, 1
    found, _ = shifts(replace(predictions, groups={**predictions.groups, "self": codes}), benchmark)
    of = {(s.averaging, s.group_level): s for s in found}
    assert of["macro", "dark"].value is None
    assert "self, dark: suppressed: fewer than 10 cases (5)" in str(of["macro", "dark"].reason)
    assert of["macro", "last-first"].value is None
    assert of["macro", "light"].n_a == 200
    assert "10 positive and 10 negative cases" in str(of["macro-common", "dark"].reason)


def test_balanced_accuracy_over_common_classes_is_mean_sensitivity() -> None:
    made = scored("single-label", units=600, k=3)
    rng = np.random.default_rng(2)
    own, seen = (rng.choice(2, size=600).astype(np.int16) for _ in range(2))
    one = replace(made, groups={"self": own, "panel": seen})
    benchmark = card("single-label", 3, headline_metrics=["balanced-accuracy"])
    found, _ = shifts(one, benchmark.model_copy(update={"groups": (source("self"), source("panel"))}))
    of = {(s.metric, s.averaging, s.group_level): s for s in found}
    plain, common = (
        of["balanced-accuracy", "overall", "light"],
        of["sensitivity", "macro-common", "light"],
    )
    assert plain.value == pytest.approx(common.value)
    assert common.n_classes == 3


def test_no_two_sources_of_one_scale(predictions: Predictions, benchmark: Benchmark) -> None:
    alone = benchmark.model_copy(update={"groups": (source("self"), source("monk", "monk"))})
    found, part = shifts(predictions, alone)
    assert found == []
    assert part.missing["tone-shifts"] == NO_PAIR


def test_an_estimate_from_pixels_is_no_side_of_a_shift(predictions: Predictions, benchmark: Benchmark) -> None:
    groups = (source("self"), source("panel", estimated=True))
    found, _ = shifts(predictions, benchmark.model_copy(update={"groups": groups}))
    assert found == []
