"""`vlmeval report`: render the report of finished runs anew, or several side by side, from their run folders alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlmeval.cli import console
from vlmeval.cli.options import Json
from vlmeval.errors import UsageError

EXAMPLE = """
Examples:

  vlmeval report runs/scin/medsiglip-448/0123456789ab

  vlmeval report runs/derm-demo/clip-demo/0123456789ab -o demo.html

  vlmeval report RUN --json > view.json

  vlmeval report runs/scin@notebook/MODEL/RUN_A runs/scin/MODEL/RUN_B --side-by-side -o both.html
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("report", epilog=EXAMPLE)(report)


@console.guarded
def report(
    run: Annotated[list[Path], typer.Argument(help="Run folders (or their run.json).")],
    output: Annotated[Path | None, typer.Option("-o", help="Default: the run folder's report.html.")] = None,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="One page for runs of different benchmarks or "
                            "protocols: the same methods in one table, and why the numbers differ.")] = False,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Render report.html anew; with --json print what it shows as data instead of writing anything."""
    if output is not None and json_output:
        raise UsageError("-o does not go with --json", hint="--json prints and writes nothing")
    if side_by_side:
        _side_by_side(run, output, json_output=json_output)
    else:
        _each(run, output, json_output=json_output)


def _each(runs: list[Path], output: Path | None, *, json_output: bool) -> None:
    """Render each run's own report."""
    from vlmeval import store
    from vlmeval.report import HOW_FILE, build_view, headline_method, how_page, render

    if output is not None and len(runs) > 1:
        raise UsageError("-o goes with one run", hint="leave it out: each report is written to its run folder; or put "
                         "the runs on one page: --side-by-side")  # fmt: skip
    views = []
    for folder in runs:
        record = store.read_record(folder)
        # Curves are of the method that leads; the scores of others, hundreds of few-shot fits, need not be read.
        shown = record.model_copy(update={"methods": (headline_method(record),)})
        views.append(build_view(record, store.read_predictions(folder, shown, seeds=True)))
        if not json_output:
            home = folder.parent if folder.name == store.RECORD else folder
            target = output or home / store.REPORT
            _write(target.with_name(HOW_FILE), how_page(), "linked page")
            _write(target, render(views[-1]))
    if json_output:
        console.print_json({"reports": views})


def _side_by_side(runs: list[Path], output: Path | None, *, json_output: bool) -> None:
    """Render one page of several runs."""
    from vlmeval import store
    from vlmeval.report import build_side_by_side, render_side_by_side

    if output is None and not json_output:
        raise UsageError("--side-by-side needs a file to write", hint="name it: -o FILE.html, or use --json")
    view = build_side_by_side([store.read_record(folder) for folder in runs])
    if json_output or output is None:
        console.print_json({"side_by_side": view})
    else:
        _write(output, render_side_by_side(view))


def _write(target: Path, page: str, what: str = "report") -> None:
    from vlmeval import store
    from vlmeval.atomic import write_text

    with store.writing(target, "name a file that can be written: -o FILE"):
        write_text(target, page)
    console.out().print(f"{what}: {target}", markup=False)
