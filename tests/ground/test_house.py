"""The house rules that no other tool checks: where code lives, how long it is, what it never does, what it imports."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = sorted((ROOT / "vlmeval").rglob("*.py"))
DATA_FOLDERS = ("prompts", "benchmarks", "reports")

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 80
HEAVY = ("torch", "torchvision", "transformers", "open_clip", "datasets", "sklearn", "altair", "pooch", "matplotlib")
FORBIDDEN_CALLS = ("eval", "exec", "compile", "__import__", "os.system", "os.popen")
FORBIDDEN_IMPORTS = ("dill", "cloudpickle", "joblib", "marshal", "shelve")
FORBIDDEN_KEYWORDS = {"trust_remote_code": True, "allow_pickle": True, "shell": True, "weights_only": False}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a call's function, or its last part when the rest is an expression."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def uses_pickle(node: ast.AST) -> bool:
    """Anything of pickle but the names of its errors, which a safe reader may have to catch."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pickle":
        return not node.attr.endswith("Error")
    names = [name for name in imported(node) if name.partition(".")[0].partition(" ")[0] == "pickle"]
    return any(name != "pickle" and not name.endswith("Error") for name in names)


def dangers(source: str) -> Iterator[str]:
    """Say every forbidden call, import and keyword in the source, with its line."""
    for node in ast.walk(ast.parse(source)):
        for name in imported(node):
            if name.partition(".")[0].partition(" ")[0] in FORBIDDEN_IMPORTS:
                yield f"{getattr(node, 'lineno', 0)}: import {name}"
        if uses_pickle(node):
            yield f"{getattr(node, 'lineno', 0)}: pickle"
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        given = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
        if name in FORBIDDEN_CALLS:
            yield f"{node.lineno}: {name}()"
        if name == "torch.load" and given.get("weights_only") is not True:
            yield f"{node.lineno}: torch.load without weights_only=True"
        for keyword, value in FORBIDDEN_KEYWORDS.items():
            if given.get(keyword) is value:
                yield f"{node.lineno}: {keyword}={value}"


def long_functions(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{node.lineno}: {node.name} has {lines} lines"


def in_a_fresh_process(code: str) -> str:
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded_by(statement: str) -> set[str]:
    code = f"import json, sys\n{statement}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    modules = json.loads(in_a_fresh_process(code).splitlines()[-1])
    assert "vlmeval" in modules
    return {module for module in modules if module in HEAVY}


@pytest.mark.parametrize(
    "line",
    [
        "eval('1')",
        "import pickle\npickle.loads(b'')",
        "import pickle as p",
        "from pickle import load",
        "from joblib import load",
        "AutoModel.from_pretrained('x', trust_remote_code=True)",
        "np.load(f, allow_pickle=True)",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "subprocess.run('ls', shell=True)",
    ],
)
def test_the_search_for_dangers_finds_them(line: str) -> None:
    assert len(list(dangers(line))) >= 1


def test_the_search_for_dangers_lets_safe_code_pass() -> None:
    safe = ["model.eval()", "ast.literal_eval(x)", "re.compile('a')", "np.load(f, allow_pickle=False)"]
    safe.append("import pickle\ntry:\n    f()\nexcept pickle.UnpicklingError:\n    pass")
    assert list(dangers("\n".join([*safe, "torch.load(f, weights_only=True)"]))) == []


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_dangerous_calls(path: Path) -> None:
    assert list(dangers(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MAX_FILE_LINES
    assert list(long_functions(source)) == []


def test_a_long_function_is_found() -> None:
    assert len(list(long_functions("def f():\n" + "    pass\n" * MAX_FUNCTION_LINES))) == 1


@pytest.mark.parametrize("path", CODE, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) or not tree.body


@pytest.mark.parametrize("folder", DATA_FOLDERS)
def test_the_data_folders_hold_no_code(folder: str) -> None:
    assert (ROOT / folder).is_dir()
    assert [p for p in (ROOT / folder).rglob("*") if p.suffix in {".py", ".pyc", ".ipynb", ".so"}] == []


def test_every_room_has_its_floor() -> None:
    """The import contract says nothing of a module that is not in it; so all must be."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = settings["tool"]["importlinter"]["contracts"][0]["layers"]
    placed = {room.strip() for layer in layers for room in layer.split("|")}
    rooms = {p.stem for p in (ROOT / "vlmeval").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert {f"vlmeval.{room}" for room in rooms - {"__init__"}} <= placed


def test_imports_point_down() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    if not tool.is_file():
        pytest.skip("import-linter is not installed beside this interpreter")
    done = subprocess.run([str(tool), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def command(*words: str) -> str:
    """Python that runs `vlmeval WORDS` and accepts only success."""
    return f"""
import runpy
sys.argv = ["vlmeval", *{list(words)!r}]
try:
    runpy.run_module("vlmeval", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize(
    "statement",
    [
        "import vlmeval.cli",
        "import vlmeval.records, vlmeval.catalog, vlmeval.data, vlmeval.encoders, vlmeval.store, vlmeval.report",
        command("--help"),
        command("list", "benchmarks"),
        command("list", "models", "--json"),
    ],
    ids=["import", "rooms", "help", "list", "json"],
)
def test_light_things_load_no_heavy_library(statement: str) -> None:
    assert loaded_by(statement) == set()


def test_a_heavy_import_would_be_seen() -> None:
    assert "sklearn" in loaded_by("import vlmeval, sklearn")
