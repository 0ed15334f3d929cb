"""The leaderboard as CSV and Markdown, for spreadsheets and READMEs: the same view, flattened.

Names come from other people's cards and files: what a spreadsheet would take for a formula is made text, and what
Markdown would take for markup is escaped.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any, Final

from vlmeval.report.leaderboard import badge_names
from vlmeval.report.lookup import View
from vlmeval.report.text import DASH, number, one_line

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
FACTS: Final = ("rank", "not_ranked", "model", "spec", "family", "method", "method_id", "prompts", "shots", "seeds")


def leaderboard_csv(view: View) -> str:
    """Return every table's rows as one CSV: a column a metric and bound; what a row does not have is empty."""
    lines = [_flat(table, row) for table in view["tables"] for row in table["rows"]]
    columns = list(dict.fromkeys(name for line in lines for name in line))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, fieldnames=columns, lineterminator="\n", restval="")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _plain(value) for name, value in line.items()})
    return stream.getvalue()


def _flat(table: View, row: View) -> dict[str, Any]:
    about = {"benchmark": table["benchmark_id"], "card_digest": table["card_digest"]}
    about |= {"tests_digest": table["tests_digest"], "level": table["level"]}
    facts = {name: row[name] for name in FACTS}
    numbers: dict[str, Any] = {}
    tone = row["tones"].get(table["tone"]["id"])
    cells = {**row["cells"], "ece": row["ece"], "weakest tone": tone and tone["cell"], "tone gap": tone and tone["gap"]}
    for name, cell in cells.items():
        found = cell or {"value": None, "low": None, "high": None}
        numbers |= {name: found["value"], f"{name} low": found["low"], f"{name} high": found["high"]}
    source = {"tone source": table["tone"]["name"], "weakest tone level": tone and tone["level"]}
    known = row["contamination"] or {"status": None}
    marks = {"badges": "; ".join(badge_names(row)), "contamination": known["status"]}
    rest = {"n": row["n"], "n_units": row["n_units"], "digest": row["digest"], "ties": "; ".join(row["ties"])}
    return {**about, **facts, **numbers, **source, **marks, **rest}


def _plain(value: Any) -> Any:
    """Return a value for a spreadsheet: text that it would take for a formula gets an apostrophe."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    return "" if value is None else value


def leaderboard_markdown(view: View) -> str:
    """Return the tables as GitHub-flavoured Markdown, each with the marks of all its rows above it."""
    parts = [f"**{_escaped(view['banner'])}**\n"] if view["banner"] else []
    parts += [_markdown_table(table) for table in view["tables"]]
    for one in view["unlike"]:
        why = " and ".join(one["reasons"])
        parts.append(f"{_escaped(one['benchmark'])} stands in {len(one['tables'])} tables, because {why}.\n")
    parts += [f"Not shown: {_escaped(s['folder'])} ({_escaped(s['reason'])}).\n" for s in view["skipped"]]
    return "\n".join(parts)


def _markdown_table(table: View) -> str:
    heading = [f"## {_escaped(table['heading'])}\n", f"{table['tested']}, {table['split']} split.\n"]
    heading += [f"**{b['name']}:** {_escaped(b['text'])}\n" for b in table["badges"]]
    columns = ["Rank", "Model", "Method", *(m["short"] for m in table["metrics"])]
    columns += ["Weakest tone group", "Tone gap"] if table["tone"]["id"] else []
    columns += ["ECE", "n", "Badges"]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cells(table, row)) + " |" for row in table["rows"]]
    tail = [f"\nNo skin tone: {_escaped(table['tone']['reason'])}."] if table["tone"]["reason"] else []
    return "\n".join([*heading, *lines, *tail, ""])


def _cells(table: View, row: View) -> list[str]:
    rank = str(row["rank"]) if row["rank"] is not None else row["not_ranked"]
    cells = [rank, _escaped(row["model"]), _escaped(row["method"])]
    cells += [value_with_interval(row["cells"][m["id"]]) for m in table["metrics"]]
    if table["tone"]["id"]:
        tone = row["tones"].get(table["tone"]["id"])
        weakest = f"{_escaped(tone['level'])}: {value_with_interval(tone['cell'])}" if tone else "—"
        cells += [weakest, value_with_interval(tone["gap"] if tone else None)]
    return [*cells, value_with_interval(row["ece"]), str(row["n_units"]), ", ".join(badge_names(row))]


def value_with_interval(cell: View | None) -> str:
    """Return ``0.812 (0.781–0.843)``, or a dash where there is no value."""
    if cell is None or cell["value"] is None:
        return "—"
    low, high = cell["low"], cell["high"]
    joint = " to " if low is not None and low < 0 else DASH
    return number(cell["value"]) + ("" if low is None or high is None else f" ({number(low)}{joint}{number(high)})")


def _escaped(text: str) -> str:
    r"""Return text on one line in which nothing is markup: HTML as entities, Markdown's signs behind a backslash."""
    safe = one_line(text, 300).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#|!~])", r"\\\1", safe)
