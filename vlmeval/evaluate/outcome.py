"""What `evaluate` and `score` share at their ends: a stopwatch, and the way of a finished record into its folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vlmeval import store
from vlmeval.records import Predictions, RunRecord

Render = Callable[[RunRecord, Sequence[Predictions]], store.Pages]
"""Makes the report of a run, or all pages that go into its folder."""


@dataclass(frozen=True)
class Outcome:
    """A finished run: its record, its folder, and whether it was there already."""

    record: RunRecord
    folder: Path
    found: bool


@dataclass
class Stopwatch:
    """Seconds by stage, in the order of the stages."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        """Give the time since the last lap to the stage ``name``."""
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 4)
        self._last = now


def find(runs: Path, model: str, benchmark: str, digest: str) -> tuple[Path, Outcome | None]:
    """Return the run's folder, and the run when it is finished already; else make sure that it can be written.

    Raises
    ------
    UsageError
        The runs folder cannot be written to: better said now than after hours of embedding.
    """
    folder = store.run_folder(runs, benchmark, model, digest)
    known = store.find_run(folder, digest)
    if known is not None:
        return folder, Outcome(known, folder, found=True)
    store.check_writable(folder)
    return folder, None


def finish(folder: Path, record: RunRecord, predictions: Sequence[Predictions], render: Render) -> Outcome:
    """Render the report and write the run; where another process finished the same run first, its record is kept."""
    kept = store.write_run(folder, record, predictions, render(record, predictions))
    return Outcome(kept, folder, found=kept is not record)
