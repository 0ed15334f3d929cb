"""The leaderboard as GitHub-flavoured Markdown, for READMEs: in names, what would be markup is escaped."""

from __future__ import annotations

import re

from vlmeval.report.leaderboard.columns import CURVES, columns_of
from vlmeval.report.leaderboard.words import badge_names, in_words, method_in_words, rank_in_words
from vlmeval.report.lookup import View
from vlmeval.report.text import one_line


def leaderboard_markdown(view: View) -> str:
    """Return the tables as Markdown, each with the marks of all its rows above it."""
    parts = [f"**{_escaped(view['banner'])}**\n"] if view["banner"] else []
    parts += [_table(table) for table in view["tables"]]
    for one in view["unlike"]:
        why = " and ".join(one["reasons"])
        parts.append(f"{_escaped(one['benchmark'])} stands in {len(one['tables'])} tables, because {why}.\n")
    parts += [f"Not shown: {_escaped(s['folder'])} ({_escaped(s['reason'])}).\n" for s in view["skipped"]]
    return "\n".join(parts)


def _table(table: View) -> str:
    heading = [f"## {_escaped(table['heading'])}\n", f"{_escaped(table['tested'])}, {table['split']} split.\n"]
    heading += [f"**{b['name']}:** {_escaped(b['text'])}\n" for b in table["badges"]]
    columns = [column for column in columns_of(table) if column.id != CURVES]
    titles = ["Rank", "Model", "Method", *(column.title for column in columns), "Badges"]
    lines = ["| " + " | ".join(map(_escaped, titles)) + " |", "|" + "---|" * len(titles)]
    for row in table["rows"]:
        numbers = [in_words(table, row, column) for column in columns]
        cells = [rank_in_words(row), row["model"], method_in_words(row), *numbers]
        lines.append("| " + " | ".join([*map(_escaped, cells), ", ".join(badge_names(row))]) + " |")
    tail = [f"\nNo skin tone: {_escaped(table['tone']['reason'])}."] if table["tone"]["reason"] else []
    return "\n".join([*heading, *lines, *tail, ""])


def _escaped(text: str) -> str:
    r"""Return text on one line in which nothing is markup: HTML as entities, Markdown's signs behind a backslash."""
    safe = one_line(text, 300).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#|!~])", r"\\\1", safe)
