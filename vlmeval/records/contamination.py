"""The register of contamination: was a benchmark's data in a model's training data? Read from `contamination.yaml`."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import Field

from vlmeval.records.base import Record

Status = Literal["in-training", "not-in-training", "unknown"]


class Contamination(Record):
    """What is known of one data set being in the training data of one family of models."""

    family: str = Field(description="Models that share training data, as the model cards' 'family'.")
    data: str = Field(description="A data home, e.g. 'scin'.")
    status: Status
    note: str = Field(description="What is known, in words for a reader of the results.")
    source: str = Field(description="Where it is said, or which documents were read and say nothing.")
    date: datetime.date = Field(description="When the source was read.")


class ContaminationRegister(Record):
    """All that is known, family by family."""

    schema_: Literal[1] = Field(alias="schema")
    entries: tuple[Contamination, ...]
