"""`vlmeval doctor`: is this the right vlmeval, is everything it needs here, and where does it keep things."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import typer

from vlmeval.cli import console
from vlmeval.cli.options import Json

LIBRARIES = ("torch", "torchvision", "open_clip", "transformers", "datasets", "sklearn", "pandas", "altair")
CLASH = (
    "Another package also installs the import name `vlmeval` (VLMEvalKit, a toolkit for generative models). Install "
    "one of the two in a virtual environment of its own: python3 -m venv .venv && .venv/bin/pip install vlmeval"
)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("doctor", epilog="Example: vlmeval doctor --json")(doctor)


@console.guarded
def doctor(json_output: Json = False) -> None:
    """Say what is installed, which device there is, where data and cache lie, and what is amiss."""
    facts, problems = _facts()
    if json_output:
        console.print_json({"facts": facts, "problems": problems})
    else:
        console.table(None, ["what", "found"], facts.items())
        for problem in problems:
            console.err().print(f"[bold yellow]problem:[/] {console.plain(problem)}")
    if problems:
        raise typer.Exit(2)


def _facts() -> tuple[dict[str, Any], list[str]]:
    from vlmeval.environment import environment
    from vlmeval.errors import VlmevalError
    from vlmeval.resources import cache_home, data_folder, data_home

    facts: dict[str, Any] = {"python": sys.version.split()[0], "vlmeval from": str(Path(__file__).resolve().parents[1])}
    problems: list[str] = []
    clash = clashing_distributions()
    if clash:
        problems.append(f"{CLASH} Found: {', '.join(clash)}")
    try:
        facts["cards and templates"] = str(data_folder("benchmarks").parent)
    except VlmevalError as error:
        problems.append(str(error))
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        problems.append(f"not installed: {', '.join(missing)}. Install again: pip install --force-reinstall vlmeval")
    used = environment(_device(missing), "")
    facts |= {"vlmeval": used.vlmeval, "commit": used.git_commit, "device": used.device, **used.packages}
    for name, folder in (("data home", data_home()), ("cache", cache_home())):
        facts[name] = f"{folder} ({_free(folder)} free)"
    return facts, problems


def clashing_distributions() -> list[str]:
    """Return the installed distributions, other than ours, that bring a package named `vlmeval`."""
    found = set()
    for distribution in distributions():
        name = distribution.metadata["Name"] or "?"
        top = (distribution.read_text("top_level.txt") or "").split()
        files = distribution.files or ()
        if name.lower() != "vlmeval" and ("vlmeval" in top or any(f.parts[:1] == ("vlmeval",) for f in files)):
            found.add(name)
    return sorted(found)


def _device(missing: list[str]) -> str:
    if "torch" in missing:
        return "unknown (torch is not installed)"
    try:
        import torch
    except (ImportError, OSError) as error:  # a library it was built against is not here
        return f"unknown (torch cannot be imported: {error})"
    if torch.cuda.is_available():
        return f"cuda ({torch.cuda.get_device_name()})"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _free(folder: Path) -> str:
    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 1e9:.0f} GB"
