"""The calibrated zero-shot methods of a run, beside plain zero-shot and never in its place.

Comes in: `Material`, and the headline prompt set's scores of all splits at both levels. Goes out: `Made`: for every
calibration of the plan a method of its own at each level (kind ``zero-shot+centred`` and so on, so that nothing that
looks for zero-shot finds it), or a finding that says why there is none. What was learned, from which rows, and what of
their labels, stands in the method's parameters and title. They are not examined (calibration, conformal sets and the
like): they are recalibrations themselves, and what was fitted on validation rows cannot be judged on them.
"""

from __future__ import annotations

from collections.abc import Mapping

from vlmeval.evaluate import assess
from vlmeval.evaluate.material import Made, Material
from vlmeval.methods import Scored
from vlmeval.methods.calibration import Calibrated, calibrate
from vlmeval.records import Finding, MethodUsed, Predictions, PromptsUsed
from vlmeval.records.run import Calibration
from vlmeval.stats.cells import SUPPRESS_BELOW


def calibrated_zero_shot(material: Material, used: PromptsUsed, levels: Mapping[str, Scored]) -> Made:
    """Calibrate the scores of one prompt set in every way that the plan asks for."""
    made, benchmark, split = Made(), material.samples.benchmark, material.plan.split
    for name in material.plan.calibrations:
        for level, scored in levels.items():
            found = calibrate(name, scored, benchmark, split, SUPPRESS_BELOW)
            if isinstance(found, str):
                if level == benchmark.headline_level:
                    made.findings.append(_left_out(name, found))
                continue
            decision = assess.decide(found.scored, benchmark, split)
            one = found.scored.in_split(split).predictions(f"zero-shot:{used.id}+{name}", decision)
            made.predictions.append(one)
            made.methods.append(_described(one, name, found, used, material))
    return made


def _left_out(name: Calibration, reason: str) -> Finding:
    message = f"zero-shot was not calibrated ({name}): {reason}"
    return Finding(code="calibration-left-out", severity="warning", message=message, count=1)


def _described(
    predictions: Predictions, name: Calibration, found: Calibrated, used: PromptsUsed, material: Material
) -> MethodUsed:
    return assess.method_used(
        predictions,
        material.samples.benchmark,
        kind=f"zero-shot+{name}",
        title=f"Zero-shot, {used.heading}, {found.title}",
        prompts=used.id,
        chosen_on=predictions.decision.chosen_on or found.learned_from,
        parameters={
            "aggregation": used.aggregation,
            "pooling": material.plan.pooling if predictions.level == "unit" else None,
            **found.parameters,
        },
    )
