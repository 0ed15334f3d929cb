"""`vlmeval run`: models x benchmarks, each to a run folder with a report."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vlmeval.cli import console
from vlmeval.cli import probe_options as probe
from vlmeval.cli.finished import described, show
from vlmeval.cli.options import CacheDir, Cross, Data, DataRoots, EstimateTone, Json, Runs, ShowGallery
from vlmeval.cli.report import Gallery, write_report
from vlmeval.errors import UsageError, VlmevalError

if TYPE_CHECKING:
    from vlmeval.records import Plan, Predictions, RunRecord

EXAMPLE = """
Examples:

  vlmeval run --model medsiglip-448 --bench scin

  vlmeval run --model clip-vit-b32 --model ./my-checkpoint --bench ham10000 --data ~/ham10000

  vlmeval run --model clip-vit-l14 --bench scin --prompts scin/clinical --limit 100

  vlmeval run --model clip-vit-l14 --bench ham10000 --method zero-shot,linear-probe,few-shot

  vlmeval run --model clip-vit-l14 --bench ham10000 --calibrate centred --calibrate prior

  vlmeval run --model medsiglip-448 --bench scin --cross fst-self:age --cross monk-us:sex

  vlmeval run --model embeddings:medsiglip.npz --bench scin@notebook --method linear-probe,mlp-probe
"""


class DType(StrEnum):
    """Floating-point types an encoder can run in."""

    auto = "auto"
    float32 = "float32"
    float16 = "float16"
    bfloat16 = "bfloat16"


class Score(StrEnum):
    """Score rules that override the model's own."""

    softmax = "softmax"
    sigmoid = "sigmoid"
    cosine = "cosine"


class Aggregation(StrEnum):
    """Ways to make one class score of several prompts."""

    mean_embedding = "mean-embedding"
    mean_score = "mean-score"
    max_score = "max-score"


class Pooling(StrEnum):
    """Ways to make one score of a unit's pictures."""

    mean_embedding = "mean-embedding"
    mean_score = "mean-score"


class Calibrate(StrEnum):
    """Ways to calibrate zero-shot scores, each a method of its own."""

    centred = "centred"
    prior = "prior"
    bias_temperature = "bias-temperature"
    all = "all"


Calibrations = Annotated[
    list[Calibrate] | None,
    typer.Option(
        help="Add zero-shot calibrated, as a method of its own: centred (no labels), prior (class frequencies), "
        "bias-temperature (labels of validation rows), or all. May be repeated."
    ),
]


class Split(StrEnum):
    """The rows that are evaluated."""

    train = "train"
    val = "val"
    test = "test"
    all = "all"


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("run", epilog=EXAMPLE)(run)


