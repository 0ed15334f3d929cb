"""SCIN's dermatologist labels: read the Python literals in the cells, and make class labels and weights of them.

Comes in: the labels table and a card's class list. Goes out: one `CaseLabels` a case. Each dermatologist of a case
named up to three conditions with a confidence of 1 to 5; the names of all of them are one list (so a name may repeat),
and ``weighted_skin_condition_label`` is their rank-weighted sum, rounded, not sorted.
Source: google-research-datasets/scin, dataset_schema.md.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from vlmeval.data.csvfile import TextTable
from vlmeval.errors import CatalogError
from vlmeval.records import Benchmark

NAMES: Final = "dermatologist_skin_condition_on_label_name"
CONFIDENCES: Final = "dermatologist_skin_condition_confidence"
WEIGHTS: Final = "weighted_skin_condition_label"
TieRule = Literal["drop", "first-class", "all"]


@dataclass(frozen=True)
class CaseLabels:
    """What the dermatologists said about one case: names and confidences side by side, and weight by name."""

    names: tuple[str, ...]
    confidences: tuple[int, ...]
    weights: Mapping[str, float]


@dataclass(frozen=True)
class ClassIndex:
    """Label string -> class position, from a card's ``labels``."""

    position: Mapping[str, int]
    size: int

    @classmethod
    def of(cls, benchmark: Benchmark) -> ClassIndex:
        """Read it from the card. Raises CatalogError when one label string stands for two classes."""
        position: dict[str, int] = {}
        for k, spec in enumerate(benchmark.classes):
            for label in spec.labels:
                if position.setdefault(label, k) != k:
                    message = f"a label stands for two classes of benchmark {benchmark.id!r}"
                    raise CatalogError(message, key="classes", found=repr(label))
        return cls(position, len(benchmark.classes))

    def mentioned(self, labels: CaseLabels, min_confidence: int) -> set[int]:
        """Classes that any dermatologist named with at least that confidence."""
        pairs = zip(labels.names, labels.confidences, strict=True)
        return {self.position[name] for name, sure in pairs if sure >= min_confidence and name in self.position}

    def soft(self, labels: CaseLabels) -> list[float]:
        """Rank weights [K] of the classes; what lies outside the list is left out, so they may sum to less than 1."""
        return self.shares(labels.weights)

    def shares(self, weights: Mapping[str, float]) -> list[float]:
        """Weights [K] of the classes as shares of the weights of all conditions, which rounding makes 0.99 to 1.03."""
        whole, shares = sum(weights.values()), [0.0] * self.size
        for name, weight in weights.items():
            if name in self.position:
                shares[self.position[name]] += weight / whole if whole else 0.0
        return shares

    def top(self, labels: CaseLabels) -> list[int | str]:
        """Whatever has the highest weight: class positions in card order, then names outside the list. Several: a tie.

        Weights are compared as the file gives them, rounded to two decimals.
        """
        merged: dict[int | str, float] = {}
        for name, weight in labels.weights.items():
            key = self.position.get(name, name)
            merged[key] = round(merged.get(key, 0.0) + weight, 6)
        best = max(merged.values(), default=0.0)
        tied = [key for key, weight in merged.items() if weight == best]
        classes = sorted(key for key in tied if isinstance(key, int))
        return [*classes, *sorted(key for key in tied if isinstance(key, str))]


def case_labels(table: TextTable, row: int) -> CaseLabels:
    """Read one case's three label cells. Raises DataError with file, line, column and what was found."""
    names = _literal(table, row, NAMES, list)
    confidences = _literal(table, row, CONFIDENCES, list)
    weights = _literal(table, row, WEIGHTS, dict)
    if not all(isinstance(name, str) for name in names):
        raise table.error("a condition name is not text", row, NAMES, expected="a list of strings")
    if not all(type(value) is int and 1 <= value <= 5 for value in confidences):
        raise table.error("a confidence is not 1 to 5", row, CONFIDENCES, expected="a list of integers from 1 to 5")
    if len(names) != len(confidences):
        expected = f"{len(names)} confidences, one for each name"
        raise table.error("names and confidences do not pair up", row, CONFIDENCES, expected=expected)
    if not all(isinstance(name, str) and _is_weight(weight) for name, weight in weights.items()):
        raise table.error("a weight is not a number from 0 to 1", row, WEIGHTS, expected="{'name': weight, ...}")
    return CaseLabels(tuple(names), tuple(confidences), {name: float(weight) for name, weight in weights.items()})


def _is_weight(value: object) -> bool:
    # Written so that NaN fails; 1.03 is the largest sum that rounding makes.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1.05


def _literal(table: TextTable, row: int, column: str, kind: type[list[Any] | dict[Any, Any]]) -> Any:
    cell = table[column][row]
    expected = "a Python list such as ['Eczema']" if kind is list else "a Python dict such as {'Eczema': 1.0}"
    hint = "take the official file again; a spreadsheet may have changed the cell"
    message = "a label cell is not a Python literal"
    try:
        # Never eval: these cells are someone else's text.
        value = ast.literal_eval(cell)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as problem:
        raise table.error(message, row, column, expected=expected, hint=hint) from problem
    if not isinstance(value, kind):
        raise table.error("a label cell has the wrong form", row, column, expected=expected, hint=hint)
    return value
