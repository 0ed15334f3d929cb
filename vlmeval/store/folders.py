"""Run folders: write a run whole, find it again by digest, read it back.

A run lies in `<runs>/<benchmark>/<model>/<first 12 hex digits of its digest>/`: `predictions.parquet` (truth and scores
by sample and seed), `metrics.csv` (the metric rows, for spreadsheets), `report.html` with the pages it links to,
`summary.json` (what leaderboards read, see summary.py), and `run.json`, written last: a run is complete if and only if
that file is there. Nothing in a folder says where it lies: it may be moved or sent elsewhere.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vlmeval.atomic import write_bytes, write_text
from vlmeval.errors import DataError, MissingDataError, UsageError
from vlmeval.records import MetricRow, Predictions, RunRecord
from vlmeval.store import scores
from vlmeval.store.summary import SUMMARY, kept_summary, summary_json, summary_of

RECORD, PREDICTIONS, METRICS, REPORT = "run.json", "predictions.parquet", "metrics.csv", "report.html"
FILES = (PREDICTIONS, METRICS, REPORT, RECORD)
Pages = str | Mapping[str, str]
OTHER = "give another folder with --out; what was embedded stays in the cache"
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
"""Names that Windows keeps for devices, with any extension."""


def run_folder(runs: Path, benchmark: str, model: str, digest: str) -> Path:
    """Return where the run of that digest lies or will lie."""
    return runs / _slug(benchmark) / _slug(model) / digest[:12]


def find_run(folder: Path, digest: str) -> RunRecord | None:
    """Return the finished run in ``folder`` if it is the one of ``digest``.

    None when it is not there, not whole, or damaged: then it is to be run (again).
    """
    if not all((folder / name).is_file() for name in FILES):
        return None
    try:
        record = read_record(folder)
    except DataError:
        return None
    return record if record.digest == digest else None


def check_writable(folder: Path, what: str = "runs", hint: str = OTHER) -> None:
    """Raise UsageError when ``folder`` cannot be made or written to, as far as that is known without trying."""
    nearest = next(place for place in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise UsageError(f"{what} cannot be written here", file=nearest, expected="a folder", found="a file", hint=hint)
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise UsageError(f"{what} cannot be written here", file=nearest, found="no permission to write", hint=hint)


def write_run(folder: Path, record: RunRecord, predictions: Sequence[Predictions], report: Pages) -> RunRecord:
    """Write a run; `run.json` comes last, so that a folder is a run only when everything else is there.

    Parameters
    ----------
    folder, record, predictions
        Where, and what.
    report
        The report's HTML, or all pages by file name, `report.html` among them.

    Returns
    -------
    RunRecord
        The record that lies in the folder now: ``record``, or that of another process that finished the same run
        in the meantime.

    Raises
    ------
    DataError
        The folder cannot be written to, or the disk is full.
    """
    with writing(folder), _alone(folder):
        finished = find_run(folder, record.digest)
        if finished is not None:
            return finished
        (folder / RECORD).unlink(missing_ok=True)
        write_bytes(folder / PREDICTIONS, scores.to_parquet(record.benchmark, predictions))
        write_text(folder / METRICS, metrics_csv([*record.rows, *record.examined.rows]))
        for name, page in ({REPORT: report} if isinstance(report, str) else report).items():
            write_text(folder / name, page)
        whole = record_json(record)
        write_text(folder / SUMMARY, summary_json(record, whole.encode()))
        write_text(folder / RECORD, whole)
    return record


@contextmanager
def writing(place: Path, hint: str = OTHER) -> Iterator[None]:
    """Turn what the system says against writing to ``place`` (no permission, disk full) into a DataError."""
    try:
        yield
    except OSError as error:
        found = error.strerror or str(error)
        raise DataError("the output cannot be written", file=place, found=found, hint=hint) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes that finish the same run from writing at the same time."""
    import filelock

    folder.mkdir(parents=True, exist_ok=True)
    lock = folder.parent / f".{folder.name}.lock"
    with filelock.FileLock(lock):
        yield
        # Whoever waits on the removed file finds the finished run; Windows does not remove files that are open.
        if os.name == "posix":
            lock.unlink(missing_ok=True)


