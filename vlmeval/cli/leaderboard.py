"""`vlmeval leaderboard`: any number of finished runs in one table for each benchmark, ranked with ties."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlmeval.cli import console
from vlmeval.cli.options import Json
from vlmeval.errors import UsageError

if TYPE_CHECKING:
    from vlmeval.report.lookup import View

EXAMPLE = """
Examples:

  vlmeval leaderboard runs

  vlmeval leaderboard runs ../colleague/runs -o leaderboard.html

  vlmeval leaderboard runs --format csv > leaderboard.csv

  vlmeval leaderboard runs -o table.tex

  vlmeval leaderboard runs --format model-index > results.yaml
"""


class Format(StrEnum):
    """What a leaderboard can be written as."""

    html = "html"
    json = "json"
    csv = "csv"
    markdown = "markdown"
    latex = "latex"
    model_index = "model-index"


SUFFIXES = {
    ".html": Format.html, ".htm": Format.html, ".json": Format.json, ".csv": Format.csv, ".md": Format.markdown,
    ".tex": Format.latex, ".yaml": Format.model_index, ".yml": Format.model_index,
}  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("leaderboard", epilog=EXAMPLE)(leaderboard)


@console.guarded
def leaderboard(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs, at any depth.")],
    output: Annotated[Path | None, typer.Option("-o", help="File to write; its suffix says as what.")] = None,
    form: Annotated[Format | None, typer.Option("--format", help="What to write; without -o it is printed.")] = None,
    few_shot: Annotated[bool, typer.Option("--few-shot", help="Points of few-shot curves, too.")] = False,
    json_output: Json = False,
) -> None:
    """Put finished runs into one table for each benchmark, rank them with ties, and write a page.

    Runs stand in one table only if benchmark card, evaluated samples and level are the same. Results with a badge
    (contamination, leakage, synthetic, partial) get no rank.
    """
    from vlmeval.report import build_leaderboard

    if json_output and (output is not None or form is not None):
        raise UsageError("--json goes with neither -o nor --format", hint="--json prints and writes nothing")
    chosen = _format(output, form)
    with console.progress_bars() as progress:
        view = build_leaderboard(folders, few_shot=few_shot, progress=progress)
    if json_output:
        console.print_json({"leaderboard": view})
    elif output is not None and chosen is not None:
        show(view)
        _write(output, _made(view, chosen), linked=chosen is Format.html)
    elif chosen is not None:
        typer.echo(_made(view, chosen), nl=False)
    else:
        show(view)


def _format(output: Path | None, form: Format | None) -> Format | None:
    """Return what is to be made: as asked for, else by the file's suffix; None for the terminal's table alone."""
    if output is None:
        if form is Format.html:
            raise UsageError("--format html needs a file to write", hint="name it: -o leaderboard.html")
        return form
    if form is not None:
        return form
    if output.suffix.lower() not in SUFFIXES:
        expected = ", ".join(SUFFIXES)
        raise UsageError("what is to be written?", file=output, expected=f"a suffix of {expected}, or --format")
    return SUFFIXES[output.suffix.lower()]


def _made(view: View, form: Format) -> str:
    import json

    from vlmeval import report

    if form is Format.json:
        return json.dumps({"leaderboard": view}, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    makers = {
        Format.html: report.render_leaderboard,
        Format.csv: report.leaderboard_csv,
        Format.markdown: report.leaderboard_markdown,
        Format.latex: report.leaderboard_latex,
        Format.model_index: report.leaderboard_model_index,
    }
    return makers[form](view)


def _write(target: Path, text: str, *, linked: bool) -> None:
    """Write the file and, where it links to it, the page that says how everything is computed beside it."""
    from vlmeval import store
    from vlmeval.atomic import write_text
    from vlmeval.report import HOW_FILE, how_page

    with store.writing(target, "name a file that can be written: -o FILE"):
        write_text(target, text)
        if linked:
            write_text(target.with_name(HOW_FILE), how_page())
    console.out().print(f"leaderboard: {target}", markup=False)


ALL_COLUMNS = 160
"""A terminal narrower than this has no room for every column: numbers would be broken in pieces."""


def show(view: View) -> None:
    """Print each table with its marks, then why runs stand apart and what was passed over."""
    out = console.out()
    if view["banner"]:
        out.print(f"[bold yellow]{console.plain(view['banner'])}[/]")
    for table in view["tables"]:
        out.print(
            f"\n[bold]{console.plain(table['heading'])}[/], {console.plain(table['tested'])}, {table['split']} split"
        )
        for badge in table["badges"]:
            out.print(f"[bold yellow]{badge['kind']}[/] {console.plain(badge['text'])}")
        _show_table(table)
        if table["tone"]["reason"]:
            out.print(f"no skin tone: {console.plain(table['tone']['reason'])}")
        else:
            tone = table["tone"]
            out.print(console.plain(f"tone: {tone['name']}; gap: {tone['last']} minus {tone['first']}"))
    for one in view["unlike"]:
        why = " and ".join(one["reasons"])
        out.print(
            f"\n{console.plain(one['benchmark'])} stands in {len(one['tables'])} tables, because {console.plain(why)}"
        )
    for skipped in view["skipped"]:
        console.err().print(
            f"[yellow]not shown[/] {console.plain(skipped['folder'])}: {console.plain(skipped['reason'])}"
        )


def _show_table(table: View) -> None:
    from vlmeval.report.leaderboard.columns import CURVES, columns_of
    from vlmeval.report.leaderboard.words import badge_names, in_words, method_in_words, rank_in_words, tied_in_words

    out = console.out()
    columns = [column for column in columns_of(table) if column.id != CURVES]
    if out.is_terminal and out.width < ALL_COLUMNS:
        rest = f"a terminal of {ALL_COLUMNS} columns, or a file (-o), has room for all"
        out.print(f"[dim]only {columns[0].id}: {rest}[/]")
        columns = columns[:1]
    heads = ["rank", "model", "method", *(column.id for column in columns), "badges", "not separable from"]
    lines: list[list[Any]] = []
    for row in table["rows"]:
        numbers = [in_words(table, row, column) for column in columns]
        line = [rank_in_words(row), row["model"], method_in_words(row), *numbers]
        lines.append([*line, ", ".join(badge_names(row)), tied_in_words(table, row)])
    console.table(None, heads, lines, whole=[column.id for column in columns])
