"""`--cross` and `--estimate-tone` from the command line to the record and the page, on a small drawn benchmark."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from vlmeval.catalog import load_catalog
from vlmeval.cli.app import app

CARD = """\
extends: derm-demo
id: small
data: {{adapter: demo, home: small, options: {{repeat_one_photo: false, cases: {{{cases}}}}}}}
protocol: {{by: unit, fractions: [0.2, 0.2, 0.6]}}
"""
BARE = """\
schema: 1
id: bare
version: "1"
title: Bare
summary: A table without pictures.
task: single-label
modality: other
unit: {name: case, column: case}
headline_metrics: [accuracy]
data: {adapter: table, home: bare, options: {table: photos.csv, image: file, label: colour}}
protocol: {by: unit, fractions: [0.2, 0.2, 0.6]}
classes:
  - {id: red, name: red square, labels: [r]}
  - {id: green, name: green square, labels: [g]}
prompts: {default: generic/names}
licence: {name: CC0}
citation: nobody
homepage: https://example.org
"""
CASES = {"ring": 30, "wheals": 30, "even-spot": 30}


class World:
    """A data root with one small drawn benchmark, and where its data, runs and cache lie."""

    def __init__(self, folder: Path) -> None:
        self.root, self.folder = folder / "root", folder
        card = self.root / "benchmarks" / "small" / "benchmark.yaml"
        card.parent.mkdir(parents=True)
        card.write_text(CARD.format(cases=", ".join(f"{name}: {n}" for name, n in CASES.items())))

    def call(self, *arguments: str) -> Result:
        places = {"--data-root": self.root, "--data": self.folder / "data"}
        return CliRunner().invoke(app, [*arguments, *(str(part) for pair in places.items() for part in pair)])

    def run(self, *arguments: str) -> Result:
        where = [
            "--out",
            str(self.folder / "runs"),
            "--cache",
            str(self.folder / "cache"),
            "--draws",
            "20",
            "--permutations",
            "0",
            "--json",
        ]
        return self.call("run", "-m", "clip-demo", "-b", "small", *where, *arguments)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tone"))


@pytest.fixture(scope="module")
def record(world: World) -> dict[str, Any]:
    result = world.run("--estimate-tone", "--cross", "fst-self:age", "--cross", "tone-estimated:sex")
    assert result.exit_code == 0, result.output
    return read(result)


def read(result: Result) -> dict[str, Any]:
    folder = Path(json.loads(result.stdout)["runs"][0]["folder"])
    found: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return found | {"page": (folder / "report.html").read_text(encoding="utf-8")}


def test_the_record_has_the_groups_and_the_cards_own_digest(record: dict[str, Any], world: World) -> None:
    assert record["plan"]["crossed"] == [["fst-self", "age"], ["tone-estimated", "sex"]]
    assert record["plan"]["estimate_tone"] is True
    groups = {g["id"]: g for g in record["benchmark"]["groups"]}
    assert groups["tone-estimated"]["estimated"] is True
    assert groups["fst-self/age"]["crossed"] == ["fst-self", "age"]
    assert record["benchmark_digest"] == load_catalog([world.root]).benchmark("small").content_digest
    units = record["data"]["group_units"]
    assert sum(units["fst-self/age"].values()) == sum(units["fst-self"].values())


def test_crossed_levels_are_averages_under_the_same_rule_without_gaps_of_ends(record: dict[str, Any]) -> None:
    rows = [row for row in record["rows"] if row.get("group") == "fst-self/age"]
    assert rows
    assert not [row for row in rows if row.get("class_id")]
    assert "last-first" not in {row["group_level"] for row in rows}
    small = [row for row in rows if row["n_units"] < 10 and "/" in row["group_level"]]
    assert small
    assert all(row["value"] is None and row["reason"] for row in small)


def test_the_estimate_is_compared_with_every_labelled_source(record: dict[str, Any]) -> None:
    found = [a for a in record["examined"]["agreement"] if "tone-estimated" in (a["a"], a["b"])]
    assert {a["a"] for a in found} == {"fst-self", "fst-dermatologist", "monk-us", "monk-india"}
    assert all(a["kappa"] is None and a["rank"] > 0.7 for a in found)
    assert not [s for s in record["examined"]["shifts"] if "tone-estimated" in (s["a"], s["b"])]
    assert {(s["a"], s["b"]) for s in record["examined"]["shifts"]} == {
        ("fst-self", "fst-dermatologist"),
        ("monk-us", "monk-india"),
    }


def test_the_page_shows_sources_agreement_shifts_and_limits(record: dict[str, Any]) -> None:
    page = record["page"]
    assert 'id="tone-sources"' in page
    assert page.count("Estimated from pixels, not labelled by anybody.") == 2
    assert "made for a colorimeter" in page
    assert "combinations have a number" in page
    assert "instead of" in page


def test_a_plain_run_estimates_and_crosses_nothing(record: dict[str, Any], world: World) -> None:
    plain = read(world.run())
    assert "tone-estimated" not in json.dumps(plain["rows"])
    assert plain["digest"] != record["digest"]
    assert plain["benchmark_digest"] == record["benchmark_digest"]
    assert "Estimated from pixels" not in plain["page"]
    headline = {row["group"] for row in plain["rows"] if row.get("group_level") == "worst"}
    assert headline >= {"fst-self", "monk-us"}


def test_a_second_run_measures_no_pixel(record: dict[str, Any], world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("a pixel was looked at")

    monkeypatch.setattr("vlmeval.data.tone_estimate.estimate.angle_of", never)
    again = read(world.run("--estimate-tone", "--cross", "age:sex"))
    assert again["data"]["group_units"]["tone-estimated"] == record["data"]["group_units"]["tone-estimated"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cross", "fst-slef:age"], "did you mean fst-self"),
        (["--cross", "tone-estimated:age"], "unknown group 'tone-estimated'"),
        (["--cross", "age"], "no pair of groups"),
    ],
)
def test_wrong_pairs_are_usage_errors(world: World, arguments: list[str], words: str) -> None:
    result = world.run(*arguments)
    assert result.exit_code == 2
    assert words in json.loads(result.stdout)["message"]


def test_scored_files_can_be_crossed(tmp_path: Path) -> None:
    lines = ["id,score:a,score:b,dx,sex,age"]
    for i in range(120):
        score, truth = 0.2 + 0.6 * (i % 2), "ab"[(i + i // 7) % 2]
        lines.append(f"r{i},{score},{1 - score},{truth},{'fm'[i % 3 == 0]},{('young', 'old')[i // 2 % 2]}")
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    where = ["--out", str(tmp_path / "runs"), "--draws", "20", "--json"]
    options = ["--id", "id", "--truth", "dx", "--group", "sex", "--group", "age", "--cross", "sex:age"]
    result = CliRunner().invoke(app, ["score", str(tmp_path / "p.csv"), "--kind", "probability", *options, *where])
    assert result.exit_code == 0, result.output
    found = read(result)
    assert found["data"]["group_units"]["sex/age"].keys() == {"f/old", "f/young", "m/old", "m/young", "not-known"}
    assert "sex × age" in found["page"]
    assert found["examined"]["missing"]["tone-agreement"]
    assert 'id="tone-sources"' not in found["page"]
    assert "would say what is a skin tone" in found["page"]


def test_describe_compares_the_estimate_with_the_labels(world: World) -> None:
    plain = world.call("data", "describe", "small", "--json")
    assert "estimated_tone" not in json.loads(plain.stdout)
    result = world.call("data", "describe", "small", "--estimate-tone", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["estimated_tone"]
    assert "estimated from pixels" in found["group"]
    assert found["not_estimable"] == 0
    assert sum(found["units"].values()) == sum(CASES.values())
    assert set(found["agreement"]) == {
        f"{name} / tone-estimated" for name in ("fst-self", "fst-dermatologist", "monk-us", "monk-india")
    }
    assert all(one["rank"] > 0.7 for one in found["agreement"].values())
    assert world.call("data", "describe", "small", "--estimate-tone").exit_code == 0


def test_without_pictures_nothing_can_be_estimated(tmp_path: Path) -> None:
    (tmp_path / "photos.csv").write_text("file,colour,case\na.png,r,1\nb.png,g,2\nc.png,r,3\nd.png,g,4\n")
    card = tmp_path / "root" / "benchmarks" / "bare" / "benchmark.yaml"
    card.parent.mkdir(parents=True)
    card.write_text(BARE)
    places = ["--data-root", str(tmp_path / "root"), "--data", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, ["data", "describe", "bare", "--estimate-tone", *places])
    assert result.exit_code == 3
    assert "no picture of bare is there" in json.loads(result.stdout)["message"]
