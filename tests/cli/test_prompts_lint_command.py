"""`vlmeval prompts lint|list|show` as a person calls them; a bad set stops a run before a picture is opened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vlmeval.workbench.lint import RULES, LintReport

Cli = Any
World = Any
GOOD = """\
schema: 1
id: mine/squares
version: "1"
title: Squares
kind: names
author: me
source: what the squares look like
benchmarks: [mini]
names_from: here
names:
  red: [a red square, a crimson square]
  green: [a green square]
  blue: [a blue square]
"""


@pytest.fixture
def write(world: World) -> Any:
    """Write a prompt set into the world's data root; returns its file."""

    def put(text: str) -> Path:
        file: Path = world.root / "prompts" / "mine" / "squares.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return put


_opened: list[str] = []
_watching = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "open" and str(arguments[0]).endswith(".png"):
        _opened.append(str(arguments[0]))


@pytest.fixture
def opened_pictures() -> Iterator[list[str]]:
    """Every picture that this process opens, as the interpreter itself reports it."""
    global _watching  # noqa: PLW0603 - an audit hook stays for the life of the process
    if not _opened:
        sys.addaudithook(_audit)
    _opened.clear()
    _watching = True
    yield _opened
    _watching = False


def test_a_set_with_a_class_missing_stops_a_run_before_any_picture_is_opened(
    cli: Cli, world: World, checkpoint: Path, write: Any, opened_pictures: list[str]
) -> None:
    file = write(GOOD.replace("  blue: [a blue square]\n", ""))
    options = ["--model", checkpoint, "--bench", "mini", "--prompts", "mine/squares", "--draws", 10, "--workers", 0]
    stopped = cli("run", *options, *world.options())
    assert stopped.code == 2
    assert f"{file}:10" in stopped.err
    assert "no words for class 'blue'" in stopped.err
    assert opened_pictures == []
    assert not world.cache.exists()
    assert not world.runs.exists()

    write(GOOD)  # the same call with the class reads all of them
    assert cli("run", *options, *world.options()).code == 0
    assert len({Path(name).name for name in opened_pictures}) == 135


def test_lint_says_the_same_with_file_and_line(cli: Cli, world: World, write: Any) -> None:
    file = write(GOOD.replace("  blue: [a blue square]\n", ""))
    answer = cli("prompts", "lint", "mine/squares", "--data-root", world.root)
    assert answer.code == 2
    assert f"{file}:10: error: no words for class 'blue' of mini [missing-class]" in answer.out
    assert "1 prompt set checked: 1 error, 0 warnings" in answer.out


def test_warnings_fail_in_strict_mode_alone(cli: Cli, world: World, write: Any) -> None:
    file = write(GOOD.replace("a blue square", "an blue square"))
    arguments = ["prompts", "lint", file, "--data-root", world.root]
    lenient = cli(*arguments)
    assert lenient.code == 0
    assert "'an blue' should be 'a blue'" in lenient.out
    assert cli(*arguments, "--strict").code == 2
    write(GOOD)
    clean = cli(*arguments, "--strict")
    assert clean.code == 0
    assert "nothing wrong" in clean.out


def test_json_is_the_whole_report(cli: Cli, world: World, write: Any) -> None:
    file = write(GOOD.replace("a blue square", '"a {color} square <b>"'))
    answer = cli("prompts", "lint", "mine/squares", "--data-root", world.root, "--json")
    assert answer.code == 2
    report = LintReport.model_validate(answer.json())
    assert report.schema_ == 1
    (finding,) = report.findings
    assert (finding.rule, finding.severity, finding.file, finding.line) == ("placeholder", "error", str(file), 13)
    assert finding.key == "names.blue[0]"
    assert (report.errors, report.warnings) == (1, 0)
    assert [(checked.prompts, checked.benchmarks) for checked in report.files] == [("mine/squares", ("mini",))]


