"""What a leak is worth: a method fitted without what leaks, on the same evaluated rows, beside the method as published.

The gap between seen and unseen units (`vlmeval.data.leaks.leak_group`) mixes the leak up with who is photographed how
often: lesions with several photographs are other lesions. Fitting again does not: units, pictures and draws are the
same, and only the training rows that share a unit or picture with evaluated ones are gone. That there are fewer rows to
learn from shows in the unseen units alone, whose difference is reported apart.

Comes in: `Material` of a leaky protocol, what was made of it, and which rows show the same picture. Goes out:
`LeakEffect`s for the methods in `METHODS` that the run has.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from vlmeval import store
from vlmeval.data.leaks.leak_group import GROUP, leaked_rows, seen_units
from vlmeval.data.leaks.same_pictures import SamePictures
from vlmeval.errors import DataError, UsageError
from vlmeval.evaluate.material import Made, Material
from vlmeval.evaluate.numbers import brief_metrics, leading_methods, predictions_of
from vlmeval.evaluate.probes import probe_step
from vlmeval.records import LeakEffect, MethodUsed
from vlmeval.stats import Resamples, estimate

METHODS: Final = ("linear-probe",)
"""Methods that are cheap enough to be fitted twice."""

WITHOUT: Final = "{} without leaked rows"


def leak_effects(material: Material, made: Made, same: SamePictures, resamples: Resamples) -> tuple[LeakEffect, ...]:
    """Return what the leak is worth to each method of the run that is fitted again; nothing for clean protocols."""
    samples, evaluated = material.samples, material.plan.split
    if samples.benchmark.protocol.leaky is None or evaluated == "all" or not seen_units(samples, same, evaluated):
        return ()
    leading = leading_methods(made.methods, samples.benchmark)
    again = [m for m in made.methods if m.kind in METHODS and (m.id, m.level) in leading]
    return tuple(_effect(material, made, same, resamples, method) for method in again)


def _effect(material: Material, made: Made, same: SamePictures, resamples: Resamples, method: MethodUsed) -> LeakEffect:
    samples, evaluated = material.samples, material.plan.split
    leaked = leaked_rows(samples, same, evaluated)
    mine = samples.split == evaluated
    left = ~leaked & ~mine
    facts: dict[str, Any] = {
        "method": method.id,
        "without": WITHOUT.format(method.id),
        "level": method.level,
        "units": len(np.unique(samples.units[mine])),
        "seen_units": len(seen_units(samples, same, evaluated)),
        "removed_images": int(leaked.sum()),
        "removed_units": len(np.unique(samples.units[leaked])),
        "left_images": int(left.sum()),
        "left_units": len(np.unique(samples.units[left])),
    }
    try:
        clean = probe_step(method.kind)(replace(material, samples=samples.take(~leaked)))
    except (DataError, UsageError) as error:
        return LeakEffect(**facts, reason=f"it cannot be fitted without the rows that leak: {error.message}")
    metrics = brief_metrics(samples.benchmark)
    again = [
        replace(store.as_stored(one), method=facts["without"]) for one in clean.predictions if one.level == method.level
    ]
    before, after = (
        estimate(predictions, samples.benchmark, resamples, metrics=metrics, groups="averages")
        for predictions in (predictions_of(made, method), again)
    )
    differences = before.minus(after, facts["without"])
    return LeakEffect(
        **facts,
        rows=tuple(row for row in after.rows() if row.group in (None, GROUP)),
        differences=tuple(one for one in differences if one.group in (None, GROUP)),
    )
