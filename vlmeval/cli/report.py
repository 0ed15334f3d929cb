"""`vlmeval report`: render the report of finished runs anew, or several side by side, from their run folders alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlmeval.cli import console
from vlmeval.cli.options import Data, Json, ShowGallery
from vlmeval.errors import MissingDataError, UsageError

if TYPE_CHECKING:
    from vlmeval.records import RunRecord

EXAMPLE = """
Examples:

  vlmeval report runs/scin/medsiglip-448/0123456789ab

  vlmeval report runs/derm-demo/clip-demo/0123456789ab -o demo.html

  vlmeval report runs/ham10000/clip-vit-l14/0123456789ab --gallery --data ~/ham10000

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
    gallery: ShowGallery = False,
    data: Data = None,
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="One page for runs of different benchmarks or "
                            "protocols: the same methods in one table, and why the numbers differ.")] = False,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Render report.html anew; with --json print what it shows as data instead of writing anything."""
    if output is not None and json_output:
        raise UsageError("-o does not go with --json", hint="--json prints and writes nothing")
    if data is not None and not gallery:
        raise UsageError("--data says where pictures are, and none are asked for", hint="add --gallery")
    if side_by_side:
        _side_by_side(run, output, json_output=json_output)
    else:
        _each(run, output, Gallery(data) if gallery else None, json_output=json_output)


def _each(runs: list[Path], output: Path | None, gallery: Gallery | None, *, json_output: bool) -> None:
    """Render each run's own report."""
    from vlmeval.report import HOW_FILE

    if output is not None and len(runs) > 1:
        raise UsageError("-o goes with one run", hint="leave it out: each report is written to its run folder; or put "
                         "the runs on one page: --side-by-side")  # fmt: skip
    if not json_output:
        for folder in runs:
            target = write_report(folder, gallery, output)
            console.out().print(f"linked page: {target.with_name(HOW_FILE)}\nreport: {target}", markup=False)
        return
    console.print_json({"reports": [view_of(folder, gallery) for folder in runs]})


def write_report(folder: Path, gallery: Gallery | None = None, output: Path | None = None) -> Path:
    """Write a run's report and the page that it links to, by default into its folder; return where the report is."""
    from vlmeval import store
    from vlmeval.report import HOW_FILE, how_page, render

    home = folder.parent if folder.name == store.RECORD else folder
    target = output or home / store.REPORT
    page = render(view_of(folder, gallery))
    _write(target.with_name(HOW_FILE), how_page())
    _write(target, page)
    return target


def view_of(folder: Path, gallery: Gallery | None = None) -> dict[str, Any]:
    """Return what the report of a finished run shows, with thumbnails if they are asked for."""
    from vlmeval import store
    from vlmeval.report import build_view, headline_method, with_thumbnails

    record = store.read_record(folder)
    # Curves and cases are of the method that leads; the scores of others, hundreds of fits, need not be read.
    leading = headline_method(record)
    shown = tuple(m for m in record.methods if m.id == leading.id)
    view = build_view(record, store.read_predictions(folder, record.model_copy(update={"methods": shown}), seeds=True))
    return view if gallery is None else with_thumbnails(view, gallery.pictures(record, view))


@dataclass(frozen=True)
class Gallery:
    """Where the pictures of a run are: ``data`` is the benchmark's own folder (None: in the data home)."""

    data: Path | None = None

    def pictures(self, record: RunRecord, view: dict[str, Any]) -> dict[str, str]:
        """Return thumbnails of the cases that a view shows, by picture id.

        Raises
        ------
        UsageError
            The data's terms do not allow pictures in a page.
        DataError
            The data are not there, or none of the pictures can be read.
        """
        from vlmeval.data import load_samples
        from vlmeval.data.thumbnails import thumbnails
        from vlmeval.report import check_gallery, shown_pictures

        check_gallery(record.benchmark)
        wanted = shown_pictures(view)
        with console.progress_bars() as progress:
            found = thumbnails(load_samples(record.benchmark, self.data, progress), wanted, progress)
        if wanted and not found:
            raise MissingDataError(
                f"none of the {len(wanted)} pictures of {record.benchmark.id} that the page shows can be read",
                file=self.data,
                expected="the pictures that the run was made on",
                hint="say where they lie: --data DIR, or leave out --gallery",
            )
        return found


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
        console.out().print(f"report: {output}", markup=False)


def _write(target: Path, page: str) -> None:
    from vlmeval import store
    from vlmeval.atomic import write_text

    with store.writing(target, "name a file that can be written: -o FILE"):
        write_text(target, page)
