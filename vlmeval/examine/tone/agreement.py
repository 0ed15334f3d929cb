"""How far the sources of skin tone agree, and the raters of one source: kappa, ranks and tables of levels.

In: Samples (all splits: who a person is does not depend on the split). Out: `Agreement`s: the raters of each source
first, then every two sources. Fitzpatrick types and Monk tones are different things: across scales there is no kappa,
only the rank correlation and the table of levels.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.examine.subject import Part, Subject
from vlmeval.examine.tone.figures import Codes, Floats, Source, tone_sources
from vlmeval.examine.tone.kappa import Counts, Pairs, agreed, rank_correlation
from vlmeval.records import Agreement, GroupLevel, Samples
from vlmeval.stats import Resamples
from vlmeval.stats.cells import SUPPRESS_BELOW
from vlmeval.stats.intervals import intervals, number

PART: Final = "tone-agreement"
OTHER_SCALE: Final = "different scales: the two measure different things"
ESTIMATED: Final = "an angle estimated from pixels is on no scale of skin types or tones"
NO_SPREAD: Final = "undefined: every figure is the same"


def tone_agreement(subject: Subject, part: Part) -> None:
    """Examine how far the benchmark's sources of skin tone agree, over all of its units."""
    found = agreement_of(subject.samples, subject.plan.draws, subject.plan.seed)
    part.agreement += found
    if not found:
        part.missing[PART] = why_no_sources(subject.samples)


def why_no_sources(samples: Samples) -> str:
    """Say why there is no source of skin tone: the card's own words where it has some."""
    said = [g.unavailable for g in samples.benchmark.groups if g.kind == "skin-tone" and g.unavailable is not None]
    return said[0] if said else "the data name no skin tone"


def agreement_of(samples: Samples, draws: int = 2000, seed: int = 0) -> list[Agreement]:
    """Return the agreement of raters, source by source, and of every two sources; nothing without sources.

    Parameters
    ----------
    samples
        All splits, at image level.
    draws, seed
        Of the bootstrap over units.
    """
    units, sources = tone_sources(samples)
    if not sources:
        return []
    resamples = Resamples.draw(units, draws, seed)
    unit = samples.benchmark.unit.name
    between = [_sources(a, b, resamples.counts, unit) for a, b in combinations(sources, 2)]
    rated = [source for source in sources if source.figures.shape[1] and not source.group.estimated]
    return [*(_raters(source, resamples.counts, unit) for source in rated), *between]


def _raters(source: Source, counts: Counts, unit: str) -> Agreement:
    """Compare every two raters of a source."""
    name = source.group.id
    if source.figures.shape[1] < 2:
        why = f"one figure a {unit}: no two raters to compare"
        return Agreement(kind="raters", a=name, b=name, n_units=0, n_pairs=0, reason=why)
    pairs = Pairs.of_raters(source.figures)
    facts, reason = _kappa(pairs, counts, unit)
    codes, names = _levels_of(source, pairs)
    return Agreement(
        kind="raters",
        a=name,
        b=name,
        n_units=pairs.n_units,
        n_pairs=len(pairs.a) // 2,
        reason=reason,
        levels_a=names,
        levels_b=names,
        confusion=_table(*codes, (len(names), len(names))),
        **facts,
    )


def _levels_of(source: Source, pairs: Pairs) -> tuple[tuple[Codes, Codes], tuple[str, ...]]:
    """Put the figures of raters into the card's levels; into one level a figure where the card has no cut-points."""
    levels = [level for level in source.group.levels if level.from_ is not None or level.below is not None]
    values, place = np.unique(np.concatenate([pairs.a, pairs.b]), return_inverse=True)
    codes = np.array([_level(value, levels) for value in values.tolist()], dtype=np.intp)
    names = tuple(level.id for level in levels)
    if not levels or (codes < 0).any():
        codes, names = np.arange(len(values)), tuple(f"{value:g}" for value in values.tolist())
    both = codes[place]
    return (both[: len(pairs.a)], both[len(pairs.a) :]), names


def _level(value: float, levels: list[GroupLevel]) -> int:
    for code, level in enumerate(levels):
        if (level.from_ is None or value >= level.from_) and (level.below is None or value < level.below):
            return code
    return -1


def _sources(a: Source, b: Source, counts: Counts, unit: str) -> Agreement:
    """Compare two sources."""
    figures = bool(a.figures.shape[1] and b.figures.shape[1])
    one_scale = a.group.scale is not None and a.group.scale == b.group.scale
    pairs = Pairs.of_sources(*((a.middle, b.middle) if figures else (a.positions, b.positions)))
    facts, reason = _kappa(pairs, counts, unit)
    if not one_scale:
        facts, reason = {}, ESTIMATED if a.group.estimated or b.group.estimated else OTHER_SCALE
    elif not figures and _answered(a) != _answered(b):
        facts, reason = {}, "no figures, and the levels differ"
    turned = figures and a.darker_is_higher != b.darker_is_higher
    return Agreement(
        kind="sources",
        a=a.group.id,
        b=b.group.id,
        n_units=pairs.n_units,
        on="figures" if figures else "levels",
        reason=reason,
        levels_a=a.levels,
        levels_b=b.levels,
        confusion=_table(a.codes, b.codes, (len(a.levels), len(b.levels))),
        **facts,
        **_rank(pairs, counts, -1.0 if turned else 1.0),
    )


def _answered(source: Source) -> list[str]:
    return [level.id for level in source.group.levels if not level.missing]


def _kappa(pairs: Pairs, counts: Counts, unit: str) -> tuple[dict[str, float | None], str | None]:
    """Return kappa with its interval and the shares of close figures, or the reason why there are none."""
    if pairs.n_units < SUPPRESS_BELOW:
        return {}, f"suppressed: fewer than {SUPPRESS_BELOW} {unit}s with two figures ({pairs.n_units})"
    found = agreed(pairs, counts)
    shares = {"exact": float(found.exact[0]), "within_one": float(found.within_one[0])}
    if np.isnan(found.kappa[0]):
        return dict(shares), NO_SPREAD
    low, high = _interval(found.kappa)
    return {**shares, "kappa": float(found.kappa[0]), "low": low, "high": high}, None


def _rank(pairs: Pairs, counts: Counts, sign: float) -> dict[str, float | None]:
    if pairs.n_units < SUPPRESS_BELOW:
        return {}
    found = sign * rank_correlation(pairs.a, pairs.b, counts[pairs.unit])
    low, high = _interval(found)
    return {"rank": number(float(found[0])), "rank_low": low, "rank_high": high}


def _interval(draws: Floats) -> tuple[float | None, float | None]:
    low, high, _ = intervals(draws[None, 1:])
    return number(float(low[0])), number(float(high[0]))


def _table(a: Codes, b: Codes, shape: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
    counts: npt.NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
    np.add.at(counts, (a, b), 1)
    return tuple(tuple(row) for row in counts.tolist())
