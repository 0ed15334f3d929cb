"""Split samples into train, val and test: by unit, stratified, the same for any row order; or a published recipe.

Comes in: units, pictures, labels and a card's protocol. Goes out: [n] of ``train``, ``val``, ``test``.

Units that share a picture (a photograph handed in twice under two case numbers) are split as one. What goes where
depends only on the seed, the units' ids and their labels: order is by SHA-256 of seed and id, never by row.
Multi-label: iterative stratification (Sechidis, Tsoumakas, Vlahavas 2011, ECML PKDD, algorithm 1) over units.
Single-label: each class is dealt out by largest deficit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.data.raw import DEVELOPMENT, RawTable
from vlmeval.errors import CatalogError, DataError
from vlmeval.records import Benchmark, Protocol

SPLITS: Final = ("train", "val", "test")
Strings = npt.NDArray[np.str_]
Bools = npt.NDArray[np.bool_]
Parts = npt.NDArray[np.int8]


def split_samples(benchmark: Benchmark, raw: RawTable) -> Strings:
    """Return [n] the split of every row under the card's protocol.

    Raises
    ------
    CatalogError
        When the card names an unknown recipe, or splits by a column the adapter does not give.
    DataError
        When the split column holds an unknown value.
    """
    protocol = benchmark.protocol
    if protocol.recipe is not None:
        return _published(protocol.recipe)(raw)
    single = benchmark.task == "single-label"
    if protocol.by == "column":
        return _by_column(benchmark, raw, single)
    units = raw.ids if protocol.by == "image" else linked_units(raw.units, [str(image) for image in raw.images])
    return split_units(units, raw.labels, protocol, single_label=single)


def linked_units(units: Strings, pictures: Sequence[str]) -> Strings:
    """Return [n] one name for all units that are linked by a shared picture: the smallest of their ids."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    first: dict[str, str] = {}
    for unit, picture in zip(units.tolist(), pictures, strict=True):
        one, other = find(unit), find(first.setdefault(picture, unit))
        if one != other:
            parent[max(one, other)] = min(one, other)
    return np.array([find(unit) for unit in units.tolist()], dtype=np.str_)


def split_units(units: Strings, labels: Bools, protocol: Protocol, *, single_label: bool) -> Strings:
    """Divide units by the protocol's fractions, stratified by their labels unless the protocol says not to.

    Parameters
    ----------
    units
        [n] unit ids; rows of one unit stay together.
    labels
        bool [n, K]; a unit has a class when any of its rows has it.
    protocol
        Fractions, seed and whether to stratify.
    single_label
        Whether the classes exclude each other.

    Returns
    -------
    Strings
        [n] of ``train``, ``val``, ``test``.
    """
    shares = protocol.fractions
    parts = deal_units(units, labels, shares, protocol.seed, single_label=single_label, stratify=protocol.stratify)
    return np.array(SPLITS, dtype=np.str_)[parts]


def deal_units(
    units: Strings,
    labels: Bools,
    shares: Sequence[float],
    seed: int,
    *,
    single_label: bool,
    stratify: bool = True,
) -> Parts:
    """Deal units to ``len(shares)`` parts of those sizes; see :func:`split_units`.

    Returns
    -------
    Parts
        int8 [n] of 0 .. ``len(shares)`` - 1; rows of one unit have the same.
    """
    names, inverse = np.unique(units, return_inverse=True)
    unit_labels = np.zeros((len(names), labels.shape[1]), dtype=np.bool_)
    np.logical_or.at(unit_labels, inverse, labels)
    order = np.array(sorted(range(len(names)), key=lambda i: _hash(seed, str(names[i]))), dtype=np.intp)
    parts = np.empty(len(names), dtype=np.int8)
    if not stratify:
        parts[order] = _deal(len(names), shares)
    elif single_label:
        # First class of the card decides for a unit whose rows disagree; the audit reports such units.
        strata = np.where(unit_labels.any(axis=1), unit_labels.argmax(axis=1), labels.shape[1])
        ordered = order[np.argsort(strata[order], kind="stable")]
        parts[ordered] = _deal(len(names), shares)
    else:
        parts[order] = _iterative(unit_labels[order], np.array(shares))
    return parts[inverse]


