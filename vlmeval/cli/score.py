"""`vlmeval score`: anybody's predictions, our statistics and report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlmeval.cli import console
from vlmeval.cli.options import Data, DataRoots, Json, Runs
from vlmeval.cli.run import Split
from vlmeval.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from vlmeval.catalog import Catalog
    from vlmeval.records import Contamination

EXAMPLE = """
Examples:

  vlmeval score predictions.csv --bench ham10000 --kind softmax

  vlmeval score predictions.csv --bench scin --kind sigmoid --model-family medsiglip

  vlmeval score mine.parquet --kind probability --truth diagnosis --unit patient --group sex
"""


class Kind(StrEnum):
    """What scores can be."""

    cosine = "cosine"
    softmax = "softmax"
    sigmoid = "sigmoid"
    probability = "probability"
    logit = "logit"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("score", epilog=EXAMPLE)(score)


@console.guarded
def score(
    file: Annotated[Path, typer.Argument(help="CSV, TSV or parquet: an id and one score column a class.")],
    kind: Annotated[Kind, typer.Option(help="What the scores are; never guessed from their range.")],
    bench: Annotated[str | None, typer.Option("--bench", "-b", help="Gives truth, units and groups.")] = None,
    name: Annotated[str | None, typer.Option(help="Whom the predictions are from; default: the file's name.")] = None,
    model_family: Annotated[str | None, typer.Option("--model-family", help="With --bench: the family of the model "
                            "behind the predictions (vlmeval list contamination), for what it was trained on.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the ids.")] = None,
    truth: Annotated[str | None, typer.Option(help="Column of the true class. Without it: columns true:CLASS.")] = None,
    unit: Annotated[str | None, typer.Option(help="Column of the case, lesion or patient.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Column to report apart by. May be repeated.")] = None,
    score_prefix: Annotated[str, typer.Option(help="What the score columns begin with.")] = "score:",
    threshold: Annotated[float | None, typer.Option(help="Multi-label: one threshold for all classes.")] = None,
    split: Annotated[Split | None, typer.Option(help="With --bench: rows to evaluate; default: test.")] = None,
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap draws.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    max_missing: Annotated[float, typer.Option(min=0, max=1, help="Largest share of rows without prediction.")] = 0.01,
    data: Data = None,
    out: Runs = Path("runs"),
    data_root: DataRoots = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Put a table of predictions through the same statistics, record and report as a run."""
    from vlmeval.catalog import load_catalog
    from vlmeval.cli.finished import described, show
    from vlmeval.cli.run import report_html
    from vlmeval.evaluate.predictions_file import Columns, as_text
    from vlmeval.evaluate.score import Scoring
    from vlmeval.evaluate.score import score as evaluate

    if bench is None and split is not None:
        raise UsageError("--split goes with --bench", hint="without a benchmark every row of the file is evaluated")
    if bench is None and model_family is not None:
        raise UsageError("--model-family goes with --bench", hint="the register speaks of benchmarks' data")
    catalog = load_catalog(data_root or [])
    benchmark = None if bench is None else catalog.benchmark(bench)
    known = None if benchmark is None or model_family is None else _known(catalog, model_family, benchmark.data.home)
    columns = Columns(id_column, truth, unit, tuple(group or ()), score_prefix)
    rows = (split or Split.test).value
    whom = as_text(name or file.stem)
    scoring = Scoring(file, kind.value, whom, columns, threshold, rows, draws, seed, max_missing)
    with console.progress_bars() as progress:
        outcome = evaluate(
            scoring, out, render=report_html, benchmark=benchmark, data=data, contamination=known, progress=progress
        )
    if json_output:
        console.print_json({"runs": [described(outcome)]})
    else:
        show(outcome)


def _known(catalog: Catalog, family: str, home: str) -> Contamination:
    """Return what the register says; a family that nobody has heard of is a slip that would cost the badge."""
    families = {*catalog.contamination.families, *(card.family for card in catalog.model_cards.values())}
    if family not in families:
        hint = "see: vlmeval list contamination; leave the option out where the model is of no known family"
        raise UnknownNameError("model family", family, sorted(families), hint=hint)
    return catalog.contamination.of(family, home)
