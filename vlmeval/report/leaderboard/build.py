"""The leaderboard's view: one table for each question that was asked alike, its rows ranked with ties.

In: folders of runs. Out: a view (plain dict) for every way to write it. Runs stand in one table only if their card,
their evaluated samples and the level of a row are the same, by digest; `unlike` says in words why the others stand
apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vlmeval.environment import own_version
from vlmeval.errors import MissingDataError
from vlmeval.progress import Progress, silent
from vlmeval.records import Benchmark
from vlmeval.records.run import MADE_UP
from vlmeval.report.headline import BADGE_NAMES, SYNTHETIC_BANNER, SYNTHETIC_DATA, banner
from vlmeval.report.leaderboard.filters import filters_view
from vlmeval.report.leaderboard.rank import DRAWS, Ranking, ranges, rank
from vlmeval.report.leaderboard.rows import (
    BY_CLASS,
    CALIBRATION,
    Entry,
    Key,
    entries_of,
    key_of,
    metrics_of,
    tone_labels,
)
from vlmeval.report.leaderboard.runs import Runs
from vlmeval.report.lookup import View, counted
from vlmeval.report.names import metric_view
from vlmeval.report.text import slug

LEADERBOARD_SCHEMA: Final = 2
SOME_SYNTHETIC: Final = "Some results are of synthetic data or models: not clinical results"
SYNTHETIC: Final = "The data are synthetic: these are not clinical results, and ranks hold among them only."
NO_TONES: Final = "the benchmark card declares no skin-tone attribute"


def build_leaderboard(places: Sequence[Path], *, few_shot: bool = False, progress: Progress = silent) -> View:
    """Return everything that the leaderboard of the runs below ``places`` shows.

    Parameters
    ----------
    places
        Folders that hold runs, at any depth, or run folders themselves.
    few_shot
        Whether points of few-shot curves stand in the tables, too.
    progress
        Told of runs and predictions that are read.

    Raises
    ------
    MissingDataError
        A place is not there, or no finished run lies below any of them.
    """
    runs = Runs(places)
    tables: dict[Key, list[Entry]] = {}
    banners: list[str | None] = []
    for record, folder in runs.read(progress, whole=few_shot):
        tables.setdefault(key_of(record), []).extend(entries_of(record, folder, few_shot=few_shot))
        banners.append(banner(record))
    if not banners:
        damaged = "; ".join(f"{s.folder}: {s.reason}" for s in runs.skipped[:3])
        hint = "vlmeval run, vlmeval score and vlmeval demo leave runs in runs/, or in --out"
        raise MissingDataError("no finished run lies here", file=places[0], found=damaged or None, hint=hint)
    ordered = sorted(tables.items(), key=lambda item: _table_order(item[0], item[1]))
    headings = _headings(ordered)
    views = [_table(heading, key, entries, progress) for heading, (key, entries) in zip(headings, ordered, strict=True)]
    return {
        "schema": LEADERBOARD_SCHEMA,
        "kind": "leaderboard",
        "title": "Leaderboard",
        "vlmeval": own_version(),
        "banner": _banner(banners),
        "badges": [],
        "runs": len(banners),
        "draws": DRAWS,
        "contents": _contents(views, skipped=bool(runs.skipped)),
        "filters": filters_view(row for view in views for row in view["rows"]),
        "tables": views,
        "unlike": _unlike(ordered, views),
        "skipped": [{"folder": str(s.folder), "reason": s.reason} for s in runs.skipped],
    }


def _banner(banners: Sequence[str | None]) -> str | None:
    """Return the line above the page: that of the runs where they agree, and that some are synthetic otherwise."""
    different = set(banners)
    if len(different) == 1:
        return banners[0]
    # Of synthetic data are all of these, whichever models and readers answered.
    return SYNTHETIC_DATA if different == {SYNTHETIC_DATA, SYNTHETIC_BANNER} else SOME_SYNTHETIC


def _table_order(key: Key, entries: Sequence[Entry]) -> tuple[bool, str, str, str, str]:
    """Clean benchmarks first, then leaky ones; a benchmark's tables stand together."""
    benchmark = entries[0].record.benchmark
    return benchmark.protocol.leaky is not None, benchmark.id, key.level, key.card, key.tests


