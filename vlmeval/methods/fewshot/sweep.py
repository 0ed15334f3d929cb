"""The few-shot sweep: every draw, every variant, all seeds; from Samples and vectors to points of curves.

Comes in: Samples with their vectors, the zero-shot classifier (or None), an `Ask` and `FewShotOptions`. Goes out: a
`FewShotResult`. Learns from the train split only, and from no unit that is evaluated; chooses inside the shots only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vlmeval.errors import DataError, UsageError
from vlmeval.methods.fewshot.account import edges, small_pool, unlearnable, used
from vlmeval.methods.fewshot.anchor import Anchor
from vlmeval.methods.fewshot.draws import draw_all
from vlmeval.methods.fewshot.lesson import prepare
from vlmeval.methods.fewshot.points import Solved, points_of
from vlmeval.methods.fewshot.result import FewShotResult
from vlmeval.methods.fewshot.rows import Rows
from vlmeval.methods.fewshot.solving import Solver
from vlmeval.methods.fewshot.variant import Variant
from vlmeval.methods.fewshot.variants import VARIANTS
from vlmeval.methods.probes.ask import Ask
from vlmeval.methods.probes.fits import fit_findings
from vlmeval.methods.probes.roles import check_learnable, check_vectors
from vlmeval.progress import Progress
from vlmeval.records import Draw, Embeddings, FewShotOptions, FewShotVariant, Finding, Samples, Shots


def few_shot(
    samples: Samples, images: Embeddings, anchor: Anchor | None, ask: Ask, options: FewShotOptions
) -> FewShotResult:
    """Draw, fit and score the whole sweep.

    Parameters
    ----------
    samples, images
        The same rows in the same order, all splits.
    anchor
        The zero-shot classifier in the space of ``images``, or None: then variants that start from it are left out.
    ask
        Probe options (grid of C, criterion, features of `logistic`, weights), evaluated split, pooling, kept fits.
    options
        Shots, seeds, regimes, variants, policy for classes with few units.

    Returns
    -------
    FewShotResult
        Points by variant, regime and shots. Scores are those of the evaluated split at the benchmark's headline level.

    Raises
    ------
    UsageError
        When train or all rows are to be evaluated.
    DataError
        Vectors that are not finite, nothing to draw from or to evaluate, one unit or one class only, or classes with
        fewer units than shots where the policy is ``error``.
    """
    check_vectors(samples, images)
    if anchor is not None and anchor.text.shape != (len(samples.benchmark.classes), images.vectors.shape[1]):
        raise ValueError(f"text vectors of shape {anchor.text.shape} for pictures of shape {images.vectors.shape}")
    pool, target, findings = _sides(samples, images, anchor, ask)
    draws, shortfalls = draw_all(pool.samples, options)
    check_learnable(pool.samples, np.arange(len(pool.samples)))
    folds = options.folds if options.tune == "cv" else None
    lessons, skipped = [], []
    for draw, shots in _asked(draws, options):
        lesson = prepare(draw, shots, pool, shortfalls, folds, by_unit=ask.options.unit_weights)
        if lesson is None:
            skipped.append((draw, shots))
        else:
            lessons.append(lesson)
    variants, left_out = _variants(options.variants, anchor)
    meter = _Meter(ask.progress, len(variants) * len(lessons))
    points = []
    for variant in variants:
        solver = Solver(variant, target, anchor, ask, options)
        solved: list[Solved] = []
        for batch in solver.batches(lessons):
            pairs = solver.solve(batch, meter.of(len(batch)))
            solved += [(lesson, entry, chosen) for lesson, (entry, chosen) in zip(batch, pairs, strict=True)]
            meter.add(len(batch))
        own = points_of(solver, solved)
        findings += edges(solver, solved)
        for point in own:
            findings += [] if point.certificate is None else fit_findings(point.certificate, point.id)
        points += own
    findings += small_pool(draws, samples) + unlearnable(skipped)
    return FewShotResult(points, used(pool.samples, options, draws, shortfalls, left_out), findings)


def _sides(samples: Samples, images: Embeddings, anchor: Anchor | None, ask: Ask) -> tuple[Rows, Rows, list[Finding]]:
    """Return the pool (rows by id) and the rows to evaluate, which share no unit."""
    if ask.evaluated not in ("test", "val"):
        raise UsageError(
            f"few-shot cannot be evaluated on split {ask.evaluated!r}: it learns from those rows",
            key="--split",
            expected="test or val",
            found=ask.evaluated,
        )
    evaluated = samples.split == ask.evaluated
    if not evaluated.any():
        raise DataError(f"no rows to evaluate in split {ask.evaluated!r}", hint="see: vlmeval data check BENCH")
    train = samples.split == "train"
    both = train & np.isin(samples.units, samples.units[evaluated])
    rows = np.flatnonzero(train & ~both)
    rows = rows[np.argsort(samples.ids[rows])]
    level = samples.benchmark.headline_level
    pool = Rows(samples.take(rows), images.vectors[rows], level, ask.pooling, anchor)
    target = Rows(samples.take(evaluated), images.vectors[evaluated], level, ask.pooling, anchor)
    if not both.any():
        return pool, target, []
    names = np.unique(samples.units[both]).tolist()
    message = (
        f"{samples.benchmark.unit.name}s of the train split that are evaluated too were not drawn from: few-shot keeps "
        "units apart even where the protocol does not"
    )
    found = Finding(
        code="few-shot-evaluated-units", severity="info", message=message, count=len(names), examples=tuple(names[:5])
    )
    return pool, target, [found]


def _asked(draws: Sequence[Draw], options: FewShotOptions) -> list[tuple[Draw, Shots]]:
    return [(draw, shots) for draw in draws for shots in options.shots if str(shots) in draw.sizes]


def _variants(names: Sequence[FewShotVariant], anchor: Anchor | None) -> tuple[list[Variant], tuple[str, ...]]:
    left_out = tuple(
        f"{name}: needs text vectors in the space of the pictures, and there are none"
        for name in names
        if VARIANTS[name].anchored and anchor is None
    )
    return [VARIANTS[n] for n in names if anchor is not None or not VARIANTS[n].anchored], left_out


class _Meter:
    """Progress in points of seeds, over all variants."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        progress("few-shot", 0, total)

    def add(self, count: int) -> None:
        self._done += count
        self._progress("few-shot", self._done, self._total)

    def of(self, count: int) -> Callable[[float, float], Progress]:
        """Return how the shares of a batch of ``count`` points report."""

        def share(start: float, end: float) -> Progress:
            def report(stage: str, done: int, total: int | None) -> None:  # noqa: ARG001  # reported as few-shot
                part = start + (end - start) * done / (total or 1)
                self._progress("few-shot", self._done + int(count * part), self._total)

            return report

        return share
