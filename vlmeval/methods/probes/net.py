"""The small net of the MLP probe: all seeds trained together, in float32, the same for every run.

Comes in: features, targets and weights of the training rows, and of held-out rows for the curve. Goes out: a `Net` a
seed: its weights and its losses by epoch.

The net is that of MedSigLIP's notebook (Google-Health/medsiglip, notebooks/train_data_efficient_classifier.ipynb):
Dense 512, ReLU, dropout 0.05, Dense 256, ReLU, dropout 0.1, Dense K with sigmoid and binary cross-entropy. Keras's
defaults are spelled out: Glorot-uniform kernels, zero biases, Adam with epsilon 1e-7; its L2 penalty 1e-5 |W|^2 is on
the kernels and biases of the two hidden layers. As there, the order of the rows is fixed: every epoch has the same
batches.
Single-label benchmarks have softmax and cross-entropy in place of sigmoid.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.methods.scored import Matrix
from vlmeval.progress import Progress, silent
from vlmeval.records import Task
from vlmeval.threads import threads_for

if TYPE_CHECKING:
    import torch

Singles = npt.NDArray[np.float32]
LAYERS: Final = ("w1", "b1", "w2", "b2", "w3", "b3")


@dataclass(frozen=True)
class Settings:
    """Sizes and schedule of the net; the defaults are the notebook's."""

    hidden: tuple[int, int] = (512, 256)
    dropout: tuple[float, float] = (0.05, 0.1)
    penalty: float = 1e-5
    learning_rate: float = 1e-4
    epsilon: float = 1e-7
    batch: int = 32
    epochs: int = 25


@dataclass(frozen=True)
class TrainingRows:
    """Features float32 [n, d], targets float32 [n, K] (0 or 1), weights of the losses float32 [n, K] with mean 1."""

    x: Singles
    y: Singles
    weight: Singles


@dataclass(frozen=True)
class Net:
    """One seed's net: ``weights`` by name (kernels [in, out], biases [out]) and its mean losses by epoch.

    ``train_loss`` is the mean of an epoch's batches as they were fitted, with dropout; ``val_loss`` that of the
    held-out rows after the epoch. Both are without the penalty.
    """

    weights: dict[str, Singles]
    train_loss: Singles
    val_loss: Singles

    def probabilities(self, features: Matrix, task: Task) -> Matrix:
        """Return probabilities float64 [m, K] of features [m, d]."""
        w = {name: value.astype(np.float64) for name, value in self.weights.items()}
        hidden = np.maximum(features @ w["w1"] + w["b1"], 0)
        logits = np.maximum(hidden @ w["w2"] + w["b2"], 0) @ w["w3"] + w["b3"]
        if task == "multi-label":
            return np.asarray(np.exp(-np.logaddexp(0, -logits)))
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def initial(inputs: int, classes: int, seed: int, settings: Settings) -> dict[str, Singles]:
    """Return a seed's first weights: Glorot-uniform kernels (Glorot and Bengio 2010, equation 16), zero biases."""
    rng = np.random.default_rng([seed, 0])
    sizes = (inputs, *settings.hidden, classes)
    weights: dict[str, Singles] = {}
    for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes), start=1):
        limit = math.sqrt(6 / (fan_in + fan_out))
        weights[f"w{layer}"] = rng.uniform(-limit, limit, (fan_in, fan_out)).astype(np.float32)
        weights[f"b{layer}"] = np.zeros(fan_out, dtype=np.float32)
    return weights


def kept_units(seed: int, epoch: int, rows: int, settings: Settings) -> tuple[npt.NDArray[np.bool_], ...]:
    """Return which units of both hidden layers dropout leaves on, bool [rows, size], in one epoch of a seed."""
    rng = np.random.default_rng([seed, 1, epoch])
    return tuple(
        rng.random((rows, size), dtype=np.float32) >= share
        for size, share in zip(settings.hidden, settings.dropout, strict=True)
    )