def test_github_annotations_are_escaped(cli: Cli, world: World, write: Any) -> None:
    write(GOOD.replace("a blue square", '"a 50% blue, {color} square"'))
    answer = cli("prompts", "lint", "mine/squares", "--data-root", world.root, "--format", "github")
    assert answer.code == 2
    (line,) = answer.out.splitlines()
    assert line.startswith("::error file=")
    assert ",line=13,title=placeholder::nothing fills the placeholder '{color}'" in line
    assert "50%25 blue, {color}" in line


def test_another_benchmark_can_be_asked_for(cli: Cli, world: World, write: Any) -> None:
    write(GOOD)
    answer = cli("prompts", "lint", "mine/squares", "--data-root", world.root, "--bench", "derm-demo", "--json")
    assert {finding["rule"] for finding in answer.json()["findings"]} >= {"unknown-class", "missing-class"}
    unknown = cli("prompts", "lint", "mine/square", "--data-root", world.root)
    assert unknown.code == 2
    assert "did you mean mine/squares" in unknown.err


def test_a_benchmark_alone_means_the_sets_that_are_for_it(cli: Cli, world: World, write: Any) -> None:
    write(GOOD)
    answer = cli("prompts", "lint", "--data-root", world.root, "--bench", "mini", "--json")
    sets = {checked["prompts"] for checked in answer.json()["files"]}
    assert "mine/squares" in sets
    assert {name.partition("/")[0] for name in sets} == {"mine", "generic"}
    assert answer.code == 0, answer.out


def test_a_models_own_tokenizer_counts(cli: Cli, world: World, write: Any) -> None:
    write(GOOD.replace("a blue square", "a blue square" + " beside another blue square" * 12))
    options = ["--data-root", world.root, "--model", "clip-demo", "--json"]
    answer = cli("prompts", "lint", "mine/squares", *options).json()
    (finding,) = answer["findings"]
    assert finding["rule"] == "too-long"
    assert finding["message"] == "53 tokens, over the 48 of clip-demo"
    assert answer["tokens"] == "SimpleTokenizer for clip-demo"
    shown = cli("prompts", "show", "mine/squares", *options).json()["tokens"]
    assert shown["context"] == 48
    assert sorted(shown["counts"].values()) == [5, 5, 5, 53]
    assert " 53 too long  a blue square" in cli("prompts", "show", "mine/squares", *options[:-1]).out


