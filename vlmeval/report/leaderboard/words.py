"""What the written forms of a leaderboard share: a cell in words, the rows that a row is tied with, its badges."""

from __future__ import annotations

from typing import Final

from vlmeval.report.headline import BADGE_NAMES
from vlmeval.report.leaderboard.columns import CURVES, GAP, PARAMETERS, THROUGHPUT, UNITS, WEAKEST, Column, cell_of
from vlmeval.report.lookup import View
from vlmeval.report.text import DASH, number, signed

NAMED: Final = 20
DIGITS: Final = {PARAMETERS: 1, THROUGHPUT: 1, UNITS: 0}


def badge_names(row: View) -> list[str]:
    """Return the badges of a row by the names a reader sees, each once."""
    return list(dict.fromkeys(BADGE_NAMES.get(b["kind"], b["kind"]) for b in row["badges"]))


def method_in_words(row: View) -> str:
    """Return what a row's method is called, with its prompt set: two sets of one model are two results."""
    return str(row["method"]) + (f": {row['prompts']}" if row["prompts"] else "")


def tied_with(table: View, row: View) -> list[str]:
    """Return the labels of the rows that the data cannot tell apart from a row."""
    return [table["rows"][i]["label"] for first, last in row["ties"] for i in range(first, last + 1)]


def tied_in_words(table: View, row: View) -> str:
    """Return the labels of tied rows in one line, at most so many of them."""
    labels = tied_with(table, row)
    more = [f"and {len(labels) - NAMED} more"] if len(labels) > NAMED else []
    return "; ".join([*labels[:NAMED], *more])


def rank_in_words(row: View) -> str:
    """Return ``3``, ``3 to 9`` where rows are tied with it, or why the row is not ranked."""
    if row["rank"] is None:
        return str(row["not_ranked"])
    return str(row["rank"]) if row["last"] == row["rank"] else f"{row['rank']} to {row['last']}"


def value_with_interval(cell: View | None) -> str:
    """Return ``0.812 (0.781–0.843)``, or a dash where there is no value."""
    if cell is None or cell["value"] is None:
        return "—"
    low, high = cell["low"], cell["high"]
    joint = " to " if low is not None and low < 0 else DASH
    return number(cell["value"]) + ("" if low is None or high is None else f" ({number(low)}{joint}{number(high)})")


def in_words(table: View, row: View, column: Column) -> str:
    """Return a cell as words: the value with its interval, the weakest group with its name, gaps with their sign."""
    if column.id == CURVES:
        return _curves_in_words(row)
    cell = cell_of(table, row, column.id)
    if cell["value"] is None:
        return "—"
    if column.kind == "number":
        return f"{cell['value']:,.{DIGITS.get(column.id, 3)}f}"
    if column.id == GAP:
        return value_with_interval(cell).replace(number(cell["value"]), signed(cell["value"]), 1)
    named = f"{cell['sub'][0]}: " if column.id == WEAKEST else ""
    return named + value_with_interval(cell)


def _curves_in_words(row: View) -> str:
    return "; ".join(line_in_words(line) for line in row["curves"]["lines"]) if row["curves"] else "—"


def line_in_words(line: View) -> str:
    """Return a few-shot curve in words: its value at the fewest and at the most shots."""
    first, last = line["points"][0], line["points"][-1]
    end = "" if first is last else f", {number(last['value'])} at {last['shots']}"
    return f"{line['variant']}: {number(first['value'])} at {first['shots']}{end}"
