"""How a room reports that it is getting on: a callback. Rooms never print; the command line draws the bars."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with a stage's name, how much is done and the total (None when unknown); cheap, from one thread."""

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Take note of progress."""


def silent(stage: str, done: int, total: int | None) -> None:
    """Ignore progress; the default everywhere."""
