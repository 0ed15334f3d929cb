"""The examination of a run: its leading methods at the card's level, put before every examiner.

Comes in: Samples, what the methods made, and the resamples of the run's numbers. Goes out: `Examined`.
"""

from __future__ import annotations

from collections.abc import Mapping

from vlmeval.data.readings import Reading
from vlmeval.evaluate.material import Made
from vlmeval.evaluate.numbers import leading_methods, predictions_of
from vlmeval.examine import Examinee, Subject, examine
from vlmeval.progress import Progress, silent
from vlmeval.records import Examined, MethodUsed, Plan, Predictions, Samples
from vlmeval.stats import Resamples


def examined(
    made: Made,
    plan: Plan,
    samples: Samples,
    resamples: Resamples,
    progress: Progress = silent,
    readings: Mapping[str, Reading] | None = None,
) -> Examined:
    """Examine every method that is reported by group; not points of few-shot curves, nor calibrated zero-shot."""
    leading = leading_methods(made.methods, samples.benchmark)
    methods = [m for m in made.methods if (m.id, m.level) in leading]
    methods = [m for m in methods if m.curve is None and m.calibration is None]
    examinees = [Examinee(predictions_of(made, m), _validation(made, m)) for m in methods]
    return examine(Subject(plan, samples, examinees, resamples, progress, readings or {}))


def _validation(made: Made, method: MethodUsed) -> list[Predictions]:
    return [one for one in made.validation if (one.method, one.level) == (method.id, method.level)]
