"""The verbs beside `run` and `score`: lists, prompts, data, cache, doctor, schema; quiet output; exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from vlmeval.catalog import load_catalog

Cli = Any
World = Any


@pytest.mark.parametrize("what", ["models", "benchmarks", "prompts", "methods", "metrics"])
def test_lists_name_everything(cli: Cli, what: str) -> None:
    answer = cli("list", what, "--json")
    rows = answer.json()[what]
    plain = cli("list", what).out
    assert rows
    assert all(str(next(iter(row.values()))) in plain for row in rows)


def test_lists_take_a_users_cards(cli: Cli, world: World) -> None:
    names = [
        row["benchmark"] for row in cli("list", "benchmarks", "--data-root", world.root, "--json").json()["benchmarks"]
    ]
    assert {"mini", "scin"} <= set(names)


def test_an_unknown_list_is_answered_with_the_nearest(cli: Cli) -> None:
    answer = cli("list", "modles")
    assert answer.code == 2
    assert "did you mean models" in answer.err


def test_prompts_show_prints_the_final_strings(cli: Cli) -> None:
    shown = cli("prompts", "show", "scin/names", "--json").json()
    assert tuple(shown["strings"]) == load_catalog().benchmark("scin").class_ids
    plain = cli("prompts", "show", "generic/photo", "--bench", "ham10000").out
    assert "melanoma" in plain.lower()
    unsaid = cli("prompts", "show", "generic/names")
    assert unsaid.code == 2
    assert "--bench scin" in unsaid.err
    assert {row["prompts"] for row in cli("prompts", "list", "--json").json()["prompts"]} >= {"scin/clinical"}


def test_describe_counts_a_users_benchmark(cli: Cli, world: World) -> None:
    arguments = ["data", "describe", "mini", "--data-root", world.root, "--data", world.data]
    counts = cli(*arguments, "--json").json()
    assert counts["images"] == 135
    assert counts["units"] == 90
    assert "135" in cli(*arguments).out


def test_check_finds_what_is_wrong(cli: Cli, world: World) -> None:
    arguments = ["data", "check", "mini", "--data-root", world.root, "--data", world.data]
    assert cli(*arguments).code == 0
    (world.data / "3-0.png").write_bytes(b"no picture")
    (world.data / "5-0.png").unlink()
    answer = cli(*arguments, "--json")
    assert answer.code == 3
    text = json.dumps(answer.json())
    assert "3-0.png" in text
    assert "5-0.png" in text


def test_a_fetch_that_fails_says_what_and_how_to_go_on(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "empty"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_address[1]}"
        answer = cli("data", "fetch", "scin", "--data", tmp_path / "scin", "--base-url", place, "--yes")
        server.shutdown()
    assert answer.code == 3
    assert "failed: dataset/scin_cases.csv" in answer.err
    assert "to mend: call it again to go on from here" in answer.err
    assert "{" not in answer.out
    assert not list((tmp_path / "scin").rglob("*.csv*"))


def test_fetch_says_size_and_licence_before_anything_is_downloaded(cli: Cli, tmp_path: Path) -> None:
    for home in ("scin", "ham10000"):
        answer = cli("data", "fetch", home, "--data", tmp_path / home, "--dry-run")
        assert answer.code == 0, answer.err
        assert "licence" in answer.out
        assert "to fetch" in answer.out
        plan = cli("data", "fetch", home, "--data", tmp_path / home, "--dry-run", "--json").json()
        assert plan["bytes_to_fetch"] > 1e6
        assert not (tmp_path / home).exists()


def test_cache_verbs(cli: Cli, world: World, checkpoint: Path) -> None:
    run = cli("run", "--model", checkpoint, "--bench", "mini", "--draws", 10, *world.options())
    assert run.code == 0, run.err
    info = cli("cache", "info", "--cache", world.cache, "--json").json()
    assert {d["kind"] for d in info["drawers"]} == {"images", "texts", "fingerprints"}
    assert sum(d["vectors"] for d in info["drawers"] if d["kind"] == "images") == 135
    assert cli("cache", "verify", "--cache", world.cache).code == 0
    shard = next((world.cache / "images").rglob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-5] + b"torn!")
    torn = cli("cache", "verify", "--cache", world.cache)
    assert torn.code == 3
    assert "damaged" in torn.out
    assert cli("cache", "clear", "--cache", world.cache, "--yes").code == 0
    assert cli("cache", "info", "--cache", world.cache, "--json").json()["drawers"] == []


def test_doctor_knows_where_things_are(cli: Cli) -> None:
    answer = cli("doctor", "--json")
    assert answer.json()["facts"]["data home"].startswith(os.environ["VLMEVAL_DATA_HOME"])
    assert answer.json()["facts"]["torch"]


def test_doctor_tells_of_a_name_clash(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "vlmeval_kit-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: vlmeval-kit\nVersion: 1.0\n")
    (other / "RECORD").write_text("vlmeval/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    answer = cli("doctor", "--json")
    assert answer.code == 2
    assert "vlmeval-kit" in answer.json()["problems"][0]


def test_the_published_schema_is_fresh(cli: Cli, checkout: Path) -> None:
    published = checkout / "reports" / "run.schema.json"
    assert published.read_text() == cli("schema").out, "run: vlmeval schema > reports/run.schema.json"


VERBS = (
    "demo", "run", "score", "report", "list", "doctor", "schema", "data fetch", "data check", "data describe",
    "prompts list", "prompts show", "prompts lint", "cache info", "cache clear", "cache verify",
)  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(cli: Cli, verb: str) -> None:
    text = cli(*verb.split(), "--help").out
    assert f"vlmeval {verb}" in text.partition("xample")[2], text


def python_m(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vlmeval", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **environment},
    )


def test_wrong_usage_is_exit_2_without_a_traceback() -> None:
    for arguments in (["run"], ["run", "--model"], ["no-such-verb"], ["run", "--split", "sideways", "--model", "m"]):
        done = python_m(*arguments)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout == ""


def test_a_bug_is_exit_1_with_a_traceback(tmp_path: Path) -> None:
    sitecustomize = "import vlmeval.catalog.catalog as c\ndef f(*a): raise ZeroDivisionError('planted')\nc._index = f\n"
    (tmp_path / "sitecustomize.py").write_text(sitecustomize)
    done = python_m("list", "models", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert "ZeroDivisionError: planted" in done.stderr


def test_an_interrupt_is_exit_130_and_leaves_no_half_run(world: World, checkpoint: Path) -> None:
    arguments = ["run", "--model", str(checkpoint), "--bench", "mini", "--draws", "500000", *world.options()]
    process = subprocess.Popen([sys.executable, "-m", "vlmeval", *arguments], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not list(world.cache.rglob("*.safetensors")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not list(world.runs.rglob("run.json")) if world.runs.exists() else True


def test_nothing_heavy_is_imported_to_list_or_to_report(cli: Cli, world: World, checkpoint: Path) -> None:
    (done,) = cli("run", "--model", checkpoint, "--bench", "mini", "--draws", 10, "--json", *world.options()).json()[
        "runs"
    ]
    watch = (
        "import sys, atexit\n"
        "heavy = {'torch', 'transformers', 'open_clip', 'datasets', 'sklearn', 'torchvision'}\n"
        "atexit.register(lambda: print('HEAVY', sorted(heavy & set(sys.modules)), file=sys.stderr))\n"
    )
    (world.runs / "sitecustomize.py").write_text(watch)
    warm = ["run", "--model", str(checkpoint), "--bench", "mini", "--draws", "11", *world.options()]
    for arguments in (["--help"], ["list", "models"], ["report", done["folder"]], warm):
        answer = python_m(*arguments, PYTHONPATH=str(world.runs))
        assert answer.returncode == 0, answer.stderr
        assert "HEAVY []" in answer.stderr, (arguments, answer.stderr)


def test_what_would_steer_the_terminal_is_not_printed(cli: Cli, world: World) -> None:
    folder = world.root / "prompts" / "evil"
    folder.mkdir(parents=True)
    (folder / "set.yaml").write_text(
        'schema: 1\nid: evil/set\nversion: "1"\ntitle: "a\\e[2Jb [bold]c"\nkind: names\nauthor: "d\\a\\u202e"\n'
        "source: e\n"
        'benchmarks: [mini]\ntemplates: ["{name} \\e]0;owned\\a"]\n',
        encoding="utf-8",
    )
    for arguments in (["prompts", "show", "evil/set"], ["prompts", "list"], ["prompts", "lint", "evil/set"]):
        answer = cli(*arguments, "--data-root", world.root)
        assert "[bold]c" in answer.out or arguments[1] == "list"
        assert not set(answer.out + answer.err) & set("\x1b\a\u202e"), arguments