def _headings(tables: Sequence[tuple[Key, list[Entry]]]) -> list[str]:
    """Return the tables' headings: the benchmark's title, and what tells tables of one title apart."""
    names = [entries[0].record.benchmark.title for _, entries in tables]
    more: tuple[list[str], ...] = (
        ["per picture" if key.level == "image" else f"per {e[0].record.benchmark.unit.name}" for key, e in tables],
        [f"card {key.card[:8]}" for key, _ in tables],
        [f"samples {key.tests[:8]}" for key, _ in tables],
    )
    for parts in more:
        several = [name for name in names if names.count(name) > 1]
        differ = {name for name in several if len({p for n, p in zip(names, parts, strict=True) if n == name}) > 1}
        names = [f"{name}, {part}" if name in differ else name for name, part in zip(names, parts, strict=True)]
    return names


def _table(heading: str, key: Key, entries: list[Entry], progress: Progress) -> View:
    record = entries[0].record
    benchmark = record.benchmark
    metrics = [metric_view(m, benchmark.task) for m in metrics_of(record)]
    lower = metrics[0]["direction"] == "lower"
    entries = sorted(entries, key=lambda e: _row_order(e, lower=lower))
    found = rank(entries, [m["id"] for m in metrics], lower=lower, progress=progress)
    labels = _labels(entries)
    n, units = max((e.view["n"], e.view["n_units"]) for e in entries)
    unit = benchmark.unit.name
    tested = counted(units, unit)
    if key.level == "image" and record.plan.benchmark != MADE_UP:
        tested = f"{counted(n, 'image')} of {tested}"
    return {
        "id": _table_id(benchmark.id, key),
        "heading": heading,
        "benchmark": benchmark.title,
        "benchmark_id": benchmark.id,
        "version": benchmark.version,
        "task": benchmark.task,
        "classes": len(benchmark.classes),
        "level": key.level,
        "unit": unit,
        "tested": tested,
        "split": record.plan.split,
        "card_digest": key.card,
        "tests_digest": key.tests,
        "badges": _table_badges(benchmark),
        "metrics": metrics,
        "calibration": [metric_view(m, benchmark.task) for m in CALIBRATION],
        "class_names": [{"id": c.id, "name": c.name} for c in benchmark.classes],
        "class_metrics": [
            metric_view(m, benchmark.task) for m in BY_CLASS if any(m in e.view["classes"] for e in entries)
        ],
        "tone": _tone_source(entries),
        "known": _known(entries),
        "rows": [_row(i, entries, labels, found) for i in range(len(entries))],
        "differences": _differences(found),
        "pairs": {"paired": found.paired, "by_interval": found.by_interval},
        "unpaired": [{"row": labels[i], "reason": reason} for i, reason in sorted(found.unpaired.items())],
    }


def _row_order(entry: Entry, *, lower: bool) -> tuple[bool, float, str, str, str]:
    value = entry.value
    by = 0.0 if value is None else value if lower else -value
    return value is None, by, entry.view["model"], entry.view["method"], entry.record.digest


def _row(i: int, entries: Sequence[Entry], labels: Sequence[str], found: Ranking) -> View:
    entry, place = entries[i], found.places[i]
    return {
        "id": slug(f"{entry.record.digest[:12]}-{entry.method.id}"),
        "label": labels[i],
        "rank": place.rank,
        "not_ranked": entry.not_ranked,
        "last": place.last,
        "ties": ranges(place.ties),
        **entry.view,
        "folder": str(entry.folder),
    }


def _table_id(benchmark: str, key: Key) -> str:
    """Return what links call a table: the same whenever the same question is asked."""
    return f"{slug(benchmark)[:40]}-{key.level}-{key.card[:6]}-{key.tests[:6]}"


def _differences(found: Ranking) -> dict[str, list[View]]:
    """Return the paired differences by metric: of every two rows that compare, by position, first minus second."""
    return {
        metric: [{"rows": [i, j], "value": d.value, "low": d.low, "high": d.high} for (i, j), d in pairs.items()]
        for metric, pairs in found.differences.items()
        if pairs
    }


