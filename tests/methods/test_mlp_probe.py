"""The small net against a plain torch module with the notebook's layers, and the probe around it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from vlmeval.errors import DataError, UsageError
from vlmeval.methods.features import unit_weights
from vlmeval.methods.kept import Kept
from vlmeval.methods.probes import Ask, mlp, mlp_probe
from vlmeval.methods.probes.net import LAYERS, Net, Settings, TrainingRows, initial, kept_units, train
from vlmeval.records import Embeddings, ProbeOptions

SMALL = Settings(hidden=(12, 7), dropout=(0.2, 0.4), penalty=1e-2, learning_rate=3e-3, batch=16, epochs=4)


def rows(task: str, n: int = 75, d: int = 5, k: int = 3, seed: int = 0) -> TrainingRows:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    y = np.eye(k, dtype=np.float32)[rng.integers(k, size=n)] if task == "single-label" else rng.random((n, k)) < 0.4
    weight = rng.random((n, 1)) + 0.5
    if task == "multi-label":
        weight = rng.random((n, k)) + 0.5
    weight = np.broadcast_to(weight / weight.mean(), (n, k))
    return TrainingRows(x, y.astype(np.float32), weight.astype(np.float32))


class Plain(torch.nn.Module):
    """The notebook's layers, one seed, in the plain way; dropout by the masks it is given."""

    def __init__(self, first: Any) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList()
        for layer in (1, 2, 3):
            linear = torch.nn.Linear(*first[f"w{layer}"].shape)
            linear.weight.data = torch.tensor(first[f"w{layer}"].T.copy())
            linear.bias.data = torch.tensor(first[f"b{layer}"])
            self.layers.append(linear)

    def forward(self, x: Any, masks: Any = (1.0, 1.0)) -> Any:
        x = torch.relu(self.layers[0](x)) * masks[0]
        x = torch.relu(self.layers[1](x)) * masks[1]
        return self.layers[2](x)


def plain_training(data: TrainingRows, held: TrainingRows, seed: int, task: str, s: Settings) -> tuple[Any, Any, Any]:
    """Train one seed with the penalty written into the loss; returns the module and both losses by epoch."""
    module = Plain(initial(data.x.shape[1], data.y.shape[1], seed, s))
    adam = torch.optim.Adam(module.parameters(), lr=s.learning_rate, betas=(0.9, 0.999), eps=s.epsilon)
    losses: tuple[list[float], list[float]] = ([], [])

    def loss(logits: Any, part: TrainingRows, batch: slice) -> Any:
        y, w = torch.tensor(part.y[batch]), torch.tensor(part.weight[batch])
        if task == "multi-label":
            p = torch.sigmoid(logits)
            return (-(y * p.log() + (1 - y) * (1 - p).log()) * w).mean()
        return (torch.nn.functional.cross_entropy(logits, y.argmax(1), reduction="none") * w[:, 0]).mean()

    for epoch in range(s.epochs):
        on = kept_units(seed, epoch, len(data.x), s)
        total = 0.0
        for start in range(0, len(data.x), s.batch):
            batch = slice(start, start + s.batch)
            masks = [torch.tensor(m[batch]).float() / (1 - p) for m, p in zip(on, s.dropout, strict=True)]
            fitted = loss(module(torch.tensor(data.x[batch]), masks), data, batch)
            penalty = sum((p**2).sum() for layer in module.layers[:2] for p in layer.parameters())
            adam.zero_grad()
            (fitted + s.penalty * penalty).backward()
            adam.step()
            total += float(fitted.detach()) * len(data.x[batch])
        losses[0].append(total / len(data.x))
        with torch.no_grad():
            losses[1].append(float(loss(module(torch.tensor(held.x)), held, slice(None))))
    return module, *losses


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_every_seed_trains_as_a_plain_module_would(task: Any) -> None:
    data, held = rows(task), rows(task, n=30, seed=1)
    nets = train(data, held, [4, 0, 9], task, SMALL)
    for seed, net in zip([4, 0, 9], nets, strict=True):
        module, train_loss, val_loss = plain_training(data, held, seed, task, SMALL)
        np.testing.assert_allclose(net.train_loss, train_loss, rtol=1e-4)
        np.testing.assert_allclose(net.val_loss, val_loss, rtol=1e-4)
        logits = module(torch.tensor(held.x)).detach().double()
        theirs = torch.sigmoid(logits) if task == "multi-label" else torch.softmax(logits, dim=1)
        np.testing.assert_allclose(net.probabilities(held.x.astype(np.float64), task), theirs.numpy(), atol=2e-4)
    assert np.abs(nets[0].weights["w1"] - nets[1].weights["w1"]).max() > 0.05


