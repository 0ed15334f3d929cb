"""Nearest neighbours against scikit-learn and a brute-force vote; ties, blocks, and the choice of k."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import normalize

from vlmeval.errors import DataError, UsageError
from vlmeval.methods.kept import Kept
from vlmeval.methods.probes import Ask, knn, neighbours
from vlmeval.methods.probes.neighbours import Pool, nearest
from vlmeval.records import Embeddings, ProbeOptions

KS = (1, 3, 10, 30)


def ask(evaluated: str = "test", pooling: Any = "mean-embedding", **options: Any) -> Ask:
    return Ask(ProbeOptions(**{"neighbours": KS, **options}), evaluated, Kept(), pooling)


def rows(samples: Any, *names: str) -> Any:
    return np.flatnonzero(np.isin(samples.split, names))


def vote(query: Any, pool: Any, labels: Any, weight: Any, k: int, temperature: float = 0.07) -> Any:
    """One query, the slow way: sort everything, add up the votes of the first k."""
    cosines = [float(np.dot(query, other) / np.linalg.norm(query) / np.linalg.norm(other)) for other in pool]
    near = sorted(range(len(pool)), key=lambda j: (-round(cosines[j], 12), j))[:k]
    votes = np.zeros(labels.shape[1])
    total = 0.0
    for j in near:
        votes += weight[j] * np.exp(cosines[j] / temperature) * labels[j]
        total += weight[j] * np.exp(cosines[j] / temperature)
    return votes / total


def test_pictures_score_as_by_scikit_learns_classifier(made: Any) -> None:
    samples, images = made(units=120)
    x = normalize(images.vectors.astype(np.float64))
    train, val, test = (rows(samples, name) for name in ("train", "val", "test"))
    codes = samples.labels.argmax(axis=1)

    def theirs(k: int, learned: Any) -> Any:
        model = KNeighborsClassifier(
            k, metric="cosine", algorithm="brute", weights=lambda distance: np.exp((1 - distance) / 0.07)
        )
        return model.fit(x[learned], codes[learned])

    probed = knn(samples, images, ask(unit_weights=False, pooling="mean-score"))
    assert probed.choice is not None
    per_unit = []
    for k in KS:
        # One more vote, for the class mix of the units that vote (here every picture votes alike).
        mix = samples.labels[train].mean(axis=0)
        p = (k * theirs(k, train).predict_proba(x[val]) + mix) / (k + 1)
        names = list(dict.fromkeys(samples.units[val]))
        units = np.stack([p[samples.units[val] == name].mean(axis=0) for name in names])
        truth = [codes[val][samples.units[val] == name][0] for name in names]
        per_unit.append(log_loss(truth, units, labels=range(3)))
    np.testing.assert_allclose([s or np.nan for s in probed.choice.scores], per_unit, rtol=1e-9)
    assert probed.choice.chosen == KS[int(np.argmin(per_unit))]
    final = theirs(int(probed.choice.chosen), np.concatenate([train, val]))
    scored = probed.scored[None]["image"].in_split("test")
    np.testing.assert_allclose(scored.scores, final.predict_proba(x[test]), atol=1e-9)
    held = probed.scored[None]["image"].in_split("val").scores
    np.testing.assert_allclose(held, theirs(int(probed.choice.chosen), train).predict_proba(x[val]), atol=1e-9)
    assert scored.kind == "probability"


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
@pytest.mark.parametrize("k", [1, 7])
def test_a_unit_counts_once_in_the_vote(made: Any, task: str, k: int) -> None:
    samples, images = made(units=60, task=task)
    probed = knn(samples, images, ask(neighbours=(k,)))
    learned = rows(samples, "train", "val")
    learned = learned[np.argsort(samples.ids[learned])]
    units = samples.units[learned]
    weight = np.array([1 / (units == unit).sum() for unit in units])
    x = images.vectors.astype(np.float64)
    expected = [vote(x[i], x[learned], samples.labels[learned], weight, k) for i in rows(samples, "test")]
    np.testing.assert_allclose(probed.scored[None]["image"].in_split("test").scores, expected, atol=1e-9)
    one = probed.scored[None]["unit"].in_split("test")
    for name, scores in zip(one.ids, one.scores, strict=True):
        pooled = normalize(x[samples.units == name]).mean(axis=0)
        np.testing.assert_allclose(scores, vote(pooled, x[learned], samples.labels[learned], weight, k), atol=1e-9)


def test_balanced_votes_add_the_factor_of_the_class(made: Any) -> None:
    samples, images = made(units=60)
    rare = samples.labels.copy()
    rare[(samples.split != "test") & (np.arange(len(samples)) % 4 > 0)] = np.eye(3, dtype=bool)[0]
    samples = replace(samples, labels=rare)
    probed = knn(samples, images, ask(neighbours=(9,), class_weight="balanced", unit_weights=False))
    learned = rows(samples, "train", "val")
    labels = samples.labels[learned]
    weight = (len(labels) / (3 * labels.sum(axis=0)))[labels.argmax(axis=1)]
    x = images.vectors.astype(np.float64)
    expected = [vote(x[i], x[learned], labels, weight, 9) for i in rows(samples, "test")]
    np.testing.assert_allclose(probed.scored[None]["image"].in_split("test").scores, expected, atol=1e-9)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 100))
@settings(max_examples=150, deadline=None)
def test_of_equal_cosines_the_first_comes_first(n: int, k: int, seed: int) -> None:
    cosines = np.random.default_rng(seed).integers(3, size=(5, n)) / 2.0  # three values: ties everywhere
    expected = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(nearest(cosines, min(k, n)), expected)


def test_row_order_changes_nothing_though_all_vectors_tie(made: Any) -> None:
    samples, images = made()
    tied = replace(images, vectors=np.round(images.vectors[:, :2]).astype(np.float32) + 0.25)
    order = np.random.default_rng(1).permutation(len(samples))
    one = knn(samples, tied, ask()).scored[None]["image"]
    other = knn(samples.take(order), Embeddings(tied.ids[order], tied.vectors[order], "k"), ask()).scored[None]["image"]
    by_id = dict(zip(other.ids, other.scores, strict=True))
    np.testing.assert_array_equal(one.scores, np.stack([by_id[name] for name in one.ids]))


def test_equal_pictures_tie_though_a_matrix_product_rounds_them_apart() -> None:
    rng = np.random.default_rng(0)
    same = np.repeat(normalize(rng.normal(size=(1, 515))), 203, axis=0)
    queries = normalize(rng.normal(size=(13, 515)))
    labels = np.zeros((203, 2), dtype=bool)
    labels[0, 0], labels[1:, 1] = True, True
    votes = Pool(same, labels, np.ones((203, 2)), 0.07).votes(queries, [1])
    np.testing.assert_array_equal(votes[0], np.tile([1.0, 0.0], (13, 1)))


def test_blocks_change_nothing(made: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    samples, images = made()
    whole = knn(samples, images, ask()).scored[None]
    monkeypatch.setattr(neighbours, "BLOCK", 7)
    seen: list[tuple[int, int | None]] = []
    told = replace(ask(), progress=lambda _, done, total: seen.append((done, total)))
    parts = knn(samples, images, told).scored[None]
    for level in ("image", "unit"):
        np.testing.assert_allclose(parts[level].scores, whole[level].scores, atol=1e-12)
    assert (7, len(set(samples.units[samples.split == "val"]))) in seen


def test_values_above_the_pool_are_left_out_and_said(made: Any) -> None:
    samples, images = made(units=20)
    count = int((samples.split == "train").sum())
    probed = knn(samples, images, ask(neighbours=(1, 3, count + 1, 500)))
    assert probed.choice is not None
    assert probed.choice.values == (1.0, 3.0)
    [finding] = [f for f in probed.findings if f.code == "neighbours-skipped"]
    assert finding.examples == (str(count + 1), "500")
    only = knn(samples, images, ask(neighbours=(1000,)))
    assert only.parameters["k"] == count


def test_k_of_one_is_no_edge_and_the_whole_pool_is_none(made: Any) -> None:
    samples, images = made(units=150, noise=0.05)
    low = knn(samples, images, ask(neighbours=(1, 60), criterion="balanced-accuracy"))
    assert low.parameters["k"] == 1
    assert "grid-edge" not in [f.code for f in low.findings]
    higher = knn(samples, images, ask(neighbours=(2, 60), criterion="balanced-accuracy"))
    assert "grid-edge" in [f.code for f in higher.findings]


def test_evaluated_rows_choose_nothing(made: Any) -> None:
    samples, images = made()
    test = samples.split == "test"
    labels, vectors = samples.labels.copy(), images.vectors.copy()
    labels[test], vectors[test] = np.roll(labels[test], 1, axis=1), -vectors[test]
    one = knn(samples, images, ask())
    other = knn(replace(samples, labels=labels), replace(images, vectors=vectors), ask())
    assert one.choice == other.choice
    held = [probed.scored[None]["unit"].in_split("val").scores for probed in (one, other)]
    np.testing.assert_array_equal(*held)


def test_folds_of_train_choose_k_where_there_is_no_validation_split(made: Any) -> None:
    samples, images = made(splits=("train", "train", "test"))
    probed = knn(samples, images, ask(neighbours=(1,), unit_weights=False))
    scored = probed.scored[None]["image"].in_split("train")
    assert set(scored.ids) == set(samples.ids[samples.split == "train"])
    # A picture that voted for itself would be right with certainty.
    assert (scored.scores[scored.labels] < 0.5).any()


def test_errors_are_those_of_every_probe(made: Any) -> None:
    samples, images = made()
    with pytest.raises(UsageError):
        knn(samples, images, ask("all"))
    vectors = images.vectors.copy()
    vectors[5] = np.nan
    with pytest.raises(DataError, match="NaN"):
        knn(samples, replace(images, vectors=vectors), ask())
