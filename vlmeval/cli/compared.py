"""A comparison on the terminal: verdicts, headline differences, and where two models differ most.

Comes in: a Comparison. Goes out: tables on stdout, or a page in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vlmeval.cli import console

if TYPE_CHECKING:
    from vlmeval.records import Comparison, PairCompared, PairedNumber

MOST = 6
"""Rows of each table of where two models differ."""


def show(found: Comparison) -> None:
    """Print every leading pair, then the headline differences of the others."""
    from vlmeval.records.run import MADE_UP

    out = console.out()
    unit = found.benchmark.unit.name
    rows = f"{found.n_units:,} {_plural(unit)}" + ("" if found.n == found.n_units else f" ({found.n:,} images)")
    data = "" if found.benchmark.id == MADE_UP else f"[bold]{console.plain(found.benchmark.title)}[/], "
    out.print(f"\nOn {data}{rows}, {found.draws} draws, {found.permutations} permutations")
    for run in found.runs:
        for badge in run.badges:
            out.print(f"[bold yellow]{badge.kind}[/] {console.plain(f'{run.label}: {badge.text}')}")
    for pair in found.pairs:
        if pair.leading:
            _show_pair(found, pair)
    others = [pair for pair in found.pairs if not pair.leading]
    if others:
        out.print("\nThe other methods that both have")
        lines = [(_title(p), *_cells(n)) for p in others for n in _headline(found, p)]
        console.table(None, ["methods", *HEADINGS], lines)
    for note in found.notes:
        out.print(console.plain(f"note: {note}"))
    out.print(console.plain(families(found)))


HEADINGS = ("metric", "a", "b", "a - b", "95 % interval", "p", "corrected")


def families(found: Comparison) -> str:
    """Say which tests were corrected together."""
    if not found.permutations:
        return "no tests were asked for (--permutations)"
    many = sum(found.metric_tests.values())
    return f"corrected: headline metrics over all samples for {found.headline_tests} tests (Holm)" + (
        f"; the other {many} cells metric by metric (false discovery rate, Benjamini-Hochberg)" if many else ""
    )


def write_page(found: Comparison, target: Path) -> None:
    """Write the comparison as a page, and beside it the page that it links to: how everything is computed."""
    from vlmeval import store
    from vlmeval.atomic import write_text
    from vlmeval.report import HOW_FILE, build_comparison, how_page, render_comparison

    with store.writing(target, "name a file that can be written: -o FILE"):
        write_text(target, render_comparison(build_comparison(found)))
        write_text(target.with_name(HOW_FILE), how_page())


def _show_pair(found: Comparison, pair: PairCompared) -> None:
    out = console.out()
    out.print(f"\n[bold]{console.plain(_title(pair))}[/]")
    for verdict in pair.verdicts:
        out.print(f"  {verdict.metric}: {console.plain(verdict.words)}")
    console.table(None, HEADINGS, [_cells(n) for n in _headline(found, pair)])
    test = pair.mcnemar
    if test.p is not None:
        from vlmeval.compare.verdicts import p_text

        units = _plural(found.benchmark.unit.name)
        counts = f"only {pair.a.name} right on {test.only_a} {units}, only {pair.b.name} on {test.only_b}"
        out.print(console.plain(f"McNemar: {counts}, both on {test.both}, neither on {test.neither}; {p_text(test.p)}"))
    for title, cells in (("class", by_class(found, pair)), ("group", by_level(found, pair))):
        if cells:
            console.table(None, [f"by {title}", *HEADINGS], [(_where(found, n), *_cells(n)) for n in cells])


def by_class(found: Comparison, pair: PairCompared) -> list[PairedNumber]:
    """Return the classes in which two models differ most clearly, over all samples."""
    return _clearest(found, [n for n in pair.numbers if n.class_id is not None and n.group is None])


def by_level(found: Comparison, pair: PairCompared) -> list[PairedNumber]:
    """Return the levels of groups (no gaps between them) in which two models differ most clearly; skin tone first."""
    known = {(g.id, level.id): g.kind != "skin-tone" for g in found.benchmark.available_groups for level in g.levels}
    cells = [n for n in pair.numbers if n.class_id is None and n.averaging in ("overall", "macro")]
    cells = [n for n in cells if (n.group, n.group_level) in known]
    return sorted(_clearest(found, cells), key=lambda n: known[str(n.group), str(n.group_level)])


def _clearest(found: Comparison, cells: Sequence[PairedNumber]) -> list[PairedNumber]:
    metrics = found.benchmark.headline_metrics
    tested = [(n.p_adjusted, -abs(n.value), i) for i, n in enumerate(cells)
              if n.p_adjusted is not None and n.value and n.metric in metrics]  # fmt: skip
    return [cells[i] for _, _, i in sorted(tested)[:MOST]]


def _title(pair: PairCompared) -> str:
    names = f"{pair.a.name} (a) against {pair.b.name} (b)"
    same = pair.a.run != pair.b.run and pair.a.method == pair.b.method and pair.a.kind != "scored"
    return f"{names}, {pair.a.title}" if same else names


def _headline(found: Comparison, pair: PairCompared) -> list[PairedNumber]:
    from vlmeval.compare.families import is_headline

    metrics = found.benchmark.headline_metrics
    return sorted((n for n in pair.numbers if is_headline(n, metrics)), key=lambda n: metrics.index(n.metric))


def _where(found: Comparison, n: PairedNumber) -> str:
    card = found.benchmark
    parts = [c.name for c in card.classes if c.id == n.class_id]
    if n.group is not None:
        group = card.group(n.group)
        level = next((lv.name for lv in group.levels if lv.id == n.group_level), n.group_level)
        parts.append(f"{group.name}: {level}")
    return ", ".join(parts)


def _cells(n: PairedNumber) -> tuple[str, ...]:
    averaging = "" if n.averaging in ("overall", "macro", "class") else f" ({n.averaging})"
    if n.value is None:
        return (n.metric + averaging, _number(n.a), _number(n.b), "-", n.reason or "", "", "")
    between = "" if n.low is None or n.high is None else f"{n.low:+.3f} to {n.high:+.3f}"
    return (
        n.metric + averaging,
        _number(n.a),
        _number(n.b),
        f"{n.value:+.3f}" + ("*" if n.greyed else ""),
        between,
        _p(n.p),
        _p(n.p_adjusted),
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _p(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _plural(noun: str) -> str:
    return noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
