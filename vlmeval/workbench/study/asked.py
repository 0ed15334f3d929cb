"""What is asked of a comparison of prompt sets, and where its inputs lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vlmeval.records import Level, Plan

ALL: Final = "all"
"""In place of ids: every prompt set of the benchmark."""
SHUFFLES: Final = 5
MOST_SHUFFLED: Final = 8_000


@dataclass(frozen=True)
class Asked:
    """What to compare, and how much.

    Attributes
    ----------
    models, benchmarks
        Every model is compared with itself under all prompt sets, benchmark by benchmark.
    prompts
        Ids of prompt sets, or ``all``.
    level
        ``image`` or ``unit``; the card's headline level if None.
    split, limit, max_missing, dtype
        As of a run's plan.
    draws, seed
        Of the bootstrap; the seed is also that of drawn wordings and shuffles.
    shuffles
        How often the words of every prompt are shuffled, 0 for no look at word order. None: `SHUFFLES` times, less
        often (once at least) where that would make more than `MOST_SHUFFLED` strings to encode.
    singles
        At most so many wordings of one prompt, or one name, a class.
    """

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    prompts: tuple[str, ...] = (ALL,)
    level: Level | None = None
    split: Literal["train", "val", "test", "all"] = "test"
    draws: int = 2000
    seed: int = 0
    shuffles: int | None = None
    singles: int = 200
    limit: int | None = None
    max_missing: float = 0.01
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"

    def turns(self, strings: int) -> int:
        """Return how often the words of so many strings are shuffled."""
        return max(1, min(SHUFFLES, MOST_SHUFFLED // max(strings, 1))) if self.shuffles is None else self.shuffles

    def plan(self, benchmark: str, model: str, prompts: tuple[str, ...]) -> Plan:
        """Return what a run of the same sets would be asked for."""
        return Plan(
            benchmark=benchmark,
            model=model,
            prompts=prompts,
            split=self.split,
            draws=self.draws,
            permutations=0,
            seed=self.seed,
            dtype=self.dtype,
            limit=self.limit,
            max_missing=self.max_missing,
        )


@dataclass(frozen=True)
class Folders:
    """``data``: the benchmark's own folder (None: in the data home); ``cache``: of embeddings (None: the user's)."""

    data: Path | None = None
    cache: Path | None = None
