"""What examiners look at, and where they put what they find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vlmeval.data.readings import Reading
from vlmeval.progress import Progress, silent
from vlmeval.records import Agreement, CurveUsed, Examined, MetricRow, Plan, Predictions, Samples, Shift, Variant
from vlmeval.stats import Resamples


@dataclass(frozen=True)
class Examinee:
    """One leading method at the card's level.

    Attributes
    ----------
    evaluated
        Predictions of the evaluated rows, one a seed (a single one for a method without seeds).
    validation
        Predictions of the validation rows in the same order, scored by fits that have not seen them; empty where there
        are none (every row evaluated, or a file that holds evaluated rows only).
    """

    evaluated: Sequence[Predictions]
    validation: Sequence[Predictions]

    @property
    def method(self) -> str:
        """The method's id."""
        return self.evaluated[0].method


@dataclass(frozen=True)
class Subject:
    """Everything an examination is made from.

    ``samples`` are all splits, at image level, with soft labels and raters' figures where the data have them.
    ``resamples`` are those of all metric rows of the run, so that everything is paired. ``readings`` are other readings
    of the truth by the ids of the card's truth variants.
    """

    plan: Plan
    samples: Samples
    examinees: Sequence[Examinee]
    resamples: Resamples
    progress: Progress = silent
    readings: Mapping[str, Reading] = field(default_factory=dict)


@dataclass
class Part:
    """What examiners have found so far."""

    variants: list[Variant] = field(default_factory=list)
    rows: list[MetricRow] = field(default_factory=list)
    curves: list[CurveUsed] = field(default_factory=list)
    agreement: list[Agreement] = field(default_factory=list)
    shifts: list[Shift] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def examined(self) -> Examined:
        """Return it as a record."""
        return Examined(
            variants=tuple(self.variants),
            rows=tuple(self.rows),
            curves=tuple(self.curves),
            agreement=tuple(self.agreement),
            shifts=tuple(self.shifts),
            missing=self.missing,
        )
