"""Probes on some of the real HAM10000, split by lesion, against scikit-learn: thumbnails stand in for an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler, normalize

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.methods.kept import Kept
from vlmeval.methods.probes import Ask, knn, linear_probe
from vlmeval.records import Embeddings, ProbeOptions, Samples

pytestmark = pytest.mark.realdata
GRID = (1e-4, 1e-3, 1e-2, 1e-1)
LESIONS = 60
"""Of each class, so that the rare ones are there; as many as there are where there are fewer."""


@pytest.fixture(scope="module")
def pictures(real_data: Path) -> tuple[Samples, Embeddings]:
    every = load_samples(load_catalog().benchmark("ham10000"), real_data / "ham10000")
    chosen: set[str] = set()
    for k in range(len(every.benchmark.classes)):
        chosen |= set(sorted(set(every.units[every.labels[:, k]]))[:LESIONS])
    samples = every.take(np.isin(every.units, sorted(chosen)))
    thumbnails = [
        np.asarray(Image.open(ref.path).convert("RGB").resize((8, 8), Image.Resampling.BILINEAR), dtype=np.float32)
        for ref in samples.images
    ]
    return samples, Embeddings(samples.ids, np.stack(thumbnails).reshape(len(samples), -1) / 255, "thumbnails")


def part(samples: Samples, images: Embeddings, *splits: str) -> tuple[Any, Any, Any]:
    rows = np.isin(samples.split, splits)
    return images.vectors[rows].astype(np.float64), samples.labels[rows].argmax(axis=1), samples.units[rows]


def by_lesion(values: Any, units: Any) -> Any:
    return np.stack([values[units == unit].mean(axis=0) for unit in dict.fromkeys(units)])


def test_no_lesion_is_learned_from_and_evaluated(pictures: tuple[Samples, Embeddings]) -> None:
    samples, _ = pictures
    assert not set(samples.units[samples.split == "test"]) & set(samples.units[samples.split != "test"])
    assert (samples.labels.sum(axis=0) >= 60).all()


def test_the_linear_probe_equals_scikit_learns(pictures: tuple[Samples, Embeddings]) -> None:
    samples, images = pictures
    options = ProbeOptions(c_grid=GRID, features="standardised", tolerance=1e-12)
    probed = linear_probe(samples, images, Ask(options, "test", Kept()))

    def fit(x: Any, y: Any, units: Any, c: float) -> Any:
        weight = np.array([1 / (units == unit).sum() for unit in units])
        scaler = StandardScaler().fit(x, sample_weight=weight)
        model = LogisticRegression(C=c, solver="newton-cg", tol=1e-9, max_iter=2000)
        model.fit(scaler.transform(x), y, sample_weight=weight)
        return lambda new: model.predict_proba(scaler.transform(new))

    x_val, y_val, units_val = part(samples, images, "val")
    truth = [y_val[units_val == unit][0] for unit in dict.fromkeys(units_val)]
    losses = []
    for c in GRID:
        p = fit(*part(samples, images, "train"), c)(by_lesion(x_val, units_val))
        losses.append(log_loss(truth, p, labels=range(7)))
    assert probed.choice is not None
    np.testing.assert_allclose([s or np.nan for s in probed.choice.scores], losses, rtol=1e-5)
    assert probed.choice.chosen == GRID[int(np.argmin(losses))]
    final = fit(*part(samples, images, "train", "val"), probed.choice.chosen)
    x_test, _, units_test = part(samples, images, "test")
    scored = probed.scored[None]
    np.testing.assert_allclose(scored["image"].in_split("test").scores, final(x_test), atol=1e-5)
    expected = final(by_lesion(x_test, units_test))
    np.testing.assert_allclose(scored["unit"].in_split("test").scores, expected, atol=1e-5)
    assert probed.certificate is not None
    assert probed.certificate.missed == 0


def test_nearest_neighbours_equal_scikit_learns(pictures: tuple[Samples, Embeddings]) -> None:
    samples, images = pictures
    options = ProbeOptions(neighbours=(15,), unit_weights=False)
    probed = knn(samples, images, Ask(options, "test", Kept()))
    model = KNeighborsClassifier(15, metric="cosine", algorithm="brute", weights=lambda far: np.exp((1 - far) / 0.07))
    x, y, _ = part(samples, images, "train", "val")
    theirs = model.fit(normalize(x), y).predict_proba(normalize(part(samples, images, "test")[0]))
    np.testing.assert_allclose(probed.scored[None]["image"].in_split("test").scores, theirs, atol=1e-8)
