"""The columns of a leaderboard's table, said once: the page, CSV, Markdown, LaTeX and the terminal show the same ones.

In: a table of the view. Out: its columns in order, and the cell of a row under each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from vlmeval.report.lookup import View

WEAKEST: Final = "weakest tone"
GAP: Final = "tone gap"
THROUGHPUT: Final = "images per second"
PARAMETERS: Final = "parameters"
CURVES: Final = "few-shot"
UNITS: Final = "n"


class Column(NamedTuple):
    """One column: its id, heading, a second line of the heading, which way is better, and what kind of cell it has.

    ``kind``: ``metric`` and ``gap`` have intervals, ``number`` has none, ``curves`` is a picture. ``metric``: the id
    by which "How we compute this" explains it.
    """

    id: str
    title: str
    note: str | None = None
    kind: str = "metric"
    lower: bool = False
    metric: str | None = None


SHORT: Final = {"ece": "ECE", "brier": "Brier score"}


def columns_of(table: View) -> list[Column]:
    """Return the columns that a table has beside rank and name: headline metrics first, then for whom, then cost.

    What all rows share, such as over how many conditions a mean is, stands in the heading.
    """
    rows = table["rows"]
    made = [_metric(table, m, "cells") for m in table["metrics"]]
    tone = table["tone"]
    if tone["id"]:
        over = same([_over(row["tones"].get(tone["id"])) for row in rows])
        made.append(Column(WEAKEST, "Weakest tone group", ", ".join(t for t in (tone["name"], over) if t)))
        made.append(Column(GAP, "Tone gap", f"{tone['last']} minus {tone['first']}", "gap"))
    known = {column.id for column in made}
    made += [
        _metric(table, m, "calibration") for m in table["calibration"] if m["id"] not in known and _any(rows, m["id"])
    ]
    if any(row["curves"] for row in rows):
        made.append(Column(CURVES, "Few-shot", f"{table['metrics'][0]['short']} by shots", "curves"))
    if any(row["throughput"]["value"] is not None for row in rows):
        made.append(Column(THROUGHPUT, "Images a second", "embedding", "number"))
    if any(row["parameters_millions"] is not None for row in rows):
        made.append(Column(PARAMETERS, "Parameters", "millions", "number", lower=True))
    return [*made, Column(UNITS, table["unit"].capitalize() + "s", None, "number")]


def _any(rows: Sequence[View], metric: str) -> bool:
    return any((row["calibration"][metric] or {}).get("value") is not None for row in rows)


def _metric(table: View, metric: View, where: str) -> Column:
    explained = metric["id"] if metric["definition"] else None
    over = same([(row[where][metric["id"]] or {}).get("n_classes") for row in table["rows"]])
    note = f"over {over} of {table['classes']} conditions" if over and over != table["classes"] else None
    title = SHORT.get(metric["id"], str(metric["short"]))
    return Column(metric["id"], title, note, "metric", metric["direction"] == "lower", explained)


def same(values: Sequence[Any]) -> Any:
    """Return what all of the values are, those that are None aside; None where they differ."""
    known = {value for value in values if value is not None}
    return known.pop() if len(known) == 1 else None


def _over(tone: View | None) -> str | None:
    """Return what a row's tone groups are compared by, in words."""
    if tone is None:
        return None
    return (
        f"{tone['metric']['short']} over {tone['classes']} shared conditions"
        if tone["classes"]
        else str(tone["metric"]["short"])
    )


def cell_of(table: View, row: View, column: str) -> View:
    """Return a row's cell under a column: value, low, high, reason (why there is no value), and lines beneath it."""
    numbers = row["cells"] | row["calibration"]
    if column in numbers:
        return _plain(numbers[column])
    if column in (WEAKEST, GAP):
        return _tone_cell(row["tones"].get(table["tone"]["id"]), column)
    if column == THROUGHPUT:
        found = row["throughput"]
        return _number(found["value"], found["reason"], [found["device"]])
    if column == PARAMETERS:
        return _number(row["parameters_millions"], "not stated")
    images = table["level"] == "image" and row["n"] != row["n_units"]
    return _number(row["n_units"], None, [f"{row['n']:,} images"] if images else ())


def _plain(cell: View | None) -> View:
    if cell is None:
        return _number(None, "not computed")
    facts = {name: cell[name] for name in ("value", "low", "high", "reason", "greyed")}
    return {**facts, "sub": [], "classes": cell["n_classes"]}


def _tone_cell(tone: View | None, column: str) -> View:
    if tone is None:
        return _number(None, "not computed")
    if column == GAP:
        return _plain(tone["gap"]) | {"classes": None}
    return _plain(tone["cell"]) | {"sub": [tone["level"], _over(tone)], "classes": None}


def _number(value: float | None, reason: str | None, sub: Sequence[str] = ()) -> View:
    found = {"value": value, "low": None, "high": None, "greyed": False, "classes": None}
    return {**found, "reason": reason if value is None else None, "sub": [] if value is None else list(sub)}
