"""Operating points and decision curves by hand and against scikit-learn; thresholds from validation rows only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_subjects import card, examined_by, rows, scored, shuffled, subject
from sklearn.metrics import confusion_matrix, roc_curve

from vlmeval.examine.use.decision_curves import COLLAPSE, THRESHOLDS, TREAT_ALL, examine_decisions, net_benefit
from vlmeval.examine.use.operating import examine_operating
from vlmeval.examine.use.operating_thresholds import TARGETS, Target, choose
from vlmeval.records import MetricRow, Predictions
from vlmeval.stats import Resamples
from vlmeval.stats.table import Table


def reached(target: Target, y: np.ndarray, s: np.ndarray, w: np.ndarray, t: float) -> float:
    side, right = (y, s >= t) if target.of == "sensitivity" else (~y, s < t)
    return float(w[side & right].sum() / w[side].sum())


@settings(deadline=None, max_examples=80)
@given(seed=st.integers(0, 5000), n=st.integers(4, 60), tied=st.booleans(), target=st.sampled_from(TARGETS))
def test_the_threshold_reaches_its_target_and_no_better_one_does(seed: int, n: int, tied: bool, target: Target) -> None:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3 == 0
    s = np.round(rng.normal(size=n), 1) if tied else rng.normal(size=n)
    w = rng.uniform(0.2, 1, size=n)
    t = choose(target, y, s, w)
    assert reached(target, y, s, w, t) >= target.percent / 100 - 1e-9
    for other in np.unique(s):
        # No other threshold reaches the target with fewer mistakes on the other side.
        if reached(target, y, s, w, other) >= target.percent / 100 - 1e-9:
            contrary = Target("specificity" if target.of == "sensitivity" else "sensitivity", 0)
            assert reached(contrary, y, s, w, other) <= reached(contrary, y, s, w, t) + 1e-9


def test_the_threshold_is_on_the_roc_curve_of_scikit_learn() -> None:
    p = scored("multi-label", seed=1)
    y, s, w = p.y_true[:, 0], p.scores[:, 0], np.ones(len(p))
    fpr, tpr, at = roc_curve(y, s, drop_intermediate=False)
    first = int(np.argmax(tpr >= 0.9))
    assert choose(Target("sensitivity", 90), y, s, w) == at[first]
    t = choose(Target("specificity", 90), y, s, w)
    assert reached(Target("sensitivity", 0), y, s, w, t) == pytest.approx(tpr[fpr <= 0.1 + 1e-12].max())


def find(found: list[MetricRow], metric: str, variant: str, **where: object) -> MetricRow:
    wanted = {"class_id": None, "group_level": None} | where
    own = [r for r in found if (r.metric, r.variant) == (metric, variant)]
    matching = [r for r in own if all(getattr(r, k) == v for k, v in wanted.items())]
    assert len(matching) == 1
    return matching[0]


def counts(y: np.ndarray, flagged: np.ndarray) -> dict[str, float]:
    tn, fp, fn, tp = confusion_matrix(y, flagged).ravel()
    return {
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "precision": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "flagged": (tp + fp) / len(y),
    }


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_what_is_achieved_is_what_scikit_learn_counts(task: str) -> None:
    benchmark = card(task)
    evaluated, validation = scored(task, seed=1, units=500), scored(task, seed=2, units=300, name="v")
    part = examined_by(examine_operating, subject([evaluated], [validation], benchmark, draws=50))
    target = TARGETS[0]
    of_class = []
    for k, class_id in enumerate(benchmark.class_ids):
        t = choose(target, validation.y_true[:, k], validation.scores[:, k], np.ones(len(validation)))
        expected = counts(evaluated.y_true[:, k], evaluated.scores[:, k] >= t)
        of_class.append(expected)
        for metric, value in expected.items():
            row = find(part.rows, metric, "operating:sensitivity-90", class_id=class_id)
            assert row.value == pytest.approx(value)
            assert row.low is not None
            assert row.low <= value + 1e-9
    for metric in of_class[0]:
        row = find(part.rows, metric, "operating:sensitivity-90", averaging="macro")
        assert row.value == pytest.approx(np.mean([c[metric] for c in of_class]))
    dark = evaluated.groups["tone"] == 2
    share = find(part.rows, "flagged", "operating:sensitivity-90", group_level="dark", averaging="macro")
    flags = [
        evaluated.scores[dark, k]
        >= choose(target, validation.y_true[:, k], validation.scores[:, k], np.ones(len(validation)))
        for k in range(4)
    ]
    assert share.value == pytest.approx(np.mean(flags))
    assert {r.group for r in part.rows} == {None, "tone"}


def test_malignant_is_the_sum_of_its_classes_and_rows_that_are_neither_are_left_out() -> None:
    benchmark = card()
    flags = (True, True, False, None)
    classes = tuple(c.model_copy(update={"malignant": m}) for c, m in zip(benchmark.classes, flags, strict=True))
    benchmark = benchmark.model_copy(update={"classes": classes})
    evaluated, validation = scored(seed=1, units=500), scored(seed=2, units=400, name="v")
    part = examined_by(examine_operating, subject([evaluated], [validation], benchmark, draws=50))

    def binary(p: Predictions) -> tuple[np.ndarray, np.ndarray]:
        known = ~p.y_true[:, 3]
        return p.y_true[known][:, :2].any(axis=1), p.scores[known][:, :2].sum(axis=1)

    y, s = binary(validation)
    for target in TARGETS:
        t = choose(target, y, s, np.ones(len(y)))
        truth, score = binary(evaluated)
        for metric, value in counts(truth, score >= t - 1e-12).items():
            row = find(part.rows, metric, f"operating:malignant-{target.id}")
            assert row.value == pytest.approx(value)
            assert row.n == len(truth)
    assert find(part.rows, "sensitivity", "operating:malignant-sensitivity-90", group_level="dark").value is not None


@pytest.mark.parametrize("examiner", [examine_operating, examine_decisions])
def test_evaluated_rows_never_change_what_was_chosen_and_row_order_nothing(examiner: object) -> None:
    validation = scored(seed=2, name="v", images=True)
    parts = [
        examined_by(examiner, subject([e], [v], card(), draws=20))
        for e, v in (
            (scored(seed=1, images=True), validation),
            (scored(seed=8, images=True), validation),
            (shuffled(scored(seed=1, images=True)), shuffled(validation)),
            (scored(seed=1, images=True), scored(seed=3, name="v", images=True)),
        )
    ]
    chosen = [[v.parameters for v in p.variants] for p in parts]
    assert chosen[0] == chosen[1] == chosen[2] != chosen[3]
    assert (parts[0].rows, parts[0].curves) == (parts[2].rows, parts[2].curves)
    assert (parts[0].rows, parts[0].curves) != (parts[1].rows, parts[1].curves)


def test_a_class_that_is_rare_on_validation_has_no_threshold_and_says_so() -> None:
    evaluated, validation = scored(seed=1), scored(seed=2, name="v", units=400)
    rare = np.flatnonzero(validation.y_true[:, 2])
    validation = rows(validation, np.setdiff1d(np.arange(400), rare[4:]))
    part = examined_by(examine_operating, subject([evaluated], [validation], card(), draws=20))
    row = find(part.rows, "sensitivity", "operating:sensitivity-90", class_id="c2")
    assert row.value is None
    assert row.reason == "no threshold: fewer than 10 positive or negative validation units (4)"
    macro = find(part.rows, "sensitivity", "operating:sensitivity-90", averaging="macro")
    assert macro.n_classes == 3
    variant = next(v for v in part.variants if v.id == "operating:sensitivity-90")
    assert variant.parameters["m"]["c2"] is None
    assert variant.fitted_on == f"validation units ({len(validation)})"


def test_no_validation_rows_three_units_and_equal_scores_have_reasons_or_trivial_answers() -> None:
    few = rows(scored(name="v"), np.arange(3))
    for validation, words in (([], "no validation units"), ([few], "too few")):
        for examiner, what in ((examine_operating, "operating"), (examine_decisions, "decision")):
            part = examined_by(examiner, subject([scored(seed=1)], validation, card(), draws=10))
            assert part.rows == []
            assert words in part.missing[f"{what}:m"]
    equal = [replace(p, scores=np.full_like(p.scores, 0.25)) for p in (scored(seed=1), scored(seed=2, name="v"))]
    part = examined_by(examine_operating, subject([equal[0]], [equal[1]], card(), draws=10))
    assert find(part.rows, "sensitivity", "operating:sensitivity-90", averaging="macro").value == 1
    assert find(part.rows, "flagged", "operating:specificity-90", averaging="macro").value == 0
    part = examined_by(examine_decisions, subject([equal[0]], [equal[1]], card(), draws=10))
    model = next(c for c in part.curves if c.variant == COLLAPSE)
    everyone = next(c for c in part.curves if c.variant == TREAT_ALL)
    prevalence = scored(seed=2, name="v").y_true[:, 0].mean()
    below = [i for i, t in enumerate(THRESHOLDS) if t < prevalence - 0.02]
    assert [model.y[i] for i in below] == [everyone.y[i] for i in below]


def test_net_benefit_by_hand() -> None:
    benchmark = card("multi-label", k=2)
    p = scored("multi-label", k=2, units=4)
    p = replace(
        p,
        y_true=np.array([[True, False], [False, True], [True, False], [False, False]]),
        scores=np.array([[0.9, 0.1], [0.3, 0.9], [0.2, 0.5], [0.05, 0.02]]),
    )
    table = Table.of(p, benchmark, Resamples.draw(p.units, 0))
    found = dict(zip(THRESHOLDS, net_benefit(table, 0, table.scores[:, 0])[0], strict=True))
    # At 10 %: three treated, two of them rightly. At 50 %: one, rightly. At 24 %: one rightly, one not.
    assert found[0.1] == pytest.approx(2 / 4 - 1 / 4 * (0.1 / 0.9))
    assert found[0.5] == pytest.approx(1 / 4)
    assert found[0.24] == pytest.approx(1 / 4 - 1 / 4 * (0.24 / 0.76))
    everyone = dict(zip(THRESHOLDS, net_benefit(table, 0, np.ones(4))[0], strict=True))
    assert everyone[0.5] == pytest.approx(0.5 - 0.5)
    assert everyone[0.01] == pytest.approx(0.5 - 0.5 * (0.01 / 0.99))


def test_a_good_model_is_worth_more_than_treating_everyone_and_no_one() -> None:
    part = examined_by(
        examine_decisions, subject([scored(seed=1, units=2000)], [scored(seed=2, units=800, name="v")], card(), 50)
    )
    model, everyone = part.curves
    assert (model.variant, everyone.variant, model.class_id) == (COLLAPSE, TREAT_ALL, None)
    assert len(model.x) <= 41
    for x, ours, theirs in zip(model.x, model.y, everyone.y, strict=True):
        assert ours is not None
        assert theirs is not None
        assert ours >= theirs - 0.005
        if x > 0.3:
            assert ours > max(theirs, 0) + 0.02
    for low, y, high in zip(model.low, model.y, model.high, strict=True):
        assert low is not None
        assert y is not None
        assert high is not None
        assert low <= y <= high


def test_without_malignant_classes_the_most_frequent_ones_are_drawn() -> None:
    benchmark = card("multi-label", k=5)
    validation = scored("multi-label", k=5, seed=2, units=500, name="v")
    y = validation.y_true.copy()
    y[100:, 1] = False
    y[100:, 3] = False
    part = examined_by(
        examine_decisions,
        subject([scored("multi-label", k=5, seed=1)], [replace(validation, y_true=y)], benchmark, 20),
    )
    assert [c.class_id for c in part.curves if c.variant != TREAT_ALL] == ["c0", "c2", "c4"]


def test_every_validation_unit_counts_once_however_many_pictures_it_has() -> None:
    evaluated, validation = scored(seed=1, images=True), scored(seed=2, name="v", images=True)
    copies = np.random.default_rng(0).integers(1, 4, size=len(np.unique(validation.units)))
    again = np.repeat(np.arange(len(validation)), copies[np.unique(validation.units, return_inverse=True)[1]])
    more = rows(validation, again)
    more = replace(more, ids=np.array([f"{i}-{j}" for j, i in enumerate(more.ids)]))
    parts = [examined_by(examine_operating, subject([evaluated], [v], card(), draws=10)) for v in (validation, more)]
    assert [v.parameters for v in parts[0].variants] == [v.parameters for v in parts[1].variants]
