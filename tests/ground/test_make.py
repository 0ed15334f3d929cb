"""The Makefile with a stand-in interpreter: what is asked for, how often, and what a person is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Notes every call; `-m venv DIR` leaves itself as DIR/bin/python, `-m pip` leaves the tools that were asked for.
STAND_IN = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1 $2" in
  "-c "*) exit {version_exit} ;;
  "--version "*) echo "Python 3.9.1" ;;
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip")
    [ -n "$PIP_FAILS" ] && exit 1
    for tool in vlmeval ruff mypy lint-imports pytest; do
      printf '#!/bin/sh\\necho ran %s "$@"\\n' $tool > .venv/bin/$tool; chmod +x .venv/bin/$tool
    done ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


class Tree:
    """A folder with the Makefile, a pyproject.toml and a stand-in interpreter."""

    def __init__(self, folder: Path, version_exit: int = 0) -> None:
        self.folder = folder
        shutil.copy(ROOT / "Makefile", folder)
        (folder / "pyproject.toml").write_text("", encoding="utf-8")
        self.python = folder / "stand-in"
        self.python.write_text(STAND_IN.format(version_exit=version_exit), encoding="utf-8")
        self.python.chmod(0o755)

    def make(self, *targets: str, **env: str) -> subprocess.CompletedProcess[str]:
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "PYTHON"))}
        return subprocess.run(
            ["make", f"PYTHON={self.python}", *targets],
            cwd=self.folder,
            env=bare | {"CALLS": str(self.folder / "calls")} | env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def installs(self) -> list[str]:
        calls = (self.folder / "calls").read_text(encoding="utf-8").splitlines()
        return [call.split()[-1] for call in calls if call.startswith("-m pip")]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def test_demo_installs_once_and_again_when_pyproject_changes(tree: Tree) -> None:
    first = tree.make("demo")
    assert first.returncode == 0, first.stderr
    assert "ran vlmeval demo" in first.stdout
    assert tree.make("demo").returncode == 0
    assert tree.installs() == ["."]
    later = time.time() + 5
    os.utime(tree.folder / "pyproject.toml", (later, later))
    assert tree.make("demo").returncode == 0
    assert tree.installs() == [".", "."]


def test_the_development_install_serves_demo_too(tree: Tree) -> None:
    assert tree.make("lint").returncode == 0
    assert tree.make("demo").returncode == 0
    assert tree.installs() == [".[dev]"]


def test_a_failed_install_is_tried_again(tree: Tree) -> None:
    assert tree.make("lint", PIP_FAILS="1").returncode != 0
    assert tree.make("lint").returncode == 0
    assert tree.installs() == [".[dev]", ".[dev]"]


def test_an_old_interpreter_is_refused_with_a_way_out(tmp_path: Path) -> None:
    done = Tree(tmp_path, version_exit=1).make("demo")
    assert done.returncode != 0
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Python 3.9.1" in done.stderr
    assert "make PYTHON=python3.12 demo" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_test_runs_every_check_and_stops_at_the_first_failure(tree: Tree) -> None:
    assert tree.make("lint").returncode == 0
    done = tree.make("test")
    ran = [line.strip() for line in done.stdout.splitlines() if line.startswith("ran ")]
    assert ran[:4] == ["ran ruff check .", "ran ruff format --check .", "ran mypy", "ran lint-imports"]
    assert ran[4:] == ["ran pytest -n 2 --dist loadfile"]
    (tree.folder / ".venv" / "bin" / "mypy").write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken = tree.make("test")
    assert broken.returncode != 0
    assert "ran pytest" not in broken.stdout


def test_bench_runs_every_script(tree: Tree) -> None:
    assert tree.make("bench").returncode == 0
    scripts = tree.folder / "tests" / "perf"
    scripts.mkdir(parents=True)
    for name in ("bench_a.py", "bench_b.py", "helper.py"):
        (scripts / name).write_text("", encoding="utf-8")
    done = tree.make("bench")
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.startswith("==")] == [
        "== tests/perf/bench_a.py",
        "== tests/perf/bench_b.py",
    ]


def test_clean_keeps_what_is_not_its_own(tree: Tree) -> None:
    for folder in ("runs/1", "vlmeval/__pycache__", "tests", "dist"):
        (tree.folder / folder).mkdir(parents=True)
    assert tree.make("lint").returncode == 0
    assert tree.make("clean").returncode == 0
    left = {p.name for p in tree.folder.iterdir()}
    assert left == {"Makefile", "pyproject.toml", "stand-in", "calls", "runs", "vlmeval", "tests"}
    assert not (tree.folder / "vlmeval" / "__pycache__").exists()


def test_ci_runs_the_developers_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text
    assert text.rstrip().splitlines()[-1] == "exec make test < /dev/null"
