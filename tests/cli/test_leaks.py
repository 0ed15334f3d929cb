"""Leaks from a user's own table to exit code, record and page: cases in two splits, pictures in two cases."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vlmeval import store
from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.embed.decode import Decoder
from vlmeval.records import RunRecord

Answer = Any
Cli = Any
World = Any
BY_UNIT = "protocol: {by: unit, fractions: [0.2, 0.2, 0.6]}"
BY_COLUMN = "protocol: {by: column, column: split}"
QUICK = ("--draws", 50, "--permutations", 0)


def run(cli: Cli, world: World, model: object, *more: object, bench: str = "mini") -> Answer:
    return cli("run", "--model", model, "--bench", bench, *QUICK, *world.options(), *more)


def record_of(answer: Answer) -> RunRecord:
    assert answer.code == 0, answer.err
    return store.read_record(Path(answer.json()["runs"][0]["folder"]))


def change_card(world: World, old: str, new: str) -> None:
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    assert old in card.read_text()
    card.write_text(card.read_text().replace(old, new))


def give_splits(world: World, split_of: dict[str, str] | None = None) -> list[str]:
    """Add a column of splits to the table: a case in one split each, but for the pictures named."""
    table = world.data / "photos.csv"
    lines = table.read_text().splitlines()
    written = [lines[0] + ",split"]
    for line in lines[1:]:
        case = int(re.findall(r",c(\d+),", line)[0])
        usual = ("train", "val", "test")[case // 3 % 3]
        written.append(f"{line},{(split_of or {}).get(line.split(',')[0], usual)}")
    table.write_text("\n".join(written) + "\n")
    return written


def test_a_case_in_train_and_test_stops_the_run_and_is_named_with_file_and_lines(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    # Case c1 (train) has two photographs; the second one stands in test.
    written = give_splits(world, {"1-1.png": "test"})
    change_card(world, BY_UNIT, BY_COLUMN)
    stopped = run(cli, world, checkpoint)
    assert stopped.code == 3
    lines = {
        name: 1 + next(i for i, row in enumerate(written) if row.startswith(name)) for name in ("1-0.png", "1-1.png")
    }
    assert (
        f"case c1: 1-0.png (line {lines['1-0.png']}) in train, 1-1.png (line {lines['1-1.png']}) in test" in stopped.err
    )
    assert str(world.data / "photos.csv") in stopped.err
    assert "unit-in-splits" in stopped.err
    assert "protocol.leaky" in stopped.err
    assert not world.runs.exists()
    told = run(cli, world, checkpoint, "--json")
    assert told.code == 3
    assert "case c1: 1-0.png (line" in told.json()["found"]


def test_the_same_under_a_leaky_protocol_finishes_with_badge_and_size(cli: Cli, world: World, checkpoint: Path) -> None:
    moved = {f"{case}-1.png": "test" for case in range(1, 90, 2) if case // 3 % 3 == 0}
    give_splits(world, moved)
    change_card(world, BY_UNIT, BY_COLUMN.replace("}", ', leaky: "second photographs of some cases stand in test"}'))
    answer = run(cli, world, checkpoint, "--json", "--method", "zero-shot,linear-probe")
    record = record_of(answer)
    assert [badge.kind for badge in record.badges] == ["leakage"]
    assert [badge["kind"] for badge in answer.json()["runs"][0]["badges"]] == ["leakage"]
    found = {one.code: one for one in record.findings}
    assert found["unit-in-splits"].severity == "warning"
    assert found["unit-in-splits"].count == len(moved)
    assert found["test-shares-unit"].count == len(moved)

    card = load_catalog([world.root]).benchmark("mini")
    assert record.benchmark_digest == card.content_digest
    assert record.data.group_units["seen-in-training"] == {"not-seen": 30, "seen": len(moved)}
    rows = [r for r in record.rows if r.group == "seen-in-training" and r.metric == "accuracy" and r.class_id is None]
    for method in ("linear-probe", "zero-shot:generic/names"):
        levels = {r.group_level for r in rows if r.method == method}
        assert {"seen", "not-seen", "last-first"} <= levels
    (effect,) = record.leaks
    assert (effect.method, effect.without) == ("linear-probe", "linear-probe without leaked rows")
    assert (effect.units, effect.seen_units, effect.removed_units) == (30 + len(moved), len(moved), len(moved))
    assert effect.removed_images == len(moved)
    assert effect.left_images + effect.removed_images == sum(record.data.split_images[s] for s in ("train", "val"))
    for one in effect.differences:
        if (one.metric, one.class_id, one.group) == ("accuracy", None, None):
            with_leak = next(r for r in record.rows if (r.method, r.level, r.metric) == ("linear-probe", effect.level, "accuracy") and r.group is None)  # fmt: skip  # noqa: E501
            without = next(r for r in effect.rows if r.metric == "accuracy" and r.group is None)
            assert one.value == pytest.approx(with_leak.value - without.value, abs=1e-12)
            break
    else:
        raise AssertionError("no difference of accuracy")
    page = (Path(answer.json()["runs"][0]["folder"]) / "report.html").read_text()
    assert "What the leak is worth" in page
    assert "second photographs of some cases stand in test" in page
    assert "not in training" in page


def hand_in_again(world: World, name: str, *others: str) -> None:
    """Put a soft picture under one name, and the same mirrored, smaller and as JPEG under others, of other cases."""
    rough = np.random.default_rng(5).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    picture = Image.fromarray(rough).resize((120, 90), Image.Resampling.BICUBIC)
    picture.save(world.data / name)
    again = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((80, 60), Image.Resampling.BILINEAR)
    for k, other in enumerate(others):
        again.save(world.data / other, format="JPEG", quality=80 - k)


def test_a_mirrored_copy_under_another_case_stops_fixed_splits_and_is_named(
    cli: Cli, world: World, checkpoint: Path
) -> None:
    give_splits(world)
    change_card(world, BY_UNIT, BY_COLUMN)
    hand_in_again(world, "0-0.png", "6-0.png")  # c0 in train, c6 in test, both red
    stopped = run(cli, world, checkpoint)
    assert stopped.code == 3
    assert "near-identical-in-splits" in stopped.err
    assert "0-0.png (c0, train) ≈ 6-0.png (c6, test)" in stopped.err
    assert "mirrored" in stopped.err
    assert not list(world.runs.rglob("run.json"))

    # The card may be stricter, may leave such cases out, or may say that it leaks.
    change_card(world, "prompts:", "near_identical: {leave_out: true}\nprompts:")
    record = record_of(run(cli, world, checkpoint, "--json"))
    (left,) = (one for one in record.findings if one.code == "repeats-left-out")
    assert left.examples == ("c0",)
    check = next(one for one in record.audit if one.id == "near-identical-in-splits")
    assert (check.found, check.action) == (1, "left out, see the findings")
    change_card(world, "{leave_out: true}", "{hash_distance: 0, correlation: 1.0}")
    strict = record_of(run(cli, world, checkpoint, "--json"))
    assert next(one for one in strict.audit if one.id == "near-identical-in-splits").found == 0
    change_card(world, "{hash_distance: 0, correlation: 1.0}", "{}")
    change_card(world, BY_COLUMN, BY_COLUMN.replace("}", ", leaky: one picture twice}"))
    leaky = record_of(run(cli, world, checkpoint, "--json"))
    assert {one.code: one.severity for one in leaky.findings}["near-identical-in-splits"] == "warning"
    assert leaky.data.group_units["seen-in-training"]["seen"] == 1


def test_where_vlmeval_deals_the_cases_a_copy_is_left_out_and_said(cli: Cli, world: World, checkpoint: Path) -> None:
    first = record_of(run(cli, world, checkpoint, "--json"))
    assert not [one for one in first.findings if "near" in one.code or "left-out" in one.code]
    assert all(check.found == 0 for check in first.audit if check.found is not None)
    hand_in_again(world, "0-0.png", *(f"{case}-0.png" for case in range(3, 90, 6)))
    record = record_of(run(cli, world, checkpoint, "--json"))
    found = {one.code: one for one in record.findings}
    assert found["repeats-left-out"].severity == "warning"
    assert record.data.split_units["test"] == 54
    assert record.data.units == 90 - found["repeats-left-out"].count
    assert "near-identical-in-splits" not in found
    assert found["near-identical-units"].severity == "warning"


def test_a_second_run_decodes_nothing(
    cli: Cli, world: World, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record_of(run(cli, world, checkpoint, "--json"))

    def refuse(self: Decoder, batches: object) -> None:
        raise AssertionError("a picture was decoded")

    monkeypatch.setattr(Decoder, "stream", refuse)
    second = record_of(run(cli, world, checkpoint, "--json", "--seed", 1))
    assert second.digest != first.digest
    assert second.audit == first.audit


def vectors_of(world: World, file: Path) -> str:
    names = [line.split(",")[0] for line in (world.data / "photos.csv").read_text().splitlines()[1:]]
    vectors = np.random.default_rng(0).normal(size=(len(names), 16)).astype(np.float32)
    np.savez(file, ids=np.array(names), vectors=vectors)
    return f"embeddings:{file}"


def test_given_vectors_with_and_without_pictures(cli: Cli, world: World, tmp_path: Path) -> None:
    model = vectors_of(world, tmp_path / "vectors.npz")
    hand_in_again(world, "0-0.png", "3-0.png")
    whole = record_of(run(cli, world, model, "--json", "--method", "linear-probe"))
    near = [one.found for one in whole.audit if one.id.startswith("near-identical") and one.found is not None]
    assert sum(near[:2]) == 1
    for picture in world.data.glob("*.png"):
        picture.unlink()
    record = record_of(run(cli, world, model, "--json", "--method", "linear-probe"))
    (told,) = (one for one in record.findings if one.code == "pictures-not-compared")
    assert told.severity == "info"
    assert "the pictures are not here" in told.message
    unseen = {check.id for check in record.audit if check.not_looked is not None}
    assert unseen >= {"content-in-splits", "near-identical-in-splits", "near-identical-units"}
    page = (Path(next(iter(world.runs.rglob(f"{record.digest[:12]}*"))) / "report.html")).read_text()
    assert "not looked for: the vectors were given, and the pictures are not here" in page


def test_scored_predictions_say_that_no_picture_was_opened(cli: Cli, world: World, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["id,truth,score:r,score:g,score:b"]
    for k in range(60):
        scores = rng.dirichlet(np.ones(3))
        lines.append(f"p{k},{'rgb'[k % 3]}," + ",".join(f"{s:.4f}" for s in scores))
    file = tmp_path / "scores.csv"
    file.write_text("\n".join(lines) + "\n")
    answer = cli("score", file, "--truth", "truth", "--kind", "probability", *QUICK, "--out", world.runs, "--json")
    assert answer.code == 0, answer.err
    record = store.read_record(next(world.runs.rglob("run.json")).parent)
    reasons = {check.id: check.not_looked for check in record.audit}
    assert reasons["near-identical-units"] == "predictions were scored, and no picture was opened"
    assert reasons["unit-in-splits"] == "the rows of a predictions file are in no split"
    assert reasons["unit-labels-differ"] is None


def test_scored_predictions_of_a_leaky_benchmark_are_badged_and_grouped(cli: Cli, world: World, tmp_path: Path) -> None:
    moved = {f"{case}-1.png": "test" for case in range(1, 90, 2) if case // 3 % 3 == 0}
    written = give_splits(world, moved)
    rng = np.random.default_rng(0)
    rows = [f"{line.split(',')[0]}," + ",".join(f"{s:.3f}" for s in rng.random(3)) for line in written[1:]]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["id,red,green,blue", *rows]) + "\n")
    change_card(world, BY_UNIT, BY_COLUMN)
    places = ["--data-root", world.root, "--data", world.data, "--out", world.runs]
    stopped = cli("score", file, "--kind", "logit", "--bench", "mini", *QUICK, *places)
    assert stopped.code == 3
    assert "case c1: 1-0.png (line" in stopped.err
    change_card(world, BY_COLUMN, BY_COLUMN.replace("}", ", leaky: photographs are split}"))
    record = record_of(cli("score", file, "--kind", "logit", "--bench", "mini", *QUICK, *places, "--json"))
    assert "leakage" in [badge.kind for badge in record.badges]
    assert record.benchmark_digest == load_catalog([world.root]).benchmark("mini").content_digest
    assert record.data.group_units["seen-in-training"] == {"not-seen": 30, "seen": len(moved)}
    assert record.leaks == ()


@pytest.mark.realdata
def test_what_the_published_split_of_scin_is_worth(cli: Cli, real_data: Path, tmp_path: Path) -> None:
    """Made-up vectors that know a little of the labels and much of whose photograph it is."""
    samples = load_samples(load_catalog().benchmark("scin@notebook"), real_data / "scin")
    rng = np.random.default_rng(3)
    cases, case = np.unique(samples.units, return_inverse=True)
    own = rng.normal(size=(len(cases), 48))[case]
    known = samples.labels @ rng.normal(size=(samples.labels.shape[1], 48))
    vectors = (0.25 * known + own + 0.2 * rng.normal(size=own.shape)).astype(np.float32)
    by_name = {f"dataset/images/{ref.path.name}": row for ref, row in zip(samples.images, vectors, strict=True)}
    by_name.pop("dataset/images/-2243186711511406658.png")
    file = tmp_path / "scin.npz"
    np.savez(file, ids=np.array(list(by_name)), vectors=np.array(list(by_name.values())))
    answer = cli(
        "run", "--model", f"embeddings:{file}", "--bench", "scin@notebook", "--data", real_data / "scin",
        "--out", tmp_path / "runs", "--cache", tmp_path / "cache", "--method", "linear-probe", *QUICK, "--json",
    )  # fmt: skip
    record = record_of(answer)
    found = {one.code: one for one in record.findings}
    assert found["unit-in-splits"].severity == "warning"
    assert "76.2%" in found["test-shares-unit"].message
    assert "pictures-not-compared" in found
    (effect,) = record.leaks
    assert effect.level == "image"
    assert record.benchmark_digest == load_catalog().benchmark("scin@notebook").content_digest
    worth = {
        d.group_level: d
        for d in effect.differences
        if (d.metric, d.averaging) == ("auroc", "macro")
        and d.class_id is None
        and d.group_level in (None, "seen", "not-seen")
    }
    seen, unseen = worth["seen"], worth["not-seen"]
    assert seen.low is not None
    assert seen.low > 0.02
    assert unseen.value is not None
    assert abs(unseen.value) < 0.03
    assert worth[None].low is not None
    assert worth[None].low > 0
    assert effect.left_images + effect.removed_images == 3869 + 1291