def test_a_model_that_is_not_here_is_told_of_and_counted_by_a_stand_in(
    cli: Cli, world: World, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write(GOOD.replace("a blue square", "a blue square" + " beside another blue square" * 12))
    answer = cli("prompts", "lint", "mine/squares", "--data-root", world.root, "--model", "medsiglip-448")
    assert answer.code == 0
    assert "the tokenizer of medsiglip-448 is not here" in answer.err
    assert "about 68 tokens, over the 64 of medsiglip-448 [may-be-too-long]" in answer.out


def test_the_rules_can_be_read(cli: Cli) -> None:
    plain = cli("prompts", "lint", "--rules").out
    assert all(rule in plain for rule in RULES)
    listed = cli("prompts", "lint", "--rules", "--json").json()["rules"]
    assert [row["rule"] for row in listed] == list(RULES)


class TestShow:
    def test_weights_negatives_and_review(self, cli: Cli, world: World, write: Any) -> None:
        text = GOOD.replace("[mini]", "[mini-multi]").replace("names:\n", "NAMES:\n").replace(
            "names_from", "weights:\n  red: [3, 1]\n  green: [1]\n  blue: [1]\nnegatives: [an empty page]\n"
            "reviewed: Dr. [A], 2024\nnames_from").replace("NAMES", "names")  # fmt: skip
        write(text)
        plain = cli("prompts", "show", "mine/squares", "--data-root", world.root)
        assert plain.code == 0, plain.err
        assert " 3.0000  a red square" in plain.out
        assert "against: an empty page" in plain.out
        assert "reviewed by Dr. [A], 2024" in plain.out
        shown = cli("prompts", "show", "mine/squares", "--data-root", world.root, "--json").json()
        assert shown["weights"]["red"] == [3, 1]
        assert shown["negatives"]["blue"] == ["an empty page"]
        assert shown["strings"]["red"] == ["a red square", "a crimson square"]
        assert shown["provenance"] is None

    def test_where_a_searched_set_was_chosen(self, cli: Cli, world: World, write: Any) -> None:
        figures = (
            "validation: {value: 0.81, low: 0.8, high: 0.82}\n  nested: {value: 0.76}\n  optimism: {value: 0.05}\n"
        )
        write(
            GOOD + "provenance:\n  vlmeval: '1'\n  created: '2024-05-01'\n  benchmark: mini\n  benchmark_digest: x\n"
            "  data_home: mini\n  units: 18\n  units_digest: y\n  model: clip-demo\n  model_key: k\n"
            "  objective: {auroc: 1}\n  baseline: generic/names\n  pool: {generic/names: d}\n  candidates: 7\n"
            f"  seed: 0\n  folds: 5\n  steps: []\n  {figures}  test: {{value: null, reason: too few units}}\n"
            "  gain_test: {value: -0.01, low: -0.1, high: 0.08}\n"
        )
        plain = cli("prompts", "show", "mine/squares", "--data-root", world.root)
        assert plain.code == 0, plain.err
        assert "searched: chosen on 18 validation units of mini with clip-demo" in plain.out
        assert "(too good): 0.810 [0.800, 0.820]" in plain.out
        assert "honest estimate by 5 nested folds: 0.760; optimism 0.050" in plain.out
        assert "on test units: none (too few units)" in plain.out
        assert "gain on test units: -0.010 [-0.100, 0.080]" in plain.out


def test_the_list_counts_strings_and_says_who_reviewed(cli: Cli, world: World, write: Any) -> None:
    write(GOOD)
    rows = {r["prompts"]: r for r in cli("prompts", "list", "--data-root", world.root, "--json").json()["prompts"]}
    mine = rows["mine/squares"]
    assert (mine["strings"], mine["version"], mine["author"], mine["reviewed"]) == (4, "1", "me", "no")
    assert rows["generic/names"]["strings"] is None
    write(GOOD.replace("  blue: [a blue square]\n", ""))
    rows = {r["prompts"]: r for r in cli("prompts", "list", "--data-root", world.root, "--json").json()["prompts"]}
    assert rows["mine/squares"]["strings"] is None, "a set that does not fit does not hide the others"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["prompts", "lint", "--nope", "--json"], "No such option: --nope"),
        (["run", "--json"], "Missing option '--model'"),
        (["no-such-verb", "--json"], "No such command 'no-such-verb'"),
        (["run", "--json", "--model", "m", "--bench", "scin", "--draws", "x"], "'--draws'"),
    ],
)
def test_usage_errors_of_the_parser_are_json_too(cli: Cli, arguments: list[str], text: str) -> None:
    answer = cli(*arguments)
    assert answer.code == 2
    error = answer.json()
    assert error["error"] == "UsageError"
    assert text in error["message"]
    assert error["exit_code"] == 2
    assert "--help" in error["hint"]
    assert answer.err == ""


@pytest.mark.parametrize(("arguments", "code"), [(["list", "methods"], 0), (["list", "nope"], 2), (["run", "-h"], 2)])
def test_exit_codes_are_the_same_with_and_without_json(cli: Cli, arguments: list[str], code: int) -> None:
    assert [cli(*arguments, *more).code for more in ([], ["--json"])] == [code, code]


def test_the_entry_point_answers_the_parser_in_json() -> None:
    command = [sys.executable, "-m", "vlmeval", "prompts", "lint", "--nope", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "")
    assert "No such option: --nope" in json.loads(done.stdout)["message"]
