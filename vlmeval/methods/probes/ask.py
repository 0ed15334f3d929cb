"""What a probe is asked and what it answers: `Ask` in, `Probed` out, the same for every kind of probe.

Every probe is a function ``(samples, images, ask) -> Probed``, with ``images`` in the samples' row order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vlmeval.methods.scored import Scored
from vlmeval.progress import Progress, silent
from vlmeval.records import Certificate, Choice, Finding, Level, ProbeOptions, TrainingCurve
from vlmeval.records.run import Pooling

if TYPE_CHECKING:
    from vlmeval.methods.kept import Kept


@dataclass(frozen=True)
class Ask:
    """How to fit, which split is evaluated (``test`` or ``val``), and where kept fits are.

    ``pooling`` makes units of pictures; ``seed`` is the plan's; ``device`` is torch's name of where to compute.
    """

    options: ProbeOptions
    evaluated: str
    kept: Kept
    pooling: Pooling = "mean-embedding"
    device: str = "cpu"
    progress: Progress = silent
    seed: int = 0


@dataclass(frozen=True)
class Probed:
    """Scores of a probe, how its hyperparameter was chosen, and how exact its fits are.

    Attributes
    ----------
    scored
        Seed (None where there is one deterministic fit) -> level -> `Scored`. It holds only rows that were scored by a
        fit which has not seen them: those of the evaluated split, and validation rows by the fit on train rows (train
        rows out of fold where no validation split is left). Thresholds are chosen on the latter.
    choice, certificate, training
        Parts of the method's record, where the probe has them.
    parameters
        What else the record says of the method.
    findings
        What was noticed on the way.
    """

    scored: dict[int | None, dict[Level, Scored]]
    choice: Choice | None = None
    certificate: Certificate | None = None
    training: tuple[TrainingCurve, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
