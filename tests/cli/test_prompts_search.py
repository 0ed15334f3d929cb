"""`vlmeval prompts search` on the small benchmark of this folder: what it prints, writes and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

Cli = Any
World = Any


def call(cli: Cli, world: World, checkpoint: Path, *more: object) -> Any:
    places = ("--data-root", world.root, "--data", world.data, "--cache", world.cache, "--to", world.root)
    sets = ("--prompts", "generic/names", "--prompts", "generic/photo")
    few = ("--folds", 2, "--draws", 20, "--device", "cpu")
    return cli("prompts", "search", "-m", checkpoint, "-b", "mini", "--save", "my/found", *places, *sets, *few, *more)


def widened(world: World) -> None:
    """Deal the ninety cases so that validation has enough of them."""
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    card.write_text(card.read_text().replace("[0.2, 0.2, 0.6]", "[0.1, 0.5, 0.4]"))


def test_search_shows_steps_and_figures_side_by_side_and_leaves_a_set(cli: Cli, world: World, checkpoint: Path) -> None:
    widened(world)
    with (world.root / "benchmarks" / "mini" / "benchmark.yaml").open("a") as card:
        card.write("\nsynthetic: true\n")
    shown = call(cli, world, checkpoint)
    assert shown.code == 0, shown.err
    assert "synthetic The data are synthetic: these are not clinical results." in shown.out
    for part in ("The search", "the card's chosen set (generic/names)", "validation, chosen on these", "nested",
                 "test, generic/names", "gain on test", "Measured where it was chosen", "prompts/my/found.yaml",
                 "use it: vlmeval run --data-root"):  # fmt: skip
        assert part in shown.out
    text = (world.root / "prompts" / "my" / "found.yaml").read_text()
    assert text.startswith("# Chosen by a search on labelled validation units of mini")
    assert str(world.data) not in text
    assert "prompts search --model" in text
    run = cli("run", "-m", checkpoint, "-b", "mini", "--prompts", "my/found", *world.options(), "--draws", 10,
              "--permutations", 0)  # fmt: skip
    assert run.code == 0, run.err
    assert "chosen by a search on labelled validation units" in run.out
    refused = cli("run", "-m", checkpoint, "-b", "mini", "--prompts", "my/found", "--split", "val", *world.options())
    assert refused.code == 2
    assert "was chosen on 45 of the 45 cases" in refused.err


def test_search_as_data(cli: Cli, world: World, checkpoint: Path) -> None:
    widened(world)
    found = call(cli, world, checkpoint, "--ensemble", "weighted", "--objective", "balanced-accuracy", "--json").json()
    assert found["prompts"] == "my/found"
    assert found["objective"] == {"balanced-accuracy": 1.0}
    assert (found["ensemble"], found["steps"][-1]["kind"]) == ("weighted", "weights")
    assert len(found["outer"]) == 2
    assert {"validation", "nested", "test", "baseline_test", "gain_test", "optimism"} <= set(found)
    again = call(cli, world, checkpoint, "--json")
    assert (again.code, again.json()["error"]) == (2, "UsageError")
    assert "there already" in again.json()["message"]


def test_search_refuses_what_cannot_be(cli: Cli, world: World, checkpoint: Path) -> None:
    few = call(cli, world, checkpoint)
    assert few.code == 3
    assert "too few validation cases" in few.err
    wrong = call(cli, world, checkpoint, "--objective", "accuracy")
    assert (wrong.code, "unknown objective" in wrong.err) == (2, True)
    group = call(cli, world, checkpoint, "--objective", "worst-tone", "--group", "monk", "--folds", 2)
    assert group.code in (2, 3)
    name = call(cli, world, checkpoint, "--save", "found")
    assert (name.code, "family/name" in name.err) == (2, True)
    assert not (world.root / "prompts" / "my").exists()
    (world.root / "a-file").write_text("")
    nowhere = call(cli, world, checkpoint, "--to", world.root / "a-file" / "below")
    assert (nowhere.code, "prompt sets cannot be written here" in nowhere.err) == (2, True)


@pytest.mark.parametrize("what", ["case", "picture"])
def test_a_validation_case_that_test_shows_too_is_refused_though_the_card_says_that_it_leaks(
    cli: Cli, world: World, checkpoint: Path, what: str
) -> None:
    table = world.data / "photos.csv"
    header, *lines = table.read_text().splitlines()
    split_of = {f"c{case}": "val" if case % 2 else "test" for case in range(90)}
    rows = [f"{line},{split_of[line.split(',')[5]]}" for line in lines]
    if what == "case":  # the second photograph of c1 stands in test
        rows = [row.replace(",val", ",test") if row.startswith("1-1.png") else row for row in rows]
    else:  # a case of test shows what c1 shows
        (world.data / "2-0.png").write_bytes((world.data / "1-0.png").read_bytes())
    table.write_text("\n".join([f"{header},split", *rows]) + "\n")
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    by_column = 'protocol: {by: column, column: split, leaky: "told so"}'
    card.write_text(card.read_text().replace("protocol: {by: unit, fractions: [0.2, 0.2, 0.6]}", by_column))
    refused = call(cli, world, checkpoint)
    assert refused.code == 3
    assert "1 validation cases of mini are in test too, or show a picture of a test case" in refused.err
    assert "c1" in refused.err
    assert not (world.root / "prompts" / "my").exists()
