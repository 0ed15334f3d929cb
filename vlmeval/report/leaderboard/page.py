"""What only the page of a leaderboard needs: cells as text with their bars, small curves, and the data of its script.

In: the view. Out: by table, columns with the scale of their bars and rows with cells; and one dict for
`leaderboard.js`, which filters, sorts and compares rows that stand in the page already.
"""

from __future__ import annotations

import math
import shlex
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

from vlmeval.report.leaderboard.columns import GAP, Column, cell_of, columns_of
from vlmeval.report.leaderboard.words import DIGITS, badge_names, line_in_words, tied_with
from vlmeval.report.lookup import View
from vlmeval.report.text import lower_first, number, one_line, signed, span

WIDTH: Final = 96
HEIGHT: Final = 30
MARGIN: Final = 3
CLASS_CELLS: Final = 60_000
"""So many numbers of single classes stand in the page at most; the CSV and JSON forms have them all."""
MARKS_SAID: Final = 8
SHOWN_TIES: Final = 2
SHOWN_LETTERS: Final = 48
TITLED_TIES: Final = 12


def page_of(view: View) -> View:
    """Return the tables by id as the template shows them, and under ``data`` what the script reads."""
    tables = {table["id"]: _table(table) for table in view["tables"]}
    return {"tables": tables, "data": _data(view)}


def _table(table: View) -> View:
    columns = columns_of(table)
    cells = [[cell_of(table, row, column.id) for column in columns] for row in table["rows"]]
    scales = [_scale(column, [line[i] for line in cells]) for i, column in enumerate(columns)]
    ranked = sum(row["rank"] is not None for row in table["rows"])
    heights = _heights(table)
    made = []
    for row, line in zip(table["rows"], cells, strict=True):
        shown = [_cell(table, c, cell, scale) for c, cell, scale in zip(columns, line, scales, strict=True)]
        made.append({"rank": _rank(table, row, ranked), "cells": shown, "curves": _curves(row, heights)})
    heads = [{**column._asdict(), "scale": scale} for column, scale in zip(columns, scales, strict=True)]
    return {"columns": heads, "rows": made, "ranked": ranked, "marks": _marks(table)}


def _marks(table: View) -> list[View]:
    """Return what the badges of the table's rows say, each text once with the number of rows that have it."""
    said: dict[tuple[str, str], View] = {}
    for row in table["rows"]:
        for badge in row["badges"]:
            mark = said.setdefault((badge["kind"], badge["text"]), {**badge, "rows": 0})
            mark["rows"] += 1
    return sorted(said.values(), key=lambda mark: -mark["rows"])[:MARKS_SAID]


def _scale(column: Column, cells: Sequence[View]) -> list[float] | None:
    """Return the ends of a column's bars: what its intervals reach, at full twentieths; a gap's hold zero."""
    if column.kind not in ("metric", "gap"):
        return None
    known = [c for c in cells if c["value"] is not None]
    ends = [end for c in known for end in (c["value"], c["low"], c["high"]) if end is not None]
    if not ends:
        return None
    low, high = math.floor(min(ends) * 20 + 1e-9) / 20, math.ceil(max(ends) * 20 - 1e-9) / 20
    if column.kind == "gap":
        low, high = min(low, 0.0), max(high, 0.0)
    return [low, high if high > low else low + 0.05]


def _cell(table: View, column: Column, cell: View, scale: list[float] | None) -> View:
    value = cell["value"]
    said = column.note or ""
    sub = [line for line in cell["sub"] if line and line not in said]
    if cell["classes"] is not None and cell["classes"] != table["classes"] and "conditions" not in said:
        sub.append(f"over {cell['classes']} conditions")
    if value is None:
        return {"text": "—", "sort": "", "ci": "", "sub": [cell["reason"]], "style": None, "low": None, "high": None,
                "greyed": False}  # fmt: skip
    digits = DIGITS.get(column.id, 3)
    text = f"{value:,.{digits}f}" if column.kind == "number" else signed(value) if column.id == GAP else number(value)
    style = None if scale is None else _bar(cell, scale)
    return {"text": text, "sort": f"{value:.6g}", "ci": span(cell), "sub": sub, "style": style, "low": cell["low"],
            "high": cell["high"], "greyed": cell["greyed"]}  # fmt: skip


def _bar(cell: View, scale: list[float]) -> str:
    """Return where the bar of a cell begins, how wide it is and where its value lies, in per cent of the cell."""
    first, last = scale

    def at(value: float) -> float:
        return 100 * (min(max(value, first), last) - first) / (last - first)

    value = at(cell["value"])
    low, high = (value if cell[end] is None else at(cell[end]) for end in ("low", "high"))
    # A background of width w stands at p % of the room that it leaves.
    place = 0.0 if high - low > 99.9 else 100 * low / (100 - (high - low))
    return f"--p:{place:.1f}%;--w:{max(high - low, 1):.1f}%;--v:{value:.1f}%"


