"""How often something happened in a simulation, how often it should, and whether chance explains the difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

FALSE_ALARM = 1e-4
"""How often a rate that is as required is called wrong: small, because there are hundreds of them."""


@dataclass(frozen=True)
class Rate:
    """``hits`` of ``of`` independent samples, required to be between ``low`` and ``high`` in the long run."""

    what: str
    column: str
    hits: float
    of: int
    low: float = 0.0
    high: float = 1.0

    @property
    def value(self) -> float:
        return self.hits / self.of

    @property
    def as_required(self) -> bool:
        """Whether samples with a rate inside the limits could have had so many hits (exact binomial test)."""
        from scipy.stats import binom

        too_few = binom.cdf(self.hits, self.of, self.low) < FALSE_ALARM
        too_many = binom.sf(self.hits - 1, self.of, self.high) < FALSE_ALARM
        return not (too_few or too_many)


@dataclass
class Counts:
    """Counts hits by what and column."""

    _all: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, what: str, column: str, hit: bool) -> None:
        """Count one sample."""
        found = self._all.setdefault((what, column), [0, 0])
        found[0] += hit
        found[1] += 1

    def rates(self, required: dict[str, tuple[float, float]] | tuple[float, float], at_least: int) -> list[Rate]:
        """Return the rates of what at least so many samples had."""
        return [
            Rate(what, column, hits, of, *(required if isinstance(required, tuple) else required[what]))
            for (what, column), (hits, of) in self._all.items()
            if of >= at_least
        ]


def table(title: str, rates: Iterable[Rate]) -> str:
    """Return rates as text: a line a subject, ``!`` behind what is not as required."""
    rates = list(rates)
    columns = list(dict.fromkeys(r.column for r in rates))
    of = {(r.what, r.column): r for r in rates}
    wide = max([len(r.what) for r in rates], default=0) + 2
    lines = [title, " " * wide + "".join(f"{c:>14}" for c in columns) + "      required"]
    for what in dict.fromkeys(r.what for r in rates):
        own = [of.get((what, c)) for c in columns]
        known = next(r for r in own if r is not None)
        cells = "".join(f"{'':>14}" if r is None else f"{r.value:>13.3f}{' ' if r.as_required else '!'}" for r in own)
        lines.append(f"{what:<{wide}}{cells}   {known.low:.2f}-{known.high:.2f}")
    return "\n".join(lines)
