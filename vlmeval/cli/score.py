"""`vlmeval score`: anybody's predictions, our statistics and report."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from vlmeval.cli import console
from vlmeval.cli.options import Cross, Data, DataRoots, Json, Runs
from vlmeval.cli.run import Split
from vlmeval.errors import UnknownNameError, UsageError
from vlmeval.records.contamination import UNKNOWN_FAMILY

if TYPE_CHECKING:
    from vlmeval.catalog import Catalog
    from vlmeval.evaluate import Outcome
    from vlmeval.records import Contamination

T = TypeVar("T")

EXAMPLE = """
Examples:

  vlmeval score predictions.csv --bench ham10000 --kind softmax

  vlmeval score predictions.csv --bench scin --kind sigmoid --model-family medsiglip

  vlmeval score mine.parquet --kind probability --truth diagnosis --unit patient --group sex

  vlmeval score ours.csv theirs.csv --kind softmax --truth dx --unit lesion_id --group sex -o compare.html
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
    file: Annotated[list[Path], typer.Argument(help="CSV, TSV or parquet: an id and one score column a class. Several "
                    "files of the same rows are compared, too, each with the first.")],
    kind: Annotated[list[Kind], typer.Option(help="What the scores are; never guessed from their range. Once for all "
                    "files, or once a file.")],
    bench: Annotated[str | None, typer.Option("--bench", "-b", help="Gives truth, units and groups.")] = None,
    name: Annotated[list[str] | None, typer.Option(help="Whom the predictions are from, once a file; default: the "
                    "file's name.")] = None,
    model_family: Annotated[list[str] | None, typer.Option("--model-family", help="With --bench: the family of the "
                            "model behind the predictions (vlmeval list contamination), for what it was trained on. "
                            "Once for all files, or once a file.")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="Column of the ids.")] = None,
    truth: Annotated[str | None, typer.Option(help="Column of the true class. Without it: columns true:CLASS.")] = None,
    unit: Annotated[str | None, typer.Option(help="Column of the case, lesion or patient.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Column to report apart by. May be repeated.")] = None,
    score_prefix: Annotated[str, typer.Option(help="What the score columns begin with.")] = "score:",
    threshold: Annotated[float | None, typer.Option(help="Multi-label: one threshold for all classes.")] = None,
    split: Annotated[Split | None, typer.Option(help="With --bench: rows to evaluate; default: test.")] = None,
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap draws.")] = 2000,
    permutations: Annotated[int, typer.Option(min=0, help="Permutations of the tests of no difference between the "
                            "levels of a group; 0: no tests.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap and the permutations.")] = 0,
    max_missing: Annotated[float, typer.Option(min=0, max=1, help="Largest share of rows without prediction.")] = 0.01,
    cross: Cross = None,
    data: Data = None,
    out: Runs = Path("runs"),
    page: Annotated[Path | None, typer.Option("-o", help="With several files: the page of their comparison (default: "
                    "beside the runs).")] = None,
    data_root: DataRoots = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Put a table of predictions through the same statistics, record and report as a run; compare several tables."""
    from vlmeval.catalog import load_catalog
    from vlmeval.cli.run import pages
    from vlmeval.data.crossed import read_pairs
    from vlmeval.evaluate.predictions_file import Columns, as_text
    from vlmeval.evaluate.score import Scoring
    from vlmeval.evaluate.score import score as evaluate

    if bench is None and split is not None:
        raise UsageError("--split goes with --bench", hint="without a benchmark every row of the file is evaluated")
    if bench is None and model_family is not None:
        raise UsageError("--model-family goes with --bench", hint="the register speaks of benchmarks' data")
    if page is not None and len(file) < 2:
        raise UsageError("-o goes with several files", hint="it is the page of their comparison")
    catalog = load_catalog(data_root or [])
    benchmark = None if bench is None else catalog.benchmark(bench)
    home = "" if benchmark is None else benchmark.data.home
    families = _once_each("--model-family", model_family or (), file)
    known: list[Contamination | None] = [_known(catalog, family, home) for family in families]
    known = known or [None] * len(file)
    pairs = read_pairs(cross or ())
    columns = Columns(id_column, truth, unit, tuple(group or ()), score_prefix)
    rows = (split or Split.test).value
    outcomes = []
    for one, what, whom, said in zip(file, _once_each("--kind", kind, file), _names(name, file), known, strict=True):
        scoring = Scoring(
            one, what.value, as_text(whom), columns, threshold, rows, draws, seed, max_missing, pairs,
            permutations=permutations,
        )  # fmt: skip
        with console.progress_bars() as progress:
            outcome = evaluate(
                scoring, out, render=pages, benchmark=benchmark, data=data, contamination=said, progress=progress
            )
        outcomes.append(outcome)
    _finish(outcomes, out, page, json_output=json_output)


def _finish(outcomes: Sequence[Outcome], out: Path, page: Path | None, *, json_output: bool) -> None:
    """Print the runs and, of several, the comparison, whose page is written."""
    from vlmeval.cli.finished import described, show

    if not json_output:
        for outcome in outcomes:
            show(outcome)
    runs = {"runs": [described(outcome) for outcome in outcomes]} if json_output else {}
    if len(outcomes) < 2:
        if json_output:
            console.print_json(runs)
        return
    from vlmeval.cli.compared import show as show_comparison
    from vlmeval.cli.compared import write_page
    from vlmeval.compare import compare_runs
    from vlmeval.records import digest_of

    with console.progress_bars() as progress:
        found = compare_runs([outcome.folder for outcome in outcomes], progress=progress)
    target = page or out / f"comparison-{digest_of([o.record.digest for o in outcomes])[:12]}.html"
    write_page(found, target)
    if json_output:
        console.print_json(runs | {"comparison": found.model_dump(mode="json"), "page": str(target)})
    else:
        show_comparison(found)
        console.out().print(f"comparison: {target}", markup=False)


def _once_each(option: str, given: Sequence[T], files: Sequence[Path]) -> list[T]:
    """Return one value a file, from an option that is given once for all of them or once for each (or not at all)."""
    if len(given) not in (0, 1, len(files)):
        expected = f"once, or once for each of the {len(files)} files"
        raise UsageError(f"{option} does not fit the files", expected=expected, found=f"{len(given)} times")
    return list(given) * (len(files) if len(given) == 1 else 1)


def _names(given: Sequence[str] | None, files: Sequence[Path]) -> list[str]:
    """Return whom each file is from: the names given, one a file, or the files' own names."""
    if not given:
        return [file.stem for file in files]
    if len(given) != len(files):
        expected = f"once for each of the {len(files)} files"
        raise UsageError("--name does not fit the files", expected=expected, found=f"{len(given)} times")
    return list(given)


def _known(catalog: Catalog, family: str, home: str) -> Contamination | None:
    """Return what the register says; a family that nobody has heard of is a slip that would cost the badge."""
    if family == UNKNOWN_FAMILY:
        return None
    families = {*catalog.contamination.families, *(card.family for card in catalog.model_cards.values())}
    if family not in families:
        hint = f"see: vlmeval list contamination; a model of no family that stands there is '{UNKNOWN_FAMILY}'"
        raise UnknownNameError("model family", family, sorted(families), hint=hint)
    return catalog.contamination.of(family, home)
