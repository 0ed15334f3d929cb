"""`vlmeval run --method ...`: probes and few-shot from pictures to record and report, and what they refuse."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlmeval import store
from vlmeval.records import Finding, RunRecord

Cli = Any
World = Any
ALL = "zero-shot,linear-probe,mlp-probe,knn,few-shot"
QUICK = ("--draws", 40, "--seeds", 2, "--shots", "1,4,all", "--probe-seeds", 2, "--c", "0.01:100:3", "--device", "cpu")


def run(cli: Cli, world: World, model: object, bench: str, *more: object) -> tuple[RunRecord, Path]:
    answer = cli("run", "--model", model, "--bench", bench, *world.options(), *QUICK, "--json", *more)
    assert answer.code == 0, answer.err
    (one,) = answer.json()["runs"]
    return store.read_record(Path(one["folder"])), Path(one["folder"])


@pytest.mark.parametrize("bench", ["mini", "mini-multi"])
def test_every_method_leaves_its_numbers_in_one_record(cli: Cli, world: World, checkpoint: Path, bench: str) -> None:
    record, folder = run(cli, world, checkpoint, bench, "--method", ALL)
    kinds = dict.fromkeys(m.kind for m in record.methods)
    assert list(kinds) == ALL.split(",")
    assert {m.kind for m in record.methods if m.headline} == {"zero-shot"}
    shown = {(r.method, r.level) for r in record.rows}
    assert shown == {(m.id, m.level) for m in record.methods}
    linear = next(m for m in record.methods if m.id == "linear-probe")
    assert linear.choice is not None
    assert linear.choice.values == (0.01, 1.0, 100.0)
    assert linear.choice.chosen in linear.choice.values
    assert linear.certificate is not None
    assert linear.certificate.worst is not None
    assert linear.certificate.worst <= 1e-8
    net = next(m for m in record.methods if m.id == "mlp-probe")
    assert [seed.seed for seed in net.seeds] == [0, 1]
    assert len(net.training[0].train_loss) == len(net.training[0].val_loss) == 25
    points = [m for m in record.methods if m.kind == "few-shot"]
    assert {(m.curve, m.shots) for m in points} == {
        (f"few-shot:{variant}:balanced", shots)
        for variant in ("text-anchored", "logistic", "cache", "nearest-mean")
        for shots in (1, 4, "all")
    }
    assert record.few_shot is not None
    assert [draw.seed for draw in record.few_shot.draws] == [0, 1]
    assert {d.versus for d in record.differences} == {record.headline_method.id}
    assert {d.method for d in record.differences} == {"linear-probe", "mlp-probe", "knn", *(m.id for m in points)}
    page = (folder / store.REPORT).read_text()
    for words in ("Few-shot", "Linear probe", "Nearest neighbours"):
        assert words in page


def test_probes_learn_what_a_random_text_tower_does_not_know(cli: Cli, world: World, checkpoint: Path) -> None:
    record, _ = run(cli, world, checkpoint, "mini", "--method", ALL)
    value = {
        r.method: r.value
        for r in record.rows
        if r.metric == "balanced-accuracy" and r.level == "unit" and r.group is None
    }
    assert value[record.headline_method.id] < 0.7
    for method in ("linear-probe", "knn", "few-shot:logistic:balanced@all"):
        assert value[method] > 0.9
    needed = {(n.curve, n.metric): n for n in record.few_shot.needed}
    assert needed["few-shot:logistic:balanced", "balanced-accuracy"].on_average is not None


def test_what_is_stored_gives_the_numbers_again(cli: Cli, world: World, checkpoint: Path) -> None:
    record, folder = run(cli, world, checkpoint, "mini", "--method", "few-shot,mlp-probe")
    assert record.plan.methods == ("zero-shot", "few-shot", "mlp-probe")
    assert record.headline_method.kind == "zero-shot"
    stored = store.read_predictions(folder, record, seeds=True)
    for method in ("few-shot:logistic:balanced@4", "mlp-probe"):
        seeds = [one for one in stored if one.method == method and one.level == "unit"]
        assert [one.seed for one in seeds] == [0, 1]
        accuracy = []
        for one in seeds:
            hit = one.scores.argmax(axis=1) == one.y_true.argmax(axis=1)
            accuracy.append(np.mean([hit[one.y_true[:, k]].mean() for k in range(3)]))
        (row,) = (
            r for r in record.rows
            if (r.method, r.level, r.metric, r.group) == (method, "unit", "balanced-accuracy", None)
        )  # fmt: skip
        assert row.value == pytest.approx(np.mean(accuracy), abs=1e-12)
        assert row.seeds == 2
        assert row.seed_sd == pytest.approx(np.std(accuracy, ddof=1), abs=1e-12)


def test_more_seeds_shots_and_c_keep_what_was_there(cli: Cli, world: World, checkpoint: Path) -> None:
    few = ("--method", "linear-probe,few-shot", "--c", "0.1,1")
    first, _ = run(cli, world, checkpoint, "mini", *few)
    more, _ = run(cli, world, checkpoint, "mini", "--method", "linear-probe,few-shot", "--c", "0.1,1,10", "--seeds", 3,
                  "--shots", "1,2,4,all")  # fmt: skip
    assert more.few_shot.draws[0].units[: len(first.few_shot.draws[0].units)] == first.few_shot.draws[0].units
    assert [draw.seed for draw in more.few_shot.draws] == [0, 1, 2]
    scores = {m.id: dict(zip(m.choice.values, m.choice.scores, strict=True)) for m in first.methods if m.choice}
    again = {m.id: dict(zip(m.choice.values, m.choice.scores, strict=True)) for m in more.methods if m.choice}
    assert again["linear-probe"].items() >= scores["linear-probe"].items()
    answer = cli("cache", "info", "--cache", world.cache, "--json")
    assert answer.json()["fits"]["entries"] > 0


def test_the_report_names_the_command_that_makes_the_same_run_again(cli: Cli, world: World, checkpoint: Path) -> None:
    more = ("--method", "linear-probe,knn,few-shot", "--features", "standardised", "--class-weights", "balanced",
            "--criterion", "balanced-accuracy", "--regime", "natural", "--variant", "logistic,nearest-mean",
            "--picture-weights", "--no-refit", "--neighbours", "1,3", "--few-units", "drop-class")  # fmt: skip
    record, folder = run(cli, world, checkpoint, "mini", *more)
    view = cli("report", folder, "--json").json()["reports"][0]
    words = shlex.split(view["environment"]["command"])
    assert words[:2] == ["vlmeval", "run"]
    answer = cli(*words[1:], *world.options(), "--device", "cpu", "--json")
    assert answer.code == 0, answer.err
    (again,) = answer.json()["runs"]
    assert again["found"]
    assert again["digest"] == record.digest


def test_few_shot_says_where_it_starts_and_which_options_it_does_not_follow(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    record, _ = run(cli, world, checkpoint, "mini", "--method", "few-shot", "--solver", "sklearn", "--aggregation",
                    "max-score", "--class-weights", "balanced")  # fmt: skip
    said = [finding.message for finding in record.findings if finding.code == "few-shot-option"]
    assert len(said) == 2
    assert "--solver" in said[0]
    assert "largest" in said[1]
    by_id = {m.id: m.parameters for m in record.methods if m.kind == "few-shot"}
    start = {"prompts": record.plan.prompts[0], "aggregation": "mean-embedding"}
    assert by_id["few-shot:text-anchored:balanced@1"]["zero_shot"] == start
    assert by_id["few-shot:text-anchored:balanced@1"]["class_weight"] == "balanced"
    assert by_id["few-shot:nearest-mean:balanced@1"].keys().isdisjoint({"zero_shot", "class_weight"})


def test_one_shot_of_several_labels_decides_by_their_share_of_the_draw(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    record, _ = run(cli, world, checkpoint, "mini-multi", "--method", "few-shot", "--variant", "logistic,cache")
    seeds = {m.id: m.seeds for m in record.methods if m.kind == "few-shot"}
    for seed in seeds["few-shot:logistic:balanced@1"]:
        assert seed.chosen_on == "inside the shots, each label's share of them"
        assert seed.thresholds is not None
        drawn = seed.parameters["units"]
        assert all(0 < share < 1 for share in seed.thresholds.values())
        assert [share * drawn for share in seed.thresholds.values()] == pytest.approx(
            [round(share * drawn) for share in seed.thresholds.values()]
        )
    assert {s.chosen_on for s in seeds["few-shot:cache:balanced@1"]} == {"fixed in advance at 0.5"}


def test_what_several_methods_notice_is_said_once(
    cli: Cli, world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Finding(code="class-not-in-train", severity="warning", message="cannot be learned", examples=("c",))
    for module in ("linear", "neighbours"):
        monkeypatch.setattr(f"vlmeval.methods.probes.{module}.absent_classes", lambda *_: [lost])
    record, _ = run(cli, world, checkpoint, "mini", "--method", "linear-probe,knn")
    assert record.findings.count(lost) == 1


def test_the_terminal_shows_every_method_and_where_curves_pass_zero_shot(
    cli: Cli, world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options(), *QUICK, "--method",
                 "linear-probe,knn,few-shot", "--variant", "logistic")  # fmt: skip
    assert answer.code == 0, answer.err
    for words in ("Linear probe", "Nearest neighbours", "Logistic probe, 1 shot ", "Logistic probe, all units"):
        assert words in answer.out
    assert "Logistic probe, 4 shots" not in answer.out
    assert "few-shot:logistic:balanced: clearly better than zero-shot by balanced-accuracy from" in answer.out


@pytest.fixture
def vectors(world: World, tmp_path: Path) -> Path:
    """A file of vectors of the mini benchmark's pictures."""
    rng = np.random.default_rng(0)
    names = sorted(path.name for path in world.data.glob("*.png"))
    centre = np.array([int(name.split("-")[0]) % 3 for name in names])
    file = tmp_path / "mine.npz"
    np.savez(file, ids=np.array(names), vectors=(rng.normal(size=(len(names), 5)) + 4 * np.eye(5)[centre]))
    return file


