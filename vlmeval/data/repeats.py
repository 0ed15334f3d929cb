"""Keep splits that vlmeval dealt itself free of pictures that turn out to be there twice, under different units.

Comes in: Samples, and the pictures' content hashes, which are known only when every picture has been read. Goes out:
the Samples without the units that would leak, and the Finding that says so. Splits that a card or its publisher fixed
are not touched: a repeat in these is for the audit to refuse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import numpy as np

from vlmeval.data.wording import counted
from vlmeval.records import Finding, Samples

EXAMPLES: Final = 5


def without_repeats(samples: Samples, hashes: Mapping[str, str], kept: str = "test") -> tuple[Samples, list[Finding]]:
    """Leave whole units out of the other splits when one of their pictures is, byte for byte, in ``kept`` as well.

    Parameters
    ----------
    samples
        All splits of a benchmark.
    hashes
        Sample id -> content hash of the picture's bytes, as far as known.
    kept
        The split that is evaluated and stays as it is; between the others, test goes before validation before training.

    Returns
    -------
    Samples, list[Finding]
        The same samples and no finding where nothing had to go, and for protocols that are not dealt by unit.
    """
    protocol = samples.benchmark.protocol
    if protocol.by != "unit" or protocol.leaky is not None:
        return samples, []
    order = list(dict.fromkeys([kept, "test", "val", "train"]))
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(samples.ids.tolist()):
        if name in hashes:
            rows_of[hashes[name]].append(row)
    split = samples.split.tolist()
    leaving: set[int] = set()
    for rows in rows_of.values():
        first = min(order.index(split[row]) for row in rows)
        leaving.update(row for row in rows if order.index(split[row]) > first)
    if not leaving:
        return samples, []
    units = sorted({str(samples.units[row]) for row in leaving})
    stays = ~np.isin(samples.units, units)
    message = (
        f"{counted(len(units), samples.benchmark.unit.name)} ({counted(int((~stays).sum()), 'picture')}) left out: "
        "a byte-identical picture is in a split that goes before"
    )
    finding = Finding(
        code="repeats-left-out", severity="warning", message=message, count=len(units), examples=tuple(units[:EXAMPLES])
    )
    return samples.take(stays), [finding]
