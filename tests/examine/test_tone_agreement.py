"""Agreement of raters and sources, against scikit-learn and scipy; what kappa must not depend on; real tables."""

from __future__ import annotations

import csv
from itertools import permutations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.examine.tone.agreement import agreement_of
from vlmeval.examine.tone.kappa import Pairs, agreed, rank_correlation
from vlmeval.records import Agreement, Benchmark, GroupSpec, ImageRef, Samples
from vlmeval.stats import Resamples

Floats = npt.NDArray[np.float64]
FITZPATRICK = [
    {"id": "i-ii", "name": "I–II", "from": 1, "below": 2.5},
    {"id": "iii-iv", "name": "III–IV", "from": 2.5, "below": 4.5},
    {"id": "v-vi", "name": "V–VI", "from": 4.5, "below": 6.5},
    {"id": "not-gradable", "name": "not gradable", "values": ["no"], "missing": True},
]
MONK = [
    {"id": "1-3", "name": "1–3", "from": 1, "below": 4},
    {"id": "4-6", "name": "4–6", "from": 4, "below": 7},
    {"id": "7-10", "name": "7–10", "from": 7, "below": 11},
    {"id": "not-asked", "name": "not asked", "values": [""], "missing": True},
]


def group(name: str, scale: str | None, levels: list[dict[str, object]], **more: object) -> GroupSpec:
    facts = {"id": name, "name": name, "kind": "skin-tone", "scale": scale, "column": name, "levels": levels}
    return GroupSpec.model_validate(facts | more)


def codes(figures: Floats, levels: list[dict[str, object]]) -> npt.NDArray[np.int16]:
    """Levels by the median of the raters, the missing level where none gave a figure."""
    found = np.full(len(figures), len(levels) - 1, dtype=np.int16)
    for i, row in enumerate(figures):
        known = row[~np.isnan(row)]
        if len(known):
            middle = float(np.median(known))
            found[i] = next(k for k, lv in enumerate(levels[:-1]) if float(lv["from"]) <= middle < float(lv["below"]))  # type: ignore[arg-type]
    return found


def samples_of(groups: dict[str, tuple[GroupSpec, Floats]], units: npt.NDArray[np.str_]) -> Samples:
    card: Benchmark = load_catalog().benchmark("derm-demo")
    n = len(units)
    labels = np.zeros((n, len(card.classes)), dtype=bool)
    labels[:, 0] = True
    return Samples(
        benchmark=card.model_copy(update={"groups": tuple(spec for spec, _ in groups.values())}),
        ids=np.array([f"row{i}" for i in range(n)]),
        images=tuple(ImageRef(Path(f"{i}.png")) for i in range(n)),
        units=units,
        labels=labels,
        split=np.array(["train", "val", "test"])[np.arange(n) % 3],
        groups={name: codes(f, MONK if spec.scale == "monk" else FITZPATRICK) for name, (spec, f) in groups.items()},
        figures={name: figures.astype(np.float32) for name, (_, figures) in groups.items()},
    )


@pytest.fixture
def world() -> Samples:
    """60 cases of one or two photographs: a self-report, three dermatologists (some silent), one Monk grader."""
    rng = np.random.default_rng(7)
    tone = rng.uniform(1, 6, size=60)

    def seen(width: float, silent: float, top: int) -> Floats:
        figures = np.clip(np.round(tone * (top / 6) + rng.normal(0, width, size=60)), 1, top)
        return np.where(rng.random(60) < silent, np.nan, figures)

    own = seen(1.3, 0.3, 6)[:, None]
    panel = np.stack([seen(0.8, 0.1, 6), seen(0.8, 0.3, 6), seen(0.8, 0.6, 6)], axis=1)
    monk = seen(1.2, 0.1, 10)[:, None]
    rows = np.repeat(np.arange(60), 1 + np.arange(60) % 2)
    units = np.array([f"case{i:02d}" for i in rows])
    return samples_of(
        {
            "self": (group("self", "fitzpatrick", FITZPATRICK), own[rows]),
            "panel": (group("panel", "fitzpatrick", FITZPATRICK), panel[rows]),
            "monk": (group("monk", "monk", MONK), monk[rows]),
        },
        units,
    )


def by_unit(samples: Samples, name: str) -> Floats:
    _, first = np.unique(samples.units, return_index=True)
    return samples.figures[name][first].astype(float)


def find(found: list[Agreement], kind: str, a: str, b: str) -> Agreement:
    return next(one for one in found if (one.kind, one.a, one.b) == (kind, a, b))


