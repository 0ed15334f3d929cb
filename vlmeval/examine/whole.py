"""The examination as a whole: every examiner in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vlmeval.examine.calibration.recalibrated import examine_calibration
from vlmeval.examine.calibration.reliability import examine_reliability
from vlmeval.examine.subject import Part, Subject
from vlmeval.examine.tone.agreement import tone_agreement
from vlmeval.examine.tone.shift import tone_shifts
from vlmeval.examine.truth.examiner import examine_truth
from vlmeval.examine.use.conformal import examine_conformal
from vlmeval.examine.use.decision_curves import examine_decisions
from vlmeval.examine.use.operating import examine_operating
from vlmeval.examine.use.selective import examine_selective
from vlmeval.records import Examined

STAGE: Final = "examination"
Examiner = Callable[[Subject, Part], None]
EXAMINERS: Final[dict[str, Examiner]] = {
    "calibration": examine_calibration,
    "reliability": examine_reliability,
    "selective": examine_selective,
    "conformal": examine_conformal,
    "operating": examine_operating,
    "decisions": examine_decisions,
    "tone-agreement": tone_agreement,
    "tone-shifts": tone_shifts,
    "truth": examine_truth,
}
"""Name -> examiner, in the order of the report."""


def examine(subject: Subject) -> Examined:
    """Let every examiner look at the leading methods and return what they found."""
    part = Part()
    for done, examiner in enumerate(EXAMINERS.values()):
        subject.progress(STAGE, done, len(EXAMINERS))
        examiner(subject, part)
    subject.progress(STAGE, len(EXAMINERS), len(EXAMINERS))
    return part.examined()
