"""The numbers of a record: a metric with its interval, and a paired difference of two."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from vlmeval.records.base import Record
from vlmeval.records.benchmark import Level

Averaging = Literal["class", "macro", "macro-common", "weighted", "overall"]
GAPS: Final = ("worst", "max-min", "last-first", "ratio")
"""Group levels that are no levels but say how far apart the levels are; ``ratio`` is smallest over largest."""


class About(Record):
    """What a number is about: which metric of which method, averaged how, of which class and which group level.

    ``class_id`` is None for averages; ``group`` and ``group_level`` are None for all samples together. A gap between
    the levels of a group stands under a ``group_level`` that is one of `GAPS`.
    """

    method: str
    level: Level
    metric: str
    averaging: Averaging
    class_id: str | None = None
    group: str | None = None
    group_level: str | None = None


class MetricRow(About):
    """One number with everything needed to read it; tidy, one row a number.

    ``value`` is None exactly when ``reason`` says why (undefined, suppressed, not available). ``low`` and ``high`` are
    the 95 % cluster-bootstrap interval.
    ``greyed``: 10 to 19 positives or negatives, read with care. ``n_positive`` counts rows, of the class or classes
    averaged. ``n_classes``: how many classes an average is over; ``macro-common`` averages over the classes with
    support in every level of the group. ``undefined_draws``: share of bootstrap draws in which the metric has no value.
    ``seeds``: the value is the mean over so many seeds, its interval is over seeds and units, and ``seed_sd`` is the
    standard deviation between seeds. ``p`` belongs to gaps: the permutation test of no difference between the levels;
    ``p_adjusted`` after control of the false discovery rate. ``variant``: what else was changed, one of the record's
    ``examined.variants``; None for the plain number.
    """

    variant: str | None = None
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    n_units: int
    n_positive: int | None = None
    greyed: bool = False
    reason: str | None = None
    n_classes: int | None = None
    undefined_draws: float | None = None
    seeds: int | None = None
    seed_sd: float | None = None
    p: float | None = None
    p_adjusted: float | None = None

    @model_serializer(mode="wrap")
    def _without_defaults(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what is at its default: a record holds tens of thousands of rows. A missing value stays null."""
        fields = type(self).model_fields
        return {name: value for name, value in whole(self).items() if name == "value" or value != fields[name].default}


class Difference(About):
    """A paired difference ``method - versus`` of one metric, on the same units, the same draws of the bootstrap.

    ``low`` and ``high`` are the 95 % interval of the paired draws. Only where both have a value. ``p``: the
    paired permutation test of no difference, units kept whole; ``p_adjusted`` after control for many tests.
    ``detectable``: the smallest true difference that so many units find with 80 % power at the 5 % level.
    """

    versus: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    n_units: int
    reason: str | None = None
    p: float | None = None
    p_adjusted: float | None = None
    detectable: float | None = None
