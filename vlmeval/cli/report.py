"""`vlmeval report`: render the report of finished runs anew, from their run folders alone."""

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
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("report", epilog=EXAMPLE)(report)


@console.guarded
def report(
    run: Annotated[list[Path], typer.Argument(help="Run folders (or their run.json).")],
    output: Annotated[Path | None, typer.Option("-o", help="Default: the run folder's report.html.")] = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Render report.html anew; with --json print what it shows as data instead of writing anything."""
    from vlmeval import store
    from vlmeval.atomic import write_text
    from vlmeval.report import build_view, render

    if output is not None and len(run) > 1:
        raise UsageError("-o goes with one run", hint="leave it out: each report is written to its run folder")
    if output is not None and json_output:
        raise UsageError("-o does not go with --json", hint="--json prints and writes nothing")
    views = []
    for folder in run:
        record = store.read_record(folder)
        views.append(build_view(record, store.read_predictions(folder, record)))
        if json_output:
            continue
        home = folder.parent if folder.name == store.RECORD else folder
        target = output or home / store.REPORT
        page = render(views[-1])
        with store.writing(target, "name a file that can be written: -o FILE"):
            write_text(target, page)
        console.out().print(f"report: {target}", markup=False)
    if json_output:
        console.print_json({"reports": views})