def train(
    rows: TrainingRows,
    held: TrainingRows | None,
    seeds: Sequence[int],
    task: Task,
    settings: Settings,
    *,
    device: str = "cpu",
    progress: Progress = silent,
) -> list[Net]:
    """Train one net a seed, all in one loop of batched matrix products.

    Parameters
    ----------
    rows
        What to learn from, in the order of the batches.
    held
        Rows for the validation curve; they change nothing else.
    seeds
        A seed's net is the same in whatever company it is trained, up to float32 rounding.
    task
        ``single-label``: softmax and cross-entropy; ``multi-label``: sigmoid and binary cross-entropy.
    settings
        Of the net.
    device
        Where to compute, as PyTorch names it.
    progress
        Told after each epoch.
    """
    import torch

    first = [initial(rows.x.shape[1], rows.y.shape[1], seed, settings) for seed in seeds]
    layers = {
        name: torch.tensor(np.stack([one[name] for one in first]), device=device).requires_grad_() for name in LAYERS
    }
    # Adam adds weight_decay * w to the gradient: 2 * penalty is the gradient's factor of penalty * |w|^2.
    optimiser = torch.optim.Adam(
        [
            {"params": [layers[name] for name in LAYERS[:4]], "weight_decay": 2 * settings.penalty},
            {"params": [layers[name] for name in LAYERS[4:]], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        eps=settings.epsilon,
        fused=True,
    )
    here, there = _tensors(rows, device), None if held is None else _tensors(held, device)
    train_loss = np.zeros((len(seeds), settings.epochs), dtype=np.float32)
    val_loss = np.zeros((len(seeds), settings.epochs if held else 0), dtype=np.float32)
    widest = len(seeds) * settings.batch * settings.hidden[0] * max(rows.x.shape[1], settings.hidden[1])
    with threads_for(widest if device == "cpu" else math.inf):
        for epoch in range(settings.epochs):
            train_loss[:, epoch] = _epoch(layers, optimiser, here, (seeds, epoch), task, settings)
            if there is not None:
                with torch.no_grad():
                    val_loss[:, epoch] = _loss(_forward(layers, there[0]), *there[1:], task).cpu().numpy()
            progress("small nets", epoch + 1, settings.epochs)
    arrays = {name: layer.detach().cpu().numpy() for name, layer in layers.items()}
    return [
        Net({name: array[i] for name, array in arrays.items()}, train_loss[i], val_loss[i]) for i in range(len(seeds))
    ]


def _epoch(
    layers: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
    rows: tuple[torch.Tensor, ...],
    when: tuple[Sequence[int], int],
    task: Task,
    settings: Settings,
) -> Singles:
    """Go once through the rows; returns each seed's mean loss [S]."""
    import torch

    x, y, weight = rows
    (seeds, epoch), n = when, len(x)
    on = zip(*(kept_units(seed, epoch, n, settings) for seed in seeds), strict=True)
    masks = [
        torch.from_numpy(np.stack(layer)).to(x.device).float() / (1 - share)
        for layer, share in zip(on, settings.dropout, strict=True)
    ]
    total = torch.zeros(len(seeds), device=x.device)
    for start in range(0, n, settings.batch):
        batch = slice(start, start + settings.batch)
        logits = _forward(layers, x[batch], [mask[:, batch] for mask in masks])
        losses = _loss(logits, y[batch], weight[batch], task)
        optimiser.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += losses.detach() * len(x[batch])
    return np.asarray((total / n).cpu().numpy())


def _forward(
    layers: dict[str, torch.Tensor], x: torch.Tensor, masks: Sequence[torch.Tensor] | None = None
) -> torch.Tensor:
    """Return logits [S, B, K] of the same rows [B, d] by every seed's net."""
    import torch

    hidden = x.expand(len(layers["w1"]), *x.shape)
    for layer in (1, 2):
        hidden = torch.relu(torch.baddbmm(layers[f"b{layer}"][:, None], hidden, layers[f"w{layer}"]))
        if masks is not None:
            hidden = hidden * masks[layer - 1]
    return torch.baddbmm(layers["b3"][:, None], hidden, layers["w3"])


def _loss(logits: torch.Tensor, y: torch.Tensor, weight: torch.Tensor, task: Task) -> torch.Tensor:
    """Return every seed's weighted mean loss [S] over the rows (and labels)."""
    import torch.nn.functional as F  # noqa: N812

    if task == "multi-label":
        each = F.binary_cross_entropy_with_logits(logits, y.expand_as(logits), reduction="none")
        return (each * weight).mean(dim=(1, 2))
    # One class a row: its weight stands in every column.
    each = -(F.log_softmax(logits, dim=-1) * y).sum(dim=-1)
    return (each * weight[:, 0]).mean(dim=1)


def _tensors(rows: TrainingRows, device: str) -> tuple[Any, Any, Any]:
    import torch

    return tuple(torch.tensor(array, device=device) for array in (rows.x, rows.y, rows.weight))  # type: ignore[return-value]
