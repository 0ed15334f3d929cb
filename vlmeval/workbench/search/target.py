"""What a search is to improve: AUROC, balanced accuracy, the worst skin-tone level, or a stated mix of them.

Comes in: the text of ``--objective``, the card, the validation rows. Goes out: `Target`: the parts with their shares,
and which classes and levels they are over. These are fixed once, by the small-cell rule on all validation units, so
that folds, validation and test speak of the same classes:

- ``auroc``: the mean one-vs-rest AUROC over classes with ten units with and without them;
- ``balanced-accuracy``: the mean sensitivity of the highest score over the classes present; in multi-label benchmarks
  the mean of sensitivity and specificity at thresholds that maximise Youden's J. Where the objective is improved, the
  thresholds are of the same rows: they are part of what is fitted. Elsewhere (held-out folds, test) they are those of
  the rows that were fitted on;
- ``worst-tone``: AUROC as above within each level of a skin-tone source, over the classes that all levels share; the
  lowest of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.errors import DataError, UnknownNameError, UsageError
from vlmeval.records import Benchmark, GroupSpec
from vlmeval.stats.cells import SUPPRESS_BELOW

OBJECTIVES = ("auroc", "balanced-accuracy", "worst-tone")
_EXAMPLE = '"auroc=0.7,worst-tone=0.3"'

Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int16]
Strings = npt.NDArray[np.str_]


def parse_objective(text: str) -> dict[str, float]:
    """Return the shares of the objective's parts: ``auroc``, or ``auroc=0.7,worst-tone=0.3``.

    Raises
    ------
    UnknownNameError, UsageError
        A part is not known or stands twice, or the shares are no shares that add up to 1.
    """
    shares: dict[str, float] = {}
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        name, equals, share = (piece.strip() for piece in part.partition("="))
        if name not in OBJECTIVES:
            raise UnknownNameError("objective", name, OBJECTIVES, hint=f"one of them, or a mix such as {_EXAMPLE}")
        if name in shares:
            raise _wrong("the objective names a part twice", text)
        if not equals and len(parts) > 1:
            raise _wrong(f"the objective says no share for {name}", text)
        shares[name] = _share(share, text) if equals else 1.0
    if abs(sum(shares.values()) - 1) > 1e-9:
        raise _wrong(f"the shares of the objective add up to {sum(shares.values()):g}", text)
    return shares


def _share(text: str, whole: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise _wrong("a share of the objective is no number above 0, up to 1", whole)
    return share


def _wrong(message: str, found: str) -> UsageError:
    expected = f"one of {', '.join(OBJECTIVES)}, or a mix whose shares add up to 1, such as {_EXAMPLE}"
    return UsageError(message, key="--objective", expected=expected, found=found)


@dataclass(frozen=True)
class Target:
    """The parts of an objective and what they are over.

    Attributes
    ----------
    shares
        Part -> share; they add up to 1.
    single
        Whether the benchmark is single-label.
    classes
        bool [K], the classes that averages of AUROC (and of balanced accuracy, multi-label) are over.
    group, levels, shared
        The skin-tone source, the codes of the levels that are compared, and bool [K], the classes they share.
    """

    shares: Mapping[str, float]
    single: bool
    classes: Bools
    group: str | None = None
    levels: tuple[int, ...] = ()
    shared: Bools | None = None


def target_of(
    shares: Mapping[str, float], benchmark: Benchmark, rows: tuple[Bools, Strings], groups: Mapping[str, Codes],
    group: str | None = None,
) -> Target:  # fmt: skip
    """Fix classes and levels by what the validation rows can bear.

    Parameters
    ----------
    shares
        From `parse_objective`.
    benchmark
        The card.
    rows
        Labels bool [n, K] and units [n] of the validation rows.
    groups
        Their level codes.
    group
        The skin-tone source of ``worst-tone``; the first one that has the support if None.

    Raises
    ------
    DataError
        No class has enough validation units, or no source has the levels.
    UsageError
        ``group`` is not a skin-tone source of the card, or is given for nothing.
    """
    labels, units = rows
    classes = _supported(labels, units)
    if not classes.any():
        unit = benchmark.unit.name
        raise DataError(
            f"{benchmark.id} has too few validation {unit}s to choose prompts on",
            expected=f"a class with {SUPPRESS_BELOW} {unit}s that have it and {SUPPRESS_BELOW} that do not",
            found=f"{len(np.unique(units))} validation {unit}s",
            hint="use a benchmark with a larger validation split, or a prompt set fixed beforehand",
        )
    single = benchmark.task == "single-label"
    if "worst-tone" not in shares:
        if group is not None:
            raise UsageError("--group is for objectives with worst-tone", key="--group", found=group)
        return Target(shares, single, classes)
    tones = _tones(benchmark, group)
    counted = [_levels(tone, labels, units, groups[tone.id]) for tone in tones if tone.id in groups]
    for tone, (levels, shared) in zip(tones, counted, strict=True):
        if len(levels) > 1 and shared.any():
            return Target(shares, single, classes, tone.id, levels, shared)
    raise DataError(
        f"no skin-tone source of {benchmark.id} has enough validation {benchmark.unit.name}s for worst-tone",
        key="--objective",
        expected=f"two levels with {SUPPRESS_BELOW} units each, and a class that {SUPPRESS_BELOW} units have and "
        f"{SUPPRESS_BELOW} have not in every level",
        found="; ".join(
            f"{tone.id}: {len(levels)} levels, {int(shared.sum())} shared classes"
            for tone, (levels, shared) in zip(tones, counted, strict=True)
        )
        or "no skin-tone source at all",
        hint="choose another objective (auroc, balanced-accuracy)",
    )


def _tones(benchmark: Benchmark, group: str | None) -> list[GroupSpec]:
    tones = [g for g in benchmark.available_groups if g.kind == "skin-tone" and not g.estimated]
    if group is None:
        return tones
    chosen = [tone for tone in tones if tone.id == group]
    if not chosen:
        raise UnknownNameError(f"skin-tone source of {benchmark.id}", group, [tone.id for tone in tones])
    return chosen


def _levels(tone: GroupSpec, labels: Bools, units: Strings, codes: Codes) -> tuple[tuple[int, ...], Bools]:
    """Return the levels that are compared and the classes that all of them support, as `stats.groups.gaps` has them."""
    levels = []
    shared = np.ones(labels.shape[1], dtype=bool)
    for code, level in enumerate(tone.levels):
        rows = codes == code
        if level.missing or len(np.unique(units[rows])) < SUPPRESS_BELOW:
            continue
        levels.append(code)
        shared &= _supported(labels[rows], units[rows])
    return tuple(levels), shared & bool(levels)


def _supported(labels: Bools, units: Strings) -> Bools:
    """[K] whether enough units have the class and enough have not (`stats.cells`)."""
    counts = [min(len(np.unique(units[with_])), len(np.unique(units[~with_]))) for with_ in labels.T]
    return np.array(counts) >= SUPPRESS_BELOW