def _hash(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def _deal(count: int, shares: Sequence[float]) -> Parts:
    """Deal out so that every run of neighbours has nearly the shares: each goes to the largest deficit."""
    share = np.array(shares)
    given = np.zeros(len(shares))
    parts = np.empty(count, dtype=np.int8)
    for i in range(count):
        part = int(np.argmax(share * (i + 1) - given))
        parts[i] = part
        given[part] += 1
    return parts


def _iterative(labels: Bools, share: npt.NDArray[np.float64]) -> Parts:
    """Stratify [u, K] unit labels iteratively: the rarest remaining class is dealt out first."""
    parts = np.full(len(labels), -1, dtype=np.int8)
    room = share * len(labels)
    wanted = np.outer(share, labels.sum(axis=0))
    while True:
        waiting = parts < 0
        left = (labels & waiting[:, None]).sum(axis=0)
        if not left.any():
            break
        rarest = int(np.argmin(np.where(left > 0, left, np.iinfo(left.dtype).max)))
        for unit in np.flatnonzero(labels[:, rarest] & waiting):
            part = _neediest(wanted[:, rarest], room)
            parts[unit] = part
            wanted[part] -= labels[unit]
            room[part] -= 1
    for unit in np.flatnonzero(parts < 0):
        part = int(np.argmax(room))
        parts[unit] = part
        room[part] -= 1
    return parts


def _neediest(wanted: npt.NDArray[np.float64], room: npt.NDArray[np.float64]) -> int:
    """Return the part that wants this class most; among equals the one with most room, then the first."""
    return max(range(len(wanted)), key=lambda part: (round(float(wanted[part]), 9), round(float(room[part]), 9), -part))


def _by_column(benchmark: Benchmark, raw: RawTable, single: bool) -> Strings:
    if raw.split is None:
        message = f"benchmark {benchmark.id!r} is split by a column, but its adapter gives none"
        raise CatalogError(message, key="protocol.by", expected="unit or image")
    unknown = sorted(set(raw.split.tolist()) - {*SPLITS, DEVELOPMENT})
    if unknown:
        raise DataError(
            "an unknown split",
            file=raw.source,
            key=benchmark.protocol.column,
            expected=", ".join((*SPLITS, DEVELOPMENT)),
            found=repr(unknown[0]),
        )
    split = raw.split.copy()
    open_rows = np.flatnonzero(raw.split == DEVELOPMENT)
    if len(open_rows):
        linked = linked_units(raw.units, [str(image) for image in raw.images])[open_rows]
        split[open_rows] = split_units(linked, raw.labels[open_rows], benchmark.protocol, single_label=single)
    return np.array(split.tolist(), dtype=np.str_)


def _scin_notebook(raw: RawTable) -> Strings:
    """Google's SCIN notebook: ``train_test_split(test_size=0.2, random_state=42)`` over photographs in file order.

    scikit-learn's split is a permutation of ``RandomState(42)`` whose first ceil(0.2 N) entries are the test set. The
    notebook skips the one picture that cannot be read, so N = 6,451; that row goes to train here, where it is reported
    as unreadable. The notebook has no validation part: the next ceil(0.2 N) entries, out of its train part, are ours.
    """
    present = np.arange(len(raw)) if raw.absent is None else np.flatnonzero(~raw.absent)
    count = math.ceil(0.2 * len(present))
    # The published recipe: medsiglip and SCIN notebooks, random_state=42.
    order = present[np.random.RandomState(42).permutation(len(present))]  # noqa: TID251
    split = np.full(len(raw), "train", dtype="<U5")
    split[order[:count]] = "test"
    split[order[count : 2 * count]] = "val"
    return split


RECIPES: Final[dict[str, Callable[[RawTable], Strings]]] = {"scin-notebook": _scin_notebook}
"""Published splits that are reproduced exactly, by the name a card's ``protocol.recipe`` gives."""


def _published(name: str) -> Callable[[RawTable], Strings]:
    if name not in RECIPES:
        known = ", ".join(sorted(RECIPES))
        raise CatalogError("unknown split recipe", key="protocol.recipe", expected=known, found=repr(name))
    return RECIPES[name]
