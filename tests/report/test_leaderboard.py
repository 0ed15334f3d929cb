"""The leaderboard: who stands with whom, ranks with ties, marked results without a rank, what is passed over."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_board import model, rows_of, written
from made_up_runs import HOSTILE, LEAK, TRAINED_ON, Run

from vlmeval import store
from vlmeval.errors import MissingDataError
from vlmeval.records import Badge, Contamination
from vlmeval.report import build_leaderboard, build_view, leaderboard_csv, leaderboard_markdown, render_leaderboard
from vlmeval.report.leaderboard.rank import DRAWS, SEED
from vlmeval.report.leaderboard.words import tied_with
from vlmeval.stats import Resamples, estimate

PULLS = {"alpha": 0.0, "beta": 0.03, "gamma": 0.2, "epsilon": 0.21}
View = dict[str, Any]


@pytest.fixture(scope="module")
def base(make_run: Callable[..., Run]) -> Run:
    return make_run(units=300, prompt_sets=1, image_level=False)


@pytest.fixture(scope="module")
def models(base: Run) -> dict[str, Run]:
    return {name: model(base, name, pull, seed=i) for i, (name, pull) in enumerate(PULLS.items())}


@pytest.fixture(scope="module")
def runs(models: dict[str, Run], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for one in models.values():
        written(folder, one)
    return folder


def board(*places: Path, **options: Any) -> View:
    view = build_leaderboard(places, **options)
    json.dumps(view, allow_nan=False)  # the view is plain data
    return view


def rows(view: View, table: int = 0) -> dict[str, View]:
    return {row["spec"]: row for row in view["tables"][table]["rows"]}


def better(models: dict[str, Run], metric: str = "balanced-accuracy") -> Callable[[str, str], bool]:
    """Whether the first is better by the interval of the paired difference: the reference for ranks."""
    units = next(iter(models.values()))[1][0].units
    resamples = Resamples.draw(units, DRAWS, SEED)
    made = {
        name: estimate(p, record.benchmark, resamples, metrics=[metric], groups="none", classes=False)
        for name, (record, p) in models.items()
    }

    def said(first: str, second: str) -> bool:
        (one,) = [d for d in made[first].minus(made[second]) if d.averaging in ("overall", "macro")]
        return one.low is not None and one.low > 0

    return said


def test_a_rank_is_one_more_than_the_number_of_rows_that_are_significantly_better(
    runs: Path, models: dict[str, Run]
) -> None:
    view = board(runs)
    table, found, said = view["tables"][0], rows(view), better(models)
    for name, row in found.items():
        assert row["rank"] == 1 + sum(said(other, name) for other in models if other != name)
        tied = {other for other in models if other != name and not said(other, name) and not said(name, other)}
        assert set(tied_with(table, row)) == tied
        assert row["last"] == len(models) - sum(said(name, other) for other in models if other != name)
    assert found["gamma"]["rank"] == found["epsilon"]["rank"] == 1
    assert {found["alpha"]["rank"], found["beta"]["rank"]} <= {3, 4}
    assert tied_with(table, found["gamma"]) == ["epsilon"]


def test_paired_differences_separate_what_intervals_side_by_side_do_not(runs: Path, models: dict[str, Run]) -> None:
    """Two readers of the same pictures: the same answers but for a few that only one gets right."""
    record, (own,) = models["gamma"]
    wrong = (own.scores.argmax(axis=1) != own.y_true.argmax(axis=1)).nonzero()[0]
    scores = own.scores.copy()
    scores[wrong[::2]] = own.y_true[wrong[::2]] * 0.9 + 0.01
    shifted = model((record, [own]), "zeta", 0.0, seed=9)
    other = replace(own, scores=scores)
    lines = rows_of(other, record.benchmark)
    folder = runs.parent / "paired"
    written(folder, models["gamma"])
    written(folder, (shifted[0].model_copy(update={"rows": lines}), [other]))
    found = rows(board(folder))
    low, high = found["zeta"]["cells"]["balanced-accuracy"]["low"], found["gamma"]["cells"]["balanced-accuracy"]["high"]
    assert low < high  # overlapping
    assert (found["zeta"]["rank"], found["gamma"]["rank"]) == (1, 2)
    for path in folder.rglob(store.PREDICTIONS):
        path.unlink()
    view = board(folder)
    assert [r["rank"] for r in view["tables"][0]["rows"]] == [1, 1]
    assert view["tables"][0]["pairs"] == {"paired": 0, "by_interval": 1}
    assert {u["row"] for u in view["tables"][0]["unpaired"]} == {"zeta", "gamma"}
    assert "compared so; they are told apart only where" in render_leaderboard(view)


def test_without_predictions_only_intervals_that_do_not_overlap_separate(
    base: Run, models: dict[str, Run], tmp_path: Path
) -> None:
    for one in (models["alpha"], model(base, "perfect", 0.9)):
        (written(tmp_path, one) / store.PREDICTIONS).unlink()
    found = rows(board(tmp_path))
    assert (found["perfect"]["rank"], found["alpha"]["rank"]) == (1, 2)


def test_predictions_that_give_another_number_than_the_record_are_not_believed(
    base: Run, models: dict[str, Run], tmp_path: Path
) -> None:
    folder = written(tmp_path, models["alpha"])
    best = written(tmp_path, model(base, "perfect", 0.9))
    shutil.copy(best / store.PREDICTIONS, folder / store.PREDICTIONS)
    view = board(tmp_path)
    (said,) = view["tables"][0]["unpaired"]
    assert said == {"row": "alpha", "reason": "its predictions give another number than its record"}
    assert rows(view)["perfect"]["rank"] == 1


def test_a_lower_is_better_metric_ranks_the_lowest_first(base: Run, tmp_path: Path) -> None:
    record, predictions = base
    card = record.benchmark.model_copy(update={"headline_metrics": ("ece",)})
    own = (record.model_copy(update={"benchmark": card}), predictions)
    for name, pull in (("alpha", 0.0), ("beta", 0.4)):
        written(tmp_path, model(own, name, pull))
    view = board(tmp_path)
    values = [r["cells"]["ece"]["value"] for r in view["tables"][0]["rows"]]
    assert values == sorted(values)
    assert [r["rank"] for r in view["tables"][0]["rows"]] == [1, 2]


@pytest.mark.parametrize(
    ("badge", "words"),
    [
        (TRAINED_ON, "not ranked: the data was in training"),
        (LEAK, "not ranked: the protocol leaks"),
        (Badge(kind="synthetic", text="The model is synthetic."), "not ranked: synthetic"),
        (Badge(kind="partial", text="A quick look."), "not ranked: partial run"),
    ],
)
def test_a_marked_run_has_no_rank_even_when_it_is_best_and_pushes_nobody_down(
    badge: Badge, words: str, base: Run, runs: Path, tmp_path: Path
) -> None:
    before = rows(board(runs))
    written(tmp_path, model(base, "marked", 0.8, badges=(badge,)))
    view = board(runs, tmp_path)
    first = view["tables"][0]["rows"][0]
    assert first["spec"] == "marked"
    assert first["cells"]["balanced-accuracy"]["value"] > 0.95
    assert first["rank"] is None
    assert first["not_ranked"] == words
    assert first["ties"] == []
    after = rows(view)
    assert {n: r["rank"] for n, r in after.items() if n != "marked"} == {n: r["rank"] for n, r in before.items()}
    page = render_leaderboard(view)
    assert words in page
    assert f'<span class="tag {badge.kind}"' in page
    assert words in leaderboard_markdown(view)
    flat = next(csv.DictReader(io.StringIO(leaderboard_csv(view))))
    assert (flat["rank"], flat["not_ranked"]) == ("", words)


def test_several_marks_are_all_named(base: Run, tmp_path: Path) -> None:
    written(tmp_path, model(base, "marked", 0.8, badges=(LEAK, TRAINED_ON, LEAK)))
    assert rows(board(tmp_path))["marked"]["not_ranked"] == "not ranked: the protocol leaks, the data was in training"


def test_synthetic_data_rank_among_themselves_and_the_heading_says_so(base: Run, tmp_path: Path) -> None:
    record, predictions = base
    drawn = record.benchmark.model_copy(update={"synthetic": True})
    badges = (Badge(kind="synthetic", text="The data are synthetic."),)
    own = (record.model_copy(update={"benchmark": drawn, "badges": badges}), predictions)
    for name, pull in (("alpha", 0.0), ("beta", 0.4)):
        written(tmp_path, model(own, name, pull))
    view = board(tmp_path)
    assert [r["rank"] for r in view["tables"][0]["rows"]] == [1, 2]
    assert [b["kind"] for b in view["tables"][0]["badges"]] == ["synthetic"]
    assert view["banner"] == "Synthetic data: not a clinical result"
    page = render_leaderboard(view)
    assert page.count("Synthetic data: not a clinical result") >= 3
    assert "**Synthetic data: not a clinical result**" in leaderboard_markdown(view)


def test_a_page_that_holds_synthetic_results_among_others_says_so(base: Run, runs: Path, tmp_path: Path) -> None:
    record, predictions = base
    drawn = record.benchmark.model_copy(update={"id": "drawn", "synthetic": True})
    own = (record.model_copy(update={"benchmark": drawn, "benchmark_digest": "77" * 32}), predictions)
    written(tmp_path, model(own, "drawn", 0.0))
    assert board(runs)["banner"] is None
    assert board(runs, tmp_path)["banner"] == "Some results are of synthetic data or models: not clinical results"


def test_unlike_digests_stand_in_tables_of_their_own_and_the_page_says_why(
    base: Run, runs: Path, tmp_path: Path
) -> None:
    tests = base[0].data.model_copy(update={"test_ids_digest": "99" * 32})
    written(tmp_path, model(base, "elsewhere", 0.9, data=tests))
    written(tmp_path, model(base, "other-card", 0.9, benchmark_digest="77" * 32))
    view = board(runs, tmp_path)
    assert [len(t["rows"]) for t in view["tables"]] == [1, 4, 1]
    assert [r["rank"] for t in view["tables"] for r in t["rows"] if len(t["rows"]) == 1] == [1, 1]
    (one,) = view["unlike"]
    assert one["benchmark"] == "simulated"
    assert len(one["tables"]) == 3
    told = " ".join(one["reasons"])
    assert "the benchmark card was not the same (digests 77777777 and abababab)" in told
    assert "the evaluated samples were not the same (digests of their ids 34343434 and 99999999)" in told
    assert len({t["heading"] for t in view["tables"]}) == 3
    assert "stands in 3 tables" in render_leaderboard(view)


def test_levels_are_different_questions(make_run: Callable[..., Run], tmp_path: Path) -> None:
    record, predictions = make_run(units=300, prompt_sets=1)
    by_image = tuple(
        m.model_copy(update={"headline": m.level == "image"}) for m in record.methods if m.level == "image"
    )
    written(tmp_path, model((record, predictions), "units", 0.0))
    images = record.model_copy(update={"methods": by_image, "digest": "11" * 32})
    written(tmp_path, (images, [p for p in predictions if p.level == "image"]))
    view = board(tmp_path)
    assert [t["level"] for t in view["tables"]] == ["image", "unit"]
    assert "one answer a picture" in view["unlike"][0]["reasons"][0]
    assert [t["heading"] for t in view["tables"]] == ["Simulated lesions, per picture", "Simulated lesions, per lesion"]


def test_a_leaky_benchmark_has_a_table_of_its_own_with_the_badge_in_its_heading(
    base: Run, runs: Path, tmp_path: Path
) -> None:
    record, predictions = base
    protocol = record.benchmark.protocol.model_copy(update={"leaky": "Lesions on both sides.", "source": "A paper"})
    card = record.benchmark.model_copy(update={"id": "aaa@leaky", "protocol": protocol})
    own = (record.model_copy(update={"benchmark": card, "benchmark_digest": "66" * 32, "badges": (LEAK,)}), predictions)
    written(tmp_path, model(own, "alpha", 0.5))
    view = board(runs, tmp_path)
    clean, leaky = view["tables"]  # leaky ones last, whatever they are called
    assert clean["badges"] == []
    assert leaky["badges"] == [
        {"kind": "leakage", "name": "Leakage", "text": "Lesions on both sides.", "source": "A paper"}
    ]
    assert leaky["rows"][0]["rank"] is None
    page = render_leaderboard(view)
    assert page.index('class="badge leakage"') > page.index(f'id="{leaky["id"]}"')


def test_what_is_known_of_training_data_stands_under_the_table(base: Run, tmp_path: Path) -> None:
    said = Contamination.model_validate(
        {"family": "demo", "data": "simulated", "status": "unknown", "note": "Never published.", "source": "A paper",
         "date": "2026-11-21"}
    )  # fmt: skip
    written(tmp_path, model(base, "alpha", 0.0, contamination=said, title="Alpha"))
    view = board(tmp_path)
    (known,) = view["tables"][0]["known"]
    assert known["text"] == (
        "Whether the pictures of Simulated lesions were in the training data of Alpha is not known: Never published."
    )
    assert (known["status"], known["source"], known["date"]) == ("unknown", "A paper", "2026-11-21")
    assert view["tables"][0]["rows"][0]["rank"] == 1
    assert known["text"] in render_leaderboard(view)


def test_the_weakest_tone_group_and_the_gap_are_the_report_s(base: Run, runs: Path) -> None:
    view = board(runs)
    table = view["tables"][0]
    assert table["tone"]["id"] == "fst-self"
    folder = Path(table["rows"][0]["folder"])
    record = store.read_record(folder)
    own = build_view(record, store.read_predictions(folder, record))["headline"]["tone"]["sources"][0]
    tone = table["rows"][0]["tones"]["fst-self"]
    assert tone["level"] == own["worst"]["name"]
    assert tone["cell"]["value"] == own["worst"]["cell"]["value"]
    assert tone["gap"]["value"] == own["gap"]["value"]


def test_without_tone_labels_the_page_says_so_where_they_would_stand(
    make_run: Callable[..., Run], tmp_path: Path
) -> None:
    bare = make_run(units=300, prompt_sets=1, image_level=False, tones=False)
    written(tmp_path, model(bare, "alpha", 0.0))
    view = board(tmp_path)
    assert view["tables"][0]["tone"]["id"] is None
    page = render_leaderboard(view)
    assert "No skin tone:" in page
    assert "Weakest tone group" not in page
    assert "No skin tone:" in leaderboard_markdown(view)


def test_probes_are_rows_and_few_shot_points_only_on_request(probed: Run, tmp_path: Path) -> None:
    written(tmp_path, probed)
    view = board(tmp_path)
    assert {r["method_id"] for r in view["tables"][0]["rows"]} == {
        "zero-shot/photo", "linear-probe", "mlp-probe", "knn",
    }  # fmt: skip
    more = board(tmp_path, few_shot=True)["tables"][0]["rows"]
    assert sum(r["shots"] is not None for r in more) == sum(m.kind == "few-shot" for m in probed[0].methods) > 10
    assert len({r["id"] for r in more}) == len({r["label"] for r in more}) == len(more)


def test_damaged_foreign_and_doubled_folders_are_passed_over_by_name(
    runs: Path, models: dict[str, Run], tmp_path: Path
) -> None:
    for name, text in {
        "foreign": '{"results": {"acc": 0.9}}', "torn": '{"schema_version": 1, "dig', "empty": "", "list": "[1]",
    }.items():  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    (tmp_path / "folder" / "run.json").mkdir(parents=True)
    hidden = tmp_path / ".cache"
    shutil.copytree(next(runs.rglob("run.json")).parent, hidden)
    twin = shutil.copytree(next(runs.rglob("run.json")).parent, tmp_path / "twin")
    view = board(runs, tmp_path, runs)
    assert view["runs"] == len(models)
    told = {Path(s["folder"]).name: s["reason"] for s in view["skipped"]}
    assert set(told) == {"foreign", "torn", "empty", "list", "twin"}
    assert told["twin"].startswith("the same run as ")
    assert all("cannot be read" in told[name] for name in ("foreign", "torn", "empty", "list"))
    page = render_leaderboard(view)
    assert str(twin) in page
    assert "Not shown" in page


def test_a_place_may_be_a_run_folder_or_its_record(runs: Path) -> None:
    folder = next(runs.rglob("run.json")).parent
    assert board(folder)["runs"] == board(folder / "run.json")["runs"] == 1


def test_where_there_are_no_runs_it_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no finished run lies here"):
        board(tmp_path)
    with pytest.raises(MissingDataError, match="no such folder of runs"):
        board(tmp_path / "nowhere")
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(MissingDataError, match="no finished run lies here") as caught:
        board(tmp_path)
    assert "cannot be read" in str(caught.value)


def test_the_order_of_folders_changes_nothing(runs: Path, base: Run, tmp_path: Path) -> None:
    written(tmp_path, model(base, "zeta", 0.1, seed=3))
    one, two = board(runs, tmp_path), board(tmp_path, runs)
    assert one == two
    assert render_leaderboard(one) == render_leaderboard(two)


def test_files_of_no_benchmark_compare_only_where_ids_and_truth_are_the_same(base: Run, tmp_path: Path) -> None:
    """Their made-up cards differ in the file's name, which is no difference; other truth is one."""
    record, predictions = base
    plan = record.plan.model_copy(update={"benchmark": "scored", "methods": ("scored",)})
    card = record.benchmark.model_copy(update={"id": "scored"})
    method = record.headline_method.model_copy(update={"kind": "scored", "title": "mine"})
    own = (record.model_copy(update={"plan": plan, "model": None, "methods": (method,)}), predictions)
    other = record.data.model_copy(update={"digest": "55" * 32})
    for name, data in (("a", record.data), ("b", record.data), ("c", other)):
        made = card.model_copy(update={"title": f"{name}.csv"})
        changes = {"benchmark": made, "benchmark_digest": made.content_digest, "data": data, "plan": plan}
        run = model(own, name, 0.1 * (name == "b"), **changes)
        named = run[0].plan.model_copy(update={"model": name})
        written(tmp_path, (run[0].model_copy(update={"plan": named}), run[1]))
    assert sorted(len(t["rows"]) for t in board(tmp_path)["tables"]) == [1, 2]


def test_names_are_harmless_in_csv_and_markdown(base: Run, tmp_path: Path) -> None:
    written(tmp_path, model(base, "formula", 0.0, title='=HYPERLINK("http://x")'))
    written(tmp_path, model(base, "markup", 0.1, title="a|b](x)<script>\n# c"))
    view = board(tmp_path)
    found = {line["spec"]: line for line in csv.DictReader(io.StringIO(leaderboard_csv(view)))}
    assert found["formula"]["model"] == '\'=HYPERLINK("http://x")'
    assert float(found["markup"]["balanced-accuracy"]) > 0
    text = leaderboard_markdown(view)
    assert "a\\|b\\]\\(x\\)&lt;script&gt; \\# c" in text
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines() if line.startswith("|")}
    assert len(widths) == 1


def test_hostile_names_stay_text_on_the_page(base: Run, tmp_path: Path) -> None:
    for i, name in enumerate(HOSTILE):
        evil = Badge(kind="partial", text=name, source="javascript:alert(1)")
        written(tmp_path, model(base, f"m{i}", 0.0, seed=i, title=name, badges=(evil,)))
    page = render_leaderboard(board(tmp_path))
    assert "<script>alert(1)" not in page
    assert 'href="javascript' not in page
