"""Keep splits that vlmeval dealt itself free of pictures that turn out to be there twice, under different units.

Comes in: Samples, and which rows show the same picture, which is known only when every picture has been read. Goes out:
which rows stay, and the Finding that says what leaves. Splits that a card or its publisher fixed are not touched unless
the card says so (``near_identical.leave_out``): a repeat in these is for the audit to refuse.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.leaks.same_pictures import SamePictures
from vlmeval.data.wording import counted
from vlmeval.records import Finding, Samples

EXAMPLES: Final = 5
CODE: Final = "repeats-left-out"


def leaves_out(samples: Samples) -> bool:
    """Whether repeated pictures are left out of the splits that are not evaluated, instead of stopping the run."""
    asked = samples.benchmark.near_identical.leave_out
    protocol = samples.benchmark.protocol
    return protocol.leaky is None and (protocol.by == "unit" if asked is None else asked)


def without_repeats(
    samples: Samples, same: SamePictures, kept: str = "test"
) -> tuple[npt.NDArray[np.bool_], list[Finding]]:
    """Leave whole units out of the other splits when one of their pictures is in ``kept`` as well.

    Parameters
    ----------
    samples
        All splits of a benchmark.
    same
        Rows that show the same picture, byte for byte or nearly.
    kept
        The split that is evaluated and stays as it is; between the others, test goes before validation before training.

    Returns
    -------
    mask, list[Finding]
        bool [n], True for rows that stay, and what left. All rows stay in protocols that leave nothing out.
    """
    stays = np.ones(len(samples), dtype=np.bool_)
    if not leaves_out(samples):
        return stays, []
    order = {split: place for place, split in enumerate(dict.fromkeys([kept, "test", "val", "train"]))}
    place = np.array([order[split] for split in samples.split.tolist()], dtype=np.intp)
    leaving = [rows[place[rows] > place[rows].min()] for rows in same.links()]
    units = sorted({str(unit) for rows in leaving for unit in samples.units[rows]})
    if not units:
        return stays, []
    stays = ~np.isin(samples.units, units)
    left = samples.take(~stays)
    where = ", ".join(f"{n} of {split}" for split in order if (n := int((left.split == split).sum())))
    message = (
        f"{counted(len(units), samples.benchmark.unit.name)} ({counted(len(left), 'picture')}: {where}) left out: "
        "the same picture, byte for byte or nearly, is in a split that goes before"
    )
    return stays, [
        Finding(code=CODE, severity="warning", message=message, count=len(units), examples=tuple(units[:EXAMPLES]))
    ]
