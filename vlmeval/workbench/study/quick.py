"""Many wordings of one prompt set, fast: class cosines from those of single strings, and metric values without draws.

In: the rows of a study and all strings of a set. Out: values of the headline metrics, wording by wording, equal to
those of the slow way (`Read.predictions`, `stats.estimate`).

With C = X T' the cosines of all rows and strings and G = T T' those of strings with each other, the class cosine of a
mean of embeddings is (C w) / sqrt(w' G w): a wording costs a gather, not a product of all dimensions. In a set's own
way a class with negatives is scored against them (`methods/texts.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.methods.rule import Rule
from vlmeval.methods.scored import Matrix, unit_length
from vlmeval.records import Aggregation, PromptsUsed, Wording
from vlmeval.stats.cells import whole
from vlmeval.stats.metrics.registry import metric_info
from vlmeval.stats.pointwise import Scoring, countable, point_values
from vlmeval.stats.table import Bools, Table
from vlmeval.stats.thresholds import choose_thresholds
from vlmeval.workbench.study.reading import Read


@dataclass(frozen=True)
class Cosines:
    """Cosines of n rows with P strings, and of the strings with each other; ``at`` says where a string stands."""

    rows: Matrix
    strings: Matrix
    at: Mapping[str, int]

    @classmethod
    def of(cls, vectors: Matrix, texts: Mapping[str, npt.NDArray[np.floating]], strings: Sequence[str]) -> Cosines:
        """Multiply once what all wordings share."""
        own = unit_length(np.stack([texts[text] for text in strings]))
        return cls(vectors @ own.T, own @ own.T, {text: i for i, text in enumerate(strings)})

    def of_class(self, texts: Sequence[str], aggregation: Aggregation) -> npt.NDArray[np.float64]:
        """Return the class cosine [n] of these strings, as `TextSide.cosines` does (equal weights)."""
        at = np.array([self.at[text] for text in texts], dtype=np.intp)
        if aggregation == "max-score":
            return np.asarray(self.rows[:, at].max(axis=1))
        if len(at) == 1:
            return np.asarray(self.rows[:, at[0]])
        mean = self.rows[:, at].mean(axis=1)
        if aggregation == "mean-score":
            return np.asarray(mean)
        length = np.sqrt(self.strings[np.ix_(at, at)].mean())
        return np.asarray(mean / (length if length > 0 else 1.0))


@dataclass(frozen=True)
class Quick:
    """The rows of a study made ready for wordings of one set.

    ``deciding`` are the rows that thresholds are chosen on: none where they are ``fixed`` or the highest score decides.
    """

    found: Read
    used: PromptsUsed
    metrics: tuple[str, ...]
    truth: Bools
    deciding_truth: Bools
    fixed: tuple[float, ...] | None
    supported: Bools
    evaluated: Cosines
    deciding: Cosines

    @classmethod
    def of(cls, found: Read, used: PromptsUsed, table: Table) -> Quick:
        """Make ready; ``table`` is of the set's own predictions."""
        card = found.card
        labels = found.samples.labels if found.level == "image" else found.units.labels
        split = _deciding_split(found)
        deciding = found.split == split if split else np.zeros(len(found.split), dtype=bool)
        strings = used.wording.texts
        texts = found.embedded.texts
        return cls(
            found=found,
            used=used,
            metrics=tuple(m for m in card.headline_metrics if countable(metric_info(m, card.task))),
            truth=labels[found.evaluated],
            deciding_truth=labels[deciding],
            fixed=table.predictions.decision.thresholds,
            supported=whole(table).supported,
            evaluated=Cosines.of(found.vectors[found.evaluated], texts, strings),
            deciding=Cosines.of(found.vectors[deciding], texts, strings),
        )

    def values(self, wordings: Iterable[Wording]) -> Matrix:
        """Return [W, M] values of the metrics, wording by wording; weights of prompts are not looked at."""
        if not self.metrics:
            return np.zeros((0, 0))
        scorings = (self._scoring(wording) for wording in wordings)
        return point_values(scorings, self.truth, self.supported, self.metrics, self.found.card.task)

    def _scoring(self, wording: Wording) -> Scoring:
        rule = Rule("sigmoid", self.found.rule.scale, 0.0) if wording.negatives else self.found.rule
        scores = rule.apply(self._class_cosines(self.evaluated, wording))
        if self.found.card.task == "single-label":
            predicted = np.zeros(scores.shape, dtype=bool)
            predicted[np.arange(len(scores)), scores.argmax(axis=1)] = True
            return scores, predicted
        if len(self.deciding_truth) == 0:
            return scores, scores >= np.asarray(self.fixed)
        chosen = choose_thresholds(self.deciding_truth, rule.apply(self._class_cosines(self.deciding, wording)))
        return scores, scores >= chosen

    def _class_cosines(self, cosines: Cosines, wording: Wording) -> Matrix:
        columns = []
        for class_id, prompts in wording.prompts.items():
            column = cosines.of_class(prompts, self.used.aggregation)
            if wording.negatives:
                column = column - cosines.of_class(wording.negatives[class_id], self.used.aggregation)
            columns.append(column)
        return np.stack(columns, axis=1)


def _deciding_split(found: Read) -> str | None:
    """Return the split that `assess.decide` would choose thresholds on."""
    if found.card.task == "single-label":
        return None
    evaluated = found.plan.split
    return next((s for s in ("val", "train") if evaluated not in (s, "all") and (found.split == s).any()), None)
