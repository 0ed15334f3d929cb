"""The whole sweep: chosen inside the shots only, blind to what is evaluated, and computed once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from few_shot_world import GRID, accuracy, anchor_of, ask_for, options_of, same_scores, samples_of, seeds_of, world
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from vlmeval.errors import DataError, UsageError
from vlmeval.methods.fewshot import Anchor, few_shot
from vlmeval.methods.fewshot.lesson import deal_folds
from vlmeval.records import Embeddings, Samples

BOTH = pytest.mark.parametrize("task", ["single-label", "multi-label"])
Array = np.ndarray[Any, np.dtype[Any]]


def normed(x: Array) -> Array:
    x = np.asarray(x, dtype=np.float64)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def out_of_fold(learned: tuple[Array, ...], inputs: Array, row_fold: Array, c: float, *, single: bool) -> Array:
    """Probabilities of ``inputs`` by scikit-learn, a fit a fold of ``learned``: features, labels, weights, folds."""
    x, labels, weight, folds = learned
    held = np.zeros((len(inputs), labels.shape[1]))
    fit = {"C": c, "tol": 1e-10, "max_iter": 10**5}
    for fold in range(5):
        learn, out = folds != fold, row_fold == fold
        if single:
            model = LogisticRegression(**fit).fit(x[learn], labels[learn].argmax(1), weight[learn])
            held[out] = model.predict_proba(inputs[out])
            continue
        for k in range(labels.shape[1]):
            model = LogisticRegression(**fit).fit(x[learn], labels[learn, k], weight[learn])
            held[out, k] = model.predict_proba(inputs[out])[:, 1]
    return held


@BOTH
@pytest.mark.parametrize("level", ["unit", "image"])
def test_c_is_chosen_by_cross_validation_inside_the_shots(task: str, level: str) -> None:
    samples, images, _ = world((12, 8, 10), task, noise=2.5, level=level)
    single = task == "single-label"
    options = options_of(shots=(6,), seeds=2, variants=("logistic",))
    result = few_shot(samples, images, None, ask_for(c_grid=GRID), options)
    for draw, got in zip(result.used.draws, result.points[0].seeds, strict=True):
        rows = np.flatnonzero(np.isin(samples.units, draw.units))
        rows = rows[samples.ids[rows].argsort()]
        mine = samples.take(rows)
        folds = deal_folds(mine, np.arange(3), 5, draw.seed)
        assert folds is not None
        assert set(folds.tolist()) == set(range(5))
        x = normed(images.vectors[rows])
        weight = np.array([1 / (mine.units == unit).sum() for unit in mine.units])
        names = mine.units if level == "unit" else mine.ids
        members = [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]
        first = [m[0] for m in members]
        inputs = normed(np.stack([x[m].mean(axis=0) for m in members]))
        by_row = None if level == "unit" else weight
        learned = (x, mine.labels, weight, folds)
        held = [out_of_fold(learned, inputs, folds[first], c, single=single) for c in GRID]
        truth = mine.labels[first]
        if single:
            losses = [log_loss(truth.argmax(1), h, sample_weight=by_row, labels=range(3)) for h in held]
        else:
            losses = [np.mean([log_loss(truth[:, k], h[:, k], sample_weight=by_row) for k in range(3)]) for h in held]
        best = int(np.argmin(losses))
        assert (got.parameters["C"], got.parameters["folds"]) == (GRID[best], 5)
        assert (got.out_of_fold is None) == single
        if got.out_of_fold is not None:
            np.testing.assert_array_equal(got.out_of_fold[0], truth)
            np.testing.assert_allclose(got.out_of_fold[1], held[best], atol=5e-4)


@BOTH
def test_nothing_of_the_evaluated_rows_but_their_vectors_has_a_say(task: str) -> None:
    samples, images, means = world((9, 6, 7), task)
    anchor, options = anchor_of(means), options_of(shots=(1, 4, "all"), regimes=("balanced", "natural"))
    before = few_shot(samples, images, anchor, ask_for(c_grid=GRID), options)
    labels = samples.labels.copy()
    test = samples.split == "test"
    labels[test] = ~labels[test]
    same_scores(before, few_shot(replace(samples, labels=labels), images, anchor, ask_for(c_grid=GRID), options))
    # Other pictures to evaluate: other scores, but the same draws and hyperparameters.
    vectors = images.vectors.copy()
    vectors[test] = np.random.default_rng(1).normal(size=vectors[test].shape)
    after = few_shot(samples, replace(images, vectors=vectors), anchor, ask_for(c_grid=GRID), options)
    assert after.used == before.used
    assert [s.parameters for s in seeds_of(after).values()] == [s.parameters for s in seeds_of(before).values()]


def test_validation_rows_have_no_say() -> None:
    samples, images, means = world((14, 14, 14))
    split = samples.split.copy()
    late = np.array([int(u[1:]) % 14 > 9 for u in samples.units]) & (split == "train")
    split[late] = "val"
    samples = replace(samples, split=split)
    vectors = images.vectors.copy()
    vectors[late] = np.random.default_rng(1).normal(size=vectors[late].shape)
    anchor, options = anchor_of(means), options_of()
    one = few_shot(samples, images, anchor, ask_for(c_grid=GRID), options)
    same_scores(one, few_shot(samples, replace(images, vectors=vectors), anchor, ask_for(c_grid=GRID), options))
    assert not {u for draw in one.used.draws for u in draw.units} & set(samples.units[late].tolist())


def test_units_that_are_evaluated_are_never_drawn_even_under_a_leaky_protocol() -> None:
    samples, images, means = world((20, 20, 20))
    split = np.where(np.arange(len(samples)) % 2 == 0, "train", "test")
    leaky = replace(samples, split=split)
    assert set(leaky.units[split == "train"]) & set(leaky.units[split == "test"])
    result = few_shot(leaky, images, anchor_of(means), ask_for(c_grid=GRID), options_of(shots=(2, "all")))
    drawn = {unit for draw in result.used.draws for unit in draw.units}
    assert drawn
    assert not drawn & set(leaky.units[split == "test"].tolist())
    assert "few-shot-evaluated-units" in [finding.code for finding in result.findings]


@BOTH
def test_another_row_order_changes_no_score(task: str) -> None:
    samples, images, means = world((9, 6, 7), task)
    order = np.random.default_rng(3).permutation(len(samples))
    shuffled, vectors = samples.take(order), Embeddings(images.ids[order], images.vectors[order], "key")
    anchor, options = anchor_of(means), options_of(shots=(2, "all"), regimes=("balanced", "natural"))
    one = few_shot(samples, images, anchor, ask_for(c_grid=GRID), options)
    other = few_shot(shuffled, vectors, anchor, ask_for(c_grid=GRID), options)
    assert one.used == other.used
    same_scores(one, other, atol=1e-9)


def test_curves_rise_with_shots() -> None:
    samples, images, means = world((40, 40, 40, 40), d=20, noise=1.5)
    options = options_of(shots=(1, 4, 16, "all"), seeds=4)
    anchor = anchor_of(means, noise=3.0)
    result = few_shot(samples, images, anchor, ask_for(c_grid=GRID), options)
    curve: dict[str, list[float]] = {}
    for point in result.points:
        curve.setdefault(point.curve, []).append(float(np.mean([accuracy(seed) for seed in point.seeds])))
    for name in ("logistic", "text-anchored", "nearest-mean", "cache"):
        values = curve[f"few-shot:{name}:balanced"]
        assert values[-1] > values[0] + 0.1, name
        assert values[-1] > 0.7, name


def test_shuffled_labels_give_chance() -> None:
    samples, images, _ = world((25, 25, 25, 25), d=20, noise=4.0)
    options = options_of(shots=(4, "all"), seeds=4)
    seen = few_shot(samples, images, None, ask_for(c_grid=GRID), options)
    assert np.mean([accuracy(seed) for point in seen.points for seed in point.seeds]) > 0.4
    units, member = np.unique(samples.units, return_inverse=True)
    shuffled = np.random.default_rng(0).permutation(len(units))
    labels = np.stack([samples.labels[samples.units == unit][0] for unit in units])[shuffled][member]
    blind = few_shot(replace(samples, labels=labels), images, None, ask_for(c_grid=GRID), options)
    # 80 evaluated units: the standard error of one accuracy is 0.05, and all points share the units.
    for point in blind.points:
        assert abs(np.mean([accuracy(seed) for seed in point.seeds]) - 0.25) < 0.13, point.id


@BOTH
def test_one_shot_is_fixed_in_advance(task: str) -> None:
    samples, images, means = world((9, 6, 7), task)
    result = few_shot(samples, images, anchor_of(means), ask_for(), options_of(shots=(1,)))
    for point in result.points:
        for seed in point.seeds:
            assert seed.out_of_fold is None
            assert np.isfinite(seed.scored.scores).all()
            if point.variant != "nearest-mean":
                assert seed.parameters["chosen_on"] == "fixed in advance (too few units to hold any out)"
    by_variant = {point.variant: point.seeds[0].parameters for point in result.points}
    assert by_variant["logistic"]["C"] == 10.0
    assert by_variant["text-anchored"]["C"] == 1.0
    assert (by_variant["cache"]["alpha"], by_variant["cache"]["beta"]) == (1.0, 5.5)


def test_a_class_missing_from_a_natural_draw_is_never_predicted_by_those_who_cannot_know_it() -> None:
    samples, images, means = world((60, 60, 2))
    options = options_of(shots=(2, 4), seeds=6, regimes=("natural",))
    result = few_shot(samples, images, anchor_of(means), ask_for(c_grid=GRID), options)
    missing = [(p.variant, s) for p in result.points for s in p.seeds if "missing" in s.parameters]
    assert missing
    for variant, seed in missing:
        assert seed.parameters["missing"] == ["c2"]
        assert np.isfinite(seed.scored.scores).all()
        if variant in ("logistic", "nearest-mean"):
            column = seed.scored.scores[:, 2]
            assert (column == column[0]).all()
            assert not (seed.scored.scores.argmax(1) == 2).any()


def test_a_class_with_one_unit_is_learned_from_in_every_fold() -> None:
    labels = np.eye(3, dtype=bool)[[0] * 6 + [1] * 4 + [2]]
    samples = samples_of(labels, np.repeat("train", 11))
    folds = deal_folds(samples, np.arange(3), 5, seed=0)
    assert folds is not None
    assert set(folds[samples.units == "u10"].tolist()) == {-1}
    assert sorted(set(folds.tolist())) == [-1, 0, 1, 2, 3]
    for unit in np.unique(samples.units):
        assert len(set(folds[samples.units == unit].tolist())) == 1
    for fold in range(4):
        assert samples.labels[folds != fold].any(axis=0).all(), "no fold's training part lacks a class"
    assert deal_folds(samples.take(np.isin(samples.units, ["u0", "u6", "u10"])), np.arange(3), 5, 0) is None


def test_a_dropped_class_is_neither_learned_nor_scored() -> None:
    samples, images, means = world((9, 9, 3))
    options = options_of(shots=(2, 4, "all"), few_units="drop-class")
    result = few_shot(samples, images, anchor_of(means), ask_for(c_grid=GRID), options)
    for point in result.points:
        for seed in point.seeds:
            gone = point.shots == 4
            assert seed.unscored == (("c2",) if gone else ())
            assert seed.parameters["units"] == {2: 6, 4: 8, "all": 21}[point.shots]
            if gone:
                assert not (seed.scored.scores.argmax(1) == 2).any()
                assert len(np.unique(seed.scored.scores[:, 2])) == 1
    # The other classes get what they would get if the class were not there.
    keep = ~(samples.labels[:, 2] & (samples.split == "train"))
    there, vectors = samples.take(keep), Embeddings(images.ids[keep], images.vectors[keep], "key")
    four = options_of(shots=(4,), few_units="drop-class")
    alone = few_shot(there, vectors, anchor_of(means), ask_for(c_grid=GRID), four)
    kept = {key: seed for key, seed in seeds_of(result).items() if key[0].endswith("@4")}
    for key, seed in seeds_of(alone).items():
        np.testing.assert_allclose(seed.scored.scores, kept[key].scored.scores, atol=1e-6)


def test_too_few_classes_left_make_no_point() -> None:
    samples, images, means = world((9, 3, 3))
    options = options_of(shots=(2, 4), few_units="drop-class")
    result = few_shot(samples, images, anchor_of(means), ask_for(c_grid=GRID), options)
    assert {point.shots for point in result.points} == {2}
    assert "few-shot-no-classes" in [finding.code for finding in result.findings]


def test_multi_label_draws_have_units_with_no_label_and_a_dropped_label_leaves_its_units() -> None:
    samples, images, means = world((14, 12, 2), "multi-label")
    train = samples.split == "train"
    samples.labels[train, 2] = np.isin(samples.units[train], ["u1", "u20"])
    free = set(samples.units[train & ~samples.labels.any(axis=1)].tolist())
    assert free
    result = few_shot(samples, images, anchor_of(means), ask_for(c_grid=GRID), options_of(few_units="drop-class"))
    for draw in result.used.draws:
        assert len(free & set(draw.units[: draw.sizes["2"]])) >= 2
    assert f"{len(free)} of them with none of the labels" in result.used.pool
    for point in result.points:
        for seed in point.seeds:
            draw = next(d for d in result.used.draws if d.seed == seed.seed)
            assert seed.parameters["units"] == draw.sizes[str(point.shots)]
            assert np.isfinite(seed.scored.scores).all()
    last = [seed for point in result.points for seed in point.seeds if point.shots == 4]
    assert all("c2" in seed.unscored for seed in last)


def test_mean_score_pooling_is_the_mean_over_a_units_pictures() -> None:
    samples, images, means = world((9, 8, 7))
    anchor, options = anchor_of(means), options_of(shots=(2,), tune="fixed")
    unit = few_shot(samples, images, anchor, ask_for(pooling="mean-score"), options)
    at_image = replace(samples, benchmark=samples.benchmark.model_copy(update={"headline_level": "image"}))
    image = seeds_of(few_shot(at_image, images, anchor, ask_for(pooling="mean-score"), options))
    for key, seed in seeds_of(unit).items():
        pictures = image[key].scored
        for name, scores in zip(seed.scored.ids, seed.scored.scores, strict=True):
            np.testing.assert_allclose(scores, pictures.scores[pictures.units == name].mean(axis=0), atol=1e-12)


def test_without_text_the_anchored_variants_are_left_out_and_named() -> None:
    samples, images, _ = world((9, 8, 7))
    result = few_shot(samples, images, None, ask_for(c_grid=GRID), options_of())
    assert {point.variant for point in result.points} == {"logistic", "nearest-mean"}
    assert [text.split(":")[0] for text in result.used.left_out] == ["text-anchored", "cache"]
    assert result.used.class_units == {"c0": 9, "c1": 8, "c2": 7}


def test_certificates_count_every_fit_and_name_those_that_miss() -> None:
    samples, images, _ = world((9, 8, 7))
    options = options_of(shots=(4,), seeds=2, variants=("logistic", "nearest-mean"))
    logistic, nearest = few_shot(samples, images, None, ask_for(c_grid=GRID), options).points
    assert nearest.certificate is None
    certificate = logistic.certificate
    assert certificate is not None
    assert certificate.fits == 2 * (4 * len(GRID) + 1)
    assert certificate.worst is not None
    assert 0 < certificate.worst <= 1e-8
    assert certificate.missed == 0
    impossible = few_shot(samples, images, None, ask_for(c_grid=GRID, tolerance=1e-30), options)
    strict = impossible.points[0].certificate
    assert "uncertified-fits" in [finding.code for finding in impossible.findings]
    assert strict is not None
    assert strict.missed == strict.fits
    assert strict.missed_fits[0] == "4 shots, seed 0, fold 0, C = 0.1"


def test_an_edge_of_the_grid_is_noticed() -> None:
    samples, images, _ = world((9, 8, 7), noise=0.1)
    result = few_shot(samples, images, None, ask_for(c_grid=(1e-3, 1e-2)), options_of(shots=(4,)))
    found = [finding for finding in result.findings if finding.code == "few-shot-grid-edge"]
    assert found[0].count == 2
    assert found[0].examples[0] == "balanced, 4 shots, seed 0: C = 0.01"


def test_natural_draws_larger_than_the_pool_say_so() -> None:
    samples, images, _ = world((9, 8, 7))
    options = options_of(shots=(4, 16), regimes=("natural",), variants=("nearest-mean",))
    result = few_shot(samples, images, None, ask_for(), options)
    found = next(finding for finding in result.findings if finding.code == "few-shot-small-pool")
    assert found.examples == ("16 shots",)
    assert result.used.draws[0].sizes == {"4": 12, "16": 24}


def test_progress_ends_at_its_total() -> None:
    samples, images, means = world((9, 8, 7))
    seen: list[tuple[str, int, int | None]] = []
    ask = replace(ask_for(c_grid=GRID), progress=lambda *step: seen.append(step))
    few_shot(samples, images, anchor_of(means), ask, options_of(shots=(1, 2, "all"), seeds=2))
    assert {(stage, total) for stage, _, total in seen} == {("few-shot", 4 * 5)}
    done = [step[1] for step in seen]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, 20)


@pytest.mark.parametrize("evaluated", ["train", "all"])
def test_rows_that_are_learned_from_cannot_be_evaluated(evaluated: str) -> None:
    samples, images, _ = world((9, 8, 7))
    with pytest.raises(UsageError, match="it learns from those rows"):
        few_shot(samples, images, None, ask_for(evaluated=evaluated), options_of())


def test_bad_input_is_refused() -> None:
    samples, images, means = world((9, 8, 7))
    with pytest.raises(DataError, match="no rows to evaluate"):
        few_shot(samples, images, None, ask_for(evaluated="val"), options_of())
    vectors = images.vectors.copy()
    vectors[3, 0] = np.nan
    with pytest.raises(DataError, match="NaN"):
        few_shot(samples, replace(images, vectors=vectors), None, ask_for(), options_of())
    with pytest.raises(ValueError, match="text vectors"):
        few_shot(samples, images, Anchor(means[:, :5], "cosine"), ask_for(), options_of())
    only_test = samples.take(samples.split == "test")
    vectors_of_test = Embeddings(only_test.ids, images.vectors[samples.split == "test"], "key")
    with pytest.raises(DataError, match="nothing to draw from"):
        few_shot(only_test, vectors_of_test, None, ask_for(), options_of())


def test_anchored_never_loses_to_zero_shot_inside_the_shots() -> None:
    """A text model that is right and pictures that say nothing: cross-validation stays with zero-shot."""
    samples, images, _ = world((30, 30, 30), noise=0.0, d=12)
    rng = np.random.default_rng(0)
    text = np.eye(3, 12)
    vectors = 0.3 * samples.labels @ text + np.pad(rng.normal(size=(len(samples), 9)), ((0, 0), (3, 0)))
    informed = Anchor(text, "softmax", 100.0)
    result = few_shot(
        samples,
        replace(images, vectors=vectors.astype(np.float32)),
        informed,
        ask_for(criterion="auroc"),
        options_of(shots=(2, 4), seeds=5),
    )
    by_id = {p.id: float(np.mean([accuracy(s) for s in p.seeds])) for p in result.points}
    assert by_id["few-shot:text-anchored:balanced@4"] == 1.0
    assert by_id["few-shot:logistic:balanced@4"] < 0.9
    tuned = [s.parameters["C"] for p in result.points if p.variant == "text-anchored" for s in p.seeds]
    assert set(tuned) == {0.0}, "of equals the smallest"


def test_anchored_leaves_zero_shot_only_for_what_is_clearly_better() -> None:
    """Text that says nothing: few shots do not move the probe far from it, many clear ones do."""
    samples, images, _ = world((40, 40, 40), noise=0.6, d=12)
    text = np.eye(3, 12, 9)  # dimensions that hold noise alone
    asked = options_of(shots=(2, 16), seeds=6)
    result = few_shot(samples, images, Anchor(text, "softmax", 5.0), ask_for(c_grid=GRID), asked)
    points = {p.shots: p for p in result.points if p.variant == "text-anchored"}
    tuned = {shots: [s.parameters["C"] for s in point.seeds] for shots, point in points.items()}
    assert np.mean(tuned[2]) <= np.mean(tuned[16])
    assert min(tuned[16]) > 0
    assert np.mean([accuracy(s) for s in points[16].seeds]) > 0.8
    assert "one standard error" in points[16].seeds[0].parameters["chosen_on"]


def test_thresholds_can_be_chosen_on_out_of_fold_scores() -> None:
    samples, images, means = world((16, 16, 16), "multi-label", noise=1.0)
    result = few_shot(samples, images, anchor_of(means), ask_for(c_grid=GRID), options_of(shots=(8,)))
    for point in result.points:
        for seed in point.seeds:
            assert seed.out_of_fold is not None, "nearest-mean too has thresholds to choose"
            labels, scores = seed.out_of_fold
            assert len(labels) == seed.parameters["units"]
            assert roc_auc_score(labels, scores) > 0.7


def test_rates_are_the_shares_of_drawn_units_where_a_fit_can_decide_by_them() -> None:
    samples, images, means = world((9, 8, 7), "multi-label")
    result = few_shot(samples, images, anchor_of(means), ask_for(c_grid=GRID), options_of(shots=(1,)))
    for point in result.points:
        for draw, seed in zip(result.used.draws, point.seeds, strict=True):
            if point.variant in ("cache", "nearest-mean"):
                assert seed.rates is None
                continue
            of_units = [samples.labels[samples.units == unit].any(axis=0) for unit in draw.units]
            assert seed.rates == pytest.approx(np.mean(of_units, axis=0))
    weighted = few_shot(samples, images, None, ask_for(c_grid=GRID, class_weight="balanced"), options_of(shots=(1,)))
    assert weighted.points[0].seeds[0].rates == pytest.approx([0.5] * 3)


def test_samples_and_vectors_must_be_the_same_rows() -> None:
    samples, images, _ = world((9, 8, 7))
    other: Samples = samples.take(np.arange(len(samples))[::-1])
    with pytest.raises(ValueError, match="not the same rows"):
        few_shot(other, images, None, ask_for(), options_of())


def test_a_pool_of_one_class_or_one_unit_is_a_data_error() -> None:
    samples, images, _ = world((6, 6, 6))
    train = samples.split == "train"

    def fails(message: str, stays: Array) -> None:
        with pytest.raises(DataError, match=message):
            few_shot(samples.take(stays), Embeddings(samples.ids[stays], images.vectors[stays], "key"), None,
                     ask_for(c_grid=GRID), options_of(shots=(1, 2), seeds=1))  # fmt: skip

    fails("fewer than two classes", ~train | samples.labels[:, 1])
    fails("one case only", ~train | (samples.units == samples.units[train][0]))
