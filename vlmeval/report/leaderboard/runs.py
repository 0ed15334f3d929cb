"""Find finished runs below folders for the leaderboard; what is no run, damaged, or there twice is named, not hidden.

In: folders. Out: records (their summaries) with their folders, one at a time, and a list of what was passed over and
why.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vlmeval import store
from vlmeval.errors import DataError, MissingDataError
from vlmeval.progress import Progress, silent
from vlmeval.records import RunRecord


@dataclass(frozen=True)
class Skipped:
    """A folder that is not on the leaderboard, and why."""

    folder: Path
    reason: str


@dataclass
class Runs:
    """The runs below ``places``; ``skipped`` fills while they are read."""

    places: Sequence[Path]
    skipped: list[Skipped] = field(default_factory=list)

    def read(self, progress: Progress = silent, *, whole: bool = False) -> Iterator[tuple[RunRecord, Path]]:
        """Give each finished run once, with its folder, in the order of the paths.

        What is read are summaries (`store.read_summary`), which is many times faster; ``whole``: all rows of a record.

        Raises
        ------
        MissingDataError
            A place is not there.
        """
        folders = list(dict.fromkeys(folder for place in self.places for folder in _run_folders(place)))
        seen: dict[str, Path] = {}
        for done, folder in enumerate(folders):
            progress("runs", done, len(folders))
            try:
                record = store.read_record(folder) if whole else store.read_summary(folder)
            except DataError as error:
                where = f" ({error.key})" if error.key else ""
                self.skipped.append(Skipped(folder, f"{error.message}{where}"))
                continue
            if record.digest in seen:
                self.skipped.append(Skipped(folder, f"the same run as {seen[record.digest]}"))
                continue
            seen[record.digest] = folder
            yield record, folder
        progress("runs", len(folders), len(folders))


def _run_folders(place: Path) -> Iterator[Path]:
    """Give the folders at and below a place that hold a run.json; hidden folders and links are not entered."""
    if place.name == store.RECORD and place.is_file():
        yield place.parent
        return
    if not place.is_dir():
        raise MissingDataError("no such folder of runs", file=place, hint="vlmeval run writes to runs/, or to --out")
    for folder, names, files in os.walk(place, followlinks=False):
        names[:] = sorted(name for name in names if not name.startswith("."))
        if store.RECORD in files:
            yield Path(folder)
