"""Runs of different protocols side by side: the view, the page, the command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_probes import leaky_twin
from typer.testing import CliRunner

from vlmeval import store
from vlmeval.cli.app import app
from vlmeval.errors import UsageError
from vlmeval.records import RunRecord
from vlmeval.report import build_side_by_side, render_side_by_side


@pytest.fixture(scope="module")
def records(probed: Any) -> tuple[RunRecord, RunRecord]:
    """A leaky run that leads with images, and the clean one that leads with lesions."""
    return leaky_twin(probed)[0], probed[0]


@pytest.fixture(scope="module")
def view(records: tuple[RunRecord, RunRecord]) -> dict[str, Any]:
    return build_side_by_side(records)


def _value(record: RunRecord, method: str, level: str, metric: str, averaging: str) -> float | None:
    key = (method, level, metric, averaging, None, None)
    found = [r for r in record.rows if (r.method, r.level, r.metric, r.averaging, r.class_id, r.group) == key]
    assert len(found) == 1
    return found[0].value


def test_each_run_is_read_at_the_level_it_leads_with(view: dict[str, Any], records: Any) -> None:
    leaky, clean = records
    rows = {r["id"]: r["cells"] for r in view["rows"]}
    assert list(rows) == ["zero-shot", "linear-probe", "mlp-probe", "knn"]
    assert [m["id"] for m in view["metrics"]] == ["balanced-accuracy", "auroc"]
    assert rows["linear-probe"][0][1]["value"] == _value(leaky, "linear-probe", "image", "auroc", "macro")
    assert rows["linear-probe"][1][1]["value"] == _value(clean, "linear-probe", "unit", "auroc", "macro")
    assert rows["linear-probe"][0][1]["n"] > rows["linear-probe"][1][1]["n"] == 600
    per_image = {r["id"]: r["cells"] for r in view["per_image"]["rows"]}
    assert per_image["knn"][1][1]["value"] == _value(clean, "knn", "image", "auroc", "macro")


def test_zero_shot_is_one_row_and_few_shot_points_are_none(view: dict[str, Any], records: Any) -> None:
    leaky, _ = records
    assert sum(r["name"] == "Zero-shot" for r in view["rows"]) == 1
    assert view["rows"][0]["cells"][0][0]["value"] == _value(
        leaky, "zero-shot/photo", "image", "balanced-accuracy", "overall"
    )
    assert "few-shot:" not in json.dumps(view["rows"])


def test_reasons_name_leak_split_level_and_rates(view: dict[str, Any]) -> None:
    told = " ".join(view["why"])
    for part in (
        "simulated@notebook leaks, so its numbers are too good for lesions that a method has not seen: Photos of one",
        "simulated@notebook: split by picture; published recipe notebook; simulated: split by lesion",
        "simulated@notebook counts every picture, simulated makes one answer of all pictures of a lesion",
        "most of all Melanocytic naevus: 44.5",
        "no statistical comparison",
    ):
        assert part in told, part
    assert "models differ" not in told
    assert "questions differ" not in told


def test_two_runs_of_one_protocol_have_only_what_really_differs(probed: Any) -> None:
    record = probed[0]
    other = record.model_copy(
        update={
            "digest": "99" * 32,
            "model": record.model.model_copy(update={"title": "Another model", "key": "00" * 32}),
            "plan": record.plan.model_copy(update={"model": "another"}),
        }
    )
    view = build_side_by_side([record, other])
    assert [r["label"] for r in view["runs"]] == ["simulated, clip-demo", "simulated, another"]
    assert view["per_image"] is None
    told = " ".join(view["why"])
    assert "simulated, another is Another model" in told
    assert "same pictures" in told
    assert "leaks" not in told
    assert "not equally frequent" not in told
    again = build_side_by_side([record, record.model_copy(update={"digest": "88" * 32})])
    assert [r["label"] for r in again["runs"]] == ["simulated, 5f2b5f2b", "simulated, 88888888"]


def test_label_rates_join_train_and_validation_at_each_run_s_level(view: dict[str, Any], records: Any) -> None:
    leaky, clean = records
    first = view["rates"]["rows"][0]["cells"]
    class_id = clean.benchmark.class_ids[0]
    images, units = leaky.data.split_class_images, clean.data.split_class_units
    assert first[0]["train"]["count"] == images["train"][class_id] + images["val"][class_id]
    assert first[0]["test"]["share"] == images["test"][class_id] / leaky.data.split_images["test"]
    assert first[1]["test"]["share"] == units["test"][class_id] / clean.data.split_units["test"]


def test_hamming_loss_joins_in_where_runs_are_multi_label(probed_multi: Any) -> None:
    record = probed_multi[0]
    view = build_side_by_side([leaky_twin(probed_multi)[0], record])
    assert [m["id"] for m in view["metrics"]] == ["auroc", "average-precision", "hamming-loss"]
    at = [r["cells"][1][2]["value"] for r in view["rows"] if r["id"] == "knn"]
    assert at == [_value(record, "knn", "unit", "hamming-loss", "overall")]
    assert view["references"][1][2]["name"] == "Always the more frequent answer"


def test_classes_stand_side_by_side_only_where_the_question_is_the_same(records: Any, view: dict[str, Any]) -> None:
    leaky, clean = records
    found = view["classes"]["methods"][1]
    row = next(r for r in clean.rows if (r.method, r.level, r.metric, r.class_id, r.group)
               == ("linear-probe", "unit", "auroc", "class-0", None))  # fmt: skip
    assert (found["name"], found["rows"][0]["cells"][1]["value"]) == ("Linear probe", row.value)
    card = leaky.benchmark.model_copy(update={"classes": leaky.benchmark.classes[:5]})
    other = build_side_by_side([leaky.model_copy(update={"benchmark": card}), clean])
    assert "only averages stand side by side" in other["classes"]["reason"]
    assert other["rates"] is None
    assert "The questions differ: simulated@notebook asks for one of 5 classes" in " ".join(other["why"])
    assert "Not available:" in render_side_by_side(other)


def test_a_method_that_only_one_run_has_is_shown_as_missing_from_the_other(records: Any) -> None:
    leaky, clean = records
    fewer = clean.model_copy(update={"methods": tuple(m for m in clean.methods if m.id != "knn")})
    view = build_side_by_side([leaky, fewer])
    assert view["rows"][-1]["id"] == "knn"
    assert view["rows"][-1]["cells"][1] == [None, None]
    assert "not in this run" in render_side_by_side(view)


def test_nothing_in_common_is_refused_with_what_was_found(records: Any) -> None:
    leaky, clean = records
    left = leaky.model_copy(update={"methods": tuple(m for m in leaky.methods if m.id == "knn")})
    right = clean.model_copy(update={"methods": tuple(m for m in clean.methods if m.id == "linear-probe")})
    with pytest.raises(UsageError, match="nothing to put side by side") as caught:
        build_side_by_side([left, right])
    assert "simulated@notebook: knn; simulated: linear-probe" in str(caught.value)
    with pytest.raises(UsageError, match="two or more"):
        build_side_by_side([clean])


def test_page_is_loud_about_the_leak_and_that_it_is_no_comparison(pages: dict[str, str]) -> None:
    page = pages["side"]
    head = page.split("<main")[0]
    assert "simulated@notebook: Photos of one lesion stand on both sides of the split" in head
    summary = page.split('<section id="summary"')[1].split("</section>", maxsplit=1)[0]
    assert "simulated@notebook</bdi> leaks." in summary
    assert "no statistical comparison" in summary
    assert summary.count('class="tag leakage"') >= 1
    assert "1,199 images of 600 lesions" in summary
    assert "600 lesions" in summary


def test_names_from_cards_are_text_on_the_page(records: Any) -> None:
    leaky, clean = records
    evil = "<img src=x onerror=alert(1)>"
    update = {"protocol": leaky.benchmark.protocol.model_copy(update={"leaky": evil}), "title": evil}
    made = leaky.model_copy(update={"benchmark": leaky.benchmark.model_copy(update=update)})
    page = render_side_by_side(build_side_by_side([made, clean]))
    assert "<img" not in page
    assert "&lt;img src=x" in page


# ---- the command


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, probed: Any) -> list[Path]:
    """Two run folders on disk."""
    home = tmp_path_factory.mktemp("runs")
    made = []
    for name, (record, predictions) in {"leaky": leaky_twin(probed), "clean": probed}.items():
        points = [m for m in record.methods if m.kind != "few-shot"]
        kept = {m.id for m in points}
        rows = tuple(r for r in record.rows if r.method in kept)
        small = record.model_copy(update={"methods": tuple(points), "rows": rows, "differences": ()})
        store.write_run(home / name, small, predictions, "<html></html>")
        made.append(home / name)
    return made


@pytest.fixture
def call() -> Callable[..., Any]:
    """Run `vlmeval report` in this process."""
    return lambda *words: CliRunner().invoke(app, ["report", *map(str, words)])


def test_command_writes_one_page_of_several_runs(folders: list[Path], call: Any, tmp_path: Path) -> None:
    target = tmp_path / "both.html"
    answer = call(*folders, "--side-by-side", "-o", target)
    assert answer.exit_code == 0, answer.output
    page = target.read_text(encoding="utf-8")
    assert "Why the numbers differ" in page
    assert "simulated@notebook" in page
    assert (folders[0] / "report.html").read_text() == "<html></html>"


def test_command_prints_the_view_as_json(folders: list[Path], call: Any) -> None:
    answer = call(*folders, "--side-by-side", "--json")
    assert answer.exit_code == 0
    printed = json.loads(answer.stdout)["side_by_side"]
    assert [r["label"] for r in printed["runs"]] == ["simulated@notebook", "simulated"]
    assert printed["why"]


@pytest.mark.parametrize(
    ("runs", "words", "said"),
    [
        (2, [], "needs a file to write"),
        (1, ["-o", "x.html"], "two or more runs"),
        (2, ["-o", "x.html", "--json"], "-o does not go with --json"),
    ],
)
def test_command_refuses_what_makes_no_sense(
    folders: list[Path], call: Any, tmp_path: Path, monkeypatch: Any, runs: int, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = call(*folders[:runs], "--side-by-side", *words)
    assert answer.exit_code == 2
    assert said in " ".join(answer.output.split())
    assert not (tmp_path / "x.html").exists()


def test_a_report_rendered_anew_reads_the_seeds_of_the_method_that_leads(
    tmp_path: Path, probed_multi: Any, call: Any
) -> None:
    record, predictions = probed_multi
    kept = [m for m in record.methods if m.kind in ("zero-shot", "mlp-probe")]
    ids = {m.id for m in kept}
    small = record.model_copy(
        update={"methods": tuple(kept), "rows": tuple(r for r in record.rows if r.method in ids), "differences": ()}
    )
    store.write_run(tmp_path / "run", small, [p for p in predictions if p.method in ids], "")
    assert call(tmp_path / "run").exit_code == 0
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "Shown: seed 0, one of 5." in page
    assert "were not kept" not in page