def test_a_seed_is_the_same_alone_and_in_company() -> None:
    data = rows("single-label")
    [alone] = train(data, None, [2], "single-label", SMALL)
    together = train(data, None, [0, 1, 2], "single-label", SMALL)[2]
    for name in LAYERS:
        np.testing.assert_allclose(alone.weights[name], together.weights[name], atol=1e-4)
    [again] = train(data, None, [2], "single-label", SMALL)
    np.testing.assert_array_equal(again.train_loss, alone.train_loss)
    assert len(alone.val_loss) == 0


def test_the_held_out_rows_do_not_change_what_is_learned() -> None:
    data = rows("multi-label")
    nets = [train(data, rows("multi-label", seed=seed), [0], "multi-label", SMALL)[0] for seed in (1, 2)]
    for name in LAYERS:
        np.testing.assert_array_equal(nets[0].weights[name], nets[1].weights[name])
    assert (nets[0].val_loss != nets[1].val_loss).all()


def test_first_weights_are_glorot_uniform_and_dropout_has_its_share() -> None:
    first = initial(1152, 10, 3, Settings())
    assert [first[name].shape for name in LAYERS] == [(1152, 512), (512,), (512, 256), (256,), (256, 10), (10,)]
    for layer, sizes in ((1, 1152 + 512), (2, 512 + 256), (3, 256 + 10)):
        limit = np.sqrt(6 / sizes)
        kernel = first[f"w{layer}"]
        assert np.abs(kernel).max() <= limit
        assert kernel.std() == pytest.approx(limit / np.sqrt(3), rel=0.03)
        assert not first[f"b{layer}"].any()
    on = kept_units(3, 0, 2000, Settings())
    assert [m.mean() for m in on] == pytest.approx([0.95, 0.9], abs=0.003)
    assert (on[0] != kept_units(3, 1, 2000, Settings())[0]).any()


def test_logits_however_large_give_probabilities() -> None:
    weights = {name: np.zeros((2, 2) if name[0] == "w" else 2, dtype=np.float32) for name in LAYERS}
    weights["b3"] = np.array([800.0, -800.0], dtype=np.float32)
    net = Net(weights, np.zeros(1, np.float32), np.zeros(0, np.float32))
    for task in ("single-label", "multi-label"):
        np.testing.assert_array_equal(net.probabilities(np.ones((1, 2)), task), [[1.0, 0.0]])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Make the probe's net small; returns the seeds of each training that is run."""
    monkeypatch.setattr(mlp, "SETTINGS", SMALL)
    trained: list[list[int]] = []
    real = mlp.train

    def counting(data: Any, held: Any, seeds: Any, *more: Any, **named: Any) -> Any:
        trained.append(list(seeds))
        return real(data, held, seeds, *more, **named)

    monkeypatch.setattr(mlp, "train", counting)
    return trained


def ask(evaluated: str = "test", kept: Kept | None = None, **options: Any) -> Ask:
    return Ask(ProbeOptions(**{"seeds": 2, **options}), evaluated, kept or Kept())


@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_the_probe_scores_evaluated_rows_by_train_and_val_and_val_rows_by_train(
    made: Any, small: list[list[int]], task: Any
) -> None:
    samples, images = made(task=task)
    probed = mlp_probe(samples, images, ask(features="raw"))
    assert small == [[0, 1], [0, 1]]
    assert set(probed.scored) == {0, 1}

    def learned(*splits: str) -> tuple[Any, Any]:
        index = np.flatnonzero(np.isin(samples.split, splits))
        index = index[np.argsort(samples.ids[index])]
        index = index[np.random.default_rng(0).permutation(len(index))]
        weight = unit_weights(samples.units[index])
        weight = np.repeat((weight / weight.mean())[:, None], 3, axis=1).astype(np.float32)
        return TrainingRows(images.vectors[index], samples.labels[index].astype(np.float32), weight), index

    val, _ = learned("val")
    for seed in (0, 1):
        image = probed.scored[seed]["image"]
        for splits, scored in ((("train", "val"), "test"), (("train",), "val")):
            module, *_ = plain_training(learned(*splits)[0], val, seed, task, SMALL)
            new = torch.tensor(images.vectors[samples.split == scored])
            logits = module(new).detach()
            theirs = torch.sigmoid(logits) if task == "multi-label" else torch.softmax(logits, dim=1)
            np.testing.assert_allclose(image.in_split(scored).scores, theirs.numpy(), atol=1e-3)
        _, train_loss, val_loss = plain_training(learned("train")[0], val, seed, task, SMALL)
        curve = probed.training[seed]
        assert curve.seed == seed
        np.testing.assert_allclose(curve.train_loss, train_loss, rtol=1e-3)
        np.testing.assert_allclose(curve.val_loss, val_loss, rtol=1e-3)
    assert image.kind == ("softmax" if task == "single-label" else "sigmoid")


