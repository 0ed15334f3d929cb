"""What decisions are chosen on, what is counted, which badges a run carries, and what makes a run another run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from vlmeval.encoders.protocol import ModelHandle
from vlmeval.errors import DataError
from vlmeval.evaluate import assess, planning
from vlmeval.methods.scored import at_image_level
from vlmeval.records import Benchmark, Contamination, ImageRef, ModelCard, Plan, Samples, Weights
from vlmeval.stats import choose_thresholds

PLAN = Plan(benchmark="m", model="x")


def card(task: str = "multi-label", **more: Any) -> Benchmark:
    return Benchmark.model_validate(
        {
            "schema": 1, "id": "m", "version": "1", "title": "t", "summary": "s", "task": task, "modality": "other",
            "unit": {"name": "case", "column": "case"}, "headline_metrics": [], "protocol": {"by": "unit"},
            "data": {"adapter": "table", "home": "here"}, "prompts": {"default": "x/y"}, "licence": {"name": "l"},
            "classes": [{"id": c, "name": c, "labels": []} for c in "abc"], "citation": "c", "homepage": "h",
            **more,
        }
    )  # fmt: skip


def samples(n: int = 120, task: str = "multi-label", seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    member = np.arange(n) // 2
    return Samples(
        benchmark=card(task),
        ids=np.array([f"i{j}" for j in range(n)]),
        images=tuple(ImageRef(Path(f"{j}.png")) for j in range(n)),
        units=np.array([f"u{m}" for m in member]),
        labels=rng.random((n, 3)) < 0.4 if task == "multi-label" else np.eye(3, dtype=bool)[member % 3],
        split=np.array(["train", "val", "test"])[member % 3],
        groups={},
    )


def scores(rows: Samples, seed: int = 1) -> Any:
    return np.random.default_rng(seed).random((len(rows), 3)) + 0.3 * rows.labels


def test_thresholds_do_not_depend_on_anything_of_the_test_rows() -> None:
    rows = samples()
    before = assess.decide(at_image_level(rows, scores(rows), "logit", (None, None)), rows.benchmark, "test")
    test = rows.split == "test"
    other, labels = scores(rows).copy(), rows.labels.copy()
    other[test], labels[test] = -other[test] * 100, ~labels[test]
    changed = at_image_level(replace(rows, labels=labels), other, "logit", (None, None))
    assert assess.decide(changed, rows.benchmark, "test") == before
    assert before.chosen_on == "validation rows (40)"
    val = rows.split == "val"
    assert before.thresholds == tuple(choose_thresholds(rows.labels[val], scores(rows)[val]))


@pytest.mark.parametrize(
    ("there", "evaluated", "chosen_on"),
    [
        (("train", "val", "test"), "test", "validation rows (40)"),
        (("train", "val", "test"), "val", "training rows (40)"),
        (("train", "val", "test"), "train", "validation rows (40)"),
        (("train", "test"), "test", "training rows (40)"),
        (("test",), "test", "fixed in advance at 0.5"),
        (("train", "val", "test"), "all", "fixed in advance at 0.5"),
    ],
)
def test_thresholds_are_chosen_on_rows_that_are_not_evaluated(
    there: tuple[str, ...], evaluated: str, chosen_on: str
) -> None:
    rows = samples()
    rows = rows.take(np.isin(rows.split, there))
    scored = at_image_level(rows, np.clip(scores(rows), 0, 1), "sigmoid", (None, None))
    assert assess.decide(scored, rows.benchmark, evaluated).chosen_on == chosen_on


@pytest.mark.parametrize(
    ("kind", "threshold"),
    [("sigmoid", 0.5), ("probability", 0.5), ("softmax", 1 / 3), ("cosine", 0.0), ("logit", 0.0)],
)
def test_a_threshold_nobody_chose_follows_from_what_the_scores_are(kind: Any, threshold: float) -> None:
    rows = samples()
    scored = at_image_level(rows, np.full((len(rows), 3), 0.4), kind, (None, None))
    assert assess.decide(scored, rows.benchmark, "all").thresholds == (threshold,) * 3


def test_a_single_label_decision_is_the_highest_score() -> None:
    rows = samples(task="single-label")
    decision = assess.decide(at_image_level(rows, scores(rows), "logit", (None, None)), rows.benchmark, "test")
    assert (decision.rule, decision.thresholds) == ("argmax", None)


def test_what_was_read_is_counted_in_images_and_units() -> None:
    rows = samples(task="single-label")
    used = assess.data_used(rows, rows.in_split("test"), {"i9": "torn", "i8": "gone"})
    assert (used.images, used.units) == (120, 60)
    assert used.split_images == {"train": 40, "val": 40, "test": 40}
    assert used.split_units == {"train": 20, "val": 20, "test": 20}
    assert used.class_images == {"a": 0, "b": 0, "c": 40}
    assert used.class_units == {"a": 0, "b": 0, "c": 20}
    assert used.unreadable == ("i8: gone", "i9: torn")


def model(**more: Any) -> ModelCard:
    return ModelCard(
        schema_=1, id="x", title="X", family="f", library="open_clip", weights=Weights(hub="o/x"), licence="l",
        homepage="h", **more,
    )  # fmt: skip


def said(status: str) -> Contamination:
    return Contamination.model_validate(
        {"family": "f", "data": "here", "status": status, "note": "as the paper says", "source": "the paper",
         "date": "2026-11-21"}
    )  # fmt: skip


def test_badges_say_what_travels_with_the_numbers() -> None:
    leaky = card(protocol={"by": "image", "leaky": "cases in both", "source": "paper"})
    found = assess.badges(leaky, model(), PLAN, 0, said("in-training"))
    assert [b.kind for b in found] == ["leakage", "contamination"]
    assert (found[1].text, found[1].source) == ("as the paper says", "the paper")
    for status in ("not-in-training", "unknown"):
        assert assess.badges(card(), model(), PLAN, 0, said(status)) == ()
    assert assess.badges(card(), model(), PLAN, 0) == ()
    limited = assess.badges(card(synthetic=True), model(synthetic=True), PLAN.model_copy(update={"limit": 3}), 2)
    assert [b.kind for b in limited] == ["synthetic", "partial", "partial"]
    assert "Data and model" in limited[0].text
    assert limited[1].text.startswith("A quick look at only 3 ")
    assert "The model is" in assess.badges(card(), model(synthetic=True), PLAN, 0)[0].text
    assert "The data are" in assess.badges(card(synthetic=True), None, PLAN, 0)[0].text


def test_a_unit_of_two_classes_is_refused_with_its_rows() -> None:
    rows = samples(task="single-label")
    labels = rows.labels.copy()
    labels[7] = [True, False, False]  # u3 is of class a; its other row becomes b
    labels[6] = [False, True, False]
    with pytest.raises(DataError, match=r"1 cases of m have pictures of different classes") as caught:
        planning.check_samples(replace(rows, labels=labels), PLAN)
    assert caught.value.key == "case u3"
    assert caught.value.found == "i6: b; i7: a"
    multi = replace(rows, labels=labels, benchmark=card())
    planning.check_samples(multi, PLAN)


def test_no_rows_to_evaluate_is_said() -> None:
    rows = samples()
    with pytest.raises(DataError, match="no test samples") as caught:
        planning.check_samples(rows.take(rows.split != "test"), PLAN)
    assert "80 samples in other splits" in str(caught.value)


def test_limit_does_not_depend_on_the_order_of_the_rows() -> None:
    rows = samples()
    some = planning.take_units(rows, 7)
    shuffled = planning.take_units(rows.take(np.random.default_rng(0).permutation(len(rows))), 7)
    assert len(np.unique(some.units)) == 7
    assert set(some.ids.tolist()) == set(shuffled.ids.tolist())
    assert planning.take_units(rows, None) is rows


class Handle:
    """As much of a model handle as a digest needs."""

    key, text_key = "images", "texts"


def test_everything_the_numbers_depend_on_makes_another_run() -> None:
    rows = samples()
    pictures: list[bytes | str] = [bytes([j]) for j in range(len(rows))]
    other_key = Handle()
    other_key.key = "others"
    labels = ~rows.labels
    unknown = said("unknown")
    cases = [
        (PLAN, Handle(), rows, pictures, "float32", unknown),
        (PLAN.model_copy(update={"seed": 1}), Handle(), rows, pictures, "float32", unknown),
        (PLAN, other_key, rows, pictures, "float32", unknown),
        (PLAN, Handle(), replace(rows, labels=labels), pictures, "float32", unknown),
        (PLAN, Handle(), rows, ["not there", *pictures[1:]], "float32", unknown),
        (PLAN, Handle(), rows, pictures, "bfloat16", unknown),
        (PLAN, Handle(), rows, pictures, "float32", said("in-training")),
    ]
    digests = [
        planning.run_digest(plan, (), cast("ModelHandle", handle), data, seen, dtype, known)
        for plan, handle, data, seen, dtype, known in cases
    ]
    assert len(set(digests)) == len(cases)
    again = planning.run_digest(PLAN, (), cast("ModelHandle", Handle()), rows, pictures, "float32", said("unknown"))
    assert digests[0] == again
