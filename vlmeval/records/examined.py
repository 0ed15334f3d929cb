"""What a run's predictions were examined for beside its metric rows: calibration, selective use, truth, skin tone.

Every number is a `MetricRow` whose ``variant`` names one of the `Variant`s: what was changed before the metric was
computed. Lines of charts are `CurveUsed`.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from vlmeval.records.base import Record
from vlmeval.records.benchmark import Level
from vlmeval.records.numbers import MetricRow

VariantKind = Literal["calibration", "conformal", "operating-point", "truth", "ceiling", "collapse"]


class Variant(Record):
    """What was changed: scores recalibrated, another reading of the truth, a decision at a fixed sensitivity, ...

    ``fitted_on`` says which rows anything was chosen on (never evaluated ones), None where nothing was chosen.
    """

    id: str = Field(description="e.g. 'calibration:temperature', 'truth:sampled', 'conformal:global'.")
    kind: VariantKind
    title: str
    note: str | None = None
    fitted_on: str | None = None
    parameters: dict[str, Any] = {}


class CurveUsed(Record):
    """One line of a chart with its pointwise 95 % band: risk against coverage, net benefit against threshold, ...

    ``kind`` says what x and y are: ``risk-coverage`` (x: share answered, y: error among them), ``decision`` (x:
    threshold probability, y: net benefit), ``reliability`` (x: mean probability of a bin, y: share of positives;
    ``n`` rows a bin).
    """

    kind: Literal["risk-coverage", "decision", "reliability"]
    method: str
    level: Level
    variant: str | None = None
    class_id: str | None = None
    group: str | None = None
    group_level: str | None = None
    x: tuple[float, ...] = ()
    y: tuple[float | None, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    n: tuple[int, ...] | int = 0
    n_units: int = 0
    reason: str | None = None


class Agreement(Record):
    """How far two figures of the same units agree: two raters of one source, or two sources of skin tone.

    ``kappa``: Cohen's, quadratic weights, on the figures of one scale (``on`` the card's levels where the data give no
    figures); None across scales, where only ``rank`` (Spearman, counted from light to dark) and the table of levels
    mean something. ``reason`` says why there is no kappa. ``n_units`` have both figures, each counts once: the pairs of
    raters of one unit (``n_pairs`` in all, each in both orders) share its weight.
    ``confusion[i][j]`` counts units in level i of ``a`` and level j of ``b``, levels that mean "missing" included; for
    raters, pairs.
    """

    kind: Literal["raters", "sources"]
    a: str
    b: str
    n_units: int
    n_pairs: int | None = None
    on: Literal["figures", "levels"] = "figures"
    kappa: float | None = None
    low: float | None = None
    high: float | None = None
    rank: float | None = None
    rank_low: float | None = None
    rank_high: float | None = None
    exact: float | None = Field(None, description="Share of units with the same figure.")
    within_one: float | None = None
    levels_a: tuple[str, ...] = ()
    levels_b: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    reason: str | None = None


class Shift(Record):
    """How a number moves when another source says who is in a group: ``a`` minus ``b``, on the same draws.

    ``group_level`` is a level that both sources have (same scale), or one of the gaps. ``macro-common`` averages over
    the classes with support in everything that is subtracted, ``n_classes`` of them.
    """

    method: str
    level: Level
    metric: str
    averaging: str
    a: str
    b: str
    group_level: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n_a: int
    n_b: int
    n_classes: int | None = None
    reason: str | None = None


class Examined(Record):
    """Everything of a run's examination; ``missing`` says, part by part, why there is nothing."""

    variants: tuple[Variant, ...] = ()
    rows: tuple[MetricRow, ...] = ()
    curves: tuple[CurveUsed, ...] = ()
    agreement: tuple[Agreement, ...] = ()
    shifts: tuple[Shift, ...] = ()
    missing: dict[str, str] = {}
