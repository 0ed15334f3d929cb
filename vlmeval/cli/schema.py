"""`vlmeval schema`: the JSON Schema of `run.json` (published as `reports/run.schema.json`)."""

from __future__ import annotations

import typer

from vlmeval.cli import console


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("schema", epilog="Example: vlmeval schema > run.schema.json")(schema)


@console.guarded
def schema() -> None:
    """Print the JSON Schema of run.json."""
    from vlmeval.store import json_schema

    console.print_json(json_schema())
