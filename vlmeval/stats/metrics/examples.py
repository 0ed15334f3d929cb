"""Worked examples of metrics: tiny predictions that can be computed by hand, and the value a metric has on them.

The page "How we compute this" shows them, and a test computes every one (`worked.py`), so that no metric can be
registered with a wrong one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from vlmeval.records.model import ScoreKind


@dataclass(frozen=True)
class Rows:
    """The predictions of an example: n rows, K classes.

    ``truth`` and ``scores`` are [n][K]. With ``thresholds`` a class is given where its score reaches its threshold;
    without, each row gets the class with the highest score. ``malignant`` is what the card says of each class.
    """

    id: str
    title: str
    classes: tuple[str, ...]
    truth: tuple[tuple[int, ...], ...]
    scores: tuple[tuple[float, ...], ...]
    thresholds: tuple[float, ...] | None = None
    malignant: tuple[bool | None, ...] = field(default=())
    kind: ScoreKind = "probability"


@dataclass(frozen=True)
class Example:
    """What a metric is on some rows: its value, of the first class where it has one a class, and how to get there."""

    rows: Rows
    value: float
    working: str


ONE_CLASS = Rows(
    "one-class",
    "Ten pictures, one condition against the rest",
    ("condition", "rest"),
    ((1, 0), (1, 0), (0, 1), (1, 0), (0, 1), (0, 1), (1, 0), (0, 1), (0, 1), (0, 1)),
    tuple((p, round(1 - p, 2)) for p in (0.95, 0.85, 0.75, 0.65, 0.45, 0.35, 0.25, 0.15, 0.1, 0.05)),
    (0.6, 0.6),
)
"""Positives rank 1st, 2nd, 4th and 7th of ten; four rows reach the threshold."""

SHARED_BINS = Rows(
    "shared-bins",
    "Eight pictures, one condition against the rest, four different probabilities",
    ("condition", "rest"),
    ((0, 1), (1, 0), (0, 1), (0, 1), (1, 0), (0, 1), (1, 0), (1, 0)),
    tuple((p, round(1 - p, 2)) for p in (0.2, 0.2, 0.26, 0.26, 0.8, 0.8, 0.86, 0.86)),
    (0.5, 0.5),
)
"""In bins of equal width the first four rows are together (mean 0.23, 1 of 4) and the last four (0.83, 3 of 4)."""

FIVE_ROWS = Rows(
    "five-rows",
    "Five pictures, each of one of four conditions",
    ("nevus", "melanoma", "carcinoma", "keratosis"),
    ((1, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
    ((0.7, 0.1, 0.1, 0.1), (0.2, 0.6, 0.1, 0.1), (0.1, 0.8, 0.05, 0.05), (0.4, 0.3, 0.1, 0.2), (0.1, 0.2, 0.1, 0.6)),
    malignant=(False, True, True, None),
)
"""Rows 1, 3 and 5 are decided rightly; the card calls keratosis neither malignant nor benign."""

TWO_LABELS = Rows(
    "two-labels",
    "Four pictures, each with any of two conditions",
    ("eczema", "urticaria"),
    ((1, 0), (1, 1), (0, 1), (0, 0)),
    ((0.9, 0.2), (0.4, 0.7), (0.8, 0.6), (0.1, 0.3)),
    (0.5, 0.5),
)
"""Of eight answers two are wrong: eczema missed in row 2 and seen in row 3."""

ALL = (ONE_CLASS, SHARED_BINS, FIVE_ROWS, TWO_LABELS)
