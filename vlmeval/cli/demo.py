"""`vlmeval demo`: the whole path, offline, on drawn pictures and a small model that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlmeval.cli import console
from vlmeval.cli.options import CacheDir, Data, Json, Runs

BENCHMARK, MODEL = "derm-demo", "clip-demo"
METHODS = ("zero-shot", "linear-probe", "few-shot")
EXAMPLE = """
Examples:

  vlmeval demo

  vlmeval demo --out /tmp/runs --json
"""


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("demo", epilog=EXAMPLE)(demo)


@console.guarded
def demo(
    out: Runs = Path("runs"),
    data: Data = None,
    cache: CacheDir = None,
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap draws.")] = 2000,
    json_output: Json = False,
) -> None:
    """Run the small synthetic model on the synthetic benchmark: no network, no GPU, under two minutes.

    Zero-shot, a linear probe and a small few-shot sweep. Pictures are drawn on first use. Everything that comes out
    says that it is synthetic.
    """
    from vlmeval.cli.run import run_all
    from vlmeval.embed import EmbedOptions
    from vlmeval.records import FewShotOptions, Plan

    few_shot = FewShotOptions(shots=(1, 4, 16, "all"), seeds=5)
    plan = Plan(benchmark=BENCHMARK, model=MODEL, methods=METHODS, few_shot=few_shot, draws=draws)
    run_all([plan], [], (out, data, cache), EmbedOptions(), json_output=json_output)
