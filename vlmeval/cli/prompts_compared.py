"""A comparison of prompt sets on the terminal: the sets by rank, how they differ, and how much hangs on a phrase.

Comes in: a PromptComparison. Goes out: a table a study on stdout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vlmeval.cli import console

if TYPE_CHECKING:
    from vlmeval.records.comparison import PairedNumber
    from vlmeval.records.prompt_study import PromptComparison, PromptStudy, Rank, SetCompared


ALL_COLUMNS = 110
"""A terminal narrower than this has no room for the last columns: numbers would be broken in two. The page has them."""
WHOLE = ("rank", "prompt set")
"""Columns that a narrow terminal does not break: an id in two lines is no id."""


def show(found: PromptComparison) -> None:
    """Print every study."""
    out = console.out()
    for study in found.studies:
        _show_study(study, found.draws)
    for note in found.notes:
        out.print(console.plain(f"note: {note}"))


def _show_study(study: PromptStudy, draws: int) -> None:
    out = console.out()
    unit = study.benchmark.unit.name
    rows = f"{study.n_units:,} {unit}s" + ("" if study.n == study.n_units else f" ({study.n:,} images)")
    model, benchmark = console.plain(study.model.title), console.plain(study.benchmark.title)
    out.print(f"\n[bold]{model}[/] on [bold]{benchmark}[/], {rows}, {draws} draws")
    for badge in study.badges:
        out.print(f"[bold yellow]{badge.kind}[/] {console.plain(badge.text)}")
    metrics = list(study.benchmark.headline_metrics)
    if metrics:
        _table(study, metrics[0])
        others = ", ".join(f"{_leaders(study, m)} by {m}" for m in metrics[1:])
        out.print(console.plain(f"in front by other metrics: {others}" if others else ""))
    cut = [f"{one.id} ({len(one.truncated)})" for one in study.sets if one.truncated]
    if cut:
        out.print(console.plain(f"strings longer than the model's context lost their end: {', '.join(cut)}"))
    out.print(console.plain(f"embedded anew: {study.computed_images:,} pictures, {study.computed_texts:,} strings"))


def _table(study: PromptStudy, metric: str) -> None:
    out = console.out()
    sets = {one.id: one for one in study.sets}
    wide = not out.is_terminal or out.width >= ALL_COLUMNS
    tone = _worst_tone(study) if wide else None
    spaced = metric.replace("-", " ")  # a heading can be broken between words
    columns = ["rank", "prompt set", spaced, "95 % interval", "minus chosen", "interval, all pairs", "p, all pairs"]
    columns += [f"worst {tone[0]}, {tone[1].replace('-', ' ')}"] if tone else []
    columns += ["one prompt a class"] if wide else []
    ranked = [rank for rank in study.ranks if rank.metric == metric]
    lines = [_line(study, sets[rank.set_id], rank, tone)[: len(columns)] for rank in ranked]
    console.table(None, columns, lines, whole=WHOLE)
    out.print(
        console.plain("* the choice of the card. A rank is one more than the number of sets clearly better; "
               f"intervals and p hold for {study.headline_tests} differences at once.")
    )  # fmt: skip
    if any(one.searched for one in study.sets):
        out.print("s found by search on labelled validation rows: what it was chosen for is no surprise")


def _line(study: PromptStudy, one: SetCompared, rank: Rank, tone: tuple[str, str] | None) -> list[str]:
    row = next(
        (r for r in study.rows
         if (r.method, r.metric, r.group, r.class_id) == (one.id, rank.metric, None, None)
         and r.averaging in ("macro", "overall")),
        None,
    )  # fmt: skip
    marks = ("*" if one.chosen else "") + (" s" if one.searched else "")
    place = "-" if rank.rank is None else f"{rank.rank}" + ("" if rank.worst == rank.rank else f" to {rank.worst}")
    between = "" if row is None or row.low is None or row.high is None else f"{row.low:.3f} to {row.high:.3f}"
    cells = [place, one.id + marks, _value(rank.value), between, *_difference(study, one, rank.metric)]
    if tone:
        cells.append(_worst(study, one.id, *tone))
    return [*cells, _spread(study, one.id, rank.metric)]


def _difference(study: PromptStudy, one: SetCompared, metric: str) -> list[str]:
    number = next(
        (n for pair in study.pairs if pair.against_chosen and pair.a == one.id
         for n in pair.numbers if n.metric == metric and n.family == "headline"),
        None,
    )  # fmt: skip
    if number is None:
        return ["", "", ""]
    return [_signed(number), _between(number), _p(number.p_adjusted)]


def _worst_tone(study: PromptStudy) -> tuple[str, str] | None:
    """Return the first skin-tone source and headline metric that the study has a worst level of."""
    present = {(r.group, r.metric) for r in study.rows if r.group_level == "worst" and r.value is not None}
    tones = [g.id for g in study.benchmark.available_groups if g.kind == "skin-tone" and not g.estimated]
    asked = [(tone, metric) for tone in tones for metric in study.benchmark.headline_metrics]
    return next((one for one in asked if one in present), None)


def _worst(study: PromptStudy, set_id: str, tone: str, metric: str) -> str:
    about = (set_id, tone, "worst", metric, None)
    own = (r for r in study.rows if (r.method, r.group, r.group_level, r.metric, r.class_id) == about)
    return next((_value(r.value) for r in own if r.value is not None), "-")


def _spread(study: PromptStudy, set_id: str, metric: str) -> str:
    for kind in ("one-prompt", "template", "one-name"):
        for spread in study.spreads:
            if (spread.set_id, spread.metric, spread.kind) == (set_id, metric, kind) and spread.best and spread.worst:
                return f"{_value(spread.worst.value)} to {_value(spread.best.value)}"
    return ""


def _leaders(study: PromptStudy, metric: str) -> str:
    ranked = [rank for rank in study.ranks if rank.metric == metric]
    first = [rank.set_id for rank in ranked if rank.rank == 1]
    return f"none of the {len(first)}" if len(first) == len(ranked) > 1 else _few(first)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(number: PairedNumber) -> str:
    return "-" if number.value is None else f"{number.value:+.3f}"


def _between(number: PairedNumber) -> str:
    return "" if number.low is None or number.high is None else f"{number.low:+.3f} to {number.high:+.3f}"


def _p(value: float | None) -> str:
    return "" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"
