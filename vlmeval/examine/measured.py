"""What the examiners of calibration and selective use share: rows in a fixed order, cells, and numbers from row values.

In: an `Examinee` and the card. Out: `Ground` (the evaluated rows of every seed, ready for counting) and the metric rows
of measures that are means over rows, or any other function of the draws. Cells, suppression, seeds and intervals are
those of `vlmeval.stats`; `MEASURES` is the one home of what these measures are called and how they are defined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.examine.subject import Examinee, Part
from vlmeval.records import Benchmark, GroupSpec, MetricRow, Predictions, Variant
from vlmeval.stats import Resamples
from vlmeval.stats.cells import GREY_BELOW, SUPPRESS_BELOW, Cell, levels, whole
from vlmeval.stats.intervals import limits, number
from vlmeval.stats.metrics.registry import Interval
from vlmeval.stats.seeds import Seeds
from vlmeval.stats.sums import weighted_sums

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
NO_VALIDATION: Final = "there are no validation units to choose on: every scored row is evaluated"
DIGITS: Final = 4


@dataclass(frozen=True)
class Measure:
    """What a measure of an examination is: its name, whether ``lower`` or ``higher`` is better, formula and source."""

    name: str
    direction: str
    definition: str
    source: str
    bounds: tuple[float, float] = (0.0, 1.0)
    interval: Interval = "score"


_SELECTIVE = "Geifman & El-Yaniv 2017; Geifman, Uziel & El-Yaniv 2019"
_SETS = "Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019"
_UNBOUNDED: Final[tuple[tuple[float, float], Interval]] = (0.0, np.inf), "percentile"
MEASURES: Final[dict[str, Measure]] = {
    "aurc": Measure(
        "area under the risk-coverage curve",
        "lower",
        "Mean, over the rows in order of falling confidence, of the risk among the rows at least as confident.",
        _SELECTIVE,
        *_UNBOUNDED,
    ),
    "excess-aurc": Measure(
        "excess area under the risk-coverage curve",
        "lower",
        "The area less that of the best possible order, in which every right answer comes before every wrong one.",
        _SELECTIVE,
        *_UNBOUNDED,
    ),
    "risk-at-80-coverage": Measure(
        "error among the most confident 80 %",
        "lower",
        "Risk among the fewest most confident rows that are at least 80 % of the rows.",
        _SELECTIVE,
    ),
    "coverage-at-threshold": Measure(
        "share answered",
        "none",
        "Share of rows whose confidence reaches the one threshold that answers 80 % of validation units.",
        _SELECTIVE,
    ),
    "risk-at-threshold": Measure(
        "error among the answered",
        "lower",
        "Risk among the rows whose confidence reaches the one threshold that answers 80 % of validation units.",
        _SELECTIVE,
    ),
    "npv": Measure(
        "negative predictive value",
        "higher",
        "TN / (TN + FN) at the threshold: precision of the answer no.",
        "definition",
    ),
    "flagged": Measure("share flagged", "none", "Share of rows that reach the threshold.", "definition"),
    "conformal-coverage": Measure(
        "sets with the truth",
        "none",
        "Share of rows whose set holds every condition that is present.",
        _SETS,
    ),
    "conformal-size": Measure("mean set size", "lower", "Mean number of classes in a set.", _SETS, *_UNBOUNDED),
    "conformal-empty": Measure("empty sets", "lower", "Share of rows whose set is empty.", _SETS),
}
"""Metric id -> what it is."""


@dataclass(frozen=True)
class Ground:
    """The evaluated rows of one method, one table a seed, in the fixed order of (unit, id), and the cells of interest.

    ``cells``: all rows first, then every level of every skin-tone source.
    """

    seeds: Seeds
    cells: tuple[Cell, ...]

    @classmethod
    def of(cls, predictions: Sequence[Predictions], benchmark: Benchmark, resamples: Resamples) -> Ground:
        """Put the rows of every seed in order and find the cells."""
        seeds = Seeds.of(of_tones(predictions, benchmark), benchmark, resamples)
        by_level = (levels(seeds.table, g) for g in tone_groups(benchmark) if g.id in seeds.table.groups)
        return cls(seeds, (whole(seeds.table), *(cell for found in by_level for cell in found)))

    def sums(self, cell: Cell, values: Floats) -> Floats:
        """[D, m] weighted sums over the cell's rows of values [n, m]; index 0 is the sample itself."""
        table = self.seeds.table
        return weighted_sums(table.resamples.counts, table.unit[cell.rows], values[cell.rows])

    def mean(self, cell: Cell, by_seed: Sequence[Floats], among: Sequence[Bools] | None = None) -> list[Floats]:
        """Mean of row values [n] in every draw, one [D] a seed; ``among`` [n] marks the rows it is over, seed by seed.

        NaN in draws without such a row.
        """
        made = []
        for s, values in enumerate(by_seed):
            over = np.ones(len(values)) if among is None else among[s].astype(np.float64)
            top, bottom = self.sums(cell, np.column_stack([values * over, over])).T
            made.append(np.divide(top, bottom, out=np.full(len(top), np.nan), where=bottom > 0))
        return made

    def row(
        self,
        metric: str,
        cell: Cell,
        by_seed: Sequence[Floats],
        variant: str | None,
        *,
        reason: str | None = None,
        class_id: str | None = None,
    ) -> MetricRow:
        """Make a metric row of a measure's draws [D] in every seed; ``reason`` says why there is none."""
        values = self.seeds.mean(np.concatenate(by_seed))
        reason = cell.why_suppressed(None) or reason
        if reason is None and np.isnan(values.draws[0]):
            reason = "undefined: no such rows here"
        shown, table = reason is None, self.seeds.table
        low, high, undefined = self.limits(metric, values.draws[None], [cell.n_units]) if shown else (None,) * 3
        several = shown and len(values.seeds) > 1
        return MetricRow(
            method=table.predictions.method,
            level=table.predictions.level,
            metric=metric,
            averaging="overall" if class_id is None else "class",
            class_id=class_id,
            group=cell.group,
            group_level=cell.level,
            variant=variant,
            value=float(values.draws[0]) if shown else None,
            low=low,
            high=high,
            n=cell.n,
            n_units=cell.n_units,
            greyed=shown and cell.n_units < GREY_BELOW,
            reason=reason,
            undefined_draws=undefined,
            seeds=self.seeds.number if shown else None,
            seed_sd=float(np.std(values.seeds, ddof=1)) if several else None,
        )

    @staticmethod
    def limits(metric: str, draws: Floats, support: Sequence[int]) -> tuple[float | None, float | None, float | None]:
        """Return low, high and the share of undefined draws of one measure's draws [1, D]."""
        measure = MEASURES[metric]
        found = limits(measure.interval, draws, support, measure.bounds)
        low, high, undefined = (number(float(one[0])) for one in found)
        return low, high, undefined