def test_probes_need_no_text_model(cli: Cli, world: World, vectors: Path) -> None:
    record, _ = run(cli, world, f"embeddings:{vectors}", "mini", "--method", "linear-probe,mlp-probe,knn,few-shot")
    assert record.prompts == ()
    assert record.plan.methods == ("linear-probe", "mlp-probe", "knn", "few-shot")
    assert {m.parameters["variant"] for m in record.methods if m.kind == "few-shot"} == {"logistic", "nearest-mean"}
    assert len(record.few_shot.left_out) == 2
    assert record.differences == ()
    assert record.headline_method.id == "linear-probe"


def test_a_sweep_alone_is_led_by_the_last_point_of_its_first_curve(cli: Cli, world: World, vectors: Path) -> None:
    record, folder = run(cli, world, f"embeddings:{vectors}", "mini", "--method", "few-shot")
    assert [m.id for m in record.methods if m.headline] == ["few-shot:logistic:balanced@all"]
    assert "Few-shot" in (folder / store.REPORT).read_text()


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (("--method", "linear-probe", "--split", "all"), 2, "trained on"),
        (("--method", "linear-probe", "--split", "train"), 2, "trained on"),
        (("--method", "linear-prob"), 2, "linear-probe"),
        (("--method", "knn", "--recipe", "medsiglip"), 2, "medsiglip-notebook"),
        (("--method", "few-shot", "--shots", "64", "--few-units", "error"), 3, "64"),
        (("--method", "linear-probe", "--c", "1,x"), 2, "--c"),
    ],
)
def test_what_is_refused(
    cli: Cli, world: World, checkpoint: Path, more: tuple[object, ...], code: int, words: str
) -> None:
    answer = cli("run", "--model", checkpoint, "--bench", "mini", *world.options(), *more)
    assert answer.code == code, answer.err
    assert words in answer.err
    assert not list(world.runs.glob("**/run.json"))


def test_pooled_vectors_are_not_in_a_file(cli: Cli, world: World, vectors: Path) -> None:
    answer = cli("run", "--model", f"embeddings:{vectors}", "--bench", "mini", *world.options(), "--method",
                 "linear-probe", "--embedding", "pooled")  # fmt: skip
    assert answer.code == 2
    assert "pooled" in answer.err


def test_zero_shot_from_a_file_needs_a_text_model(cli: Cli, world: World, vectors: Path) -> None:
    answer = cli("run", "--model", f"embeddings:{vectors}", "--bench", "mini", *world.options(), "--method",
                 "zero-shot,linear-probe")  # fmt: skip
    assert answer.code == 2
    assert "::MODEL" in answer.err


def test_nan_vectors_are_named(cli: Cli, world: World, vectors: Path) -> None:
    with np.load(vectors) as file:
        ids, values = file["ids"], file["vectors"]
    values[3, 1] = np.nan
    np.savez(vectors, ids=ids, vectors=values)
    answer = cli("run", "--model", f"embeddings:{vectors}", "--bench", "mini", *world.options(), "--method", "knn")
    assert answer.code == 3
    assert str(ids[3]) in answer.err