def test_every_source_and_every_two_of_them_are_there(world: Samples) -> None:
    found = agreement_of(world, draws=20)
    assert [(a.kind, a.a, a.b) for a in found] == [
        ("raters", "self", "self"),
        ("raters", "panel", "panel"),
        ("raters", "monk", "monk"),
        ("sources", "self", "panel"),
        ("sources", "self", "monk"),
        ("sources", "panel", "monk"),
    ]
    alone = find(found, "raters", "self", "self")
    assert (alone.kappa, alone.n_units) == (None, 0)
    assert "one figure a case" in str(alone.reason)


def test_sources_of_one_scale_agree_as_scikit_learn_says(world: Samples) -> None:
    one = find(agreement_of(world, draws=50), "sources", "self", "panel")
    a, panel = by_unit(world, "self")[:, 0], by_unit(world, "panel")
    known = ~np.isnan(a) & ~np.isnan(panel).all(axis=1)
    a, b = a[known], np.array([np.median(row[~np.isnan(row)]) for row in panel[known]])
    # Half steps of a median are steps of their own, twice as fine: the same kappa on doubled figures.
    steps = [int(x) for x in range(2, 13)]
    expected = cohen_kappa_score((2 * a).astype(int), (2 * b).astype(int), labels=steps, weights="quadratic")
    assert one.kappa == pytest.approx(expected, abs=1e-12)
    assert one.n_units == known.sum()
    assert one.exact == pytest.approx(np.mean(a == b))
    assert one.within_one == pytest.approx(np.mean(np.abs(a - b) <= 1))
    assert one.rank == pytest.approx(spearmanr(a, b).statistic)
    assert one.low is not None
    assert one.high is not None
    assert one.low < one.kappa < one.high


