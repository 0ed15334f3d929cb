"""What a leaderboard is made of: pairs told apart, facets, throughput, curves, columns, plots, and what is read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_board import model, written
from made_up_runs import HOSTILE, LEAK, TRAINED_ON, Run

from vlmeval import store
from vlmeval.records import Contamination
from vlmeval.report import build_leaderboard, render_leaderboard
from vlmeval.report.charts.board import board_charts
from vlmeval.report.charts.labels import placed
from vlmeval.report.leaderboard.columns import CURVES, PARAMETERS, THROUGHPUT, cell_of, columns_of
from vlmeval.report.leaderboard.page import page_of
from vlmeval.report.leaderboard.pairs import clearly_better
from vlmeval.report.leaderboard.rank import DRAWS, SEED, ranges
from vlmeval.report.leaderboard.rows import entries_of
from vlmeval.report.leaderboard.words import method_in_words
from vlmeval.report.lookup import Rows, cell
from vlmeval.stats import Resamples, estimate
from vlmeval.stats.estimates import Estimate
from vlmeval.stats.paired.differences import paired

View = dict[str, Any]


@pytest.fixture(scope="module")
def base(make_run: Callable[..., Run]) -> Run:
    return make_run(units=200, prompt_sets=1, image_level=False, draws=50)


def named(run: Run, **facts: Any) -> Any:
    assert run[0].model is not None
    return run[0].model.model_copy(update=facts)


def only(tmp_path: Path, *runs: Run, **options: Any) -> View:
    for run in runs:
        written(tmp_path, run)
    view = build_leaderboard([tmp_path], **options)
    json.dumps(view, allow_nan=False)
    (table,) = view["tables"]
    return dict(table)


# ---- pairs


def made_up(draws: np.ndarray, support: int) -> Estimate:
    return Estimate("auroc", "macro", draws, n=support, n_units=support, support=support)


def by_compare(a: Estimate, b: Estimate) -> bool:
    """The reference: the interval that `vlmeval compare` gives."""
    (found,) = paired([a], [b], ("a", "b", "unit"), task="single-label", same_rows=True)
    return found.low is not None and found.low > 0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(2, 6),
    st.sampled_from([1, 7, 40, 41, 200, 2000]),
    st.sampled_from([2, 10, 300]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([0.0, 0.02, 0.2]),
)
def test_counting_draws_tells_apart_what_the_interval_of_compare_does(
    seed: int, rows: int, draws: int, support: int, apart: float, undefined: float
) -> None:
    """Also where the quantile is exactly near its bound, draws repeat, are undefined, or rows are equal."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=1 + draws)
    values = 0.6 + 0.02 * (shared + rng.normal(size=(rows, 1 + draws))) + apart * 0.03 * np.arange(rows)[::-1, None]
    values = np.round(values, rng.integers(2, 6))
    values[0] = values[-1] if seed % 5 == 0 else values[0]
    values[:, 1:][rng.random((rows, draws)) < undefined] = np.nan
    one = rows - 1
    others = np.arange(rows - 1)
    found = clearly_better(values, others, one, np.full(rows - 1, float(support)))
    wanted = [by_compare(made_up(values[i], support), made_up(values[one], support)) for i in others]
    assert found.tolist() == wanted


def test_a_difference_of_the_page_is_that_of_compare(base: Run, tmp_path: Path) -> None:
    runs = [model(base, name, pull, seed=i) for i, (name, pull) in enumerate({"a": 0.0, "b": 0.2, "c": 0.4}.items())]
    table = only(tmp_path, *runs)
    specs = [row["spec"] for row in table["rows"]]
    resamples = Resamples.draw(base[1][0].units, DRAWS, SEED)
    made = {
        r.plan.model: estimate(
            p, r.benchmark, resamples, groups="none", classes=False, metrics=["auroc", "balanced-accuracy"]
        )
        for r, p in runs
    }
    assert set(table["differences"]) == {"balanced-accuracy", "auroc"}
    for metric, found in table["differences"].items():
        assert len(found) == 3
        for one in found:
            first, second = (specs[i] for i in one["rows"])
            (wanted,) = [
                d for d in made[first].minus(made[second]) if d.metric == metric and d.averaging in ("overall", "macro")
            ]
            assert (one["value"], one["low"], one["high"]) == (wanted.value, wanted.low, wanted.high)


