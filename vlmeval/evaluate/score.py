"""Anybody's predictions through our statistics: a table in, a run folder with the same record and report out.

With a benchmark, truth, units, groups and splits are the benchmark's, joined by sample id or picture name; without one
they are the file's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from vlmeval import store
from vlmeval.data import load_samples
from vlmeval.data.audit import audit, refuse_leaks
from vlmeval.data.csvfile import TextTable
from vlmeval.environment import environment, own_version
from vlmeval.errors import DataError, UsageError
from vlmeval.evaluate import assess
from vlmeval.evaluate.predictions_file import (
    Columns,
    check_unit_column,
    labels_of,
    made_up_benchmark,
    read_predictions_file,
    scores_of,
)
from vlmeval.evaluate.run import Outcome, Render
from vlmeval.methods.scored import Units, at_image_level, at_unit_level
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, Decision, ImageRef, MethodUsed, Plan, Predictions, RunRecord, Samples, digest_of
from vlmeval.records.model import ScoreKind


@dataclass(frozen=True)
class Scoring:
    """What to score: the file, what its columns and scores are, and whom the predictions are from.

    ``threshold`` replaces the thresholds that would be chosen on validation rows (multi-label only).
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


def score(
    scoring: Scoring,
    runs: Path,
    *,
    render: Render,
    benchmark: Benchmark | None = None,
    data: Path | None = None,
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

    Raises
    ------
    UsageError, DataError
        With file, line and column.
    """
    table, id_column = read_predictions_file(scoring.file, scoring.columns)
    ids = np.array(table[id_column], dtype=str)
    if benchmark is None:
        benchmark = made_up_benchmark(table, scoring.columns)
        samples, rows, unjoined = _own_samples(table, ids, benchmark, scoring.columns), np.arange(len(ids)), 0
        scoring_split = "all"
    else:
        loaded = load_samples(benchmark, data, progress)
        refuse_leaks(audit(loaded), benchmark)
        samples, rows, unjoined = _joined(loaded, ids, scoring)
        scoring_split = scoring.split
    scores = scores_of(table, benchmark, scoring.columns.score_prefix)[rows]
    plan = Plan.model_validate(
        {
            "benchmark": benchmark.id,
            "model": scoring.name,
            "methods": ("scored",),
            "pooling": "mean-score",
            "split": scoring_split,
            "draws": scoring.draws,
            "seed": scoring.seed,
            "max_missing": scoring.max_missing,
        }
    )
    digest = _digest(plan, scoring, benchmark, samples)
    folder = store.run_folder(runs, benchmark.id, scoring.name, digest)
    known = store.find_run(folder, digest)
    if known is not None:
        return Outcome(known, folder, found=True)

    predictions, methods = _predictions(samples, scores, scoring, scoring_split)
    evaluated = samples.in_split(scoring_split)
    account = dict(samples.account) | {"rows of the predictions file": len(ids), "rows that joined nothing": unjoined}
    counted = assess.data_used(samples, evaluated, {})
    record = RunRecord(
        digest=digest,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        plan=plan,
        benchmark=benchmark,
        benchmark_digest=benchmark.content_digest,
        model=None,
        methods=tuple(methods),
        data=counted.model_copy(update={"account": account}),
        rows=tuple(assess.metric_rows(predictions, plan, benchmark, progress)),
        findings=tuple(audit(samples)) if data is not None else (),
        badges=assess.badges(benchmark, None, plan, 0),
        environment=environment("none", "float64"),
    )
    store.write_run(folder, record, predictions, render(record, predictions))
    return Outcome(record, folder, found=False)


def _predictions(
    samples: Samples, scores: npt.NDArray[np.float64], scoring: Scoring, split: str
) -> tuple[list[Predictions], list[MethodUsed]]:
    units = Units.of(samples)
    levels = [at_image_level(samples, scores, scoring.kind, (None, None))]
    if len(units.first) < len(samples):
        levels.append(at_unit_level(samples, units, units.mean(scores), scoring.kind, (None, None)))
    predictions, methods = [], []
    for scored in levels:
        decision = assess.decide(scored, samples.benchmark, split)
        if scoring.threshold is not None and decision.rule == "threshold":
            decision = Decision("threshold", (scoring.threshold,) * len(samples.benchmark.classes), "given")
        one = scored.in_split(split).predictions("scored", decision)
        predictions.append(one)
        headline = len(levels) == 1 or one.level == samples.benchmark.headline_level
        methods.append(assess.method_used(one, samples.benchmark, kind="scored", title=scoring.name, headline=headline))
    return predictions, methods


def _own_samples(table: TextTable, ids: npt.NDArray[np.str_], benchmark: Benchmark, columns: Columns) -> Samples:
    check_unit_column(table, columns.unit)
    groups = {}
    for group in benchmark.groups:
        code_of = {level.values[0]: code for code, level in enumerate(group.levels)}
        groups[group.id] = np.array([code_of[value] for value in table[group.column or ""]], dtype=np.int16)
    return Samples(
        benchmark=benchmark,
        ids=ids,
        images=tuple(ImageRef(Path(name)) for name in ids.tolist()),
        units=np.array(table[columns.unit], dtype=str) if columns.unit else ids,
        labels=labels_of(table, benchmark, columns.truth),
        split=np.full(len(ids), "test"),
        groups=groups,
    )


def _joined(samples: Samples, ids: npt.NDArray[np.str_], scoring: Scoring) -> tuple[Samples, npt.NDArray[np.intp], int]:
    """Return the samples that have predictions, the file's row of each, and how many rows joined nothing."""
    row_of = {name: row for row, name in enumerate(ids.tolist())}
    found = np.array([_row(row_of, sample, image) for sample, image in _names(samples)], dtype=np.intp)
    wanted = np.ones(len(samples), dtype=bool) if scoring.split == "all" else samples.split == scoring.split
    missing = samples.ids[wanted & (found < 0)]
    if len(missing) == wanted.sum():
        raise DataError(
            f"no row of the predictions joins a {scoring.split} sample of {samples.benchmark.id}",
            file=scoring.file,
            expected=f"ids such as {', '.join(samples.ids[wanted][:3])} (or picture names)",
            found=", ".join(ids[:3]),
        )
    if len(missing) > scoring.max_missing * wanted.sum():
        raise DataError(
            f"{len(missing)} of {wanted.sum()} {scoring.split} samples of {samples.benchmark.id} have no prediction",
            file=scoring.file,
            expected=f"at most {scoring.max_missing:.1%} missing (--max-missing)",
            found=f"no row for {', '.join(missing[:3])}",
        )
    joined = found >= 0
    return samples.take(joined), found[joined], len(ids) - int(joined.sum())


def _names(samples: Samples) -> Sequence[tuple[str, str]]:
    images = (image.member or image.path.name for image in samples.images)
    return list(zip(samples.ids.tolist(), images, strict=True))


def _row(row_of: dict[str, int], sample: str, image: str) -> int:
    path = PurePosixPath(image)
    return next((row_of[name] for name in (sample, path.name, path.stem) if name in row_of), -1)


def _digest(plan: Plan, scoring: Scoring, benchmark: Benchmark, samples: Samples) -> str:
    if not scoring.file.is_file():
        raise UsageError("there is no such file", file=scoring.file)
    return digest_of(
        {
            "plan": plan.model_dump(mode="json"),
            "file": sha256(scoring.file.read_bytes()).hexdigest(),
            "kind": scoring.kind,
            "threshold": scoring.threshold,
            "columns": repr(scoring.columns),
            "benchmark": benchmark.content_digest,
            "samples": samples.digest,
            "vlmeval": own_version(),
        }
    )
