"""Conformal prediction sets: instead of one class, a set that holds the truth for nine units in ten, and for whom.

In: the Subject. Out: achieved coverage, mean size and share of empty sets at alpha = 0.1, of sets with one threshold
for everyone (``conformal:global``) and with a threshold a level of a skin-tone source (``conformal:by-GROUP``);
overall, by level of every source and, in single-label tasks, by class.

- Single-label: least ambiguous sets (LAC; Sadinle, Lei & Wasserman 2019): nonconformity 1 - softmax of the true class,
  of the scores as they are. A set needs no calibrated probability, and one fitted on the same units would not be
  exchangeable.
- Multi-label: a set holds every condition that is present: nonconformity is the largest negative logit among them, as
  the outer sets of Cauchois, Gupta & Duchi (2021). Units with none of the classes take no part on either side.

The threshold is the smallest value that at least (1 - alpha)(n + 1) of n validation units do not exceed (split
conformal; Vovk, Gammerman & Shafer 2005). Units are exchangeable, pictures of one unit are not: at image level each
picture of a unit counts one over the number of its pictures, which covers a random picture of a new unit (Lee, Barber &
Willett 2023). Per-level thresholds are Mondrian conformal prediction (Vovk 2012; equalized coverage, Romano et al.
2020). Guarantees are marginal over validation and evaluated units; intervals resample evaluated units with the
thresholds fixed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vlmeval.examine.calibration.recalibrated import logits
from vlmeval.examine.measured import (
    Bools,
    Floats,
    Ground,
    add_variant,
    among,
    fitted_on,
    say_missing,
    tone_groups,
    with_validation,
)
from vlmeval.examine.measured_gap import Measured, gaps
from vlmeval.examine.subject import Examinee, Part, Subject
from vlmeval.examine.use.conformal_sets import (
    expected_coverage,
    nonconformity,
    of_truth,
    smallest_calibration,
    threshold,
)
from vlmeval.methods.features import unit_weights
from vlmeval.records import Benchmark, GroupSpec, MetricRow, Predictions, Variant
from vlmeval.stats.cells import SUPPRESS_BELOW, Cell

ALPHA: Final = 0.1
GLOBAL: Final = "conformal:global"
_LAC = "Least ambiguous sets (LAC) on softmax scores"
_ALL = "Sets that hold every condition that is present"


def examine_conformal(subject: Subject, part: Part) -> None:
    """Add the sets of every examinee."""
    for examinee in subject.examinees:
        pairs = with_validation(examinee)
        if isinstance(pairs, str):
            say_missing(part, "conformal", examinee, pairs)
            continue
        sets = _Sets.of(examinee, pairs, subject)
        reason = sets.add_global(part)
        if reason is not None:
            say_missing(part, "conformal", examinee, reason)
            continue
        for group in tone_groups(subject.samples.benchmark):
            sets.add_by_group(group, part)


@dataclass(frozen=True)
class _Scored:
    """One seed's rows that have a class: nonconformity of every class [n, K] and of the truth [n], the latter weighted.

    ``use`` marks the rows that have a class.
    """

    by_class: Floats
    of_truth: Floats
    weight: Floats
    use: Bools
    groups: dict[str, npt.NDArray[np.int16]]

    @classmethod
    def of(cls, predictions: Predictions, benchmark: Benchmark) -> _Scored:
        order = np.lexsort((predictions.ids, predictions.units))
        found = nonconformity(logits(predictions, benchmark)[order], single=benchmark.task == "single-label")
        truth = predictions.y_true[order]
        use: Bools = np.asarray(truth.any(axis=1))
        weight = np.zeros(len(use))
        kept = np.flatnonzero(use)
        weight[kept] = unit_weights(predictions.units[order][kept])
        groups = {name: codes[order] for name, codes in predictions.groups.items()}
        return cls(found, of_truth(found, truth), weight, use, groups)

    def units(self, rows: Bools) -> int:
        """Return how many units these rows are of, those without a class left out."""
        return round(float(self.weight[rows & self.use].sum()))

    def threshold(self, rows: Bools) -> float | None:
        """Return the threshold from these rows, None where they are of too few units."""
        rows = rows & self.use
        return threshold(self.of_truth[rows], self.weight[rows], ALPHA)


@dataclass(frozen=True)
class _Sets:
    """The sets of one method: what they are calibrated on and evaluated on, seed by seed."""

    ground: Ground
    benchmark: Benchmark
    evaluated: list[_Scored]
    validation: list[_Scored]
    method: str
    chosen_on: str

    @classmethod
    def of(cls, examinee: Examinee, pairs: Sequence[tuple[Predictions, Predictions]], subject: Subject) -> _Sets:
        benchmark = subject.samples.benchmark
        return cls(
            ground=Ground.of(examinee.evaluated, benchmark, subject.resamples),
            benchmark=benchmark,
            evaluated=[_Scored.of(one, benchmark) for one, _ in pairs],
            validation=[_Scored.of(one, benchmark) for _, one in pairs],
            method=examinee.method,
            chosen_on=fitted_on(pairs[0][1]),
        )

    @property
    def use(self) -> Bools:
        """Evaluated rows that have a class."""
        return self.evaluated[0].use

    def add_global(self, part: Part) -> str | None:
        """Add sets with one threshold; or say why there is none."""
        everyone = np.ones(len(self.validation[0].use), dtype=bool)
        found = [v.threshold(everyone) for v in self.validation]
        if any(t is None for t in found):
            return _too_few(self.validation[0], everyone)
        cuts = [np.full(len(e.use), t) for e, t in zip(self.evaluated, found, strict=True)]
        add_variant(
            part, self._variant(GLOBAL, "One threshold for everyone", _shown(found, self.validation[0].units(everyone)))
        )
        measured = [one for cell in self.ground.cells for one in self._measured(cell, cuts, GLOBAL)]
        part.rows += [one.row for one in measured]
        part.rows += gaps(self.ground, tone_groups(self.benchmark), measured)
        part.rows += self._by_class(cuts)
        return None

    def add_by_group(self, group: GroupSpec, part: Part) -> None:
        """Add sets with a threshold a level; levels with too few validation units have a reason."""
        if group.id not in self.evaluated[0].groups or group.id not in self.validation[0].groups:
            return
        variant = f"conformal:by-{group.id}"
        cuts = [np.full(len(e.use), np.nan) for e in self.evaluated]
        reasons: dict[str, str] = {}
        shown: dict[str, Any] = {}
        for code, level in enumerate(group.levels):
            own = [v.groups[group.id] == code for v in self.validation]
            found = [v.threshold(rows) for v, rows in zip(self.validation, own, strict=True)]
            if any(t is None for t in found):
                reasons[level.id] = _too_few(self.validation[0], own[0])
                continue
            shown[level.id] = _shown(found, self.validation[0].units(own[0]))
            for cut, e, t in zip(cuts, self.evaluated, found, strict=True):
                cut[e.groups[group.id] == code] = t
        add_variant(part, self._variant(variant, f"A threshold a level: {group.name}", shown))
        measured = [
            one
            for cell in self.ground.cells
            if cell.group in (None, group.id)
            for one in self._measured(cell, cuts, variant, reasons.get(cell.level or ""))
        ]
        part.rows += [one.row for one in measured]
        part.rows += gaps(self.ground, [group], measured)

    def _variant(self, id_: str, title: str, parameters: Any) -> Variant:
        return Variant(
            id=id_,
            kind="conformal",
            title=title,
            note=f"{_LAC if self.benchmark.task == 'single-label' else _ALL}, alpha = {ALPHA:g}.",
            fitted_on=self.chosen_on,
            parameters={self.method: parameters},
        )

    def _measured(self, cell: Cell, cuts: Sequence[Floats], variant: str, reason: str | None = None) -> list[Measured]:
        """Coverage, size and empty sets in one cell; rows without a threshold take no part."""
        ground = self.ground
        cell = among(cell, self.use & ~np.isnan(cuts[0]), ground.seeds.table.unit) if reason is None else cell
        size = [(e.by_class <= t[:, None]).sum(axis=1).astype(float) for e, t in zip(self.evaluated, cuts, strict=True)]
        covered = [(e.of_truth <= t).astype(float) for e, t in zip(self.evaluated, cuts, strict=True)]
        empty = [(s == 0).astype(float) for s in size]
        measured = {"conformal-coverage": covered, "conformal-size": size, "conformal-empty": empty}
        means = {m: ground.mean(cell, values) for m, values in measured.items()}
        return [Measured(ground.row(m, cell, v, variant, reason=reason), v) for m, v in means.items()]

    def _by_class(self, cuts: Sequence[Floats]) -> list[MetricRow]:
        if self.benchmark.task != "single-label":
            return []
        ground = self.ground
        covered = [(e.of_truth <= t).astype(float) for e, t in zip(self.evaluated, cuts, strict=True)]
        table, made = ground.seeds.table, []
        for k, class_id in enumerate(self.benchmark.class_ids):
            cell = among(ground.cells[0], table.truth[:, k], table.unit)
            made.append(ground.row("conformal-coverage", cell, ground.mean(cell, covered), GLOBAL, class_id=class_id))
        return made


def _too_few(scored: _Scored, rows: Bools) -> str:
    units = scored.units(rows)
    least = max(SUPPRESS_BELOW, smallest_calibration(ALPHA))
    return f"too few validation units for a threshold ({units}; at least {least} are needed)"


def _shown(found: Sequence[float | None], units: int) -> Any:
    """Return the threshold (one a seed), the units it is from, and the range that coverage is to be expected in.

    No threshold (None): every set holds every class, for too many validation units have one that cannot be scored.
    """
    short = [None if t is None or np.isinf(t) else float(f"{t:.6g}") for t in found]
    expected = [round(x, 4) for x in expected_coverage(units, ALPHA)]
    return {"threshold": short[0] if len(short) == 1 else short, "units": units, "expected": expected}
