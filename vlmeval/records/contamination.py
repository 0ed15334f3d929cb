"""The register of contamination: was a benchmark's data in a model's training data? Read from `contamination.yaml`.

`RegisterEntry` is what a file says, of one or several families and data homes at once; `Contamination` is what is said
of one model on one benchmark, and stands in the record of a run.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from vlmeval.records.base import Record

UNKNOWN_FAMILY: Final = "unknown"
"""Family of a model that vlmeval cannot name."""
Status = Literal["in-training", "not-in-training", "unknown"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_as_list), Field(min_length=1)]
"""A name, or a list of names."""


class Contamination(Record):
    """What is known of one data set being in the training data of one family of models.

    ``source`` and ``date`` are None where the register says nothing; ``note`` tells why then.
    """

    family: str = Field(description="Models that share training data, as the model cards' 'family'.")
    data: str = Field(description="A data home, e.g. 'scin'.")
    status: Status
    note: str = Field(description="What is known, in words for a reader of the results.")
    source: str | None = Field(None, description="Where it is said, or which document was read and says nothing.")
    date: datetime.date | None = Field(None, description="When the source was read.")


class RegisterEntry(Record):
    """One statement of the register, about every family and every data home that it names."""

    family: Names = Field(description="A model card's 'family', or several.")
    data: Names = Field(description="A data home, e.g. 'scin', or several.")
    status: Status
    note: Name = Field(description="What is known, in words for a reader of the results.")
    source: Name = Field(description="Where it is said, or which document was read and says nothing.")
    date: datetime.date = Field(description="When the source was read.")

    def of(self, family: str, data: str) -> Contamination:
        """Return what the entry says of one of its families and one of its data homes."""
        return Contamination(
            family=family, data=data, status=self.status, note=self.note, source=self.source, date=self.date
        )


class ContaminationRegister(Record):
    """All that one file says, statement by statement."""

    schema_: Literal[1] = Field(alias="schema")
    entries: tuple[RegisterEntry, ...]