def among(cell: Cell, rows: Bools, unit: npt.NDArray[np.intp]) -> Cell:
    """Return the rows of a cell that are also in ``rows`` [n], counted anew (class counts stay those of the cell)."""
    both = cell.rows & rows
    return replace(cell, rows=both, n=int(both.sum()), n_units=len(np.unique(unit[both])))


def by_seed(examinee: Examinee) -> list[tuple[Predictions, Predictions | None]]:
    """Return evaluated and validation predictions of each seed, in the order of the seeds; None for none."""
    known = {one.seed: one for one in examinee.validation if len(one)}
    ordered = sorted(examinee.evaluated, key=lambda p: p.seed or 0)
    return [(one, known.get(one.seed)) for one in ordered]


def with_validation(examinee: Examinee) -> list[tuple[Predictions, Predictions]] | str:
    """Return evaluated and validation predictions of each seed, or why nothing can be chosen."""
    pairs = [(a, b) for a, b in by_seed(examinee) if b is not None]
    if len(pairs) < len(examinee.evaluated):
        return NO_VALIDATION
    units = len(np.unique(pairs[0][1].units))
    if units < SUPPRESS_BELOW:
        return f"too few validation units to choose on ({units}; at least {SUPPRESS_BELOW} are needed)"
    return pairs


def fitted_on(validation: Predictions) -> str:
    """Return which rows something was chosen on, in words."""
    return f"validation units ({len(np.unique(validation.units)):,})"


def tone_groups(benchmark: Benchmark) -> list[GroupSpec]:
    """Return the skin-tone sources that the data have, crossed groups left out."""
    return [g for g in benchmark.available_groups if g.kind == "skin-tone" and g.crossed is None]


def of_tones(predictions: Sequence[Predictions], benchmark: Benchmark) -> list[Predictions]:
    """Return the predictions with the skin-tone sources as their only groups: nothing else is examined by group."""
    tones = {g.id for g in tone_groups(benchmark)}
    return [replace(p, groups={name: c for name, c in p.groups.items() if name in tones}) for p in predictions]


def with_variant(rows: Sequence[MetricRow], variant: str) -> list[MetricRow]:
    """Return rows under the name of what was changed."""
    return [row.model_copy(update={"variant": variant}) for row in rows]


def add_variant(part: Part, variant: Variant) -> None:
    """Add a variant, or what it adds to the parameters of one that is there: they are by method."""
    for i, known in enumerate(part.variants):
        if known.id == variant.id:
            part.variants[i] = known.model_copy(update={"parameters": known.parameters | variant.parameters})
            return
    part.variants.append(variant)


def say_missing(part: Part, what: str, examinee: Examinee, reason: str) -> None:
    """Say why an examination has nothing to say of a method; the key is ``WHAT:METHOD``."""
    part.missing[f"{what}:{examinee.method}"] = reason


def rounded(values: Floats | Sequence[float]) -> tuple[float | None, ...]:
    """Return numbers with four decimals, None for NaN: curves are drawn, not computed with."""
    return tuple(None if np.isnan(v) else round(float(v), DIGITS) for v in values)
