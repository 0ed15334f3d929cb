"""Run folders: what a run leaves, and reading it back. Start at `folders.py`; `scores.py` is `predictions.parquet`."""

from vlmeval.store.folders import (
    FILES,
    METRICS,
    PREDICTIONS,
    RECORD,
    REPORT,
    Pages,
    check_writable,
    find_run,
    json_schema,
    metrics_csv,
    read_predictions,
    read_record,
    read_summary,
    record_json,
    run_folder,
    write_run,
    writing,
)
from vlmeval.store.scores import as_stored
from vlmeval.store.summary import SUMMARY, summary_json, summary_of

__all__ = [
    "FILES",
    "METRICS",
    "PREDICTIONS",
    "RECORD",
    "REPORT",
    "SUMMARY",
    "Pages",
    "as_stored",
    "check_writable",
    "find_run",
    "json_schema",
    "metrics_csv",
    "read_predictions",
    "read_record",
    "read_summary",
    "record_json",
    "run_folder",
    "summary_json",
    "summary_of",
    "write_run",
    "writing",
]
