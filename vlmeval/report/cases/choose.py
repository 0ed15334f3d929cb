"""Which cases a report shows of each class: clear hits, confident misses, false alarms and near-ties.

In: predictions of one method. Out: rows by class and kind, spread over the levels of skin tone. Scores of a class are
compared with each other only, so that any rising function of them chooses the same cases.

- ``hit``: has the class and is called it, the highest score first.
- ``miss``: has the class and is not called it. Of single-label cases those surest of another class first, of
  multi-label cases those furthest below the class's threshold.
- ``alarm`` (multi-label): has not the class and is called it, the highest score first. An alarm for one class of a
  single-label case is a miss of another.
- ``tie``: has the class, and the decision was nearly another: the two highest scores lie closest, or the score lies
  closest to the threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from vlmeval.records import Predictions

Kind = Literal["hit", "miss", "alarm", "tie"]
KINDS: Final[tuple[Kind, ...]] = ("hit", "miss", "alarm", "tie")
Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """One row of the predictions, and why it is shown: for which class, and as what."""

    row: int
    class_index: int
    kind: Kind


def each_class(classes: int) -> int:
    """Return how many cases of a kind are shown of each class: fewer where there are many classes."""
    return 6 if classes <= 12 else 3 if classes <= 30 else 2


def choose(predictions: Predictions, tone: npt.NDArray[np.int16] | None) -> list[Chosen]:
    """Return the cases to show, class by class, kind by kind.

    Parameters
    ----------
    predictions
        n rows of K classes.
    tone
        [n] codes of skin-tone levels: of each kind the levels take turns. None where there are none.
    """
    classes = predictions.scores.shape[1]
    turns = np.zeros(len(predictions), dtype=np.int16) if tone is None else tone
    found = []
    for k in range(classes):
        if np.isnan(predictions.scores[:, k]).any():
            continue  # a class that the method cannot predict
        for kind, rows in _ranked(predictions, k).items():
            found += [Chosen(row, k, kind) for row in in_turns(rows, turns, each_class(classes))]
    return found


def called(predictions: Predictions) -> npt.NDArray[np.bool_]:
    """Return [n, K] the classes that each row is called: the highest score, or all at or above their threshold."""
    if predictions.decision.thresholds is not None:
        return np.asarray(predictions.scores >= np.array(predictions.decision.thresholds))
    top = predictions.scores.argmax(axis=1)
    return np.asarray(np.arange(predictions.scores.shape[1]) == top[:, None])


def in_turns(rows: Rows, turns: npt.NDArray[np.int16], wanted: int) -> list[int]:
    """Return the first ``wanted`` of ranked rows, taking one of each level in turn."""
    place: dict[int, int] = {}
    order = []
    for rank, row in enumerate(rows.tolist()):
        level = int(turns[row])
        order.append((place.get(level, 0), rank, row))
        place[level] = place.get(level, 0) + 1
    return [row for _, _, row in sorted(order)[:wanted]]


def _ranked(predictions: Predictions, k: int) -> dict[Kind, Rows]:
    truth, scores = predictions.y_true[:, k], predictions.scores
    yes = called(predictions)[:, k]
    own = scores[:, k]
    if predictions.decision.thresholds is None:
        first, second = _top_two(scores)
        return {
            "hit": _best(truth & yes, own),
            "miss": _best(truth & ~yes, first),
            "tie": _best(truth, second - first),
        }
    above = own - predictions.decision.thresholds[k]
    return {
        "hit": _best(truth & yes, own),
        "miss": _best(truth & ~yes, -above),
        "alarm": _best(~truth & yes, above),
        "tie": _best(truth, -np.abs(above)),
    }


def _best(which: npt.NDArray[np.bool_], merit: Floats) -> Rows:
    """Return the rows that ``which`` marks, the highest merit first, equals in the order they stand."""
    rows = np.flatnonzero(which)
    return rows[np.argsort(-merit[rows], kind="stable")]


def _top_two(scores: Floats) -> tuple[Floats, Floats]:
    if scores.shape[1] < 2:
        return scores[:, 0], np.full(len(scores), -np.inf)
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1], ordered[:, -2]


def pictures_by_unit(predictions: Sequence[Predictions], method: str) -> dict[str, list[str]]:
    """Return the ids of each unit's pictures, from the same method's predictions at image level."""
    found: dict[str, list[str]] = {}
    images = next((p for p in predictions if p.method == method and p.level == "image"), None)
    if images is not None:
        for sample, unit in zip(images.ids.tolist(), images.units.tolist(), strict=True):
            found.setdefault(unit, []).append(sample)
    return found
