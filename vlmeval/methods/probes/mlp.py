"""The MLP probe: MedSigLIP's notebook net on frozen vectors, several seeds, with its validation curve.

Comes in: Samples, image vectors in the same order, an `Ask`. Goes out: `Probed`, one entry a seed.

Nothing is chosen: sizes and epochs are the notebook's (net.py). A first training on train rows alone gives the
validation curve and the held-out scores that thresholds are chosen on; a second one on train and validation rows
scores the evaluated rows. Without a validation split one fifth of the train units takes its place.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.methods.features import Features
from vlmeval.methods.probes import net
from vlmeval.methods.probes.ask import Ask, Probed
from vlmeval.methods.probes.held import Held, kind_of, stacked
from vlmeval.methods.probes.net import Net, Settings, TrainingRows, train
from vlmeval.methods.probes.roles import Part, Rows, absent_classes, assign_roles, fitted_on, with_truth
from vlmeval.methods.probes.weights import label_weights, unit_shares
from vlmeval.records import Embeddings, Finding, Level, ProbeOptions, Samples, TrainingCurve

SETTINGS: Final = Settings()
STILL_FALLING: Final = 0.01
"""Validation loss that falls by more than this share in the last fifth of the epochs has not settled."""


@dataclass(frozen=True)
class _Data:
    """Rows of one training in the order of its batches, what it scores, and how vectors become features."""

    rows: TrainingRows
    held: Held
    features: Features


def mlp_probe(samples: Samples, images: Embeddings, ask: Ask) -> Probed:
    """Train and score the net for seeds 0 .. ``ask.options.seeds`` - 1.

    Parameters
    ----------
    samples, images
        n rows, with the same ids in the same order.
    ask
        Options (features, weights, seeds), evaluated split, pooling, device, kept nets.

    Returns
    -------
    Probed
        ``scored`` by seed: probabilities, ``softmax`` for single-label, ``sigmoid`` for multi-label; a training curve
        a seed.

    Raises
    ------
    UsageError, DataError
        As :func:`~vlmeval.methods.probes.roles.assign_roles`.
    """
    roles = assign_roles(samples, images, ask)
    options, task = ask.options, samples.benchmark.task
    tuning = _data(samples, images, roles.tuning[0], options)
    final = _data(samples, images, roles.final, options)
    curve_rows = _rows(samples, images, with_truth(samples, roles.tuning[0].held), tuning.features, options)
    curves = _nets(tuning.rows, curve_rows, samples, ask)
    nets = _nets(final.rows, None, samples, ask)

    scored: dict[int | None, dict[Level, Any]] = {}
    for seed in range(options.seeds):
        parts = [(final.held, nets[seed]), (tuning.held, curves[seed])]
        scored[seed] = stacked(
            [held.scored(partial(one.probabilities, task=task), ask.pooling, kind_of(task)) for held, one in parts]
        )
    training = tuple(_curve(seed, curves[seed]) for seed in range(options.seeds))
    return Probed(
        scored=scored,
        training=training,
        parameters={
            **{name: list(v) if isinstance(v, tuple) else v for name, v in asdict(SETTINGS).items()},
            "seeds": options.seeds,
            "features": options.features,
            "class_weight": options.class_weight,
            "unit_weights": options.unit_weights,
            **fitted_on(samples, roles.final.learned),
        },
        findings=_still_falling(training) + absent_classes(samples, roles.final.learned),
    )


def _data(samples: Samples, images: Embeddings, part: Part, options: ProbeOptions) -> _Data:
    shares = unit_shares(samples.units[part.learned], options)
    features = Features.fit(options.features, images.vectors[part.learned], shares)
    # A fixed order that has nothing to do with ids, which often follow source and class.
    mixed = part.learned[np.random.default_rng(0).permutation(len(part.learned))]
    rows = _rows(samples, images, mixed, features, options)
    return _Data(rows, Held.of(samples, images, part.held, features), features)


def _rows(samples: Samples, images: Embeddings, rows: Rows, features: Features, options: ProbeOptions) -> TrainingRows:
    labels = samples.labels[rows]
    weight = label_weights(samples.units[rows], labels, options, samples.benchmark.task)
    return TrainingRows(
        features.images(images.vectors[rows]).astype(np.float32),
        labels.astype(np.float32),
        np.asarray(weight / weight.mean(), dtype=np.float32),
    )


def _nets(rows: TrainingRows, held: TrainingRows | None, samples: Samples, ask: Ask) -> list[Net]:
    """Return the net of every seed; only those that are not kept are trained, together."""
    task = samples.benchmark.task
    keys = [_key(seed, rows, held, task) for seed in range(ask.options.seeds)]
    nets = {seed: _unpack(found) for seed, key in enumerate(keys) if (found := ask.kept.get(key)) is not None}
    todo = [seed for seed in range(ask.options.seeds) if seed not in nets]
    if todo:
        trained = train(rows, held, todo, task, SETTINGS, device=ask.device, progress=ask.progress)
        for seed, one in zip(todo, trained, strict=True):
            nets[seed] = one
            ask.kept.put(keys[seed], {**one.weights, "train_loss": one.train_loss, "val_loss": one.val_loss})
    return [nets[seed] for seed in range(ask.options.seeds)]


def _key(seed: int, rows: TrainingRows, held: TrainingRows | None, task: str) -> str:
    head = {"code": _code(), "seed": seed, "task": task, **asdict(SETTINGS)}
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for part in (rows, held):
        for array in () if part is None else (part.x, part.y, part.weight):
            digest.update(f"{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


@functools.cache
def _code() -> str:
    """Return the digest of the training's source: nets of other code are not used."""
    return hashlib.sha256(Path(net.__file__).read_bytes()).hexdigest()


def _unpack(found: Mapping[str, npt.NDArray[Any]]) -> Net:
    weights = {name: array for name, array in found.items() if not name.endswith("_loss")}
    return Net(weights, found["train_loss"], found["val_loss"])


def _curve(seed: int, one: Net) -> TrainingCurve:
    return TrainingCurve(
        seed=seed,
        train_loss=tuple(float(loss) for loss in one.train_loss),
        val_loss=tuple(float(loss) for loss in one.val_loss),
    )


def _still_falling(curves: Sequence[TrainingCurve]) -> list[Finding]:
    """Return a note when validation loss was still falling at the last epoch for most seeds."""
    tail = max(1, SETTINGS.epochs // 5)
    falling = [c for c in curves if c.val_loss[-1] < (1 - STILL_FALLING) * min(c.val_loss[:-tail])]
    if 2 * len(falling) <= len(curves):
        return []
    message = (
        f"the net's validation loss was still falling after {SETTINGS.epochs} epochs, in {len(falling)} of "
        f"{len(curves)} seeds: the published schedule is too short for these features"
    )
    return [Finding(code="still-falling", severity="info", message=message, count=len(falling))]
