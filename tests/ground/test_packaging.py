"""What ships is what git tracks, and the data folders are found however vlmeval is installed.

Every build runs in a copy of the tracked files, in which outputs and data files have strayed into the data folders.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DATA_FOLDERS = ("prompts", "benchmarks", "reports")
STRAYS = (
    "reports/report.html",
    "reports/examples/leaderboard.html",
    "reports/examples/leaderboard.json",
    "reports/2024-06-01-clip/run.json",
    "reports/2024-06-01-clip/predictions.parquet",
    "reports/2024-06-01-clip/metrics.csv",
    "prompts/scin/draft.py",
    "prompts/scin/names.yaml.orig",
    "benchmarks/scin/scin_cases.csv",
    "benchmarks/ham10000/images/ISIC_0024306.jpg",
    "vlmeval/__pycache__/errors.cpython-311.pyc",
    "runs/1/run.json",
    "data/HAM10000_metadata.csv",
)
LOOK = """
import json, vlmeval
from vlmeval.resources import data_folder
found = {name: str(data_folder(name)) for name in ("prompts", "benchmarks", "reports")}
print(json.dumps(found | {"package": vlmeval.__file__}))
"""


@dataclass(frozen=True)
class Built:
    """A copy of the tree and what was built from it."""

    tree: Path
    tracked: frozenset[str]
    wheel: Path
    sdist: Path
    wheel_of_sdist: Path
    editable: Path


def run(command: list[str], cwd: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def clean_environment(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")} | more


def tracked_files() -> frozenset[str]:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no git checkout: nothing to compare the packages with")
    names = run(["git", "-c", "safe.directory=*", "ls-files", "-z"], ROOT).split("\0")
    # Examples are to be looked at in the repository; nobody needs them installed.
    kept = [name for name in names if not name.startswith("reports/examples/")]
    return frozenset(name for name in kept if name and (ROOT / name).is_file())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    base = tmp_path_factory.mktemp("packaging")
    tree, out = base / "tree", base / "out"
    tracked = tracked_files()
    for name in tracked:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tree / name)
    for name in STRAYS:
        assert name not in tracked
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("this must not ship", encoding="utf-8")

    def build(kind: str, source: Path, target: Path) -> Path:
        options = ["--no-isolation", f"--{kind}", "--outdir", str(target)]
        run([sys.executable, "-m", "build", *options, str(source)], base, clean_environment())
        (product,) = target.iterdir()
        return product

    wheel, sdist = build("wheel", tree, out / "wheel"), build("sdist", tree, out / "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(base / "unpacked", filter="data")
    (unpacked,) = (base / "unpacked").iterdir()
    (out / "editable").mkdir()
    hook = "import sys; from hatchling.build import build_editable; build_editable(sys.argv[1])"
    run([sys.executable, "-c", hook, str(out / "editable")], tree, clean_environment())
    (editable,) = (out / "editable").iterdir()
    return Built(tree, tracked, wheel, sdist, build("wheel", unpacked, out / "again"), editable)


def top(name: str) -> str:
    return name.partition("/")[0]


def in_wheel(name: str) -> str:
    return f"vlmeval/_data/{name}" if top(name) in DATA_FOLDERS else name


def test_the_wheel_holds_exactly_the_tracked_code_and_data(built: Built) -> None:
    expected = {in_wheel(n) for n in built.tracked if top(n) in {"vlmeval", *DATA_FOLDERS}}
    with zipfile.ZipFile(built.wheel) as archive:
        names = [n for n in archive.namelist() if ".dist-info/" not in n]
        licences = [n for n in archive.namelist() if n.endswith("dist-info/licenses/LICENSE")]
        for name in built.tracked:
            if top(name) in DATA_FOLDERS:
                assert archive.read(in_wheel(name)) == (built.tree / name).read_bytes(), name
    assert sorted(names) == sorted(expected)
    assert len(licences) == 1


def test_the_sdist_holds_tests_and_nothing_untracked(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {m.name.split("/", 1)[1] for m in archive.getmembers() if m.isfile()}
    assert names - {"PKG-INFO"} <= built.tracked
    for folder in ("vlmeval", "tests", *DATA_FOLDERS):
        assert {n for n in names if n.startswith(f"{folder}/")} == {
            n for n in built.tracked if n.startswith(f"{folder}/")
        }
    assert {"pyproject.toml", "LICENSE", "README.md", "Makefile", ".ci/run"} <= names


def test_the_sdist_builds_the_same_wheel(built: Built) -> None:
    def contents(wheel: Path) -> dict[str, int]:
        with zipfile.ZipFile(wheel) as archive:
            return {info.filename: info.CRC for info in archive.infolist()}

    assert contents(built.wheel_of_sdist) == contents(built.wheel)


def environment_with(wheel: Path | None, folder: Path) -> Path:
    """Make an environment that holds the wheel; libraries come from the environment the tests run in."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    if wheel is not None:
        pip = [sys.executable, "-m", "pip", "--python", str(python), "-qq", "--disable-pip-version-check", "install"]
        run([*pip, "--no-deps", "--no-index", str(wheel)], folder, clean_environment())
    paths = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    site = run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    # Sorted last, so that the libraries come after the wheel's own line.
    (Path(site) / "zz_libraries.pth").write_text("\n".join(paths) + "\n", encoding="utf-8")
    return python


@pytest.mark.parametrize("way", ["wheel", "wheel_of_sdist", "editable", "checkout"])
def test_the_data_folders_are_found(built: Built, way: str, tmp_path: Path) -> None:
    python = environment_with(None if way == "checkout" else getattr(built, way), tmp_path / "env")
    env = clean_environment(**({"PYTHONPATH": str(built.tree)} if way == "checkout" else {}))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    found = json.loads(run([str(python), "-c", LOOK], elsewhere, env))
    home = built.tree if way in {"editable", "checkout"} else (tmp_path / "env").resolve()
    assert Path(found["package"]).is_relative_to(home)
    shipped = home if way in {"editable", "checkout"} else Path(found["package"]).parent / "_data"
    assert {n: Path(found[n]) for n in DATA_FOLDERS} == {n: shipped / n for n in DATA_FOLDERS}
    if way != "checkout":
        assert (tmp_path / "env" / "bin" / "vlmeval").is_file()

    listed = json.loads(run([str(python), "-m", "vlmeval", "list", "benchmarks", "--json"], elsewhere, env))
    text = json.dumps(listed)
    for card in built.tree.glob("benchmarks/*/benchmark.yaml"):
        assert f'"{card.parent.name}"' in text
