"""Run folders -> Comparison: the only function that knows the whole way.

In: run folders and what is wanted of them. Out: a `Comparison`. The runs' own numbers are not used: everything is
computed anew from their predictions, with one set of resamples and swaps, so that runs with other draws compare too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vlmeval import store
from vlmeval.compare.alike import check_cards, check_rows, shared_groups, truth_digest
from vlmeval.compare.choose import Chosen, Run, Wanted, choose, level_of
from vlmeval.compare.families import adjusted, tests
from vlmeval.compare.pair import in_order, paired_numbers, tested_units
from vlmeval.compare.verdicts import verdicts
from vlmeval.environment import own_version
from vlmeval.errors import UsageError
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark, Level, Plan, Predictions
from vlmeval.records.comparison import Comparison, PairCompared, RunCompared, Side
from vlmeval.stats import Resamples, metric_info
from vlmeval.stats.paired.exchange_test import compared_metrics
from vlmeval.stats.paired.swaps import Swaps
from vlmeval.stats.summary import Groups

STAGE: Final = "comparison"
Read = dict[tuple[int, str], list[Predictions]]


def compare_runs(folders: Sequence[Path], wanted: Wanted | None = None, progress: Progress = silent) -> Comparison:
    """Compare finished runs, method by method, on the units that they all were tested on.

    Parameters
    ----------
    folders
        Run folders (or their `run.json`); the first is what others are measured against. A single one: two of its
        methods.
    wanted
        Which methods, metrics and level; how many draws and permutations.
    progress
        Told of every pair.

    Raises
    ------
    DataError
        The runs are of unlike benchmarks, test units or truth: both runs are named, and the digest that differs.
    UsageError, UnknownNameError
        Nothing to compare, or a method or metric that is not there.
    """
    wanted = wanted or Wanted()
    runs = _runs(folders)
    notes = [note for other in runs[1:] for note in check_cards(runs[0], other)]
    level = level_of(runs, wanted)
    chosen = choose(runs, wanted, level)
    metrics = _metrics(wanted, runs[0].record.benchmark)
    read = _read(runs, chosen, level)
    (_, one), *others = firsts = _one_each(runs, read)
    for run, predictions in others:
        check_rows(runs[0], one, run, predictions)
    card, left_out = shared_groups(firsts)
    frame = _frame(runs[0].record.plan, wanted, card, one)
    pairs = []
    for done, pair in enumerate(chosen):
        progress(STAGE, done, len(chosen))
        pairs.append(_pair(runs, pair, read, frame, metrics, "full" if _by_group(pair, chosen) else "none"))
    progress(STAGE, len(chosen), len(chosen))
    pairs = adjusted(pairs, card.headline_metrics)
    first, by_metric = tests(pairs)
    pairs = [p.model_copy(update={"verdicts": verdicts(p, card, first)}) if p.leading else p for p in pairs]
    return Comparison(
        vlmeval=own_version(),
        benchmark=card,
        level=level,
        n=len(one),
        n_units=len(frame.resamples.units),
        test_ids_digest=runs[0].record.data.test_ids_digest,
        truth_digest=truth_digest(one),
        draws=frame.resamples.draws,
        permutations=frame.swaps.permutations,
        seed=frame.resamples.seed,
        against=wanted.against,
        headline_tests=first,
        metric_tests=by_metric,
        runs=tuple(_compared(run) for run in runs),
        pairs=tuple(pairs),
        notes=tuple(dict.fromkeys([*notes, *left_out])),
    )


@dataclass(frozen=True)
class _Frame:
    """What all pairs share."""

    card: Benchmark
    resamples: Resamples
    swaps: Swaps


def _frame(plan: Plan, wanted: Wanted, card: Benchmark, one: Predictions) -> _Frame:
    """Draw resamples and swaps: as many as asked for, else as the first run did."""
    seed = plan.seed if wanted.seed is None else wanted.seed
    draws = plan.draws if wanted.draws is None else wanted.draws
    permutations = plan.permutations if wanted.permutations is None else wanted.permutations
    resamples = Resamples.draw(one.units, draws, seed)
    return _Frame(card, resamples, Swaps.draw(resamples.units, permutations, seed))


def _pair(
    runs: Sequence[Run], pair: Chosen, read: Read, frame: _Frame, metrics: tuple[str, ...] | None, groups: Groups
) -> PairCompared:
    a, b = (read[i, m.id] for i, m in zip(pair.runs, pair.methods, strict=True))
    card, resamples, swaps = frame.card, frame.resamples, frame.swaps
    return PairCompared(
        a=_side(runs, pair, 0),
        b=_side(runs, pair, 1),
        leading=pair.leading,
        mcnemar=tested_units(a, b, card, resamples),
        numbers=tuple(paired_numbers(a, b, card, resamples, swaps, metrics=metrics, groups=groups)),
    )


def _runs(folders: Sequence[Path]) -> list[Run]:
    """Read the records and name the runs: by model, and by their digests where that is the same."""
    if not folders:
        raise UsageError("there is nothing to compare", expected="two run folders")
    homes = [folder.parent if folder.name == store.RECORD else folder for folder in folders]
    records = [store.read_record(home) for home in homes]
    for i, record in enumerate(records):
        if any(record.digest == other.digest for other in records[:i]):
            raise UsageError(
                "the same run is named twice",
                file=homes[i],
                hint="to compare two methods of one run name it once: --method zero-shot --method linear-probe",
            )
    names = [record.plan.model for record in records]
    labels = [n if names.count(n) == 1 else f"{n} ({r.digest[:8]})" for n, r in zip(names, records, strict=True)]
    return [Run(*each) for each in zip(homes, records, labels, strict=True)]


def _metrics(wanted: Wanted, card: Benchmark) -> tuple[str, ...] | None:
    """Check the metrics asked for; None for all of them."""
    if not wanted.metrics:
        return None
    asked = tuple(dict.fromkeys(metric_info(name, card.task).id for name in wanted.metrics))
    compared = {m.id for m in compared_metrics(card, asked)}
    useless = [name for name in asked if name not in compared]
    if useless:
        raise UsageError(
            f"no method can be better than another by {', '.join(useless)}",
            key="--metric",
            expected="a metric of methods, not one that describes the truth",
            hint="see: vlmeval list metrics",
        )
    return asked


def _read(runs: Sequence[Run], chosen: Sequence[Chosen], level: Level) -> Read:
    """Read the predictions of the methods that are compared, class columns in the first run's order."""
    order = runs[0].record.benchmark.class_ids
    found: Read = {}
    for at, run in enumerate(runs):
        ids = {m.id for pair in chosen for i, m in zip(pair.runs, pair.methods, strict=True) if i == at}
        methods = tuple(m for m in run.record.methods if m.id in ids and m.level == level)
        if not methods:
            continue
        record = run.record.model_copy(update={"methods": methods})
        for one in store.read_predictions(run.folder, record, seeds=True):
            found.setdefault((at, one.method), []).append(in_order(one, record.benchmark.class_ids, order))
    return found


