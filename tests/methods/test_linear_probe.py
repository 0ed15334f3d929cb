"""The linear probe against an independent scikit-learn computation, and what it must never look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.preprocessing import normalize
from sklearn.utils.class_weight import compute_sample_weight

from vlmeval.errors import DataError, UsageError
from vlmeval.methods.kept import Kept
from vlmeval.methods.probes import Ask, Probed, fits, linear_probe
from vlmeval.methods.probes.recipes import apply_recipe
from vlmeval.records import Embeddings, ProbeOptions, Samples

GRID = (0.01, 0.1, 1.0, 10.0, 100.0)


def ask(evaluated: str = "test", kept: Kept | None = None, pooling: Any = "mean-embedding", **options: Any) -> Ask:
    return Ask(ProbeOptions(**{"c_grid": GRID, **options}), evaluated, kept or Kept(), pooling)


def run(samples: Samples, images: Embeddings, asked: Ask) -> Probed:
    return linear_probe(samples, images, asked)


def split_of(samples: Samples, images: Embeddings, *names: str) -> tuple[Any, Any, Any]:
    rows = np.isin(samples.split, names)
    return images.vectors[rows].astype(np.float64), samples.labels[rows], samples.units[rows]


def pooled(x: Any, units: Any) -> Any:
    """Unit features the plain way: mean of unit-length pictures, at unit length; in order of first appearance."""
    order = list(dict.fromkeys(units))
    return normalize(np.stack([normalize(x)[units == unit].mean(axis=0) for unit in order]))


def of_units(labels: Any, units: Any) -> Any:
    return np.stack([labels[units == unit].any(axis=0) for unit in dict.fromkeys(units)])


def once(units: Any) -> Any:
    return np.array([1 / (units == unit).sum() for unit in units])


def fit(x: Any, y: Any, w: Any, c: float) -> Any:
    """Probabilities of an optimal fit as a function; scikit-learn, Newton, tolerance 1e-10."""
    if y.ndim == 1:
        model = LogisticRegression(C=c, solver="newton-cg", tol=1e-10, max_iter=5000).fit(x, y, sample_weight=w)
        return model.predict_proba
    models = [
        LogisticRegression(C=c, solver="newton-cg", tol=1e-10, max_iter=5000).fit(x, y[:, k], sample_weight=w)
        for k in range(y.shape[1])
    ]
    return lambda new: np.stack([model.predict_proba(new)[:, 1] for model in models], axis=1)


def loss(y: Any, p: Any) -> float:
    if y.ndim == 1:
        return float(log_loss(y, p))
    return float(np.mean([log_loss(y[:, k], p[:, k]) for k in range(y.shape[1])]))


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_scores_choice_and_refit_equal_scikit_learns(made: Any, task: str) -> None:
    samples, images = made(task=task)
    probed = run(samples, images, ask(tolerance=1e-13))
    codes = (lambda y: y.argmax(axis=1)) if task == "single-label" else (lambda y: y)
    x, y, units = split_of(samples, images, "train")
    x_val, y_val, units_val = split_of(samples, images, "val")
    by_c = {c: fit(normalize(x), codes(y), once(units), c) for c in GRID}
    losses = [loss(codes(of_units(y_val, units_val)), by_c[c](pooled(x_val, units_val))) for c in GRID]
    best = GRID[int(np.argmin(losses))]
    assert probed.choice is not None
    np.testing.assert_allclose([s or np.nan for s in probed.choice.scores], losses, rtol=1e-6)
    assert probed.choice.chosen == best
    assert probed.choice.chosen_on == f"validation cases ({len(set(units_val))})"

    both = split_of(samples, images, "train", "val")
    final = fit(normalize(both[0]), codes(both[1]), once(both[2]), best)
    x_test, _, units_test = split_of(samples, images, "test")
    image, unit = (probed.scored[None][level] for level in ("image", "unit"))
    np.testing.assert_allclose(image.in_split("test").scores, final(normalize(x_test)), atol=1e-6)
    np.testing.assert_allclose(unit.in_split("test").scores, final(pooled(x_test, units_test)), atol=1e-6)
    # Validation rows are scored by the fit that has not seen them.
    np.testing.assert_allclose(unit.in_split("val").scores, by_c[best](pooled(x_val, units_val)), atol=1e-6)
    assert set(image.split) == {"val", "test"}
    assert image.kind == ("softmax" if task == "single-label" else "sigmoid")
    assert probed.certificate is not None
    assert probed.certificate.fits == len(GRID) + 1
    assert probed.certificate.missed == 0
    assert probed.certificate.worst is not None
    assert probed.certificate.worst <= 1e-13


def test_other_criteria_are_recorded_and_can_decide(made: Any) -> None:
    samples, images = made(noise=2.0)
    probed = run(samples, images, ask(criterion="auroc", refit=False, features="raw"))
    x, y, units = split_of(samples, images, "train")
    x_val, y_val, units_val = split_of(samples, images, "val")
    means = np.stack([x_val[units_val == unit].mean(axis=0) for unit in dict.fromkeys(units_val)])
    truth = of_units(y_val, units_val)
    areas = []
    for c in GRID:
        p = fit(x, y.argmax(axis=1), once(units), c)(means)
        areas.append(np.mean([roc_auc_score(truth[:, k], p[:, k]) for k in range(3)]))
    assert probed.choice is not None
    np.testing.assert_allclose([s or np.nan for s in probed.choice.scores], areas, atol=1e-3)
    assert set(probed.choice.others) == {"log-loss", "balanced-log-loss", "average-precision", "balanced-accuracy"}
    assert probed.choice.higher_is_better
    # Without refit, the final fit is the train-only fit.
    again = fit(x, y.argmax(axis=1), once(units), probed.choice.chosen)
    expected = again(split_of(samples, images, "test")[0])
    np.testing.assert_allclose(probed.scored[None]["image"].in_split("test").scores, expected, atol=2e-4)
    assert probed.parameters["fitted_on"] == "train"


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_balanced_class_weights_equal_scikit_learns(made: Any, task: str) -> None:
    samples, images = made(task=task)
    chosen = ask(c_grid=(1.0,), class_weight="balanced", unit_weights=False, refit=False)
    image = run(samples, images, chosen).scored[None]["image"].in_split("test")
    x, y, _ = split_of(samples, images, "train")
    new = normalize(split_of(samples, images, "test")[0])
    if task == "single-label":
        expected = fit(normalize(x), y.argmax(axis=1), compute_sample_weight("balanced", y.argmax(axis=1)), 1.0)(new)
    else:
        columns = [
            fit(normalize(x), y[:, k].astype(int), compute_sample_weight("balanced", y[:, k]), 1.0)(new)[:, 1]
            for k in range(3)
        ]
        expected = np.stack(columns, axis=1)
    np.testing.assert_allclose(image.scores, expected, atol=2e-4)


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_class_weights_count_units_where_units_count_once(made: Any, task: str) -> None:
    samples, images = made(task=task)
    chosen = ask(c_grid=(1.0,), class_weight="balanced", refit=False, tolerance=1e-12)
    image = run(samples, images, chosen).scored[None]["image"].in_split("test")
    x, y, units = split_of(samples, images, "train")
    own, new = once(units), normalize(split_of(samples, images, "test")[0])

    def balanced(codes: Any) -> Any:
        mass = np.bincount(codes, weights=own)
        return own * (own.sum() / (len(mass) * mass))[codes]

    if task == "single-label":
        expected = fit(normalize(x), y.argmax(1), balanced(y.argmax(1)), 1.0)(new)
    else:
        each = [y[:, k].astype(int) for k in range(3)]
        expected = np.stack([fit(normalize(x), one, balanced(one), 1.0)(new)[:, 1] for one in each], axis=1)
    np.testing.assert_allclose(image.scores, expected, atol=1e-5)


def test_mean_score_pooling_averages_the_pictures_probabilities(made: Any) -> None:
    samples, images = made()
    scored = run(samples, images, ask(pooling="mean-score")).scored[None]
    image, unit = scored["image"].in_split("test"), scored["unit"].in_split("test")
    for name, row in zip(unit.ids, unit.scores, strict=True):
        np.testing.assert_allclose(row, image.scores[image.units == name].mean(axis=0), atol=1e-12)


def test_a_card_whose_headline_is_images_is_tuned_on_images(made: Any) -> None:
    samples, images = made(level="image")
    probed = run(samples, images, ask(unit_weights=False))
    assert probed.choice is not None
    x, y, _ = split_of(samples, images, "train")
    x_val, y_val, _ = split_of(samples, images, "val")
    losses = [loss(y_val.argmax(1), fit(normalize(x), y.argmax(1), None, c)(normalize(x_val))) for c in GRID]
    np.testing.assert_allclose([s or np.nan for s in probed.choice.scores], losses, rtol=1e-4)
    assert probed.choice.chosen_on == f"validation images ({len(x_val)})"


@pytest.mark.parametrize("splits", [("train", "train", "test"), ("train", "train", "val")], ids=["no val", "val asked"])
def test_without_other_validation_rows_folds_of_train_choose(made: Any, splits: tuple[str, ...]) -> None:
    samples, images = made(splits=splits)
    evaluated = splits[-1]
    probed = run(samples, images, ask(evaluated))
    scored = probed.scored[None]["image"]
    assert set(scored.split) == {"train", evaluated}
    train = samples.split == "train"
    assert set(scored.in_split("train").ids) == set(samples.ids[train])
    assert probed.choice is not None
    assert "out of fold" in probed.choice.chosen_on
    assert probed.certificate is not None
    assert probed.certificate.fits == 5 * len(GRID) + 1
    # The final fit is that of all train rows.
    x, y, units = split_of(samples, images, "train")
    final = fit(normalize(x), y.argmax(axis=1), once(units), probed.choice.chosen)
    expected = final(normalize(split_of(samples, images, evaluated)[0]))
    np.testing.assert_allclose(scored.in_split(evaluated).scores, expected, atol=2e-4)
    # Out-of-fold scores are not those of the final fit.
    assert np.abs(scored.in_split("train").scores - final(normalize(x))).max() > 1e-3


def test_evaluated_rows_choose_nothing(made: Any) -> None:
    samples, images = made()
    test = samples.split == "test"
    labels, vectors = samples.labels.copy(), images.vectors.copy()
    labels[test] = np.roll(labels[test], 1, axis=1)
    vectors[test] *= -3
    first = run(samples, images, ask(features="standardised"))
    second = run(replace(samples, labels=labels), replace(images, vectors=vectors), ask(features="standardised"))
    assert first.choice == second.choice
    assert first.certificate == second.certificate
    for level in ("image", "unit"):
        one, other = (p.scored[None][level].in_split("val").scores for p in (first, second))
        np.testing.assert_array_equal(one, other)


def test_validation_rows_are_scored_by_a_fit_without_them(made: Any) -> None:
    samples, images = made()
    val = samples.split == "val"
    labels, vectors = samples.labels.copy(), images.vectors.copy()
    labels[val] = np.roll(labels[val], 1, axis=1)
    first = run(samples, images, ask(c_grid=(1.0,), features="standardised"))
    second = run(replace(samples, labels=labels), images, ask(c_grid=(1.0,), features="standardised"))
    one, other = (p.scored[None]["image"] for p in (first, second))
    np.testing.assert_array_equal(one.in_split("val").scores, other.in_split("val").scores)
    # ... while the final fit learns from them, and their vectors do not reach the train-only features.
    assert np.abs(one.in_split("test").scores - other.in_split("test").scores).max() > 1e-3
    last = np.flatnonzero(val)[-1]
    vectors[last] += 100
    third = run(samples, replace(images, vectors=vectors), ask(c_grid=(1.0,), features="standardised"))
    scores = third.scored[None]["image"].in_split("val").scores
    np.testing.assert_array_equal(scores[:-1], one.in_split("val").scores[:-1])


@pytest.mark.parametrize("splits", [("train", "val", "test"), ("train", "test")])
def test_row_order_changes_nothing(made: Any, splits: tuple[str, ...]) -> None:
    samples, images = made(splits=splits)
    order = np.random.default_rng(4).permutation(len(samples))
    moved = Embeddings(images.ids[order], images.vectors[order], "key")
    one, other = run(samples, images, ask()), run(samples.take(order), moved, ask())
    assert one.choice is not None
    assert other.choice is not None
    assert one.choice.chosen == other.choice.chosen
    for level in ("image", "unit"):
        left, right = one.scored[None][level], other.scored[None][level]
        by_id = dict(zip(right.ids, right.scores, strict=True))
        np.testing.assert_allclose(left.scores, np.stack([by_id[name] for name in left.ids]), atol=1e-10)


class Counted:
    """Counts what the solver is asked to fit."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[int, tuple[float, ...]]] = []
        solve = fits.fit_logistic

        def counting(problems: Sequence[Any], cs: Sequence[float], **more: Any) -> Any:
            self.calls.append((len(problems), tuple(cs)))
            return solve(problems, cs, **more)

        monkeypatch.setattr(fits, "fit_logistic", counting)

    def new(self) -> list[tuple[int, tuple[float, ...]]]:
        calls, self.calls = self.calls, []
        return calls