def test_raters_of_a_case_share_its_weight(world: Samples) -> None:
    one = find(agreement_of(world, draws=50), "raters", "panel", "panel")
    first, second, weight, cases = [], [], [], 0
    for row in by_unit(world, "panel"):
        known = row[~np.isnan(row)].astype(int)
        pairs = list(permutations(range(len(known)), 2))
        cases += bool(pairs)
        for i, j in pairs:
            first.append(known[i])
            second.append(known[j])
            weight.append(1 / len(pairs))
    expected = cohen_kappa_score(first, second, weights="quadratic", sample_weight=weight, labels=[*range(1, 7)])
    assert one.kappa == pytest.approx(expected, abs=1e-12)
    assert (one.n_units, one.n_pairs) == (cases, len(first) // 2)
    table = np.array(one.confusion)
    assert one.levels_a == ("i-ii", "iii-iv", "v-vi")
    assert (table == table.T).all()
    assert table.sum() == len(first)


def test_across_scales_there_is_only_rank_and_table(world: Samples) -> None:
    one = find(agreement_of(world, draws=50), "sources", "panel", "monk")
    assert (one.kappa, one.low, one.exact, one.within_one) == (None, None, None, None)
    assert "different things" in str(one.reason)
    assert one.rank is not None
    assert one.rank_low is not None
    panel, monk = by_unit(world, "panel"), by_unit(world, "monk")[:, 0]
    known = ~np.isnan(monk) & ~np.isnan(panel).all(axis=1)
    middle = [np.median(row[~np.isnan(row)]) for row in panel[known]]
    assert one.rank == pytest.approx(spearmanr(middle, monk[known]).statistic)


def test_tables_hold_every_unit_once_missing_ones_too(world: Samples) -> None:
    one = find(agreement_of(world, draws=0), "sources", "self", "monk")
    assert one.levels_a == ("i-ii", "iii-iv", "v-vi", "not-gradable")
    assert one.levels_b == ("1-3", "4-6", "7-10", "not-asked")
    table = np.array(one.confusion)
    assert table.sum() == 60
    assert table[-1].sum() == np.isnan(by_unit(world, "self")).sum()
    assert table[:, -1].sum() == np.isnan(by_unit(world, "monk")).sum()
    assert (one.rank_low, one.rank_high) == (None, None)


def test_the_interval_is_the_percentiles_of_resampled_units(world: Samples) -> None:
    one = find(agreement_of(world, draws=400, seed=3), "sources", "self", "panel")
    units = np.unique(world.units)
    counts = Resamples.draw(units, 400, 3).counts
    a, panel = by_unit(world, "self")[:, 0], by_unit(world, "panel")
    b = np.array([np.median(r[~np.isnan(r)]) if (~np.isnan(r)).any() else np.nan for r in panel])
    known = ~np.isnan(a) & ~np.isnan(b)
    kappas, ranks = [], []
    for draw in range(1, 401):
        rows = np.repeat(np.flatnonzero(known), counts[known, draw])
        kappas.append(
            cohen_kappa_score(
                (2 * a[rows]).astype(int), (2 * b[rows]).astype(int), labels=[*range(2, 13)], weights="quadratic"
            )
        )
        ranks.append(spearmanr(a[rows], b[rows]).statistic)
    assert [one.low, one.high] == pytest.approx(np.quantile(kappas, [0.025, 0.975]))
    assert [one.rank_low, one.rank_high] == pytest.approx(np.quantile(ranks, [0.025, 0.975]))


def test_row_order_does_not_matter(world: Samples) -> None:
    order = np.random.default_rng(1).permutation(len(world))
    assert agreement_of(world.take(order), draws=30) == agreement_of(world, draws=30)


def test_few_cases_are_suppressed_and_equal_figures_undefined() -> None:
    figures = np.array([[2.0, 3.0]] * 9 + [[4.0, np.nan]] * 20)
    few = samples_of({"p": (group("p", "fitzpatrick", FITZPATRICK), figures)}, np.array([f"u{i}" for i in range(29)]))
    one = agreement_of(few, draws=20)[0]
    assert (one.kappa, one.n_units) == (None, 9)
    assert one.reason == "suppressed: fewer than 10 cases with two figures (9)"
    same = samples_of(
        {"p": (group("p", "fitzpatrick", FITZPATRICK), np.full((29, 2), 3.0))}, np.array([f"u{i}" for i in range(29)])
    )
    one = agreement_of(same, draws=20)[0]
    assert (one.kappa, one.exact) == (None, 1.0)
    assert one.reason == "undefined: every figure is the same"


def test_without_figures_levels_are_compared(world: Samples) -> None:
    one = find(agreement_of(Samples(**{**world.__dict__, "figures": {}}), draws=20), "sources", "self", "panel")
    _, first = np.unique(world.units, return_index=True)
    a, b = world.groups["self"][first], world.groups["panel"][first]
    known = (a < 3) & (b < 3)
    assert one.on == "levels"
    assert one.kappa == pytest.approx(cohen_kappa_score(a[known], b[known], weights="quadratic"))


def test_angles_that_fall_towards_dark_are_counted_from_light_to_dark(world: Samples) -> None:
    levels = [
        {"id": "light", "name": "light", "from": 41},
        {"id": "middle", "name": "middle", "from": 10, "below": 41},
        {"id": "dark", "name": "dark", "below": 10},
        {"id": "none", "name": "none", "values": ["none"], "missing": True},
    ]
    angles = 90 - 14 * np.nan_to_num(world.figures["monk"][:, :1], nan=5.0)
    spec = group("pixels", None, levels, estimated=True)
    card = world.benchmark.model_copy(update={"groups": (*world.benchmark.groups, spec)})
    coded = np.where(angles[:, 0] >= 41, 0, np.where(angles[:, 0] >= 10, 1, 2)).astype(np.int16)
    more = {
        "benchmark": card,
        "groups": {**world.groups, "pixels": coded},
        "figures": {**world.figures, "pixels": angles.astype(np.float32)},
    }
    found = agreement_of(Samples(**{**world.__dict__, **more}), draws=0)
    one = find(found, "sources", "monk", "pixels")
    assert one.rank is not None
    assert one.rank > 0.9
    assert one.kappa is None
    assert "estimated from pixels" in str(one.reason)
    assert not [a for a in found if a.kind == "raters" and a.a == "pixels"]


def test_no_source_no_agreement(world: Samples) -> None:
    none = Samples(**{**world.__dict__, "benchmark": world.benchmark.model_copy(update={"groups": ()})})
    assert agreement_of(none) == []


FIGURES = st.lists(st.tuples(st.integers(1, 10), st.integers(1, 10)), min_size=3, max_size=40)


def _kappa(a: Floats, b: Floats) -> float:
    pairs = Pairs.of_sources(a, b)
    return float(agreed(pairs, np.ones((len(a), 1), dtype=np.uint8)).kappa[0])


@settings(max_examples=150, deadline=None)
@given(FIGURES)
def test_kappa_is_symmetric_and_does_not_move_with_the_scale(figures: list[tuple[int, int]]) -> None:
    a, b = np.array(figures, dtype=float).T
    found = _kappa(a, b)
    distinct = len({*a, *b}) > 1
    assert np.isnan(found) == (not distinct)
    if distinct:
        assert found <= 1 + 1e-12
        assert _kappa(b, a) == pytest.approx(found, abs=1e-9)
        assert _kappa(11 - a, 11 - b) == pytest.approx(found, abs=1e-9)
        assert _kappa(3 * a + 7, 3 * b + 7) == pytest.approx(found, abs=1e-9)
        expected = cohen_kappa_score(a.astype(int), b.astype(int), weights="quadratic", labels=[*range(1, 11)])
        assert found == pytest.approx(expected, abs=1e-9)


@settings(max_examples=150, deadline=None)
@given(FIGURES, st.randoms(use_true_random=False))
def test_drawing_a_unit_twice_is_having_it_twice(figures: list[tuple[int, int]], random: object) -> None:
    a, b = np.array(figures, dtype=float).T
    drawn = np.array([random.randint(0, 3) for _ in a], dtype=np.uint8)  # type: ignore[attr-defined]
    counts = np.stack([np.ones_like(drawn), drawn], axis=1)
    rows = np.repeat(np.arange(len(a)), drawn)
    found = agreed(Pairs.of_sources(a, b), counts).kappa[1] if drawn.any() else np.nan
    ranked = rank_correlation(a, b, counts)[1]
    if len({*a[rows], *b[rows]}) > 1:
        assert found == pytest.approx(_kappa(a[rows], b[rows]), abs=1e-9)
    if len(set(a[rows])) > 1 and len(set(b[rows])) > 1:
        assert ranked == pytest.approx(spearmanr(a[rows], b[rows]).statistic, abs=1e-9)
    else:
        assert np.isnan(ranked)


@pytest.mark.realdata
def test_scins_figures_counted_from_the_official_tables(real_data: Path) -> None:
    def table(name: str) -> dict[str, dict[str, str]]:
        with (real_data / "scin" / name).open(newline="", encoding="utf-8") as stream:
            return {row["case_id"]: row for row in csv.DictReader(stream)}

    cases, labels = table("scin_cases.csv"), table("scin_labels.csv")
    good = [
        c for c, row in labels.items()
        if row["dermatologist_gradable_for_skin_condition_1"] == "DEFAULT_YES_IMAGE_QUALITY_SUFFICIENT"
    ]  # fmt: skip
    found = agreement_of(load_samples(load_catalog().benchmark("scin"), real_data / "scin"), draws=0)

    monk = [(labels[c]["monk_skin_tone_label_us"], labels[c]["monk_skin_tone_label_india"]) for c in good]
    pairs = [(int(us), int(india)) for us, india in monk if us and india]
    one = find(found, "sources", "monk-us", "monk-india")
    assert one.n_units == len(pairs)
    assert one.kappa == pytest.approx(
        cohen_kappa_score(*zip(*pairs, strict=True), weights="quadratic", labels=[*range(1, 11)])
    )
    assert one.exact == pytest.approx(np.mean([us == india for us, india in pairs]))

    types = [[labels[c][f"dermatologist_fitzpatrick_skin_type_label_{k}"] for k in (1, 2, 3)] for c in good]
    panel = [[int(t[-1]) for t in three if t] for three in types]
    weighted = [(a, b, 1 / (len(p) * (len(p) - 1))) for p in panel for a, b in permutations(p, 2)]
    a, b, weight = zip(*weighted, strict=True)
    one = find(found, "raters", "fst-dermatologist", "fst-dermatologist")
    assert one.n_units == sum(len(p) > 1 for p in panel)
    assert one.kappa == pytest.approx(cohen_kappa_score(a, b, weights="quadratic", sample_weight=weight))

    own = [cases[c]["fitzpatrick_skin_type"] for c in good]
    both = [(int(o[-1]), float(np.median(p))) for o, p in zip(own, panel, strict=True) if o.startswith("FST") and p]
    doubled = [(2 * o, int(2 * p)) for o, p in both]
    one = find(found, "sources", "fst-self", "fst-dermatologist")
    assert one.n_units == len(both)
    assert one.kappa == pytest.approx(
        cohen_kappa_score(*zip(*doubled, strict=True), weights="quadratic", labels=[*range(2, 13)])
    )
    assert np.array(one.confusion).sum() == len(good)
    assert find(found, "sources", "fst-self", "monk-us").kappa is None


@pytest.mark.realdata
def test_the_cards_page_says_what_is_counted(real_data: Path, checkout: Path) -> None:
    page = (checkout / "benchmarks" / "scin" / "CARD.md").read_text(encoding="utf-8")
    found = agreement_of(load_samples(load_catalog().benchmark("scin"), real_data / "scin"))
    for one in found:
        if one.kappa is not None:
            interval = f"{one.kappa:.2f} ({one.low:.2f} to {one.high:.2f})"
            rank = "" if one.rank is None else f"{one.rank:.2f}"
            cells = [f"{one.n_units:,}", interval, rank, f"{one.exact:.0%}", f"{one.within_one:.0%}"]
        elif one.rank is not None:
            cells = [f"{one.n_units:,}", "", f"{one.rank:.2f}"]
        else:
            continue
        row = "| " + " | ".join(cells).replace("%", " %").replace("|  |", "| |")
        assert row in page, (one.a, one.b)
    table = np.array(find(found, "sources", "fst-self", "fst-dermatologist").confusion)
    assert f"of the {table[2].sum()} who place themselves" in page.replace("\n", " ")
    assert f"dermatologists put {table[2, 2]} there" in page.replace("\n", " ")
