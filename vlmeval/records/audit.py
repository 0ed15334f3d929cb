"""What the audit looked for in a run, how far it could look, and what it found."""

from __future__ import annotations

from pydantic import Field

from vlmeval.records.base import Record


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