def test_long_tables_rank_the_same_without_differences(
    base: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [model(base, f"m{i}", 0.06 * i, seed=i) for i in range(5)]
    short = only(tmp_path, *runs)
    monkeypatch.setattr("vlmeval.report.leaderboard.rank.PAIRS_SHOWN", 2)
    long = only(tmp_path)
    assert long["differences"] == {}
    places = [[(r["spec"], r["rank"], r["last"], r["ties"]) for r in table["rows"]] for table in (short, long)]
    assert places[0] == places[1]
    assert long["pairs"] == short["pairs"] == {"paired": 10, "by_interval": 0}


def test_positions_become_ranges() -> None:
    assert ranges([]) == []
    assert ranges([0, 1, 2, 5, 7, 8]) == [[0, 2], [5, 5], [7, 8]]


# ---- facets


def test_every_row_has_its_options_and_every_option_its_number_of_rows(base: Run, tmp_path: Path) -> None:
    said = Contamination.model_validate(
        {"family": "x", "data": "simulated", "status": "in-training", "note": "N.", "source": "S", "date": "2026-11-21"}
    )
    written(tmp_path, model(base, "a", 0.0, model=named(base, spec="a", family="clip", parameters_millions=99.9)))
    written(tmp_path, model(base, "b", 0.1, model=named(base, spec="b", family="clip", parameters_millions=None)))
    marked = named(base, spec="c", family="siglip", licence="Apache-2.0", parameters_millions=878.0)
    written(tmp_path, model(base, "c", 0.2, model=marked, badges=(TRAINED_ON, LEAK, LEAK), contamination=said))
    view = build_leaderboard([tmp_path])
    rows = {row["spec"]: row["facets"] for row in view["tables"][0]["rows"]}
    assert rows["a"] == {
        "family": ["clip"], "size": ["under 100 M"], "licence": ["Apache-2.0"], "contamination": ["not stated"],
        "method": ["Zero-shot"], "shots": ["none"], "badge": ["no badge"],
    }  # fmt: skip
    assert rows["b"]["size"] == ["not known"]
    assert rows["c"]["size"] == ["600 M and more"]
    assert rows["c"]["badge"] == ["contamination", "leakage"]
    assert rows["c"]["contamination"] == ["in training"]
    filters = {f["id"]: {o["id"]: o["rows"] for o in f["options"]} for f in view["filters"]}
    assert filters["family"] == {"clip": 2, "siglip": 1}
    assert list(filters["size"]) == ["under 100 M", "600 M and more", "not known"]
    assert filters["badge"] == {"no badge": 2, "contamination": 1, "leakage": 1}
    assert "licence" not in filters  # all alike: nothing to choose
    assert "method" not in filters


def test_few_shot_points_are_ordered_by_their_shots(probed: Run, tmp_path: Path) -> None:
    written(tmp_path, probed)
    view = build_leaderboard([tmp_path], few_shot=True)
    shots = next(f for f in view["filters"] if f["id"] == "shots")
    names = [o["id"] for o in shots["options"]]
    numbers = [int(n) for n in names if n.isdigit()]
    assert numbers == sorted(numbers)
    assert names == ["none", *map(str, numbers), "all"]


def test_a_row_says_which_prompts_it_used_and_whether_labels_chose_them(base: Run) -> None:
    record = base[0]
    zero = record.headline_method
    done = "priors corrected (class frequencies)"
    for chosen in (False, True):
        used = next(p for p in record.prompts if p.id == zero.prompts).model_copy(update={"searched": chosen})
        title = f"Zero-shot, {used.heading}, {done}"
        prior = zero.model_copy(update={"id": f"{zero.id}+prior", "kind": "zero-shot+prior", "title": title})
        run = record.model_copy(update={"prompts": (used,), "methods": (zero, prior)})
        plain, other = (entry.view for entry in entries_of(run, Path("run")))
        end = ", prompts chosen on validation" if chosen else ""
        assert method_in_words(plain) == f"Zero-shot{end}: {used.title}"
        assert method_in_words(other) == f"Zero-shot, {done}{end}: {used.title}"
        assert plain["facets"]["shots"] == ["of validation only" if chosen else "none"]
        assert other["facets"]["shots"] == ["of validation only" if chosen else "class frequencies only"]
        assert other["facets"]["method"] == ["Zero-shot, priors corrected"]


def test_rows_of_one_model_are_told_apart_by_their_prompts(base: Run, tmp_path: Path) -> None:
    for title in ("Bare names", "Long sentences"):
        used = tuple(p.model_copy(update={"title": title}) for p in base[0].prompts)
        written(tmp_path, model(base, "a", 0.1, digest=title.encode().hex().ljust(64, "0"), prompts=used))
    (table,) = build_leaderboard([tmp_path])["tables"]
    assert {row["label"] for row in table["rows"]} == {"Bare names", "Long sentences"}


# ---- throughput, parameters, curves


@pytest.mark.parametrize(
    ("count", "seconds", "library", "value", "reason"),
    [
        (600, 12.0, "open_clip", 50.0, None),
        (0, 0.1, "open_clip", None, "all vectors were in the cache already"),
        (99, 1.0, "open_clip", None, "only 99 pictures were embedded, the rest was in the cache"),
        (None, 12.0, "open_clip", None, "an older record: how many pictures were embedded was not written down"),
        (600, None, "open_clip", None, "all vectors were in the cache already"),
        (0, None, "precomputed", None, "the vectors were given"),
    ],
)
def test_throughput_is_said_only_where_pictures_were_embedded(
    base: Run,
    tmp_path: Path,
    count: int | None,
    seconds: float | None,
    library: str,
    value: float | None,
    reason: str | None,
) -> None:
    timings = {"total": 50.0} | ({} if seconds is None else {"embed: embed images": seconds})
    own = named(base, spec="a", library=library)
    table = only(tmp_path, model(base, "a", 0.0, model=own, embedded_images=count, timings=timings))
    found = table["rows"][0]["throughput"]
    assert (found["value"], found["reason"]) == (value, reason)
    assert found["seconds_per_1000"] == (None if value is None else 20.0)
    shown = [column.id for column in columns_of(table)]
    assert (THROUGHPUT in shown) == (value is not None)
    if value is not None:
        assert cell_of(table, table["rows"][0], THROUGHPUT)["sub"] == ["cpu"]


def test_predictions_from_a_file_have_no_throughput_and_no_size(base: Run, tmp_path: Path) -> None:
    table = only(tmp_path, model(base, "a", 0.0, model=None))
    assert table["rows"][0]["throughput"]["reason"].startswith("predictions from a file")
    assert PARAMETERS not in [column.id for column in columns_of(table)]


def test_curves_are_the_values_of_the_few_shot_points(probed: Run, tmp_path: Path) -> None:
    table = only(tmp_path, probed)
    record, rows = probed[0], Rows(probed[0].rows)
    metric = record.benchmark.headline_metrics[0]
    (own,) = [row for row in table["rows"] if row["curves"]]
    assert own["kind"] == "zero-shot"
    values = {(m.curve, str(m.shots)): rows.average(m, metric).value for m in record.methods if m.kind == "few-shot"}  # type: ignore[union-attr]
    drawn = {
        (line["variant"], line["regime"], p["shots"]): p["value"]
        for line in own["curves"]["lines"]
        for p in line["points"]
    }
    assert sorted(drawn.values()) == sorted(values.values())
    assert CURVES in [column.id for column in columns_of(table)]
    page = render_leaderboard(build_leaderboard([tmp_path]))
    assert page.count('<svg class="curves"') == 1
    points = re.findall(r'<polyline class="k\d" points="([^"]+)"', page)
    assert len(points) == len(own["curves"]["lines"])
    assert all(0 <= float(c) <= 96 for line in points for pair in line.split() for c in pair.split(","))


def test_a_point_of_a_curve_shows_its_own_curve_with_itself_marked(probed: Run, tmp_path: Path) -> None:
    table = only(tmp_path, probed, few_shot=True)
    row = next(r for r in table["rows"] if r["kind"] == "few-shot" and r["shots"] == 4)
    assert len(row["curves"]["lines"]) == 1
    assert row["curves"]["own"] == "4"


# ---- by class, columns, page


def test_single_classes_are_the_record_s(base: Run, tmp_path: Path) -> None:
    run = model(base, "a", 0.1)
    table = only(tmp_path, run)
    (row,) = table["rows"]
    assert [m["id"] for m in table["class_metrics"]] == ["auroc", "sensitivity"]
    rows = Rows(run[0].rows)
    for metric, cells in row["classes"].items():
        assert len(cells) == len(table["class_names"]) == 7
        for named_class, found in zip(table["class_names"], cells, strict=True):
            wanted = cell(rows.of_class(run[0].headline_method, metric, named_class["id"]))
            assert wanted is not None
            assert found == {part: wanted[part] for part in ("value", "low", "high", "reason")}


def test_the_script_s_data_say_what_the_view_says(base: Run, tmp_path: Path) -> None:
    for i in range(3):
        written(tmp_path, model(base, f"m{i}", 0.2 * i, seed=i, title=HOSTILE[i]))
    view = build_leaderboard([tmp_path])
    data = page_of(view)["data"]
    json.dumps(data, allow_nan=False)
    (table,), (own,) = view["tables"], data["tables"]
    assert [r["id"] for r in own["rows"]] == [r["id"] for r in table["rows"]]
    assert [r["ties"] for r in own["rows"]] == [r["ties"] for r in table["rows"]]
    assert own["columns"] == [column.id for column in columns_of(table)]
    for metric, pairs in zip(table["metrics"], own["pairs"], strict=True):
        wanted = table["differences"][metric["id"]]
        assert [p[:2] for p in pairs["rows"]] == [d["rows"] for d in wanted]
        assert [p[2] for p in pairs["rows"]] == [pytest.approx(d["value"], abs=5e-5) for d in wanted]


def test_bars_lie_inside_their_cells_and_hold_their_value(base: Run, tmp_path: Path) -> None:
    for i in range(4):
        written(tmp_path, model(base, f"m{i}", 0.15 * i, seed=i))
    page = render_leaderboard(build_leaderboard([tmp_path]))
    bars = re.findall(r"--p:([\d.]+)%;--w:([\d.]+)%;--v:([\d.]+)%", page)
    assert len(bars) > 12
    for place, width, value in (tuple(map(float, bar)) for bar in bars):
        assert 0 <= place <= 100
        assert 0 < width <= 100
        left = place * (100 - width) / 100  # what a background's position means
        assert left - 0.6 <= value <= left + width + 0.6


def test_metrics_that_lead_and_calibrate_stand_once(base: Run, tmp_path: Path) -> None:
    record, predictions = base
    card = record.benchmark.model_copy(update={"headline_metrics": ("ece", "auroc")})
    table = only(tmp_path, model((record.model_copy(update={"benchmark": card}), predictions), "a", 0.1))
    ids = [column.id for column in columns_of(table)]
    assert len(ids) == len(set(ids))
    assert ids[0] == "ece"


# ---- plots


def test_plots_stand_where_rows_differ_and_hold_their_values(base: Run, tmp_path: Path) -> None:
    for i, size in enumerate((100.0, 400.0, None)):
        own = named(base, spec=f"m{i}", parameters_millions=size)
        written(tmp_path, model(base, f"m{i}", 0.1 * i, seed=i, model=own, badges=(TRAINED_ON,) if i == 1 else ()))
    view = build_leaderboard([tmp_path])
    (table,) = view["tables"]
    charts = board_charts(view)
    assert set(charts) == {f"{table['id']}--gap", f"{table['id']}--size"}  # no throughput was measured
    text = json.dumps(charts[f"{table['id']}--size"]["spec"])
    lead = table["metrics"][0]["id"]
    for row in table["rows"]:
        if row["parameters_millions"] is not None:
            assert f'"x": {row["parameters_millions"]}, "y": {round(row["cells"][lead]["value"], 4)}' in text
    assert text.count('"h": true') == text.count('"h": true, "n": "m1"')
    assert '"shown", "value": [true, true, true]' in text


def test_names_beside_points_never_cross_each_other_or_a_point() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        points = [(float(x), float(y)) for x, y in rng.random((10, 2))]
        names = ["x" * int(n) for n in rng.integers(3, 25, size=10)]
        sides = placed(points, names, (430, 230))
        boxes = []
        for (x, y), name, side in zip(points, names, sides, strict=True):
            if side is None:
                continue
            left = x * 430 + 9 if side[0] > 0 else x * 430 - 9 - 6 * len(name)
            top = (1 - y) * 230 + 7 * side[1] - 6.5
            box = (left, top, left + 6 * len(name), top + 13)
            assert box[0] >= 0
            assert box[2] <= 430
            assert all(b[2] <= box[0] or box[2] <= b[0] or b[3] <= box[1] or box[3] <= b[1] for b in boxes)
            boxes.append(box)
        assert boxes


# ---- what is read


def test_a_leaderboard_of_summaries_is_that_of_whole_records(base: Run, tmp_path: Path, probed: Run) -> None:
    for one in (model(base, "a", 0.0), model(base, "b", 0.3), probed):
        written(tmp_path, one)
    by_summary = build_leaderboard([tmp_path])
    for path in tmp_path.rglob(store.SUMMARY):
        path.write_text("{}")
    assert build_leaderboard([tmp_path]) == by_summary
    for path in tmp_path.rglob(store.SUMMARY):
        assert len(path.read_text()) > 1000  # made anew
    whole = build_leaderboard([tmp_path], few_shot=True)
    for table, other in zip(by_summary["tables"], whole["tables"], strict=True):
        kept = [r for r in other["rows"] if r["kind"] != "few-shot"]
        for row, one in zip(table["rows"], kept, strict=True):
            same = ("spec", "cells", "tones", "calibration", "classes", "curves", "throughput", "n_units")
            assert {k: row[k] for k in same} == {k: one[k] for k in same}


def test_a_thousand_rows_make_a_page(base: Run, tmp_path: Path) -> None:
    """Of one made-up table, a thousand times its rows: nothing grows with the square of them."""
    for i in range(4):
        written(tmp_path, model(base, f"m{i}", 0.15 * i, seed=i))
    view = build_leaderboard([tmp_path])
    (table,) = view["tables"]
    four = len(render_leaderboard(view))
    rows = [r | {"id": f"{r['id']}-{n}", "ties": [[0, 999]]} for n in range(250) for r in table["rows"]]
    long = view | {"tables": [table | {"rows": rows, "differences": {}}], "runs": 1000}
    page = render_leaderboard(long)
    assert page.count("<tr id=") == 1000
    assert len(page) < four + 1000 * 4500
