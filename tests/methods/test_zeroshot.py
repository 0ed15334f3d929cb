"""Zero-shot scores against a plain torch computation, and the properties that pooling and aggregation must have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.methods import Rule, TextSide, Units, zero_shot
from vlmeval.records import Benchmark, Decision, Embeddings, ImageRef, Samples, Wording

RULES = [Rule("softmax", 100.0), Rule("sigmoid", 117.0, -12.9), Rule("cosine")]


def card(k: int, task: str = "single-label") -> Benchmark:
    return Benchmark.model_validate(
        {
            "schema": 1, "id": "m", "version": "1", "title": "t", "summary": "s", "task": task, "modality": "other",
            "unit": {"name": "case", "column": "case"}, "headline_metrics": [], "protocol": {"by": "unit"},
            "data": {"adapter": "table", "home": "m"}, "prompts": {"default": "x/y"}, "licence": {"name": "l"},
            "classes": [{"id": f"c{i}", "name": f"C{i}", "labels": []} for i in range(k)],
            "citation": "c", "homepage": "h",
        }
    )  # fmt: skip


def make(n: int, k: int, d: int, seed: int, units: int | None = None) -> tuple[Samples, Embeddings, list[Any]]:
    rng = np.random.default_rng(seed)
    ids = np.array([f"i{j}" for j in range(n)])
    member = np.arange(n) if units is None else rng.integers(units, size=n)
    of_unit = rng.integers(k, size=n)
    samples = Samples(
        benchmark=card(k),
        ids=ids,
        images=tuple(ImageRef(Path(f"{i}.png")) for i in ids),
        units=np.array([f"u{m}" for m in member]),
        labels=np.eye(k, dtype=bool)[of_unit[member]],
        split=np.where(member % 2 == 0, "test", "val"),
        groups={"tone": (member % 3).astype(np.int16)},
    )
    vectors = rng.normal(size=(n, d)).astype(np.float32)
    prompts = [rng.normal(size=(int(rng.integers(1, 5)), d)).astype(np.float32) for _ in range(k)]
    return samples, Embeddings(ids, vectors, "key"), prompts


def reference(images: Any, prompts: list[Any], rule: Rule, aggregation: str) -> Any:
    x = torch.nn.functional.normalize(torch.tensor(images, dtype=torch.float64), dim=-1)
    columns = []
    for p in prompts:
        t = torch.nn.functional.normalize(torch.tensor(p, dtype=torch.float64), dim=-1)
        if aggregation == "mean-embedding":
            columns.append(x @ torch.nn.functional.normalize(t.mean(0), dim=0))
        else:
            cosines = x @ t.T
            columns.append(cosines.mean(1) if aggregation == "mean-score" else cosines.max(1).values)
    cosine = torch.stack(columns, 1)
    if rule.kind == "softmax":
        return torch.softmax(rule.scale * cosine, -1).numpy()
    if rule.kind == "sigmoid":
        return torch.sigmoid(rule.scale * cosine + rule.bias).numpy()
    return cosine.numpy()


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.kind)
@pytest.mark.parametrize("aggregation", ["mean-embedding", "mean-score", "max-score"])
def test_image_scores_equal_a_plain_torch_computation(rule: Rule, aggregation: Any) -> None:
    samples, images, prompts = make(50, 4, 16, seed=1)
    scored = zero_shot(samples, images, TextSide(prompts, aggregation), rule)["image"]
    np.testing.assert_allclose(scored.scores, reference(images.vectors, prompts, rule, aggregation), atol=1e-12)
    assert scored.kind == rule.kind


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.kind)
def test_a_unit_of_one_picture_scores_as_the_picture(rule: Rule) -> None:
    samples, images, prompts = make(20, 3, 8, seed=2)
    for pooling in ("mean-embedding", "mean-score"):
        both = zero_shot(samples, images, TextSide(prompts), rule, pooling=pooling)  # type: ignore[arg-type]
        np.testing.assert_allclose(both["unit"].scores, both["image"].scores, atol=1e-12)
        np.testing.assert_array_equal(both["unit"].ids, samples.units)


def test_mean_score_pooling_is_the_mean_of_a_units_pictures() -> None:
    samples, images, prompts = make(60, 3, 8, seed=3, units=17)
    both = zero_shot(samples, images, TextSide(prompts), RULES[0], pooling="mean-score")
    for row, unit in enumerate(both["unit"].ids):
        rows = samples.units == unit
        np.testing.assert_allclose(both["unit"].scores[row], both["image"].scores[rows].mean(axis=0))


def test_units_keep_truth_split_and_groups() -> None:
    samples, images, prompts = make(60, 3, 8, seed=4, units=17)
    unit = zero_shot(samples, images, TextSide(prompts), RULES[0])["unit"]
    for row, name in enumerate(unit.ids):
        rows = np.flatnonzero(samples.units == name)
        np.testing.assert_array_equal(unit.labels[row], samples.labels[rows].any(axis=0))
        assert unit.split[row] == samples.split[rows[0]]
        assert unit.groups["tone"][row] == samples.groups["tone"][rows[0]]


def test_a_unit_in_two_splits_of_a_leaky_protocol_is_pooled_in_each() -> None:
    samples, images, prompts = make(4, 2, 8, seed=5)
    leaky = Samples(
        samples.benchmark,
        samples.ids,
        samples.images,
        np.array(["a", "a", "a", "b"]),
        samples.labels,
        np.array(["train", "test", "test", "test"]),
        samples.groups,
    )
    unit = zero_shot(leaky, images, TextSide(prompts), RULES[2], pooling="mean-score")
    assert list(zip(unit["unit"].ids, unit["unit"].split, strict=True)) == [
        ("a", "train"),
        ("a", "test"),
        ("b", "test"),
    ]
    np.testing.assert_allclose(unit["unit"].scores[1], unit["image"].scores[1:3].mean(axis=0))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 30), k=st.integers(2, 5))
def test_repeating_every_picture_changes_no_unit_score(seed: int, n: int, k: int) -> None:
    samples, images, prompts = make(n, k, 6, seed, units=max(1, n // 2))
    twice = Samples(
        samples.benchmark,
        np.concatenate([samples.ids, np.char.add(samples.ids, "+")]),
        samples.images * 2,
        np.tile(samples.units, 2),
        np.tile(samples.labels, (2, 1)),
        np.tile(samples.split, 2),
        {"tone": np.tile(samples.groups["tone"], 2)},
    )
    doubled = Embeddings(twice.ids, np.tile(images.vectors, (2, 1)), "key")
    once = zero_shot(samples, images, TextSide(prompts), RULES[1])["unit"]
    again = zero_shot(twice, doubled, TextSide(prompts), RULES[1])["unit"]
    np.testing.assert_array_equal(once.ids, again.ids)
    np.testing.assert_allclose(once.scores, again.scores, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(0.01, 1e4), seed=st.integers(0, 1000))
def test_softmax_scores_are_probabilities_at_any_scale(scale: float, seed: int) -> None:
    samples, images, prompts = make(10, 4, 6, seed)
    scores = zero_shot(samples, images, TextSide(prompts), Rule("softmax", scale))["image"].scores
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)


def test_scored_becomes_predictions_of_one_split() -> None:
    samples, images, prompts = make(30, 3, 6, seed=7, units=9)
    test = zero_shot(samples, images, TextSide(prompts), RULES[0])["image"].in_split("test")
    predictions = test.predictions("zero-shot:x", Decision("argmax"))
    assert set(predictions.ids) == set(samples.ids[samples.split == "test"])
    assert predictions.scale == 100.0


def test_rows_that_do_not_belong_together_are_refused() -> None:
    samples, images, prompts = make(5, 2, 6, seed=8)
    with pytest.raises(ValueError, match="not the same rows"):
        zero_shot(samples, Embeddings(images.ids[::-1], images.vectors, "key"), TextSide(prompts), RULES[0])


def test_the_text_side_follows_the_class_order() -> None:
    vectors = {"x": np.ones(2), "y": np.zeros(2)}
    words = Wording(prompts={"b": ("y", "x"), "a": ("x",)}, weights={"a": (2.0,), "b": (1.0, 3.0)})
    side = TextSide.of(words, "mean-score", vectors)
    assert [a.tolist() for a in side.prompts] == [[[0, 0], [1, 1]], [[1, 1]]]
    assert side.weights is not None
    assert [w.tolist() for w in side.weights] == [[1.0, 3.0], [2.0]]


@pytest.mark.parametrize("aggregation", ["mean-embedding", "mean-score"])
def test_a_weight_of_two_is_a_prompt_said_twice(aggregation: Any) -> None:
    samples, images, prompts = make(30, 3, 8, seed=10)
    weights = [np.arange(1.0, 1.0 + len(p)) for p in prompts]
    repeated = [np.repeat(p, np.arange(1, 1 + len(p)), axis=0) for p in prompts]
    got = zero_shot(samples, images, TextSide(prompts, aggregation, weights), RULES[0])["image"]
    wanted = zero_shot(samples, images, TextSide(repeated, aggregation), RULES[0])["image"]
    np.testing.assert_allclose(got.scores, wanted.scores, atol=1e-12)


@pytest.mark.parametrize("unit", [5e-324, 1e-200, 1e308])
@pytest.mark.parametrize("aggregation", ["mean-embedding", "mean-score"])
def test_weights_count_against_each_other_only(aggregation: Any, unit: float) -> None:
    samples, images, prompts = make(30, 3, 8, seed=13)
    weights = [np.arange(len(p)) % 2 + 0.0 if len(p) > 1 else np.ones(1) for p in prompts]
    wanted = zero_shot(samples, images, TextSide(prompts, aggregation, weights), RULES[0])["image"]
    got = zero_shot(samples, images, TextSide(prompts, aggregation, [unit * w for w in weights]), RULES[0])["image"]
    np.testing.assert_allclose(got.scores, wanted.scores, atol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.kind)
@pytest.mark.parametrize("aggregation", ["mean-embedding", "mean-score", "max-score"])
def test_negatives_are_a_softmax_of_two(rule: Rule, aggregation: Any) -> None:
    samples, images, prompts = make(30, 3, 8, seed=11)
    others = make(1, 3, 8, seed=12)[2]
    scored = zero_shot(samples, images, TextSide(prompts, aggregation, negatives=others), rule)["image"]
    have, lack = (reference(images.vectors, p, Rule("cosine"), aggregation) for p in (prompts, others))
    if rule.kind == "cosine":
        np.testing.assert_allclose(scored.scores, have - lack, atol=1e-12)
    else:
        powers = np.exp(rule.scale * np.stack([have, lack]))  # type: ignore[operator]
        np.testing.assert_allclose(scored.scores, powers[0] / powers.sum(axis=0), atol=1e-12)
        assert scored.kind == "sigmoid"


def test_units_mean_is_by_unit() -> None:
    samples, _, _ = make(40, 3, 6, seed=9, units=7)
    units = Units.of(samples)
    means = units.mean(np.arange(40.0)[:, None])
    for row, first in enumerate(units.first):
        assert means[row, 0] == pytest.approx(np.flatnonzero(samples.units == samples.units[first]).mean())
