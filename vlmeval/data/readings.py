"""Other readings of the same truth: the card's ``truth.variants``, each read by the adapter under options of its own.

Comes in: a card and its data folder. Goes out: `Reading`s, labels only, by sample id. Rows belong to `Samples` by id,
never by position; what a reading leaves out is simply not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vlmeval.data import adapter, data_root, read_raw
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, Level, TruthVariant

STAGE = "readings"


@dataclass(frozen=True)
class Reading:
    """The labels of one reading of the truth.

    Attributes
    ----------
    variant
        What the card says of it.
    ids, units
        [m] sample ids and the units they belong to.
    labels
        bool [m, K].
    """

    variant: TruthVariant
    ids: npt.NDArray[np.str_]
    units: npt.NDArray[np.str_]
    labels: npt.NDArray[np.bool_]

    def of(
        self, level: Level, names: npt.NDArray[np.str_], *, single_label: bool
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return the labels of rows by name: sample ids at image level, units at unit level.

        A unit has a label when any of its images has it.

        Returns
        -------
        labels, there
            bool [n, K], and bool [n]: whether the reading has the row (and, with ``single_label``, exactly one class).
        """
        keys, member = np.unique(self.ids if level == "image" else self.units, return_inverse=True)
        labels = np.zeros((len(keys) + 1, self.labels.shape[1]), dtype=bool)
        np.logical_or.at(labels, member, self.labels)
        known = {name: row for row, name in enumerate(keys.tolist())}
        # The last row stands for rows that the reading does not have.
        rows = np.array([known.get(name, len(keys)) for name in names.tolist()], dtype=np.intp)
        there: npt.NDArray[np.bool_] = rows < len(keys)
        if single_label:
            there = there & (labels[rows].sum(axis=1) == 1)
        return labels[rows], there


def load_readings(benchmark: Benchmark, root: Path | None = None, progress: Progress = silent) -> dict[str, Reading]:
    """Read the truth under the options of each of the card's variants.

    Parameters
    ----------
    benchmark
        The card.
    root
        As of `vlmeval.data.load_samples`.

    Returns
    -------
    dict
        Variant id -> its reading, in the card's order; empty for a card without variants.

    Raises
    ------
    CatalogError
        When the adapter does not know an option.
    DataError
        As `load_samples` does.
    """
    variants = {variant.id: variant for variant in benchmark.truth.variants}
    cards = {name: _card(benchmark, variant) for name, variant in variants.items()}
    # An adapter may have a shorter way, which reads its files once for all of them.
    at_once = getattr(adapter(benchmark.data.adapter), "readings", None) if cards else None
    if at_once is not None:
        progress(STAGE, 0, 1)
        return {n: Reading(variants[n], *told) for n, told in at_once(cards, data_root(benchmark, root)).items()}
    found = {}
    for done, (name, card) in enumerate(cards.items()):
        progress(STAGE, done, len(cards))
        raw = read_raw(card, root)
        found[name] = Reading(variants[name], raw.ids, raw.units, raw.labels)
    return found


def _card(benchmark: Benchmark, variant: TruthVariant) -> Benchmark:
    """Return the card with the variant's options.

    As one of several labels a row: a reading that names none, or more than one, is told apart where it is used.
    """
    options = {**benchmark.data.options, **variant.options}
    data = benchmark.data.model_copy(update={"options": options})
    return benchmark.model_copy(update={"task": "multi-label", "data": data})
