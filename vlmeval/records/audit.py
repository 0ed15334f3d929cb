"""What the audit looked for in a run, how far it could look, what it found, and what a leak is worth."""

from __future__ import annotations

from pydantic import Field

from vlmeval.records.base import Record
from vlmeval.records.benchmark import Level
from vlmeval.records.numbers import Difference, MetricRow


class AuditCheck(Record):
    """One thing that was looked for. What was found in detail stands among the run's findings.

    ``found`` is None exactly when ``not_looked`` says why nobody looked.
    """

    id: str = Field(description="e.g. 'unit-in-splits'; findings of this code have the details.")
    title: str
    among: str | None = Field(None, description="What was looked at, in words: '10,015 pictures of 7,470 lesions'.")
    threshold: str | None = None
    found: int | None = None
    action: str | None = Field(None, description="What was done about it, where something was.")
    not_looked: str | None = None


class LeakEffect(Record):
    """What a leak is worth to one method: the same method fitted without what leaks, on the same evaluated rows.

    ``differences`` are the method as evaluated minus the method without the leak, paired. The second also has fewer
    rows to learn from. ``seen_units`` of the evaluated ``units`` are in training or validation too, or have a picture
    there. ``reason`` says why there are no numbers.
    """

    method: str
    without: str = Field(description="The name of the second method in ``rows`` and ``differences``.")
    level: Level
    units: int
    seen_units: int
    removed_images: int = Field(description="Training and validation rows that share a unit or picture.")
    removed_units: int
    left_images: int
    left_units: int
    rows: tuple[MetricRow, ...] = ()
    differences: tuple[Difference, ...] = ()
    reason: str | None = None
