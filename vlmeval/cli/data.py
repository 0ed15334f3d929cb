"""`vlmeval data fetch|check|describe|convert|export`: get a benchmark's data, check and count it; vectors in files.

`convert` and `export` live in `vlmeval.cli.vectors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlmeval.cli import console, vectors
from vlmeval.cli.cache import megabytes
from vlmeval.cli.options import Data, DataRoots, Json

if TYPE_CHECKING:
    from vlmeval.data.fetch import FetchPlan

Bench = Annotated[str, typer.Argument(help="Benchmark id.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    group = typer.Typer(help="Get, check and describe data.", no_args_is_help=True, pretty_exceptions_enable=False)
    group.command("fetch", epilog="Example: vlmeval data fetch scin --dry-run")(fetch)
    group.command("check", epilog="Example: vlmeval data check ham10000 --data ~/ham10000")(check)
    group.command("describe", epilog="Example: vlmeval data describe scin@notebook --data ~/scin --json")(describe)
    vectors.add_to(group)
    app.add_typer(group, name="data")


@console.guarded
def fetch(
    home: Annotated[str, typer.Argument(help="Data set: scin or ham10000.")],
    data: Data = None,
    part: Annotated[list[str] | None, typer.Option(help="Only this part, e.g. isic2018. May be repeated.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say size and licence, download nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the licence without being asked.")] = False,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Files at a time.")] = 8,
    base_url: Annotated[str | None, typer.Option(help="A mirror with the same files.")] = None,
    json_output: Json = False,
) -> None:
    """Download a data set from its official home; may be interrupted and called again."""
    from vlmeval.data.fetch import FetchOptions, plan_fetch
    from vlmeval.data.fetch import fetch as download

    plan = plan_fetch(home, data, parts=part, base_url=base_url)
    if dry_run and json_output:
        console.print_json(plan.as_dict())
        return
    if not json_output:
        _show_plan(plan)
    if dry_run:
        return
    if not yes:
        console.confirm("Download under these terms?")
    with console.progress_bars() as progress:
        report = download(plan, FetchOptions(workers=workers), progress=progress)
    if json_output:
        console.print_json(report.as_dict())
    else:
        _show_fetched(report.as_dict())
    if not report.complete:
        raise typer.Exit(3)


def _show_fetched(facts: dict[str, Any]) -> None:
    """Print what a download did; what failed, and what to do then, goes to stderr."""
    rows = [(k, v) for k, v in facts.items() if not isinstance(v, dict) and v is not None and k != "hint"]
    rows += [(f"unpacked {folder}", f"{count} files") for folder, count in facts["unpacked"].items()]
    console.table(None, ["what", "result"], rows)
    for path, reason in facts["failed"].items():
        console.err().print(f"failed: {path}: {reason}", markup=False)
    if facts["hint"]:
        console.err().print(f"to mend: {facts['hint']}", markup=False)


def _show_plan(plan: FetchPlan) -> None:
    out = console.out()
    facts = plan.as_dict()
    licence = facts["licence"]
    about = "about " if facts["bytes_are_estimated"] else ""
    out.print(f"[bold]{console.plain(facts['title'])}[/]  {console.plain(facts['homepage'])}")
    out.print(f"licence: {console.plain(licence['name'])}  {console.plain(licence['url'] or '')}")
    if licence["terms"]:
        out.print(f"  {console.plain(licence['terms'])}")
    out.print(f"cite: {console.plain(facts['citation'])}")
    out.print(
        f"to fetch: {facts['files_to_fetch']} of {facts['files']} files, {about}{megabytes(facts['bytes_to_fetch'])}"
    )
    out.print(f"from {console.plain(facts['from'])}\nto   {console.plain(facts['destination'])}")
    for path, reason in facts["skipped"].items():
        out.print(f"left out: {console.plain(path)}: {console.plain(reason)}")


@console.guarded
def check(bench: Bench, data: Data = None, data_root: DataRoots = None, json_output: Json = False) -> None:
    """Say which pictures are missing, corrupt, duplicated (by content) or unexpected."""
    from vlmeval.catalog import load_catalog
    from vlmeval.data.check import check as check_data

    benchmark = load_catalog(data_root or []).benchmark(bench)
    with console.progress_bars() as progress:
        report = check_data(benchmark, data, progress=progress)
    if json_output:
        console.print_json(report.as_dict())
    else:
        _show_nested(report.as_dict())
    if not report.ok:
        raise typer.Exit(3)


@console.guarded
def describe(
    bench: Bench,
    data: Data = None,
    data_root: DataRoots = None,
    estimate_tone: Annotated[
        bool, typer.Option("--estimate-tone", help="Open the pictures and compare the estimate with the tone labels.")
    ] = False,
    json_output: Json = False,
) -> None:
    """Count what a benchmark reads: cases, pictures, classes, splits, groups, and what was left out."""
    from vlmeval.catalog import load_catalog
    from vlmeval.data.describe import describe as describe_data

    benchmark = load_catalog(data_root or []).benchmark(bench)
    counts = describe_data(benchmark, data)
    if estimate_tone:
        from vlmeval.examine.tone.described import described_estimate

        with console.progress_bars() as progress:
            counts["estimated_tone"] = described_estimate(benchmark, data, progress)
    if json_output:
        console.print_json(counts)
    else:
        _show_nested(counts)


def _show_nested(values: dict[str, Any]) -> None:
    """Print nested counts, two levels as tables, deeper ones on one line."""
    flat = {k: v for k, v in values.items() if not isinstance(v, dict | list)}
    console.table(None, ["what", "value"], flat.items())
    for key, inner in values.items():
        if isinstance(inner, dict) and inner:
            console.table(f"\n{key}", ["", ""], ((k, _one_line(v)) for k, v in inner.items()))
        elif isinstance(inner, list) and inner:
            console.table(f"\n{key}", [""], ([_one_line(v)] for v in inner[:20]))
            if len(inner) > 20:
                console.out().print(f"... and {len(inner) - 20} more (--json has them all)")


def _one_line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {_one_line(v)}" for k, v in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