def test_the_grid_is_one_call_and_another_value_of_c_fits_only_that(
    made: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    samples, images = made()
    counted = Counted(monkeypatch)
    first = run(samples, images, ask(kept=Kept(tmp_path)))
    assert first.choice is not None
    assert counted.new() == [(1, GRID), (1, (first.choice.chosen,))]
    again = run(samples, images, ask(kept=Kept(tmp_path)))
    assert counted.new() == []
    np.testing.assert_array_equal(again.scored[None]["unit"].scores, first.scored[None]["unit"].scores)
    assert again.certificate == first.certificate
    wider = run(samples, images, ask(kept=Kept(tmp_path), c_grid=(0.001, *GRID)))
    assert wider.choice is not None
    assert counted.new()[0] == (1, (0.001,))
    assert wider.choice.scores[1:] == first.choice.scores
    run(samples, images, ask(kept=Kept(tmp_path), c_grid=(0.1, 10.0)))
    assert all(cs not in ((0.1,), (10.0,), (0.1, 10.0)) for _, cs in counted.new()[:-1])


def test_folds_are_one_call(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, images = made(splits=("train", "train", "test"), task="multi-label")
    counted = Counted(monkeypatch)
    run(samples, images, ask(class_weight="balanced"))
    assert [number for number, _ in counted.new()] == [5 * 3, 3]


def test_other_rows_labels_weights_features_or_tolerance_are_fitted_anew(
    made: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, images = made()
    kept, counted = Kept(), Counted(monkeypatch)
    run(samples, images, ask(kept=kept))
    counted.new()
    train = np.flatnonzero(samples.split == "train")
    labels, vectors = samples.labels.copy(), images.vectors.copy()
    labels[train[0]] = np.roll(labels[train[0]], 1)
    vectors[train[0], 0] += 1e-3
    changes: list[tuple[Samples, Embeddings, dict[str, Any]]] = [
        (replace(samples, labels=labels), images, {}),
        (samples, replace(images, vectors=vectors), {}),
        (samples, images, {"features": "raw"}),
        (samples, images, {"unit_weights": False}),
        (samples, images, {"class_weight": "balanced"}),
        (samples, images, {"tolerance": 1e-6}),
    ]
    for changed, moved, options in changes:
        run(changed, moved, ask(kept=kept, **options))
        assert (1, GRID) in counted.new(), options
    # What is not in a fit is not in its key.
    run(replace(samples, groups={}), images, ask(kept=kept, thresholds="half", criterion="auroc", seeds=9))
    assert (1, GRID) not in counted.new()


def test_the_notebook_recipe_is_scikit_learn_to_the_letter(made: Any) -> None:
    samples, images = made(task="multi-label")
    options = apply_recipe(ProbeOptions(), "medsiglip-notebook")
    probed = run(samples, images, Ask(options, "test", Kept()))
    x, y, _ = split_of(samples, images, "train", "val")
    order = np.argsort(samples.ids[np.isin(samples.split, ["train", "val"])])
    model = MultiOutputClassifier(LogisticRegression(max_iter=250)).fit(x[order], y[order])
    theirs = np.stack([p[:, 1] for p in model.predict_proba(split_of(samples, images, "test")[0])], axis=1)
    np.testing.assert_allclose(probed.scored[None]["image"].in_split("test").scores, theirs, atol=1e-12)
    assert probed.certificate is not None
    assert (probed.certificate.solver, probed.certificate.worst) == ("sklearn", None)
    assert probed.choice is not None
    assert not probed.choice.at_edge


def test_scikit_learn_that_stops_early_is_a_finding_not_a_warning(made: Any) -> None:
    samples, images = made()
    probed = run(samples, images, ask(solver="sklearn", max_iter=2))
    found = {f.code: f for f in probed.findings}
    assert found["not-converged"].severity == "warning"
    assert probed.certificate is not None
    assert found["not-converged"].count == probed.certificate.missed > 0
    assert any("C = 100" in name for name in found["not-converged"].examples)


@pytest.mark.parametrize("solver", ["certified", "sklearn"])
@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_a_class_that_train_does_not_have_is_named_and_does_not_crash(made: Any, solver: str, task: str) -> None:
    samples, images = made(task=task, k=4)
    labels = samples.labels.copy()
    learned = samples.split != "test"
    labels[np.ix_(learned & labels[:, 2], [0, 1, 2, 3])] = np.eye(4, dtype=bool)[0]
    probed = run(replace(samples, labels=labels), images, ask(solver=solver))
    [finding] = [f for f in probed.findings if f.code == "class-not-in-train"]
    assert finding.examples == ("c2",)
    scores = probed.scored[None]["unit"].scores
    assert np.isfinite(scores).all()
    assert scores[:, 2].max() < 0.1


def test_the_edge_of_the_grid_is_a_finding(made: Any) -> None:
    samples, images = made()
    low = run(samples, images, ask(c_grid=(1e-6, 1e-5)))
    [finding] = [f for f in low.findings if f.code == "grid-edge"]
    assert "largest" in finding.message
    assert low.choice is not None
    assert low.choice.at_edge
    assert not [f for f in run(samples, images, ask(c_grid=(1.0,))).findings if f.code == "grid-edge"]


def test_fits_that_miss_their_tolerance_are_named(made: Any) -> None:
    samples, images = made()
    probed = run(samples, images, ask(tolerance=1e-17))
    [finding] = [f for f in probed.findings if f.code == "uncertified-fits"]
    assert probed.certificate is not None
    assert finding.count == probed.certificate.missed == len(GRID) + 1
    assert probed.certificate.missed_fits[0] == "train rows, C = 0.01"


def test_a_criterion_without_value_gives_way_to_log_loss(made: Any) -> None:
    samples, images = made()
    val = samples.split == "val"
    labels = samples.labels.copy()
    labels[val] = np.eye(3, dtype=bool)[1]
    probed = run(replace(samples, labels=labels), images, ask(criterion="auroc"))
    assert probed.choice is not None
    assert probed.choice.criterion == "log-loss"
    assert probed.choice.others["auroc"] == (None,) * len(GRID)
    assert "criterion-undefined" in [f.code for f in probed.findings]


def test_rows_without_a_class_are_not_learned_from(made: Any) -> None:
    samples, images = made()
    train = np.flatnonzero(samples.split == "train")
    labels = samples.labels.copy()
    labels[train[:5]] = False
    without = np.setdiff1d(np.arange(len(samples)), train[:5])
    one = run(replace(samples, labels=labels), images, ask())
    rest = Embeddings(images.ids[without], images.vectors[without], "key")
    other = run(samples.take(without), rest, ask(unit_weights=True))
    np.testing.assert_array_equal(one.scored[None]["image"].scores, other.scored[None]["image"].scores)


@pytest.mark.parametrize("evaluated", ["train", "all"])
def test_rows_that_were_learned_from_cannot_be_evaluated(made: Any, evaluated: str) -> None:
    samples, images = made()
    with pytest.raises(UsageError, match="has learned from those rows"):
        run(samples, images, ask(evaluated))


def test_vectors_that_are_not_finite_name_their_samples(made: Any) -> None:
    samples, images = made()
    vectors = images.vectors.copy()
    vectors[3, 1], vectors[11, 0] = np.nan, np.inf
    with pytest.raises(DataError, match="2 embeddings hold NaN") as caught:
        run(samples, replace(images, vectors=vectors), ask())
    assert samples.ids[3] in str(caught.value)
    assert samples.ids[11] in str(caught.value)


def test_too_little_to_learn_from_is_a_data_error(made: Any) -> None:
    samples, images = made()

    def fails(message: str, **changed: Any) -> None:
        with pytest.raises(DataError, match=message):
            run(replace(samples, **changed), images, ask())

    train = samples.split == "train"
    fails("the train split is empty", split=np.where(train, "val", samples.split))
    fails("no rows to evaluate", split=np.where(samples.split == "test", "val", samples.split))
    fails("one case only", units=np.where(train, "u0", samples.units))
    only = samples.labels.copy()
    only[train] = np.eye(3, dtype=bool)[2]
    fails("fewer than two classes", labels=only)
    several, images = made(task="multi-label")
    train = several.split == "train"
    with pytest.raises(DataError, match="fewer than two classes"):
        run(replace(several, labels=several.labels & ~train[:, None]), images, ask())


def test_rows_must_be_the_same(made: Any) -> None:
    samples, images = made()
    with pytest.raises(ValueError, match="not the same rows"):
        run(samples, Embeddings(images.ids[::-1], images.vectors[::-1], "key"), ask())


def test_validation_rows_without_a_class_choose_nothing(made: Any) -> None:
    samples, images = made()
    unknown = samples.labels & (samples.split != "val")[:, None]
    probed = run(replace(samples, labels=unknown), images, ask())
    assert probed.choice is not None
    assert probed.choice.chosen_on.startswith("training cases out of fold")
    assert None not in probed.choice.scores
