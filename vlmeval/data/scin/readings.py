"""Other readings of SCIN's labels, all at once: the tables are read once, and no picture is looked for.

Comes in: a card with truth variants and the data folder. Goes out: variant id -> sample ids, cases and labels, the same
that the adapter's ``read`` would give under the variant's options.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from vlmeval.data.options import read_options
from vlmeval.data.raw import Labels
from vlmeval.data.scin.labels import CaseLabels, ClassIndex, case_labels
from vlmeval.data.scin.rules import ScinOptions, good_enough, positive
from vlmeval.data.scin.tables import GRADED, POSITIONS, read_tables
from vlmeval.records import Benchmark

Case = tuple[str, list[str], str, CaseLabels]
"""A case, its sample ids, what the first dermatologist said of its pictures, and what was named."""


def readings(cards: dict[str, Benchmark], root: Path) -> dict[str, Labels]:
    """Read the labels under each of the cards, which differ in their options alone.

    Raises
    ------
    CatalogError
        For an option that there is not.
    DataError
        As the adapter's ``read`` does for the tables.
    """
    options = {name: read_options(ScinOptions, card) for name, card in cards.items()}
    cases, labels, label_row = read_tables(root)
    told: list[Case] = []
    for row, case in enumerate(cases["case_id"]):
        samples = [f"{case}/{k}" for k in POSITIONS if cases[f"image_{k}_path"][row]]
        told.append((case, samples, labels[GRADED][label_row[row]], case_labels(labels, label_row[row])))
    return {name: _read(told, ClassIndex.of(card), options[name]) for name, card in cards.items()}


def _read(told: list[Case], index: ClassIndex, options: ScinOptions) -> Labels:
    ids: list[str] = []
    units: list[str] = []
    rows: list[list[bool]] = []
    for case, samples, graded, said in told:
        found = positive(Counter(), said, index, options) if good_enough(options, graded, said) else None
        if found is not None:
            ids += samples
            units += [case] * len(samples)
            rows += [[k in found for k in range(index.size)]] * len(samples)
    return Labels(np.array(ids, dtype=np.str_), np.array(units, dtype=np.str_), np.array(rows, dtype=np.bool_))
