"""Adds readers, their differentials and another reading of the truth to a made-up run, and examines it for them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from made_up_runs import Run

from vlmeval.data.readings import Reading
from vlmeval.examine import Examinee, Part, Subject
from vlmeval.examine.truth.examiner import examine_truth
from vlmeval.records import ImageRef, Samples, TruthSpec, TruthVariant
from vlmeval.stats import Resamples

NOTE: Final = "Readers looked at photographs."


def add_opinions(run: Run, title: str = "Read strictly", *, opinions: bool = True, draws: int = 20) -> Run:
    """Return the run with every unit read by one or two people; ``title`` is the other reading's."""
    record, predictions = run
    leading = next(p for p in predictions if p.level == "unit")
    rng = np.random.default_rng(0)
    n, k = leading.y_true.shape
    told = np.full((n, 2, k), np.nan, dtype=np.float32)
    told[:, 0] = _lean(leading.y_true, rng)
    told[::2, 1] = _lean(leading.y_true, rng)[::2]
    there = ~np.isnan(told).any(axis=2)
    weights = np.nan_to_num(told).sum(axis=1) / there.sum(axis=1)[:, None]
    variant = TruthVariant(id="strict", title=title, options={"min_confidence": 4})
    truth = TruthSpec(differential=True, raters="readers", note=NOTE, variants=(variant,))
    benchmark = record.benchmark.model_copy(update={"truth": truth})
    samples = Samples(
        benchmark=benchmark,
        ids=leading.ids,
        images=tuple(ImageRef(Path(str(name))) for name in leading.ids),
        units=leading.units,
        labels=leading.y_true,
        split=np.full(n, "test"),
        groups={},
        weights=weights.astype(np.float32),
        raters=there.sum(axis=1).astype(np.int16),
        opinions=told if opinions else None,
    )
    kept = np.arange(n) % 10 > 0
    readings = {"strict": Reading(variant, leading.ids[kept], leading.units[kept], leading.y_true[kept])}
    resamples = Resamples.draw(leading.units, draws)
    part = Part()
    plan = record.plan.model_copy(update={"draws": draws})
    examine_truth(Subject(plan, samples, [Examinee([leading], [])], resamples, readings=readings), part)
    return record.model_copy(update={"benchmark": benchmark, "examined": part.examined()}), predictions


def _lean(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Weights [n, K] that lean to the labels, one tenth of each row outside the classes."""
    raw = rng.dirichlet([0.3] * labels.shape[1], size=len(labels)) + 1.5 * labels
    raw[raw < 0.2] = 0
    return (0.9 * raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32)
