"""The units that win and lose by a prompt set: whose true class rises or falls most among the others.

In: predictions of a set and of the chosen one on the same rows. Out: `Moved`: of every class the few rows that gain
most and those that lose most. A row's standing by its true class is the share of rows without the class that score
lower (ties half): the AUROC of the class is its mean (the placement value of DeLong et al. 1988), so gains add up to
what the class gains. Scores of different sets are never compared themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.records import Predictions
from vlmeval.records.prompt_study import Moved
from vlmeval.workbench.study.reading import Read

MOST: Final = 3
SMALLEST: Final = 1e-9


def moved(found: Read, ours: Predictions, chosen: Predictions) -> list[Moved]:
    """Return the rows of each class that gain or lose most by ``ours`` against ``chosen``."""
    return [one for k in range(len(found.card.classes)) for one in _of_class(found, ours, chosen, k)]


def standing(predictions: Predictions, k: int) -> npt.NDArray[np.float64]:
    """Return, of the rows that have class k, the share of rows without it that score lower, ties half."""
    has = predictions.y_true[:, k]
    others = np.sort(predictions.scores[~has, k])
    own = predictions.scores[has, k]
    below, up_to = (np.searchsorted(others, own, side=side) for side in ("left", "right"))
    out: npt.NDArray[np.float64] = (below + up_to) / 2 / max(len(others), 1)
    return out


def _of_class(found: Read, ours: Predictions, chosen: Predictions, k: int) -> Iterator[Moved]:
    has = ours.y_true[:, k]
    if not has.any() or has.all():
        return
    before, after = standing(chosen, k), standing(ours, k)
    ids, units = ours.ids[has], ours.units[has]
    gain = after - before
    # Of equal gains the first by id, whatever the order of the rows.
    order = np.lexsort((ids, -gain))
    first = [i for i in order[:MOST] if gain[i] > SMALLEST]
    last = [i for i in np.lexsort((ids, gain))[:MOST] if gain[i] < -SMALLEST]
    for i in (*first, *last):
        yield Moved(
            set_id=ours.method,
            versus=chosen.method,
            class_id=found.card.class_ids[k],
            unit=str(units[i]),
            pictures=found.pictures[str(ids[i])],
            before=float(before[i]),
            after=float(after[i]),
            gain=float(gain[i]),
        )
