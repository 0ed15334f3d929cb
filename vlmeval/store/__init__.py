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
    record_json,
    run_folder,
    write_run,
    writing,
)
from vlmeval.store.scores import as_stored

__all__ = [
    "FILES",
    "METRICS",
    "PREDICTIONS",
    "RECORD",
    "REPORT",
    "Pages",
    "as_stored",
    "check_writable",
    "find_run",
    "json_schema",
    "metrics_csv",
    "read_predictions",
    "read_record",
    "record_json",
    "run_folder",
    "write_run",
    "writing",
]
