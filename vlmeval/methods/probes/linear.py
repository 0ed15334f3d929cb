"""The linear probe: L2-regularised logistic regression on frozen vectors, C chosen off the evaluated rows.

Comes in: Samples, image vectors in the same order, an `Ask`. Goes out: `Probed`.

1. Fit the whole grid of C on train rows (or each fold of them), in one call; every unit counts once in the loss.
2. Choose C by a named criterion at the benchmark's headline level on the rows that these fits have not seen.
3. Fit once more, on train and validation rows, with that C; this fit scores the evaluated rows.

Single-label: multinomial; multi-label: one binary regression a label. The objective is scikit-learn's:
1/2 |W|^2 + C sum_i w_i loss_i, with a free intercept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from vlmeval.logistic import Fit, Problem
from vlmeval.methods.features import Features
from vlmeval.methods.probes.ask import Ask, Probed
from vlmeval.methods.probes.fits import Solver, fit_findings, one_fit
from vlmeval.methods.probes.held import Held, kind_of, stacked
from vlmeval.methods.probes.roles import Part, Rows, absent_classes, assign_roles, fitted_on
from vlmeval.methods.probes.tuning import Grid, Judged, tune
from vlmeval.methods.probes.weights import label_weights, unit_shares
from vlmeval.methods.scored import Matrix
from vlmeval.records import Embeddings, ProbeOptions, Samples, Task


@dataclass(frozen=True)
class _Set:
    """The training set of one fit, as problems (one a label where each has weights of its own), and what it scores."""

    problems: list[Problem]
    held: Held


def linear_probe(samples: Samples, images: Embeddings, ask: Ask) -> Probed:
    """Fit, tune and score the linear probe.

    Parameters
    ----------
    samples, images
        n rows, with the same ids in the same order.
    ask
        Options, evaluated split, pooling, kept fits.

    Returns
    -------
    Probed
        One deterministic fit (seed None): scores are probabilities, ``softmax`` for single-label, ``sigmoid`` for
        multi-label. The certificate is over all fits.

    Raises
    ------
    UsageError, DataError
        As :func:`~vlmeval.methods.probes.roles.assign_roles`.
    """
    roles = assign_roles(samples, images, ask)
    options, benchmark = ask.options, samples.benchmark
    solver = Solver(options, ask.kept, ask.device, ask.progress)
    tuning = [_training_set(samples, images, part, options) for part in roles.tuning]
    grids = _fit(solver, tuning, options.c_grid)

    level, task = benchmark.headline_level, benchmark.task
    held = [one.held for one in tuning]
    judged = Judged.of(held, level, roles.tuned_on(samples, level), by_unit=options.unit_weights)
    by_c = (
        np.concatenate([h.at(level, _predict(fits[i], task), ask.pooling) for h, fits in zip(held, grids, strict=True)])
        for i in range(len(options.c_grid))
    )
    best, choice, findings = tune(Grid("C", options.c_grid), by_c, judged, options.criterion)

    final = _training_set(samples, images, roles.final, options)
    [[last]] = _fit(solver, [final], [choice.chosen])
    parts = [final.held.scored(_predict(last, task), ask.pooling, kind_of(task))]
    parts += [
        h.scored(_predict(fits[best], task), ask.pooling, kind_of(task)) for h, fits in zip(held, grids, strict=True)
    ]
    names = ["train rows"] if roles.validation else [f"fold {i + 1}" for i in range(len(grids))]
    certificate = solver.certificate(dict(zip(names, grids, strict=True)) | {"final fit": [last]})
    return Probed(
        scored={None: stacked(parts)},
        choice=choice,
        certificate=certificate,
        parameters=_parameters(samples, roles.final.learned, options, choice.chosen),
        findings=findings + fit_findings(certificate, "linear-probe") + absent_classes(samples, roles.final.learned),
    )


def _training_set(samples: Samples, images: Embeddings, part: Part, options: ProbeOptions) -> _Set:
    vectors, labels, units = images.vectors[part.learned], samples.labels[part.learned], samples.units[part.learned]
    task, classes = samples.benchmark.task, samples.labels.shape[1]
    features = Features.fit(options.features, vectors, unit_shares(units, options))
    held = Held.of(samples, images, part.held, features)
    make = partial(Problem, features.images(vectors))
    weights = label_weights(units, labels, options, task)
    if task == "single-label":
        return _Set([make(labels.argmax(axis=1), classes, weights[:, 0])], held)
    if options.class_weight == "none":
        return _Set([make(labels, classes, weights[:, 0])], held)
    # Each label weighs the rows in its own way, which makes it a problem of its own.
    return _Set([make(labels[:, [k]], 1, weights[:, k]) for k in range(classes)], held)


def _fit(solver: Solver, sets: Sequence[_Set], cs: Sequence[float]) -> list[list[Fit]]:
    """Fit all problems of all sets in one call; returns [set][c]."""
    fits = iter(solver.fit([problem for one in sets for problem in one.problems], cs))
    whole: list[list[Fit]] = []
    for one in sets:
        labels = [next(fits) for _ in one.problems]
        whole.append(labels[0] if len(labels) == 1 else [one_fit(same_c) for same_c in zip(*labels, strict=True)])
    return whole


def _predict(fit: Fit, task: Task) -> partial[Matrix]:
    return partial(fit.probabilities, offset=None, task="softmax" if task == "single-label" else "sigmoid")


def _parameters(samples: Samples, learned: Rows, options: ProbeOptions, c: float) -> dict[str, object]:
    return {
        "C": c,
        "features": options.features,
        "class_weight": options.class_weight,
        "unit_weights": options.unit_weights,
        **fitted_on(samples, learned),
    }