def _one_each(runs: Sequence[Run], read: Read) -> list[tuple[Run, Predictions]]:
    """Return every run with some predictions of its own: all of them are on the same rows."""
    first: dict[int, Predictions] = {}
    for (at, _), predictions in read.items():
        first.setdefault(at, predictions[0])
    return [(runs[at], one) for at, one in first.items()]


def _by_group(pair: Chosen, chosen: Sequence[Chosen]) -> bool:
    """Whether a pair is reported by group: those that lead, and the first of their kind between two runs."""
    kinds = (pair.methods[0].kind, pair.runs)
    same = [one for one in chosen if (one.methods[0].kind, one.runs) == kinds]
    return pair.leading or same[0] is pair


def _side(runs: Sequence[Run], pair: Chosen, k: int) -> Side:
    method, other = pair.methods[k], pair.methods[1 - k]
    label = runs[pair.runs[k]].label
    # Which prompts zero-shot had tells it from no other kind of method.
    one_kind = method.kind == other.kind or method.kind != "zero-shot"
    title = method.title if one_kind else method.title.split(", ")[0]
    if pair.runs[0] == pair.runs[1]:
        name = title
    elif method.id == other.id or method.kind == "scored":
        name = label
    else:
        name = f"{label}, {title}"
    return Side(
        run=pair.runs[k],
        method=method.id,
        kind=method.kind,
        title=method.title,
        name=name,
        prompts=method.prompts,
        seeds=len(method.seeds),
    )


def _compared(run: Run) -> RunCompared:
    record = run.record
    return RunCompared(
        label=run.label,
        model=record.model.title if record.model is not None else record.plan.model,
        digest=record.digest,
        created=record.created,
        folder=str(run.folder),
        benchmark_digest=record.benchmark_digest,
        synthetic_model=record.model is not None and record.model.synthetic,
        badges=record.badges,
    )
