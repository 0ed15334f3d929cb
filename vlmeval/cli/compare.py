"""`vlmeval compare`: whether one model is better than another on the same units, and where they differ."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vlmeval.cli import console
from vlmeval.cli.options import Json

EXAMPLE = """
Examples:

  vlmeval compare runs/ham10000/clip-vit-l14/0123456789ab runs/ham10000/medsiglip-448/ba9876543210

  vlmeval compare RUN_A RUN_B RUN_C --against all -o compare.html

  vlmeval compare RUN_A RUN_B --method zero-shot=linear-probe --metric auroc

  vlmeval compare RUN --method zero-shot --method linear-probe --json
"""


class Against(StrEnum):
    """Which pairs of several runs are compared."""

    first = "first"
    all = "all"


class At(StrEnum):
    """The levels that rows may be at."""

    image = "image"
    unit = "unit"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("compare", epilog=EXAMPLE)(compare)


@console.guarded
def compare(
    run: Annotated[list[Path], typer.Argument(help="Run folders (or their run.json), the one to measure against first; "
                   "or one run, to compare two of its methods.")],
    method: Annotated[list[str] | None, typer.Option(help="X: the method X of each run; A=B: A of one run against B of "
                      "the other. Default: every method that both have. May be repeated.")] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Only this metric. May be repeated.")] = None,
    level: Annotated[At | None, typer.Option(help="Rows to compare; default: what the first run leads with.")] = None,
    against: Annotated[Against, typer.Option(help="Of several runs: each against the first, or all pairs.")]
    = Against.first,
    draws: Annotated[int | None, typer.Option(min=0, help="Bootstrap draws; default: the first run's.")] = None,
    permutations: Annotated[int | None, typer.Option(min=0, help="Of the paired test; default: the first run's.")]
    = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of both; default: the first run's.")] = None,
    output: Annotated[Path | None, typer.Option("-o", help="Write a page, such as compare.html.")] = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Compare finished runs on the same cases: paired differences with intervals, tests and plain verdicts.

    Every metric, class and group: the difference with its 95 % interval (cluster bootstrap), the p-value of a paired
    permutation test that exchanges whole cases between two models, corrected for many tests, and what difference this
    many cases could find. Points of few-shot curves only by name: --method 'few-shot:*'. Runs of unlike benchmarks or
    test cases are refused.
    """
    from vlmeval.cli.compared import show, write_page
    from vlmeval.compare import Wanted, compare_runs

    wanted = Wanted(
        methods=tuple(method or ()),
        level=None if level is None else level.value,
        metrics=tuple(metric or ()),
        against=against.value,
        draws=draws,
        permutations=permutations,
        seed=seed,
    )
    with console.progress_bars() as progress:
        found = compare_runs(run, wanted, progress)
    if output is not None:
        write_page(found, output)
    if json_output:
        page = {} if output is None else {"page": str(output)}
        console.print_json({"comparison": found.model_dump(mode="json"), **page})
    else:
        show(found)
        if output is not None:
            console.out().print(f"page: {output}", markup=False)
