"""Calibrated zero-shot: what each kind may look at, what it leaves as it was, and when there is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from vlmeval.methods import Rule, Scored, TextSide, zero_shot
from vlmeval.methods.calibration import KINDS, Calibrated, calibrate, logits_of
from vlmeval.methods.features import unit_weights
from vlmeval.records import Benchmark, Decision
from vlmeval.stats import choose_thresholds

Made = Callable[..., Any]
Name = Literal["centred", "prior", "bias-temperature"]
NAMES: tuple[Name, ...] = ("centred", "prior", "bias-temperature")
RULES = {"softmax": Rule("softmax", 20.0), "sigmoid": Rule("sigmoid", 20.0, -12.0), "cosine": Rule("cosine", 20.0)}
TASKS = ("single-label", "multi-label")


def levels(
    made: Made, rule: str = "softmax", task: str = "single-label", *, negatives: bool = False, **more: Any
) -> tuple[dict[str, Scored], Benchmark]:
    """Zero-shot scores of prompts that lie somewhere near their classes."""
    samples, images = made(units=240, k=4, task=task, **more)
    rng = np.random.default_rng(1)
    centres = np.stack([images.vectors[samples.labels[:, k]].mean(axis=0) for k in range(4)])
    prompts = [centres[k : k + 1] + rng.normal(scale=0.5, size=(2, centres.shape[1])) for k in range(4)]
    against = [images.vectors.mean(axis=0)[None] + rng.normal(size=(1, centres.shape[1]))] * 4 if negatives else None
    return zero_shot(samples, images, TextSide(prompts, negatives=against), RULES[rule]), samples.benchmark


def fitted(name: Name, scored: Scored, card: Benchmark, split: str = "test") -> Calibrated:
    found = calibrate(name, scored, card, split, 10)
    assert isinstance(found, Calibrated), found
    return found


def numbers(found: Calibrated) -> dict[str, Any]:
    return {k: v for k, v in found.parameters.items() if k.startswith(("class_", "temp"))}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", ["image", "unit"])
def test_every_kind_of_score_can_be_calibrated_at_both_levels(
    made: Made, name: Name, rule: str, task: str, level: str
) -> None:
    by_level, card = levels(made, rule, task)
    plain = by_level[level]
    found = fitted(name, plain, card)
    after = found.scored
    for column in ("ids", "units", "labels", "split"):
        np.testing.assert_array_equal(getattr(after, column), getattr(plain, column))
    assert np.isfinite(after.scores).all()
    if after.kind == "softmax":
        np.testing.assert_allclose(after.scores.sum(axis=1), 1.0)
    if after.kind != "cosine":
        assert after.scores.min() >= 0
        assert after.scores.max() <= 1
    assert found.title == KINDS[name].title.format(split="validation")
    assert found.parameters["labels"] == {"centred": "none", "prior": "class frequencies"}.get(
        name, "validation labels"
    )
    splits = ("val",) if name == "bias-temperature" else ("train", "val")
    assert found.parameters["fitted_rows"] == np.isin(plain.split, splits).sum()
    assert found.parameters["fitted_units"] == len(np.unique(plain.units[np.isin(plain.split, splits)]))


SHIFTED = [("centred", "sigmoid"), ("centred", "cosine"), ("prior", "sigmoid")]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), task=st.sampled_from(TASKS), how=st.sampled_from(SHIFTED))
def test_a_shift_leaves_the_auroc_of_every_class_where_classes_have_scores_of_their_own(
    made: Made, seed: int, task: str, how: tuple[Name, str]
) -> None:
    name, rule = how
    by_level, card = levels(made, rule, task, seed=seed)
    plain = by_level["unit"]
    after = fitted(name, plain, card).scored
    for k in range(4):
        assert roc_auc_score(plain.labels[:, k], after.scores[:, k]) == pytest.approx(
            roc_auc_score(plain.labels[:, k], plain.scores[:, k]), abs=1e-12
        )


def test_negatives_make_scores_of_their_own_a_class(made: Made) -> None:
    by_level, card = levels(made, "softmax", "multi-label", negatives=True)
    plain = by_level["unit"]
    assert plain.kind == "sigmoid"
    for name in NAMES:
        after = fitted(name, plain, card).scored
        assert after.kind == "sigmoid"
        for k in range(4):
            assert roc_auc_score(plain.labels[:, k], after.scores[:, k]) == pytest.approx(
                roc_auc_score(plain.labels[:, k], plain.scores[:, k]), abs=1e-12
            )


@pytest.mark.parametrize("name", NAMES)
def test_the_pull_of_a_prompt_that_is_near_to_every_picture_is_taken_away(made: Made, name: Name) -> None:
    by_level, card = levels(made)
    plain = by_level["unit"]
    pulled = replace(plain, scores=Rule("softmax").apply(np.log(plain.scores) + np.array([30.0, 0, 0, 0])))
    assert (pulled.scores.argmax(axis=1) == 0).mean() > 0.9
    without, with_pull = (fitted(name, scored, card).scored.scores for scored in (plain, pulled))
    np.testing.assert_allclose(with_pull, without, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_centred_classes_have_one_mean_logit_with_every_unit_counting_once(made: Made, rule: str) -> None:
    by_level, card = levels(made, rule)
    after = fitted("centred", by_level["image"], card).scored
    if rule == "softmax":  # what all classes of a row share is not theirs
        z = np.log(after.scores)
        z = z - z.mean(axis=1, keepdims=True)
    else:
        z = logits_of(after.scores, after.kind)
    rows = after.split != "test"
    mean = np.average(z[rows], axis=0, weights=unit_weights(after.units[rows]))
    np.testing.assert_allclose(mean, mean.mean(), atol=1e-9)


@pytest.mark.parametrize("rule", ["softmax", "sigmoid"])
@pytest.mark.parametrize("task", TASKS)
def test_corrected_priors_are_the_frequencies_of_rows_that_are_not_evaluated(made: Made, rule: str, task: str) -> None:
    by_level, card = levels(made, rule, task)
    after = fitted("prior", by_level["image"], card).scored
    rows = after.split != "test"
    weight = unit_weights(after.units[rows])
    np.testing.assert_allclose(
        np.average(after.scores[rows], axis=0, weights=weight),
        np.average(after.labels[rows], axis=0, weights=weight), atol=1e-9,
    )  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_what_is_used_of_labels_is_what_is_said(made: Made, task: str) -> None:
    by_level, card = levels(made, task=task)
    plain = by_level["unit"]
    dealt = plain.labels.copy()
    for split in ("train", "val"):
        rows = np.flatnonzero(plain.split == split)
        dealt[rows] = plain.labels[np.random.default_rng(0).permutation(rows)]
    same_rates, no_labels = replace(plain, labels=dealt), replace(plain, labels=np.roll(plain.labels, 1, axis=1))
    assert numbers(fitted("centred", plain, card)) == numbers(fitted("centred", no_labels, card))
    assert numbers(fitted("prior", plain, card)) == numbers(fitted("prior", same_rates, card))
    assert numbers(fitted("prior", plain, card)) != numbers(fitted("prior", no_labels, card))
    fresh = calibrate("bias-temperature", same_rates, card, "test", 10)
    assert isinstance(fresh, str) or numbers(fresh) != numbers(fitted("bias-temperature", plain, card))


@pytest.mark.parametrize("split", ["test", "val", "train"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_learned_from_evaluated_rows_nor_from_test_rows(made: Made, name: Name, split: str) -> None:
    by_level, card = levels(made)
    plain = by_level["unit"]
    barred = np.isin(plain.split, [split, "test"])
    scores = plain.scores.copy()
    scores[barred] = np.random.default_rng(0).dirichlet(np.ones(4), size=barred.sum())
    labels = plain.labels.copy()
    labels[barred] = np.roll(labels[barred], 1, axis=1)
    other = fitted(name, replace(plain, scores=scores, labels=labels), card, split)
    assert other.parameters == fitted(name, plain, card, split).parameters


def test_where_validation_rows_are_evaluated_the_title_says_what_was_fitted_on(made: Made) -> None:
    by_level, card = levels(made)
    found = fitted("bias-temperature", by_level["unit"], card, "val")
    assert found.title == "bias and temperature fitted on training labels"
    assert found.parameters["labels"] == "training labels"
    assert found.learned_from.startswith("training rows (")
    assert fitted("centred", by_level["unit"], card, "val").parameters["fitted_on"] == "training rows"


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_and_more_pictures_of_a_unit_change_nothing(made: Made, name: Name) -> None:
    by_level, card = levels(made)
    plain = by_level["image"]
    found = fitted(name, plain, card)
    order = np.random.default_rng(0).permutation(len(plain.ids))
    twice = np.concatenate([order, order])
    for rows in (order, twice):
        moved = replace(
            plain, ids=plain.ids[rows], units=plain.units[rows], labels=plain.labels[rows], split=plain.split[rows],
            groups={}, scores=plain.scores[rows],
        )  # fmt: skip
        again = fitted(name, moved, card)
        np.testing.assert_allclose(again.scored.scores, found.scored.scores[rows], atol=1e-6)


def test_thresholds_chosen_afterwards_keep_every_multi_label_decision(made: Made) -> None:
    by_level, card = levels(made, "sigmoid", "multi-label")
    plain = by_level["unit"]

    def decisions(scored: Scored) -> Any:
        rows = scored.in_split("val")
        return scored.in_split("test").scores >= choose_thresholds(rows.labels, rows.scores)

    for name in NAMES:
        after = fitted(name, plain, card).scored
        assert (decisions(after) == decisions(plain)).mean() > 0.99  # a threshold between two scores may move
        after.predictions("m", Decision("threshold", (0.5,) * 4))


@pytest.mark.parametrize("name", NAMES)
def test_why_there_is_none(made: Made, name: Name) -> None:
    by_level, card = levels(made)
    plain = by_level["unit"]
    assert "all are evaluated" in str(calibrate(name, plain, card, "all", 10))
    assert "all are evaluated" in str(calibrate(name, plain.in_split("test"), card, "test", 10))
    few = plain.take(
        (plain.split == "test") | np.isin(np.arange(len(plain.ids)), np.flatnonzero(plain.split == "val")[:4])
    )
    assert str(calibrate(name, few, card, "test", 10)) == (
        "too few units to learn from that are not evaluated (4; at least 10 are needed)"
    )


def test_a_class_without_a_unit_is_named(made: Made) -> None:
    by_level, card = levels(made)
    plain = by_level["unit"]
    without = plain.take((plain.split == "test") | ~plain.labels[:, 2])
    for name in ("prior", "bias-temperature"):
        found = fitted(name, without, card)  # type: ignore[arg-type]
        assert found.parameters["no_units"] == ["c2"]
        assert np.isfinite(found.scored.scores).all()


def test_labels_are_not_fitted_for_one_frequent_class(made: Made) -> None:
    by_level, card = levels(made)
    plain = by_level["unit"]
    val = np.flatnonzero((plain.split == "val") & ~plain.labels[:, 0])[:9]
    one = plain.take(
        (plain.split == "test")
        | ((plain.split == "val") & plain.labels[:, 0])
        | np.isin(np.arange(len(plain.ids)), val)
    )
    assert "fewer than two classes" in str(calibrate("bias-temperature", one, card, "test", 10))