def _rank(table: View, row: View, ranked: int) -> View:
    if row["rank"] is None:
        return {"number": None, "last": None, "style": None, "tied": "", "title": "", "why": row["not_ranked"]}
    tied = tied_with(table, row)
    named = ", ".join(tied)
    short = len(tied) <= SHOWN_TIES and len(named) <= SHOWN_LETTERS
    others = one_line(named, SHOWN_LETTERS) if short else f"{len(tied)} other{'' if len(tied) == 1 else 's'}"
    words = f"not separable from {others}" if tied else ""
    first, last = row["rank"], row["last"]
    width = 100 * (last - first + 1) / ranked
    place = 0.0 if width > 99.9 else 100 * (100 * (first - 1) / ranked) / (100 - width)
    title = "; ".join(tied[:TITLED_TIES]) + (f"; and {len(tied) - TITLED_TIES} more" if len(tied) > TITLED_TIES else "")
    return {"number": first, "last": last, "style": f"--p:{place:.1f}%;--w:{width:.1f}%", "tied": words, "title": title,
            "why": None}  # fmt: skip


def _heights(table: View) -> tuple[float, float] | None:
    """Return the lowest and the highest value of all small curves of a table: they share their scale."""
    values = [
        p["value"] for row in table["rows"] if row["curves"] for line in row["curves"]["lines"] for p in line["points"]
    ]
    values += [
        row["curves"]["zero_shot"] for row in table["rows"] if row["curves"] and row["curves"]["zero_shot"] is not None
    ]
    return (min(values), max(values)) if values else None


def _curves(row: View, heights: tuple[float, float] | None) -> View | None:
    """Return a row's few-shot curves as the points of small lines, and in words."""
    found = row["curves"]
    if found is None or heights is None:
        return None
    places = [p["x"] for line in found["lines"] for p in line["points"]]

    def x(value: float) -> str:
        return f"{_between(value, min(places), max(places), MARGIN, WIDTH - MARGIN):.1f}"

    def y(value: float) -> str:
        return f"{_between(value, *heights, HEIGHT - MARGIN, MARGIN):.1f}"

    lines = [
        {
            "key": line["key"],
            "points": " ".join(f"{x(p['x'])},{y(p['value'])}" for p in line["points"]),
            "own": next(([x(p["x"]), y(p["value"])] for p in line["points"] if p["shots"] == found["own"]), None),
        }
        for line in found["lines"]
    ]
    zero = found["zero_shot"]
    words = [line_in_words(line) for line in found["lines"]]
    words += [] if zero is None else [f"zero-shot {number(zero)}"]
    return {"lines": lines, "zero": None if zero is None else y(zero), "words": "; ".join(words), "width": WIDTH,
            "height": HEIGHT}  # fmt: skip


def _between(value: float, first: float, last: float, low: float, high: float) -> float:
    return (low + high) / 2 if last == first else low + (high - low) * (value - first) / (last - first)


def _data(view: View) -> View:
    facets = view["filters"]
    return {
        "facets": [{"id": f["id"], "options": [o["id"] for o in f["options"]]} for f in facets],
        "tables": [_table_data(table, facets) for table in view["tables"]],
    }


def _table_data(table: View, facets: Sequence[View]) -> View:
    places = {f["id"]: {o["id"]: i for i, o in enumerate(f["options"])} for f in facets}
    rows = [
        {
            "id": row["id"],
            "facets": [[places[f["id"]][o] for o in row["facets"][f["id"]]] for f in facets],
            "words": _words(row),
            "ties": row["ties"],
            "ranked": row["rank"] is not None,
            "label": row["label"],
            "run": shlex.quote(row["folder"]),
            "method": shlex.quote(row["method_id"]),
        }
        for row in table["rows"]
    ]
    return {
        "id": table["id"],
        "rows": rows,
        "columns": [column.id for column in columns_of(table)],
        "lead": table["metrics"][0]["id"],
        "classes": _class_data(table),
        "pairs": [
            {
                "name": lower_first(m["short"]),
                "lower": m["direction"] == "lower",
                "rows": _pairs(table["differences"][m["id"]]),
            }
            for m in table["metrics"]
            if m["id"] in table["differences"]
        ],
    }


def _pairs(differences: Sequence[View]) -> list[list[Any]]:
    return [[*d["rows"], *(_short(d[part]) for part in ("value", "low", "high"))] for d in differences]


def _words(row: View) -> str:
    """Return what a search looks through: names, ids and marks, in small letters."""
    parts = [
        row["model"],
        row["spec"],
        row["family"],
        row["licence"],
        row["method"],
        row["prompts"],
        row["digest"][:12],
    ]
    parts += badge_names(row)
    return unicodedata.normalize("NFKC", " ".join(p for p in parts if p)).lower()[:400]


def _class_data(table: View) -> list[View]:
    """Return each metric by class: of each row a value with its interval, or a number of the reason why not."""
    size = max(1, len(table["rows"]) * len(table["class_names"]))
    made = []
    for metric in table["class_metrics"][: max(1, CLASS_CELLS // size)]:
        reasons: dict[str, int] = {}
        cells = [[_class_cell(c, reasons) for c in row["classes"].get(metric["id"], [])] for row in table["rows"]]
        made.append({"id": metric["id"], "name": metric["short"], "lower": metric["direction"] == "lower",
                     "names": [c["name"] for c in table["class_names"]], "ids": [c["id"] for c in table["class_names"]],
                     "cells": cells, "reasons": list(reasons)})  # fmt: skip
    return made


def _class_cell(cell: View | None, reasons: dict[str, int]) -> Any:
    if cell is None:
        return None
    if cell["value"] is None:
        return reasons.setdefault(cell["reason"] or "no value", len(reasons))
    return [_short(cell[part]) for part in ("value", "low", "high")]


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
