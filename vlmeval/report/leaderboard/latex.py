r"""The leaderboard as LaTeX: a booktabs table for each, for a paper. Needs ``\usepackage{booktabs}``.

Names are escaped; of other scripts than the engine knows, XeLaTeX and LuaLaTeX set more than pdfLaTeX.
"""

from __future__ import annotations

from typing import Final

from vlmeval.report.leaderboard.columns import CURVES, columns_of
from vlmeval.report.leaderboard.words import badge_names, in_words, method_in_words, rank_in_words
from vlmeval.report.lookup import View
from vlmeval.report.text import DASH, MINUS, one_line, sentence

SIGNS: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "''", "[": "{[}", "]": "{]}", MINUS: "$-$", DASH: "--", "—": "---",
}  # fmt: skip
HEAD: Final = "% needs \\usepackage{booktabs}; written by vlmeval leaderboard\n"
UNRANKED: Final = "---"


def leaderboard_latex(view: View) -> str:
    """Return one ``table`` environment for each table of the view, with its marks in the caption."""
    return HEAD + "\n".join(_table(view, table) for table in view["tables"])


def _table(view: View, table: View) -> str:
    columns = [column for column in columns_of(table) if column.id != CURVES]
    titles = ["Rank", "Model", "Method", *(column.title for column in columns)]
    lines = [_line([_escaped(title) for title in titles])]
    for row in table["rows"]:
        marks = "".join(rf"\textsuperscript{{{_escaped(name[:1].lower())}}}" for name in badge_names(row))
        rank = UNRANKED if row["rank"] is None else _escaped(rank_in_words(row))
        cells = [_escaped(in_words(table, row, column)) for column in columns]
        lines.append(_line([rank, _escaped(row["model"]) + marks, _escaped(method_in_words(row)), *cells]))
    body = "\n".join([r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"])
    spec = "rll" + "r" * len(columns)
    caption = rf"\caption{{{_caption(view, table)}}}"
    tabular = f"\\begin{{tabular}}{{{spec}}}\n{body}\n\\end{{tabular}}"
    return f"\\begin{{table}}\n\\centering\\small\n{caption}\n{tabular}\n\\end{{table}}\n"


def _caption(view: View, table: View) -> str:
    parts = [f"{table['heading']}: {table['tested']}, {table['split']} split. In brackets 95 % intervals."]
    parts += [sentence(view["banner"])] if view["banner"] else []
    parts += [f"{b['name']}: {sentence(b['text'])}" for b in table["badges"]]
    seen = dict.fromkeys(name for row in table["rows"] for name in badge_names(row))
    parts += [f"{name[:1].lower()}: {name.lower()}, not ranked." for name in seen]
    if any(row["ties"] for row in table["rows"]):
        parts.append("Ranks span the rows that the data cannot tell apart.")
    return " ".join(_escaped(part, 600) for part in parts)


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _escaped(text: str, limit: int = 120) -> str:
    """Return text on one line in which no sign is a command."""
    return "".join(SIGNS.get(sign, sign) for sign in one_line(text, limit))
