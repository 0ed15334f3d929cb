"""The examination as a whole: every examiner in turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vlmeval.examine.conformal import examine_conformal
from vlmeval.examine.decision_curves import examine_decisions
from vlmeval.examine.operating import examine_operating
from vlmeval.examine.recalibrated import examine_calibration
from vlmeval.examine.reliability import examine_reliability
from vlmeval.examine.selective import examine_selective
from vlmeval.examine.subject import Part, Subject
from vlmeval.examine.tone_agreement import tone_agreement
from vlmeval.examine.tone_shift import tone_shifts
from vlmeval.examine.truth import examine_truth
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