def _labels(entries: Sequence[Entry]) -> list[str]:
    """Return what rows are called where others speak of them: as much of model, method and run as tells them apart."""
    parts: tuple[list[str], ...] = (
        [e.view["model"] for e in entries],
        [e.view["method"] for e in entries],
        [e.view["prompts"] or "" for e in entries],
        [e.view["spec"] for e in entries],
        [e.record.digest[:8] for e in entries],
    )
    telling = [part for part in parts if len(set(part)) > 1] or [parts[0]]
    names = telling[0]
    for part in telling[1:]:
        if len(set(names)) == len(names):
            break
        names = [f"{name}, {more}" for name, more in zip(names, part, strict=True)]
    return names


def _table_badges(benchmark: Benchmark) -> list[View]:
    """Return the marks of the benchmark itself, which hold for every row and stand in the table's heading."""
    found: list[tuple[str, str, str | None]] = []
    if benchmark.synthetic:
        found.append(("synthetic", SYNTHETIC, None))
    if benchmark.protocol.leaky is not None:
        found.append(("leakage", benchmark.protocol.leaky, benchmark.protocol.source))
    return [{"kind": k, "name": BADGE_NAMES[k], "text": text, "source": source} for k, text, source in found]


def _known(entries: Sequence[Entry]) -> list[View]:
    """Return what the register said of each model, each sentence once, what was in training first."""
    said = {e.view["contamination"]["text"]: e.view["contamination"] for e in entries if e.view["contamination"]}
    first = ("in-training", "unknown", "not-in-training")
    return [said[text] for text in sorted(said, key=lambda t: (first.index(said[t]["status"]), t))]


def _contents(tables: Sequence[View], *, skipped: bool) -> list[list[str]]:
    """Return the page's contents: id and title of each section."""
    named = [[table["id"], table["heading"]] for table in tables]
    return [["summary", "How to read it"], *named, *([["skipped", "Not shown"]] if skipped else [])]


def _tone_source(entries: Sequence[Entry]) -> View:
    """Return the source of skin tones that the table's rows are compared by, or why there is none.

    The first of the card's sources that any row has a figure for: the same for all rows.
    """
    groups = {g.id: g for entry in entries for g in tone_labels(entry.record.benchmark)}
    for group in groups.values():
        if any(entry.view["tones"].get(group.id) is not None for entry in entries):
            answered = [lv.name for lv in group.levels if not lv.missing and not lv.other]
            return {"id": group.id, "name": group.name, "reason": None, "first": answered[0], "last": answered[-1]}
    reasons = [g.unavailable for g in groups.values() if g.unavailable is not None]
    silent = "no level of a skin-tone source can be called weakest: too few people, or no condition in common"
    reason = silent if len(reasons) < len(groups) else next(iter(reasons), NO_TONES)
    return {"id": None, "name": None, "reason": reason, "first": None, "last": None}


def _unlike(tables: Sequence[tuple[Key, list[Entry]]], views: Sequence[View]) -> list[View]:
    """Say of each benchmark with several tables what keeps them apart."""
    by_benchmark: dict[str, list[tuple[Key, View]]] = {}
    for (key, entries), view in zip(tables, views, strict=True):
        by_benchmark.setdefault(entries[0].record.benchmark.id, []).append((key, view))
    return [
        {"benchmark": name, "tables": [view["id"] for _, view in same], "reasons": _reasons([key for key, _ in same])}
        for name, same in by_benchmark.items()
        if len(same) > 1
    ]


def _reasons(keys: Sequence[Key]) -> list[str]:
    def short(digests: Iterable[str]) -> str:
        return " and ".join(d[:8] for d in dict.fromkeys(digests))

    words: Mapping[str, list[str]] = {
        "card": [key.card for key in keys],
        "tests": [key.tests for key in keys],
        "level": [key.level for key in keys],
    }
    told = {
        "card": f"the benchmark card was not the same (digests {short(words['card'])})",
        "tests": f"the evaluated samples were not the same (digests of their ids {short(words['tests'])})",
        "level": "some give one answer a picture and some one a whole " + "unit, and these are different questions",
    }
    return [told[name] for name, values in words.items() if len(set(values)) > 1]
