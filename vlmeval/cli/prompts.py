"""`vlmeval prompts list|show`: the prompt sets, and the strings they become."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from vlmeval.cli import console
from vlmeval.cli.lists import list_names
from vlmeval.cli.options import DataRoots, Json


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    group = typer.Typer(help="Look at prompt sets.", no_args_is_help=True, pretty_exceptions_enable=False)
    group.command("list", epilog="Example: vlmeval prompts list")(list_prompts)
    group.command("show", epilog="Example: vlmeval prompts show scin/clinical --bench scin")(show)
    app.add_typer(group, name="prompts")


def list_prompts(data_root: DataRoots = None, json_output: Json = False) -> None:
    """List the prompt sets."""
    list_names("prompts", data_root=data_root, json_output=json_output)


@console.guarded
def show(
    prompts: Annotated[str, typer.Argument(help="Prompt set id.")],
    bench: Annotated[str | None, typer.Option("--bench", "-b", help="Benchmark whose classes are filled in.")] = None,
    data_root: DataRoots = None,
    json_output: Json = False,
) -> None:
    """Print the final strings of a prompt set, class by class."""
    from vlmeval.catalog import load_catalog
    from vlmeval.errors import UsageError

    catalog = load_catalog(data_root or [])
    chosen = catalog.prompt_set(prompts)
    bench = bench or next((b for b in chosen.benchmarks if b in catalog.benchmarks), None)
    if bench is None:
        raise UsageError(
            f"prompt set {prompts} is for any benchmark", hint=f"say which: vlmeval prompts show {prompts} --bench scin"
        )
    benchmark = catalog.benchmark(bench)
    words = catalog.expand(prompts, benchmark)
    if json_output:
        console.print_json({"prompts": chosen.id, "benchmark": bench, "aggregation": chosen.aggregation, **dict(words)})
        return
    out = console.out()
    out.print(f"[bold]{escape(chosen.title)}[/] ({chosen.id}, version {escape(chosen.version)}, {chosen.aggregation})")
    out.print(f"by {escape(chosen.author)}; {escape(chosen.source)}")
    for spec in benchmark.classes:
        out.print(f"\n[bold]{escape(spec.name)}[/] ({spec.id})")
        for text in words.prompts[spec.id]:
            out.print(f"  {escape(text)}")
