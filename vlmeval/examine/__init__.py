"""Examination of a run's predictions beyond its metrics: calibration, selective use, uncertain truth, tone sources.

Start at `examine`. Each examiner is one function `(Subject, Part) -> None` that adds what it found; pure functions on
arrays, above `stats` and below `evaluate`.
"""

from vlmeval.examine.subject import Examinee, Part, Subject
from vlmeval.examine.whole import EXAMINERS, examine

__all__ = ["EXAMINERS", "Examinee", "Part", "Subject", "examine"]
