"""`vlmeval prompts ...`: look at prompt sets, check, compare and search them; each verb has a module of its own."""

from __future__ import annotations

import typer

from vlmeval.cli import prompts_compare, prompts_lint, prompts_search, prompts_show
from vlmeval.cli.lists import list_names
from vlmeval.cli.options import DataRoots, Json


def register(app: typer.Typer) -> None:
    """Add the group of verbs to the command line."""
    group = typer.Typer(
        help="Look at prompt sets, check and compare them.", no_args_is_help=True, pretty_exceptions_enable=False
    )
    group.command("list", epilog="Example: vlmeval prompts list")(list_prompts)
    prompts_show.register(group)
    prompts_lint.register(group)
    prompts_compare.register(group)
    prompts_search.register(group)
    app.add_typer(group, name="prompts")


def list_prompts(data_root: DataRoots = None, json_output: Json = False) -> None:
    """List the prompt sets: kind, language, number of strings, benchmarks, version, author, and who reviewed them."""
    list_names("prompts", data_root=data_root, json_output=json_output)
