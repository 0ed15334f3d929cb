"""What is known of the benchmark's pictures in the model's training data, in a sentence for page and terminal.

In: a RunRecord. Out: one dict, whatever is known: a badge tells only of what was in training, this also of what was
not, and of what nobody knows.
"""

from __future__ import annotations

from vlmeval.records import RunRecord
from vlmeval.records.contamination import UNKNOWN_FAMILY
from vlmeval.report.lookup import View


def contamination_view(record: RunRecord) -> View | None:
    """Return status, sentence, source and date of what the register said; None for records without a word of it."""
    said = record.contamination
    if said is None:
        return None
    data = f"the pictures of {record.benchmark.title}"
    begins = {
        "in-training": f"{data} were in the training data of {_model(record)}",
        "not-in-training": f"{data} were not in the training data of {_model(record)}",
        "unknown": f"whether {data} were in the training data of {_model(record)} is not known",
    }[said.status]
    return {
        "status": said.status,
        "text": f"{begins[:1].upper()}{begins[1:]}: {said.note.rstrip('. ')}.",
        "source": said.source,
        "date": None if said.date is None else said.date.isoformat(),
    }


def _model(record: RunRecord) -> str:
    if record.model is not None:
        return record.model.title
    family = None if record.contamination is None else record.contamination.family
    return "the model behind the predictions" if family in (None, UNKNOWN_FAMILY) else f"{family} models"
