"""A made-up comparison of prompt sets for the page's tests: simulated rows, invented pairs, no model and no file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from made_up_runs import HOSTILE, NAMES, Recipe, _benchmark, _predict, _truth, simulate

from vlmeval.compare.families import is_headline
from vlmeval.records import Badge, Benchmark, MetricRow
from vlmeval.records.comparison import PairedNumber
from vlmeval.records.prompt_study import (
    Interaction,
    Moved,
    NameEffect,
    Pair,
    PromptComparison,
    PromptStudy,
    Rank,
    SetCompared,
    Single,
    Spread,
)
from vlmeval.stats import Resamples, summarise

TITLES = (
    "Photo templates for the classes",
    "Bare names for the classes",
    "Clinical descriptions for the classes",
    "Lay language for the classes",
    "Found by search for the classes",
)
KINDS = ("templates", "names", "descriptions", "lay", "searched")
WHY_NOT = "suppressed: fewer than 10 positive or negative lesions (3 and 40)"


@dataclass(frozen=True)
class Wanted:
    """What to make up."""

    sets: int = 5
    classes: tuple[str, ...] = NAMES
    tones: bool = True
    synthetic: bool = False
    hostile: bool = False
    task: str = "single-label"
    models: tuple[str, ...] = ("CLIP demo ViT",)
    units: int = 500
    draws: int = 20


def made_up(wanted: Wanted | None = None) -> PromptComparison:
    """Return a comparison of prompt sets; the same wish gives the same record."""
    wanted = wanted or Wanted()
    return PromptComparison(
        vlmeval="0.1.0",
        created="2026-01-02T03:04:05Z",
        command="vlmeval prompts compare --model clip-demo --bench simulated --prompts all",
        draws=wanted.draws,
        seed=3,
        studies=tuple(_study(wanted, title, i) for i, title in enumerate(wanted.models)),
        timings={"embed texts": 0.4, "statistics": 3.2, "total": 4.0},
        notes=(HOSTILE[0],) if wanted.hostile else ("Templates are compared on unit level only.",),
    )


def hostile() -> PromptComparison:
    """Return a comparison whose names, strings, ids and reasons try to break out of the page."""
    models = (HOSTILE[0], HOSTILE[4])
    found = made_up(Wanted(3, classes=HOSTILE, hostile=True, synthetic=True, models=models, units=300, draws=10))
    return found.model_copy(update={"command": HOSTILE[1]})


def _study(wanted: Wanted, title: str, number: int) -> PromptStudy:
    recipe = Recipe(
        task=wanted.task, names=wanted.classes, units=wanted.units, tones=wanted.tones, synthetic=wanted.synthetic,
        title=HOSTILE[1] if wanted.hostile else "Simulated lesions",
    )  # fmt: skip
    card = _benchmark(recipe)
    card = card.model_copy(update={"prompts": card.prompts.model_copy(update={"default": "simulated/0"})})
    rng = np.random.default_rng(11 + number)
    truth, groups = _truth(recipe, card, rng)
    names = [f"simulated/{i}" for i in range(wanted.sets)]
    signals = [1.6, 1.55, 1.9, 0.7, 1.85]
    state = rng.bit_generator.state
    rows: list[MetricRow] = []
    resamples = None
    for i, name in enumerate(names):
        rng.bit_generator.state = state  # nearly the same noise for all sets, as for real prompts
        made = _predict(recipe, truth, groups, rng, "unit", name, signals[i % 5] + 0.02 * i)
        resamples = resamples or Resamples.draw(made.units, wanted.draws, seed=0)
        rows += summarise(made, card, resamples)
    pairs = _pairs(names, rows, card)
    model = simulate(replace(recipe, units=60, draws=5, prompt_sets=1))[0].model
    assert model is not None
    return PromptStudy(
        benchmark=card,
        benchmark_digest="ab" * 32,
        model=model.model_copy(update={"title": title}),
        level="unit",
        split="test",
        n=wanted.units,
        n_units=wanted.units,
        test_ids_digest="34" * 32,
        chosen=names[0],
        sets=tuple(_set(i, name, card, wanted) for i, name in enumerate(names)),
        rows=tuple(rows),
        pairs=tuple(pairs),
        ranks=tuple(_ranks(names, rows, pairs, card)),
        spreads=tuple(_spreads(names, rows, card, wanted)),
        names=tuple(_names(names[:2], rows, card)),
        interactions=tuple(_interactions(names, card)),
        moved=tuple(_moved(names, card, wanted)),
        badges=(Badge(kind="synthetic", text="Data and model are synthetic."),) if wanted.synthetic else (),
        computed_images=0,
        computed_texts=123,
        headline_tests=sum(n.family == "headline" for p in pairs for n in p.numbers),
        metric_tests={"auroc": 40, "sensitivity": 40},
    )


def _set(i: int, name: str, card: Benchmark, wanted: Wanted) -> SetCompared:
    title = HOSTILE[i % len(HOSTILE)] if wanted.hostile else TITLES[i % 5] + ("" if i < 5 else f" ({i})")
    said = HOSTILE[(i + 1) % len(HOSTILE)] if wanted.hostile else "a photo of"
    prompts = {c.id: (f"{said} {c.name}", f"{c.name}, a skin condition", f"set {i} {c.name}") for c in card.classes}
    return SetCompared(
        id=name,
        title=title,
        version="1.2",
        language="en" if i < 3 else "es",
        digest=f"{i:02x}" * 32,
        aggregation="mean-embedding",
        source=HOSTILE[0] if wanted.hostile else "Written for this test.",
        prompts=prompts,
        negatives={c.id: ("a photo of healthy skin",) for c in card.classes} if i == 2 else {},
        weights={c.id: (0.5, 0.25, 0.25) for c in card.classes} if i == 4 else {},
        kind=KINDS[i % 5],
        author=HOSTILE[4] if wanted.hostile else "Nobody",
        chosen=i == 0,
        searched=i % 5 == 4,
        truncated=(prompts[card.classes[0].id][0],) if i == 2 else (),
    )


def _about(row: MetricRow) -> tuple[str | None, ...]:
    return (row.metric, row.averaging, row.class_id, row.group, row.group_level)


def _pairs(names: Sequence[str], rows: Sequence[MetricRow], card: Benchmark) -> list[Pair]:
    by_set = {name: {_about(r): r for r in rows if r.method == name} for name in names}
    order = [(b, names[0]) for b in names[1:]] + list(combinations(names[1:], 2))
    made = []
    for a, b in order:
        whole = b == names[0]
        made.append(Pair(a=a, b=b, against_chosen=whole, numbers=tuple(_numbers(by_set[a], by_set[b], card, whole))))
    return made


def _numbers(
    a: dict[tuple[str | None, ...], MetricRow], b: dict[tuple[str | None, ...], MetricRow], card: Benchmark, whole: bool
) -> list[PairedNumber]:
    made = []
    for about, one in a.items():
        other = b[about]
        number = _number(one, other)
        headline = is_headline(number, card.headline_metrics)
        if headline or whole:
            made.append(number.model_copy(update={"family": "headline" if headline else "metric"}))
    return made


def _number(one: MetricRow, other: MetricRow) -> PairedNumber:
    about = {name: getattr(one, name) for name in ("method", "level", "metric", "averaging", "class_id", "group", "group_level")}  # fmt: skip # noqa: E501
    counts = {"n": one.n, "n_units": one.n_units, "n_positive": one.n_positive, "versus": other.method}
    if one.value is None or other.value is None:
        return PairedNumber(**about, **counts, value=None, reason=one.reason or other.reason)
    gap, error = one.value - other.value, 0.3 / math.sqrt(max(one.n_units, 1))
    p = math.erfc(abs(gap) / error / math.sqrt(2))
    return PairedNumber(**about, **counts, value=gap, low=gap - 1.96 * error, high=gap + 1.96 * error, p=p,
                        p_adjusted=min(1.0, 3 * p), a=one.value, b=other.value, greyed=one.greyed)  # fmt: skip


def _ranks(names: Sequence[str], rows: Sequence[MetricRow], pairs: Sequence[Pair], card: Benchmark) -> list[Rank]:
    made = []
    for metric in card.headline_metrics:
        values = {
            r.method: r.value
            for r in rows
            if r.metric == metric and r.averaging in ("macro", "overall") and r.group is None
        }
        better = dict.fromkeys(names, 0)
        worse = dict.fromkeys(names, 0)
        for pair in pairs:
            for n in pair.numbers:
                clear = n.metric == metric and is_headline(n, card.headline_metrics) and (n.p_adjusted or 1) < 0.05
                if clear and n.value:
                    winner, loser = (pair.a, pair.b) if n.value > 0 else (pair.b, pair.a)
                    better[loser] += 1
                    worse[winner] += 1
        made += [
            Rank(metric=metric, set_id=n, value=values[n], rank=1 + better[n], best=1 + better[n],
                 worst=len(names) - worse[n])
            for n in names
        ]  # fmt: skip
    return made


def _spreads(names: Sequence[str], rows: Sequence[MetricRow], card: Benchmark, wanted: Wanted) -> list[Spread]:
    metric = card.headline_metrics[0]
    rng = np.random.default_rng(5)
    made = []
    for i, name in enumerate(names):
        whole = next(
            r.value for r in rows if r.method == name and r.metric == metric and r.class_id is None and r.group is None
        )
        for kind, count in (("template", 7), ("one-prompt", 40), ("one-name", 40), ("word-order", 20)):
            if kind == "template" and i == 1:
                made.append(
                    Spread(set_id=name, metric=metric, kind="template", whole=whole, reason="one template only")
                )
                continue
            values = np.sort((whole or 0.5) - 0.02 + 0.04 * rng.standard_normal(count))[::-1]
            singles = tuple(
                Single(label=HOSTILE[j % len(HOSTILE)] if wanted.hostile else f"a photo of {{name}}, number {j}",
                       value=float(v), low=float(v) - 0.05, high=float(v) + 0.05)
                for j, v in enumerate(values)
            )  # fmt: skip
            made.append(
                Spread(set_id=name, metric=metric, kind=kind, whole=whole, best=singles[0], worst=singles[-1],
                       median=float(np.median(values)), place=float(np.mean(values < (whole or 0))), singles=singles,
                       of=None if kind == "template" else 5000)
            )  # fmt: skip
    return made


def _names(names: Sequence[str], rows: Sequence[MetricRow], card: Benchmark) -> list[NameEffect]:
    made = []
    for set_id in names:
        for k, c in enumerate(card.classes):
            whole = next(r for r in rows if (r.method, r.metric, r.class_id, r.group) == (set_id, "auroc", c.id, None))
            for j in range(1 + k % 4):
                value = None if whole.value is None else min(1.0, whole.value + 0.02 * (j - 1))
                made.append(
                    NameEffect(set_id=set_id, class_id=c.id, name=f"{c.name} {j}" if j else c.name, metric="auroc",
                               value=value, low=value and value - 0.04, high=value and value + 0.04,
                               reason=None if value is not None else WHY_NOT)
                )  # fmt: skip
    return made


def _interactions(names: Sequence[str], card: Benchmark) -> list[Interaction]:
    made = []
    for group in card.available_groups:
        levels = tuple(lv.id for lv in group.levels if not lv.missing)
        for i, name in enumerate(names[1:]):
            facts = {"a": name, "b": names[0], "group": group.id, "metric": card.headline_metrics[0], "levels": levels}
            if i == 0 and group.kind != "skin-tone":
                made.append(Interaction(**facts, reason="fewer than two levels have a value"))
            else:
                p = 0.002 if i == 2 and group.id == "fst-self" else 0.4
                made.append(
                    Interaction(
                        **facts,
                        statistic=12.4 if p < 0.05 else 1.8,
                        df=len(levels) - 1,
                        p=p,
                        p_adjusted=min(1.0, p * 4),
                    )
                )
    return made


def _moved(names: Sequence[str], card: Benchmark, wanted: Wanted) -> list[Moved]:
    picture = HOSTILE[0] if wanted.hostile else "ISIC_0024306"
    return [
        Moved(set_id=name, versus=names[0], class_id=c.id, unit=f"HAM_{i:07d}", pictures=(picture, f"i{i}"),
              before=0.5 - sign * 0.2, after=0.5 + sign * 0.2, gain=sign * 0.4)
        for name in names[1:]
        for c in card.classes[:3]
        for i, sign in enumerate((1, 1, -1, -1))
    ]  # fmt: skip