def read_record(folder: Path) -> RunRecord:
    """Read `run.json`.

    Parameters
    ----------
    folder
        A run folder, or its `run.json`.

    Raises
    ------
    MissingDataError
        It is not there: no run, or one that did not finish.
    DataError
        It is not a run record of this version.
    """
    path = folder if folder.name == RECORD else folder / RECORD
    if not path.is_file():
        raise MissingDataError("there is no finished run here", file=path, hint=_runs_below(path.parent))
    try:
        return RunRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError("the run record cannot be read", file=path, found=error.strerror) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise DataError(
            "the run record cannot be read",
            file=path,
            key=".".join(str(part) for part in first["loc"]) or None,
            expected=first["msg"],
            found=repr(first.get("input"))[:80],
            hint="it was written by another version of vlmeval, or changed by hand: run again",
        ) from error


def read_summary(folder: Path) -> RunRecord:
    """Read what runs are compared by: `summary.json`, or `run.json` where that is missing or belongs to another one.

    A summary that had to be made is written, if the folder can be written to.

    Raises
    ------
    MissingDataError, DataError
        As `read_record`.
    """
    try:
        raw = (folder / RECORD).read_bytes()
    except OSError:
        return summary_of(read_record(folder))  # which says what is wrong
    kept = kept_summary(folder / SUMMARY, raw)
    if kept is not None:
        return kept
    record = read_record(folder)
    with suppress(OSError):
        write_text(folder / SUMMARY, summary_json(record, raw))
    return summary_of(record)


def _runs_below(folder: Path) -> str:
    """Say which runs lie beneath a folder that is none itself."""
    # As deep as runs/<benchmark>/<model>/<digest> and no deeper: somebody may name a home folder.
    found = sorted(path.parent for depth in (1, 2, 3) for path in folder.glob("*/" * depth + RECORD))
    if not found:
        return f"give a folder that holds {RECORD}; `vlmeval run` writes them below runs/ or --out"
    return f"finished runs lie below it ({len(found)}), such as\n" + "\n".join(str(path) for path in found[:3])


def read_predictions(folder: Path, record: RunRecord, *, seeds: bool = False) -> list[Predictions]:
    """Read `predictions.parquet` back into one Predictions a method and level, in the record's order.

    Parameters
    ----------
    folder, record
        A run folder, or its `run.json`; and what `read_record` returned.
    seeds
        Whether to read the methods of several seeds too: one Predictions a seed, with that seed's thresholds. Without,
        these methods are passed over, which is fast even where a file holds hundreds of fits.

    Raises
    ------
    DataError
        The file is missing or damaged, or does not belong to the record.
    """
    import pyarrow as pa

    path = (folder.parent if folder.name == RECORD else folder) / PREDICTIONS
    try:
        return scores.from_parquet(path, record.benchmark, record.methods, seeds=seeds)
    # Before ValueError: what Arrow says of damaged files is one too.
    except (OSError, pa.ArrowException) as error:
        raise DataError("the predictions of the run cannot be read", file=path, found=str(error), hint=AGAIN) from error
    except (KeyError, ValueError) as error:
        raise DataError(
            "the predictions do not belong to the run record beside them", file=path, found=str(error), hint=AGAIN
        ) from error


AGAIN = "delete the run folder and run again: nothing that was embedded is lost"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `run.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **RunRecord.model_json_schema(mode="validation"),
    }


def record_json(record: RunRecord) -> str:
    """Return `run.json`: indented, but for the metric rows, which stand one a line."""
    values = record.model_dump(mode="json")
    values["rows"], rows = [], values["rows"]
    values["examined"]["rows"], examined = [], values["examined"]["rows"]
    whole = json.dumps(values, ensure_ascii=False, allow_nan=False, indent=1)
    # No string of the record can look like these: quotes inside strings are escaped.
    whole = whole.replace('\n "rows": []', '\n "rows": ' + _one_a_line(rows, " "), 1)
    return whole.replace('\n  "rows": []', '\n  "rows": ' + _one_a_line(examined, "  "), 1) + "\n"


def _one_a_line(rows: list[Any], indent: str) -> str:
    lines = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows]
    return "[\n " + indent + (",\n " + indent).join(lines) + f"\n{indent}]" if lines else "[]"


def metrics_csv(rows: Iterable[MetricRow]) -> str:
    """Return the rows as CSV with a header; no value is an empty cell."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=list(MetricRow.model_fields), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(dict(row))
    return stream.getvalue()


def _slug(name: str) -> str:
    """Turn a name into a folder name for any system: letters, digits, `.`, `_`, `@` and `-`; at most 80 of them."""
    slug = re.sub(r"[^A-Za-z0-9._@-]+", "-", name)[-80:].strip(".-") or "unnamed"
    return f"_{slug}" if RESERVED.match(slug) else slug
