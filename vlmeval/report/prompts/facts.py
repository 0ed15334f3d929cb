"""The facts of one prompt study by what they are about: values, differences in either direction, ranks, names.

In: a `PromptStudy`. Out: cells of the view. Nothing is computed here but the sign of a difference asked for the other
way round.
"""

from __future__ import annotations

from typing import Final

from vlmeval.records import Benchmark, MetricRow, PairedNumber
from vlmeval.records.prompt_study import PromptStudy, Rank, SetCompared
from vlmeval.report.charts.base import distinct, without_shared_end
from vlmeval.report.compare import number_view
from vlmeval.report.lookup import View, cell
from vlmeval.report.names import CONSTANTS, MULTI_LABEL_CONSTANTS, REFERENCE_ROWS, REFERENCES, metric_view

LEADING: Final = ("overall", "macro")
CLASS_METRICS: Final = ("auroc", "sensitivity", "average-precision", "specificity")
GUESSED_EVENLY: Final = ("balanced-accuracy", "accuracy")
"""What one in so many classes is right by, when one answer a row is drawn among all classes alike."""
About = tuple[str, str, str | None, str | None, str | None]
"""Metric, averaging, class, group, group level."""


class Facts:
    """One study's numbers, found by set and by what they are about."""

    def __init__(self, study: PromptStudy) -> None:
        self.study = study
        self.card: Benchmark = study.benchmark
        self.sets: list[SetCompared] = sorted(study.sets, key=lambda s: s.id != study.chosen)
        """The set that the others are measured against, then the others in the study's order."""
        self.place = {s.id: i for i, s in enumerate(self.sets)}
        self.names = distinct(without_shared_end([s.title for s in self.sets]))
        self.metrics = self._headline_metrics()
        self._rows: dict[tuple[str, About], MetricRow] = {(r.method, _about(r)): r for r in study.rows}
        self._pairs = {(p.a, p.b): {_about(n): n for n in p.numbers} for p in study.pairs}
        self._ranks = {(r.metric, r.set_id): r for r in study.ranks}

    def _headline_metrics(self) -> list[str]:
        known = {r.metric for r in self.study.rows if r.group is None and r.averaging in LEADING}
        return [m for m in self.card.headline_metrics if m in known]

    def metric(self, metric: str) -> View:
        """Return a metric as the page shows it, with what guessing reaches on these samples."""
        return metric_view(metric, self.card.task) | {"chance": self._chance(metric)}

    def _chance(self, metric: str) -> float | None:
        constants = CONSTANTS | (MULTI_LABEL_CONSTANTS if self.card.task == "multi-label" else {})
        if metric in constants:
            return constants[metric]
        for _, reference in REFERENCE_ROWS.get(metric, ())[:1]:
            found = self.average(self.study.chosen, reference)
            if found is not None:
                return None if found["value"] is None else float(found["value"])
        even = metric in GUESSED_EVENLY and self.card.task == "single-label"
        return 1 / len(self.card.classes) if even else None

    def lower(self, metric: str) -> bool:
        """Whether lower is better."""
        return bool(metric_view(metric, self.card.task)["direction"] == "lower")

    def value(
        self, set_id: str, metric: str, averaging: str, class_id: str | None = None,
        group: str | None = None, level: str | None = None,
    ) -> View | None:  # fmt: skip
        """Return a set's value as a cell."""
        return cell(self._rows.get((set_id, (metric, averaging, class_id, group, level))))

    def average(self, set_id: str, metric: str, group: str | None = None, level: str | None = None) -> View | None:
        """Return the leading average of a metric."""
        for averaging in LEADING:
            if (found := self.value(set_id, metric, averaging, None, group, level)) is not None:
                return found
        return None

    def difference(
        self, a: str, b: str, metric: str, averaging: str, class_id: str | None = None,
        group: str | None = None, level: str | None = None,
    ) -> View | None:  # fmt: skip
        """Return ``a - b``, whichever way round it was computed; ``better``: ``a``, ``b`` or that it cannot be told."""
        about: About = (metric, averaging, class_id, group, level)
        number = self._pairs.get((a, b), {}).get(about)
        if number is None:
            other = self._pairs.get((b, a), {}).get(about)
            number = None if other is None else _turned(other)
        return None if number is None else number_view(number, self.card)

    def gain(self, a: str, b: str, metric: str, group: str | None = None, level: str | None = None) -> View | None:
        """Return ``a - b`` in a metric's leading average."""
        for averaging in LEADING:
            if (found := self.difference(a, b, metric, averaging, None, group, level)) is not None:
                return found
        return None

    def of_level(self, metric: str, group: str, level: str) -> bool:
        """Whether the chosen set has a row over the classes that every level has."""
        return self.value(self.study.chosen, metric, "macro-common", None, group, level) is not None

    def rank(self, metric: str, set_id: str) -> Rank | None:
        """Return where a set stands."""
        return self._ranks.get((metric, set_id))

    def ordered(self, metric: str) -> list[str]:
        """Return the sets' ids, best value first; those without a value last."""
        sign = 1 if self.lower(metric) else -1

        def key(set_id: str) -> tuple[bool, float]:
            found = self.average(set_id, metric)
            value = None if found is None else found["value"]
            return value is None, 0.0 if value is None else sign * float(value)

        return sorted((s.id for s in self.sets), key=key)

    def class_metrics(self) -> list[str]:
        """Return the metrics of single classes that are shown: at most two, those the card leads with first."""
        known = {r.metric for r in self.study.rows if r.averaging == "class" and r.group is None} - REFERENCES
        wanted = [*(m for m in self.card.headline_metrics if m in CLASS_METRICS), *CLASS_METRICS]
        return [m for m in dict.fromkeys(wanted) if m in known][:2]

    def class_name(self, class_id: str) -> str:
        """Return what the card calls a class."""
        return next((c.name for c in self.card.classes if c.id == class_id), class_id)

    def name(self, set_id: str) -> str:
        """Return a set's short name, its id where the study has no such set."""
        return self.names[self.place[set_id]] if set_id in self.place else set_id


def clear(difference: View | None) -> bool:
    """Whether one side of a difference is clearly better, after correction."""
    return difference is not None and difference["better"] in ("a", "b")


def _about(n: MetricRow | PairedNumber) -> About:
    return (n.metric, n.averaging, n.class_id, n.group, n.group_level)


def _turned(n: PairedNumber) -> PairedNumber:
    """Return ``b - a`` of ``a - b``."""

    def minus(x: float | None) -> float | None:
        return None if x is None else -x

    swapped = {"method": n.versus, "versus": n.method, "a": n.b, "b": n.a}
    return n.model_copy(update=swapped | {"value": minus(n.value), "low": minus(n.high), "high": minus(n.low)})
