"""What each source says of every unit's skin tone, one row a unit.

In: Samples, at image level. Out: `Source`s in the card's order: level codes and raters' figures by unit, of all splits.
A unit with several images has the figures of its first one, as it has its group level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vlmeval.records import GroupSpec, Samples

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Source:
    """One source of skin tone over U units.

    Attributes
    ----------
    group
        The card's group.
    codes
        [U] codes into the group's levels.
    figures
        [U, R] each rater's figure, NaN where there is none; R is 0 where the data give no figures.
    """

    group: GroupSpec
    codes: Codes
    figures: Floats

    @property
    def levels(self) -> tuple[str, ...]:
        """The ids of the card's levels."""
        return tuple(level.id for level in self.group.levels)

    @property
    def middle(self) -> Floats:
        """[U] the median of the raters who gave a figure, NaN where none did or the data give no figures."""
        found = np.full(len(self.codes), np.nan)
        some = ~np.isnan(self.figures).all(axis=1)
        if some.any():
            found[some] = np.nanmedian(self.figures[some], axis=1)
        return found

    @property
    def positions(self) -> Floats:
        """[U] place of the unit's level among those that are not missing, from 0; NaN for missing ones."""
        place = np.full(len(self.group.levels), np.nan)
        answered = [code for code, level in enumerate(self.group.levels) if not level.missing]
        place[answered] = np.arange(len(answered))
        found: Floats = place[self.codes]
        return found

    @property
    def darker_is_higher(self) -> bool:
        """Whether figures rise from the first level (light) to the last (dark); angles estimated from pixels fall."""
        ends = [level.from_ for level in self.group.levels if not level.missing and level.from_ is not None]
        return len(ends) < 2 or ends[-1] > ends[0]


def tone_sources(samples: Samples) -> tuple[npt.NDArray[np.str_], list[Source]]:
    """Return the ids of all units, sorted, and what each available skin-tone group says of them."""
    units, first = np.unique(samples.units, return_index=True)
    none = np.zeros((len(samples), 0))
    sources = [
        Source(
            group,
            samples.groups[group.id][first].astype(np.intp),
            np.asarray(samples.figures.get(group.id, none)[first], dtype=np.float64),
        )
        for group in samples.benchmark.available_groups
        if group.kind == "skin-tone" and group.id in samples.groups
    ]
    return units, sources
