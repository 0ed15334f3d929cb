"""Zero-shot scores calibrated: `Scored` of every split in, `Scored` of the same rows out, with what was learned.

Nothing is learned from an evaluated row, nor from test rows whatever is evaluated. Where there are too few other units
the reason comes out instead. See the package for what the three calibrations are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from vlmeval.methods.calibration.logits import DOUBLE, Floats, logits_of
from vlmeval.methods.calibration.platt import fit_platt, scarcer_units
from vlmeval.methods.calibration.shifts import match_labels, match_softmax
from vlmeval.methods.calibration.vector import UNSEEN, fit_bias_temperature, frequencies
from vlmeval.methods.features import unit_weights
from vlmeval.methods.rule import Rule
from vlmeval.methods.scored import Scored
from vlmeval.records import Benchmark, ScoreKind
from vlmeval.records.run import Calibration

SPLITS: Final = {"train": "training", "val": "validation"}
DIGITS: Final = 6


@dataclass(frozen=True)
class Calibrated:
    """Scores of all rows, and what was learned for the record: numbers by class id, rows, use of labels.

    ``title`` says what was done, ``learned_from`` from which rows.
    """

    scored: Scored
    parameters: dict[str, Any]
    title: str
    learned_from: str


@dataclass(frozen=True)
class Kind:
    """One calibration: how it is computed, which splits it learns from, and what it uses of their labels.

    ``pooled``: from all splits together; else from the first that has units enough. ``title`` and ``labels`` may hold
    ``{split}``.
    """

    learn: Callable[[_Ground], tuple[Floats, ScoreKind, dict[str, Any]] | str]
    splits: tuple[str, ...]
    pooled: bool
    labels: str
    title: str


@dataclass(frozen=True)
class _Ground:
    """All rows, those to learn from, their weights (a unit counts once), the card, and how few units are too few."""

    every: Scored
    rows: Scored
    benchmark: Benchmark
    least: int

    @property
    def weight(self) -> Floats:
        return unit_weights(self.rows.units)

    @property
    def single(self) -> bool:
        return self.benchmark.task == "single-label"

    def by_class(self, values: Sequence[float] | Floats) -> dict[str, float]:
        return {c: _short(v) for c, v in zip(self.benchmark.class_ids, values, strict=True)}


def calibrate(name: Calibration, scored: Scored, benchmark: Benchmark, evaluated: str, least: int) -> Calibrated | str:
    """Calibrate zero-shot scores.

    Parameters
    ----------
    name
        Which calibration.
    scored
        Scores of all splits at one level.
    benchmark
        The card: its task and classes.
    evaluated
        The split that is evaluated; ``all`` leaves nothing to learn from.
    least
        How many units there must be to learn from (with labels: also of a class, for a slope of its own).

    Returns
    -------
    Calibrated or str
        The reason where it cannot be done.
    """
    kind = KINDS[name]
    splits = _splits(kind, scored, evaluated, least)
    if isinstance(splits, str):
        return splits
    rows = _of_splits(scored, splits)
    made = kind.learn(_Ground(scored, rows, benchmark, least))
    if isinstance(made, str):
        return made
    scores, score_kind, learned = made
    words = " and ".join(SPLITS[split] for split in splits)
    facts = {
        "calibration": name,
        "labels": kind.labels.format(split=words),
        "fitted_on": f"{words} rows",
        "fitted_rows": len(rows.ids),
        "fitted_units": len(np.unique(rows.units)),
    }
    after = replace(scored, scores=scores, kind=score_kind, scale=None, bias=None)
    return Calibrated(after, facts | learned, kind.title.format(split=words), f"{words} rows ({len(rows.ids)})")


def _splits(kind: Kind, scored: Scored, evaluated: str, least: int) -> tuple[str, ...] | str:
    """Return the splits to learn from, or why there are none."""
    left = [split for split in kind.splits if evaluated not in (split, "all") and (scored.split == split).any()]
    wanted = [tuple(left)] if kind.pooled else [(split,) for split in left]
    counts = {splits: len(np.unique(_of_splits(scored, splits).units)) for splits in wanted}
    found = next((splits for splits, units in counts.items() if units >= least), None)
    if found is not None:
        return found
    most = max(counts.values(), default=0)
    if not most:
        return "no training or validation row is left to learn from: all are evaluated"
    return f"too few units to learn from that are not evaluated ({most}; at least {least} are needed)"


def _of_splits(scored: Scored, splits: Sequence[str]) -> Scored:
    return scored.take(np.isin(scored.split, splits))


def _centred(ground: _Ground) -> tuple[Floats, ScoreKind, dict[str, Any]]:
    """Take the mean logit off every class; a cosine stays a cosine, a sigmoid a sigmoid, a softmax a softmax."""
    kind = ground.every.kind
    z, own = (logits_of(one.scores, kind, limits=DOUBLE) for one in (ground.every, ground.rows))
    mean = np.average(own, axis=0, weights=ground.weight)
    shift = mean.mean() - mean
    return Rule(kind).apply(z + shift), kind, {"class_bias": ground.by_class(shift)}


def _prior(ground: _Ground) -> tuple[Floats, ScoreKind, dict[str, Any]] | str:
    """Shift every class until its mean probability is its frequency."""
    kind: ScoreKind = "softmax" if ground.single and ground.every.kind != "sigmoid" else "sigmoid"
    z, own = (_as_logits(one, kind) for one in (ground.every, ground.rows))
    truth, weight = ground.rows.labels, ground.weight
    before = np.average(Rule(kind).apply(own), axis=0, weights=weight)
    if kind == "softmax":
        wanted = frequencies(truth, weight)
        shift = match_softmax(own, wanted, weight)
    else:
        total = weight.sum()
        wanted = np.clip(weight @ truth, UNSEEN, total - UNSEEN) / total
        shift = match_labels(own, wanted, weight)
    learned: dict[str, Any] = {
        "class_bias": ground.by_class(shift),
        "class_prior": ground.by_class(wanted),
        "class_mean_before": ground.by_class(before),
    }
    return Rule(kind).apply(z + shift), kind, learned | _unseen(ground)


def _bias_temperature(ground: _Ground) -> tuple[Floats, ScoreKind, dict[str, Any]] | str:
    """Fit on labels: softmax(z / T + b), or with several labels a row sigmoid(a z + b) class by class."""
    truth, weight = ground.rows.labels, ground.weight
    kind: ScoreKind = "softmax" if ground.single else "sigmoid"
    z, own = (_as_logits(one, kind) for one in (ground.every, ground.rows))
    scarcer = scarcer_units(truth, ground.rows.units)
    if ground.single:
        enough = int((scarcer >= ground.least).sum())
        if enough < 2:
            return f"fewer than two classes have {ground.least} units to learn from"
        fit = fit_bias_temperature(own, truth, weight)
        if isinstance(fit, str):
            return fit
        learned: dict[str, Any] = {"temperature": _short(fit.temperature), "class_bias": ground.by_class(fit.bias)}
        return fit.apply(z), kind, learned | _unseen(ground)
    platt = fit_platt(own, truth, weight, scarcer, ground.least)
    if isinstance(platt, str):
        return platt
    learned = {"class_slope": ground.by_class(platt.slope), "class_bias": ground.by_class(platt.intercept)}
    shared = [c for c, few in zip(ground.benchmark.class_ids, platt.shared, strict=True) if few]
    return platt.apply(z), kind, learned | ({"shared_slope": shared} if shared else {})


def _as_logits(scored: Scored, link: ScoreKind) -> Floats:
    """Return the scores as logits of a softmax over the classes, or of a sigmoid a class."""
    return logits_of(scored.scores, scored.kind, scale=scored.scale, multi_label=link == "sigmoid", limits=DOUBLE)


def _unseen(ground: _Ground) -> dict[str, Any]:
    """Name the classes that no row to learn from has; each counts as half a unit."""
    missing = [ground.benchmark.class_ids[k] for k in np.flatnonzero(~ground.rows.labels.any(axis=0))]
    return {"no_units": missing} if missing else {}


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


KINDS: Final[dict[Calibration, Kind]] = {
    "centred": Kind(_centred, ("train", "val"), True, "none", "scores centred (no labels)"),
    "prior": Kind(_prior, ("train", "val"), True, "class frequencies", "priors corrected (class frequencies)"),
    "bias-temperature": Kind(
        _bias_temperature, ("val", "train"), False, "{split} labels", "bias and temperature fitted on {split} labels"
    ),
}
"""Calibration -> how it is done, in the order of how much they use of the labels."""
