"""Anybody's predictions through our statistics: a table in, a run folder with the same record and report out.

With a benchmark, truth, units, groups and splits are the benchmark's, joined by name (join.py); without one they are
the file's own (own_truth.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vlmeval.data import load_samples
from vlmeval.data.crossed import own_card, with_crossed
from vlmeval.data.leaks.audit import Audited
from vlmeval.data.leaks.leak_group import with_leak_group
from vlmeval.data.leaks.same_pictures import no_pictures
from vlmeval.data.readings import load_readings
from vlmeval.environment import code_version, environment
from vlmeval.errors import UsageError
from vlmeval.evaluate import assess, planning
from vlmeval.evaluate.auditing import tables_only
from vlmeval.evaluate.examination import examined
from vlmeval.evaluate.join import join
from vlmeval.evaluate.material import Made
from vlmeval.evaluate.numbers import numbers_of, resamples_of
from vlmeval.evaluate.outcome import Outcome, Render, Stopwatch, find, finish
from vlmeval.evaluate.own_truth import made_up_benchmark, own_samples, score_columns
from vlmeval.evaluate.predictions_file import (
    Columns,
    PredictionsFile,
    as_text,
    class_columns,
    read_predictions_file,
    scores_of,
)
from vlmeval.methods.scored import Scored, Units, at_image_level, at_unit_level
from vlmeval.progress import Progress, silent
from vlmeval.records import (
    Benchmark,
    Contamination,
    Decision,
    Level,
    MethodUsed,
    MetricRow,
    Plan,
    RunRecord,
    Samples,
    digest_of,
)
from vlmeval.records.contamination import UNKNOWN_FAMILY
from vlmeval.records.model import ScoreKind
from vlmeval.records.run import MADE_UP


@dataclass(frozen=True)
class Scoring:
    """What to score: the file, what its columns and scores are, and whom the predictions are from.

    ``threshold`` replaces the thresholds that would be chosen on validation rows (multi-label only). ``split`` and
    ``max_missing`` (the largest share of evaluated samples without a prediction) matter with a benchmark only.
    ``crossed`` are pairs of groups to report crossed.
    """

    file: Path
    kind: ScoreKind
    name: str
    columns: Columns = field(default_factory=Columns)
    threshold: float | None = None
    split: str = "test"
    draws: int = 2000
    seed: int = 0
    max_missing: float = 0.01
    crossed: tuple[tuple[str, str], ...] = ()
    permutations: int = 2000


@dataclass(frozen=True)
class _Inputs:
    """Samples and their scores [n, K]; ``level`` says whether a row is an image or a whole unit.

    ``whole`` are all samples of the benchmark, with a prediction or without: what its raters said is of all of them.
    """

    file: PredictionsFile
    samples: Samples
    scores: npt.NDArray[np.float64]
    level: Level
    missing: int
    account: dict[str, int]
    audited: Audited
    whole: Samples


def score(
    scoring: Scoring,
    runs: Path,
    *,
    render: Render,
    benchmark: Benchmark | None = None,
    data: Path | None = None,
    contamination: Contamination | None = None,
    progress: Progress = silent,
) -> Outcome:
    """Score a predictions file and leave a run folder.

    Parameters
    ----------
    scoring
        The file and how to read it.
    runs
        Folder of all runs.
    render
        Makes the report of a record and its predictions.
    benchmark, data
        The card that gives truth, units, groups and splits, and its data folder; None when the file has them.
    contamination
        What the register says of the benchmark's data and the model behind the predictions; None when nobody says
        which model that is.
    progress
        Told of everything that takes long.

    Raises
    ------
    UsageError, DataError
        With file, line and column.
    """
    watch = Stopwatch()
    _refuse_contradictions(scoring, benchmark, data)
    if benchmark is None:
        scoring = replace(scoring, split="all")
        inputs = _own(scoring)
    else:
        inputs = _of_benchmark(scoring, benchmark, data, progress)
    if scoring.crossed:
        crossed = [with_crossed(one, scoring.crossed) for one in (inputs.samples, inputs.whole)]
        inputs = replace(inputs, samples=crossed[0], whole=crossed[1])
    plan = _plan(scoring, inputs.samples.benchmark)
    planning.check_samples(inputs.samples, plan)
    watch.lap("read data")

    said = contamination or not_said(benchmark)
    digest = _digest(plan, scoring, inputs, said)
    folder, known = find(runs, scoring.name, plan.benchmark, digest)
    if known is not None:
        return known

    made = _made(inputs, scoring)
    watch.lap("score")
    resamples = resamples_of(made, plan)
    rows = numbers_of(made, plan, inputs.samples.benchmark, resamples, progress).rows
    watch.lap("statistics")
    readings = load_readings(own_card(inputs.samples.benchmark), data, progress)
    found = examined(made, plan, inputs.whole, resamples, progress, readings)
    watch.lap("examination")

    record = _record(plan, digest, inputs, said, made.methods, rows, watch).model_copy(update={"examined": found})
    return finish(folder, record, made.predictions, render)


def not_said(benchmark: Benchmark | None) -> Contamination:
    """Return what is known of predictions when nobody says which model made them: nothing, and why."""
    if benchmark is None:
        note, data = "the predictions belong to no benchmark that vlmeval knows", MADE_UP
    else:
        note, data = "the predictions do not say which model made them", benchmark.data.home
    return Contamination(family=UNKNOWN_FAMILY, data=data, status="unknown", note=note)


def _refuse_contradictions(scoring: Scoring, benchmark: Benchmark | None, data: Path | None) -> None:
    """Raise UsageError for what would silently not be used."""
    columns = scoring.columns
    given = {"--truth": columns.truth, "--unit": columns.unit, "--group": columns.groups}
    clash = [option for option, value in given.items() if value]
    if benchmark is not None and clash:
        raise UsageError(
            f"--bench and {', '.join(clash)} contradict each other",
            expected=f"truth, units and groups either of {benchmark.id} or of the file",
            hint=f"leave out {', '.join(clash)}, or --bench",
        )
    if benchmark is None and data is not None:
        raise UsageError("--data goes with --bench", hint="name the benchmark whose data lie there")
    task = benchmark.task if benchmark is not None else "single-label" if columns.truth else "multi-label"
    if scoring.threshold is not None and (task == "single-label" or not np.isfinite(scoring.threshold)):
        raise UsageError(
            "there is no use for this --threshold",
            expected="a finite number, for a multi-label task",
            found=f"{scoring.threshold} for a {task} task (the highest score decides there)"
            if task == "single-label"
            else str(scoring.threshold),
        )


def _own(scoring: Scoring) -> _Inputs:
    """Read a file that has its own truth."""
    file = read_predictions_file(scoring.file, scoring.columns)
    benchmark = made_up_benchmark(file.table, scoring.columns)
    scores = scores_of(file.table, score_columns(file.table, scoring.columns.score_prefix), scoring.kind)
    samples = own_samples(file, benchmark, scoring.columns)
    audited = tables_only(samples, None, splits=False)
    return _Inputs(file, samples, scores, "image", 0, {"rows of the predictions file": len(file.ids)}, audited, samples)


def _of_benchmark(scoring: Scoring, benchmark: Benchmark, data: Path | None, progress: Progress) -> _Inputs:
    """Read a file whose truth a benchmark knows."""
    file = read_predictions_file(scoring.file, scoring.columns)
    names = class_columns(file.table, benchmark.classes, scoring.columns.score_prefix)
    scores = scores_of(file.table, names, scoring.kind)
    samples = load_samples(benchmark, data, progress)
    audited = tables_only(samples, data)
    samples = with_leak_group(samples, no_pictures(samples), scoring.split)
    joined = join(samples, file, scoring.split, scoring.max_missing)
    account = {
        **samples.account,
        "rows of the predictions file": len(file.ids),
        "rows that joined nothing": joined.unjoined,
        "samples without a prediction": joined.missing,
    }
    return _Inputs(file, joined.samples, scores[joined.rows], joined.level, joined.missing, account, audited, samples)


def _plan(scoring: Scoring, benchmark: Benchmark) -> Plan:
    return Plan.model_validate(
        {
            "benchmark": benchmark.id,
            "model": scoring.name,
            "methods": ("scored",),
            "pooling": "mean-score",
            "split": scoring.split,
            "draws": scoring.draws,
            "permutations": scoring.permutations,
            "seed": scoring.seed,
            "max_missing": scoring.max_missing,
            "crossed": scoring.crossed,
        }
    )


def _record(
    plan: Plan,
    digest: str,
    inputs: _Inputs,
    said: Contamination,
    methods: list[MethodUsed],
    rows: list[MetricRow],
    watch: Stopwatch,
) -> RunRecord:
    card, samples = inputs.samples.benchmark, inputs.samples
    counted = assess.data_used(samples, samples.in_split(plan.split), {})
    return RunRecord(
        digest=digest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        plan=plan,
        benchmark=card,
        benchmark_digest=own_card(card).content_digest,
        model=None,
        methods=tuple(methods),
        data=counted.model_copy(update={"account": {**counted.account, **inputs.account}}),
        rows=tuple(rows),
        contamination=said,
        findings=tuple(inputs.audited.findings),
        audit=tuple(inputs.audited.checks),
        badges=(*assess.badges(card, None, plan, 0, said), *assess.missing_badge(inputs.missing)),
        timings=watch.seconds,
        environment=environment("none", "float64"),
    )


def _digest(plan: Plan, scoring: Scoring, inputs: _Inputs, said: Contamination) -> str:
    return digest_of(
        {
            "plan": plan.model_dump(mode="json"),
            "file": inputs.file.digest,
            "kind": scoring.kind,
            "threshold": scoring.threshold,
            "columns": repr(scoring.columns),
            "benchmark": inputs.samples.benchmark.content_digest,
            "samples": inputs.samples.digest,
            "contamination": said.content_digest,
            "vlmeval": code_version(),
        }
    )


def _made(inputs: _Inputs, scoring: Scoring) -> Made:
    card = inputs.samples.benchmark
    levels = _levels(inputs, scoring.kind)
    headline = card.headline_level if card.headline_level in levels else next(iter(levels))
    options = scoring.columns.options()
    facts = {"file": as_text(scoring.file.name), "sha256": inputs.file.digest, "options": options}
    made = Made()
    for level, scored in levels.items():
        decision = assess.decide(scored, card, scoring.split)
        if scoring.threshold is not None:
            decision = Decision("threshold", (scoring.threshold,) * len(card.classes), "given")
        one = scored.in_split(scoring.split).predictions("scored", decision)
        made.predictions.append(one)
        if level == headline:
            made.validation += assess.validation(scored, one.method, decision, scoring.split)
        made.methods.append(
            assess.method_used(
                one, card, kind="scored", title=scoring.name, headline=level == headline, parameters=facts
            )
        )
    return made


def _levels(inputs: _Inputs, kind: ScoreKind) -> dict[Level, Scored]:
    """Return the scores at every level they can be seen at; the units' scores are the means of their images'."""
    samples, nothing = inputs.samples, (None, None)
    units = Units.of(samples)
    by_unit = at_unit_level(samples, units, units.mean(inputs.scores), kind, nothing)
    if inputs.level == "unit":
        return {"unit": by_unit}
    by_image = at_image_level(samples, inputs.scores, kind, nothing)
    return {"image": by_image, "unit": by_unit} if len(units.first) < len(samples) else {"image": by_image}