def test_another_seed_trains_only_that(made: Any, small: list[list[int]], tmp_path: Any) -> None:
    samples, images = made()
    first = mlp_probe(samples, images, ask(kept=Kept(tmp_path)))
    small.clear()
    more = mlp_probe(samples, images, ask(kept=Kept(tmp_path), seeds=3))
    assert small == [[2], [2]]
    assert more.training[:2] == first.training
    for seed in (0, 1):
        np.testing.assert_array_equal(more.scored[seed]["unit"].scores, first.scored[seed]["unit"].scores)
    small.clear()
    mlp_probe(samples, images, ask(kept=Kept(tmp_path), class_weight="balanced"))
    assert small == [[0, 1], [0, 1]]


def test_evaluated_rows_and_row_order_change_nothing(made: Any, small: list[list[int]]) -> None:
    samples, images = made()
    test = samples.split == "test"
    labels, vectors = samples.labels.copy(), images.vectors.copy()
    labels[test], vectors[test] = np.roll(labels[test], 1, axis=1), -vectors[test]
    one = mlp_probe(samples, images, ask())
    other = mlp_probe(replace(samples, labels=labels), replace(images, vectors=vectors), ask())
    assert one.training == other.training
    held = [probed.scored[1]["unit"].in_split("val").scores for probed in (one, other)]
    np.testing.assert_array_equal(*held)
    order = np.random.default_rng(2).permutation(len(samples))
    moved = mlp_probe(samples.take(order), Embeddings(images.ids[order], images.vectors[order], "k"), ask())
    by_id = dict(zip(moved.scored[0]["image"].ids, moved.scored[0]["image"].scores, strict=True))
    scored = one.scored[0]["image"]
    np.testing.assert_allclose(scored.scores, np.stack([by_id[name] for name in scored.ids]), atol=1e-12)


def test_without_a_validation_split_a_fifth_of_train_takes_its_place(made: Any, small: list[list[int]]) -> None:
    samples, images = made(units=100, splits=("train", "train", "test"), task="multi-label")
    probed = mlp_probe(samples, images, ask())
    assert small == [[0, 1], [0, 1]]
    held = probed.scored[0]["unit"].in_split("train")
    train_units = len(set(samples.units[samples.split == "train"]))
    assert len(held.ids) == pytest.approx(train_units / 5, abs=2)
    assert probed.parameters["fitted_units"] == train_units


def test_class_weights_raise_what_is_rare(made: Any, small: list[list[int]]) -> None:
    samples, images = made(units=150, noise=3.0)
    labels = samples.labels.copy()
    keep = np.unique(samples.units, return_inverse=True)[1] % 8 == 0
    labels[labels[:, 2] & ~keep] = np.eye(3, dtype=bool)[0]
    samples = replace(samples, labels=labels)
    plain, balanced = (
        mlp_probe(samples, images, ask(class_weight=weight)).scored[0]["image"].scores[:, 2].mean()
        for weight in ("none", "balanced")
    )
    assert balanced > 1.5 * plain


def test_a_net_that_is_still_learning_is_noted(made: Any, small: list[list[int]]) -> None:
    samples, images = made(noise=0.2)
    [finding] = mlp_probe(samples, images, ask()).findings
    assert (finding.code, finding.severity) == ("still-falling", "info")


def test_errors_are_those_of_every_probe(made: Any) -> None:
    samples, images = made()
    with pytest.raises(UsageError):
        mlp_probe(samples, images, ask("train"))
    vectors = images.vectors.copy()
    vectors[5] = np.nan
    with pytest.raises(DataError, match="NaN"):
        mlp_probe(samples, replace(images, vectors=vectors), ask())


def test_rows_without_a_class_are_not_in_the_validation_curve(made: Any) -> None:
    samples, images = made()
    gone = np.flatnonzero(samples.split == "val")[::2]
    unknown = samples.labels.copy()
    unknown[gone] = False
    ask = Ask(ProbeOptions(seeds=1), "test", Kept())
    (curve,) = mlp_probe(replace(samples, labels=unknown), images, ask).training
    left = samples.take(np.setdiff1d(np.arange(len(samples)), gone))
    row_of = {name: row for row, name in enumerate(images.ids.tolist())}
    rest = Embeddings(left.ids, images.vectors[[row_of[name] for name in left.ids.tolist()]], "key")
    (expected,) = mlp_probe(left, rest, Ask(ProbeOptions(seeds=1), "test", Kept())).training
    assert curve.val_loss == pytest.approx(expected.val_loss, rel=1e-5)