@console.guarded
def run(
    model: Annotated[list[str], typer.Option("--model", "-m", help="Model alias, hf:ORG/NAME, open_clip:ARCH/TAG, "
                     "hf-hub:ORG/NAME, a local folder, or embeddings:FILE. May be repeated.")],
    bench: Annotated[list[str], typer.Option("--bench", "-b", help="Benchmark id. May be repeated.")],
    method: Annotated[str, typer.Option(help="Methods, separated by commas; the first is the headline. See: vlmeval "
                      "list methods.")] = "zero-shot",
    prompts: Annotated[list[str] | None, typer.Option(help="Prompt set id; the first is the headline. May be repeated. "
                       "Default: the benchmark's own choice, and the others beside it.")] = None,
    data: Data = None,
    out: Runs = Path("runs"),
    data_root: DataRoots = None,
    cache: CacheDir = None,
    score: Annotated[Score | None, typer.Option(help="Override the model's score rule.")] = None,
    aggregation: Annotated[Aggregation | None, typer.Option(help="Override the prompt sets' aggregation.")] = None,
    pooling: Annotated[Pooling, typer.Option(help="How a unit's pictures become one.")] = Pooling.mean_embedding,
    calibrate: Calibrations = None,
    split: Annotated[Split, typer.Option(help="Rows to evaluate.")] = Split.test,
    draws: Annotated[int, typer.Option(min=0, help="Bootstrap draws.")] = 2000,
    permutations: Annotated[int, typer.Option(min=0, help="Permutations of the tests of no difference between the "
                            "levels of a group; 0: no tests.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap and the permutations.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many units: a quick look, marked as such.")] = None,
    max_missing: Annotated[float, typer.Option(min=0, max=1, help="Largest share of unreadable pictures.")] = 0.01,
    cross: Cross = None,
    estimate_tone: EstimateTone = False,
    gallery: ShowGallery = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    dtype: Annotated[DType, typer.Option(help="auto: bfloat16 on GPUs that have it, float32 on the CPU.")] = DType.auto,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pictures a forward pass.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that decode pictures.")] = None,
    recipe: probe.Recipe = None,
    embedding: probe.EmbeddingOption = None,
    features: probe.Features = None,
    c: probe.Grid = None,
    criterion: probe.Criterion = None,
    class_weights: probe.ClassWeights = None,
    unit_weights: probe.UnitWeights = None,
    refit: probe.Refit = None,
    thresholds: probe.ThresholdsOption = None,
    solver: probe.SolverOption = None,
    tolerance: probe.Tolerance = None,
    max_iter: probe.MaxIter = None,
    neighbours: probe.Neighbours = None,
    probe_seeds: probe.ProbeSeeds = None,
    shots: probe.ShotsOption = None,
    seeds: probe.Seeds = None,
    regime: probe.Regimes = None,
    few_units: probe.FewUnitsOption = None,
    variant: probe.Variants = None,
    tune: probe.TuneOption = None,
    json_output: Json = False,
) -> None:  # fmt: skip
    """Evaluate models on benchmarks: embed once, score, and leave a run folder with a report."""
    from vlmeval.data.crossed import read_pairs
    from vlmeval.embed import EmbedOptions
    from vlmeval.records import Plan

    methods = _methods(method)
    if data is not None and len(set(bench)) > 1:
        raise UsageError("--data goes with one --bench", hint="give each benchmark a call of its own, or fill the data "
                         "home (vlmeval doctor says where it is)")  # fmt: skip
    fitting = probe.probe_options(
        recipe=recipe, embedding=embedding, features=features, c_grid=c, criterion=criterion,
        class_weight=class_weights, unit_weights=unit_weights, refit=refit, thresholds=thresholds, solver=solver,
        tolerance=tolerance, max_iter=max_iter, neighbours=neighbours, seeds=probe_seeds,
    )  # fmt: skip
    few_shot = probe.few_shot_options(
        shots=shots, seeds=seeds, regimes=regime, few_units=few_units, variants=variant, tune=tune
    )
    options = EmbedOptions(device=device, dtype=dtype.value, batch_size=batch_size, workers=workers)
    shared = probe.plain(
        methods=methods, prompts=tuple(prompts or ()), aggregation=aggregation, score=score, pooling=pooling,
        split=split, draws=draws, permutations=permutations, seed=seed, dtype=dtype, probe=fitting, few_shot=few_shot,
        limit=limit, max_missing=max_missing, crossed=read_pairs(cross or ()), estimate_tone=estimate_tone,
        calibrations=_calibrations(calibrate or ()),
    )  # fmt: skip
    pairs = [(one_bench, one_model) for one_bench in dict.fromkeys(bench) for one_model in dict.fromkeys(model)]
    plans = [Plan.model_validate({"benchmark": one, "model": other, **shared}) for one, other in pairs]
    run_all(plans, data_root or [], (out, data, cache), options, gallery=gallery, json_output=json_output)


def run_all(
    plans: list[Plan],
    data_roots: list[Path],
    folders: tuple[Path, Path | None, Path | None],
    options: Any,
    *,
    json_output: bool,
    gallery: bool = False,
) -> None:
    """Carry out the plans in turn; one that fails does not keep the others from running, its code is the exit code."""
    from vlmeval.catalog import load_catalog
    from vlmeval.evaluate import Where, evaluate
    from vlmeval.report import check_gallery

    catalog = load_catalog(data_roots)
    if gallery:
        for plan in plans:  # better said now than after hours of embedding
            check_gallery(catalog.benchmark(plan.benchmark))
    where = Where(*folders)
    done: list[dict[str, Any]] = []
    failed: list[VlmevalError] = []
    for plan in plans:
        try:
            with console.progress_bars() as progress:
                outcome = evaluate(plan, catalog, where, render=pages, options=options, progress=progress)
            if gallery:
                write_report(outcome.folder, Gallery(where.data))
        except VlmevalError as error:
            if len(plans) == 1:
                raise
            console.show_error(error, as_json=False)
            failed.append(error)
            continue
        done.append(described(outcome))
        if not json_output:
            show(outcome)
    if json_output:
        console.print_json({"runs": done, "errors": [error.as_dict() for error in failed]})
    if failed:
        raise typer.Exit(failed[0].exit_code)


def pages(record: RunRecord, predictions: Sequence[Predictions]) -> dict[str, str]:
    """Return the report of a run and the page that it links to, by file name."""
    from vlmeval.report import HOW_FILE, build_view, how_page, render
    from vlmeval.store import REPORT

    return {REPORT: render(build_view(record, predictions)), HOW_FILE: how_page()}


def _calibrations(asked: Sequence[Calibrate]) -> tuple[str, ...]:
    """Return each calibration once, in their own order, so that the order of options makes no other run."""
    every = [one for one in Calibrate if one is not Calibrate.all]
    return tuple(one.value for one in every if one in asked or Calibrate.all in asked)


def _methods(text: str) -> tuple[str, ...]:
    from vlmeval.methods import check_methods

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    check_methods(names)
    return names
