"""The leaderboard as CSV: every table's rows in one file, for spreadsheets and scripts.

Names come from other people's cards and files: what a spreadsheet would take for a formula is made text.
"""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from vlmeval.report.leaderboard.columns import CURVES, UNITS, WEAKEST, cell_of, columns_of
from vlmeval.report.leaderboard.words import badge_names, tied_in_words
from vlmeval.report.lookup import View

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
FACTS: Final = ("rank", "last", "not_ranked", "model", "spec", "family", "licence", "method", "method_id", "prompts",
                "shots", "seeds")  # fmt: skip
APART: Final = frozenset({CURVES, UNITS})


def leaderboard_csv(view: View) -> str:
    """Return every table's rows as one CSV: a column a metric and bound, also by class; what a row lacks is empty."""
    lines = [_line(table, row) for table in view["tables"] for row in table["rows"]]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=columns, lineterminator="\n", restval="")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _plain(value) for name, value in line.items()})
    return stream.getvalue()


def _line(table: View, row: View) -> dict[str, Any]:
    about = {"benchmark": table["benchmark_id"], "card_digest": table["card_digest"]}
    about |= {"tests_digest": table["tests_digest"], "level": table["level"]}
    facts = {name: row[name] for name in FACTS}
    numbers: dict[str, Any] = {}
    for column in columns_of(table):
        if column.id not in APART:
            numbers |= _bounds(column.id, cell_of(table, row, column.id), interval=column.kind != "number")
    tone = row["tones"].get(table["tone"]["id"])
    source = {"tone source": table["tone"]["name"], f"{WEAKEST} level": tone and tone["level"]}
    known = row["contamination"] or {"status": None}
    device = row["throughput"]["device"] if row["throughput"]["value"] is not None else None
    marks = {"device": device, "badges": "; ".join(badge_names(row)), "contamination": known["status"]}
    rest = {"n": row["n"], "n_units": row["n_units"], "digest": row["digest"], "ties": tied_in_words(table, row)}
    return {**about, **facts, **numbers, **source, **marks, **rest, **_classes(table, row)}


def _bounds(name: str, cell: View | None, *, interval: bool = True) -> dict[str, Any]:
    found = cell or {"value": None, "low": None, "high": None}
    bounds = {f"{name} low": found["low"], f"{name} high": found["high"]} if interval else {}
    return {name: found["value"], **bounds}


def _classes(table: View, row: View) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for metric, cells in row["classes"].items():
        for named, cell in zip(table["class_names"], cells, strict=True):
            made |= _bounds(f"{metric}: {named['id']}", cell)
    return made


def _plain(value: Any) -> Any:
    """Return a value for a spreadsheet: text that it would take for a formula gets an apostrophe."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else value
