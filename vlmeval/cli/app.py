"""The verbs of `vlmeval` and the entry point.

Exit codes: 0 done, 2 wrong usage or configuration, 3 wrong or missing data, 4 model not available, 130 interrupted,
1 a bug (the only one with a traceback).
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from vlmeval.cli import cache, compare, data, demo, doctor, leaderboard, lists, prompts, report, run, schema, score
from vlmeval.cli.parser import Root

app = typer.Typer(
    name="vlmeval",
    cls=Root,
    help="Zero-shot and few-shot evaluation of CLIP-like models on skin images, with intervals, per class and per "
    "skin tone.",
    epilog="First steps: vlmeval demo. For real data: vlmeval run --model medsiglip-448 --bench scin",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(value: bool) -> None:
    if value:
        from vlmeval.environment import own_version

        typer.echo(f"vlmeval {own_version()}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


demo.register(app)
run.register(app)
score.register(app)
report.register(app)
leaderboard.register(app)
compare.register(app)
prompts.register(app)
data.register(app)
lists.register(app)
cache.register(app)
doctor.register(app)
schema.register(app)


def main() -> None:
    """Run the command line; exits with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a path or class name is no reason to fail
    app()
