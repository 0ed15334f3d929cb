"""Fixtures of the report's tests: made-up runs and their pages; tests here share made_up_runs.py, made_up_probes.py."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode puts no test folder on the path

from made_up_examined import add_examined
from made_up_probes import add_probes, leaky_twin
from made_up_runs import HOSTILE, LEAK, TRAINED_ON, Recipe, Run, simulate

from vlmeval.records import Badge
from vlmeval.report import build_side_by_side, build_view, render, render_side_by_side


@pytest.fixture(scope="session")
def probed(single: Run) -> Run:
    """The single-label run with probes and a few-shot sweep of two regimes; zero-shot leads."""
    return add_probes(single)


@pytest.fixture(scope="session")
def probed_page(probed: Run) -> str:
    """The page of ``probed``."""
    return render(build_view(*probed))


@pytest.fixture(scope="session")
def probed_multi(multi: Run) -> Run:
    """The multi-label run with probes and a few-shot sweep of one regime; a probe of several seeds leads."""
    return add_probes(multi, regimes=("balanced",), headline="mlp-probe")


@pytest.fixture(scope="session")
def with_probes() -> Callable[..., Run]:
    """Add probes and few-shot points to a run; keyword arguments are those of ``add_probes``."""
    return add_probes


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Run]:
    """Simulate a run; keyword arguments are the fields of ``Recipe``."""
    return lambda **changes: simulate(replace(Recipe(), **changes))


@pytest.fixture(scope="session")
def single() -> Run:
    """A single-label run with two tone sources and four prompt sets."""
    return simulate(Recipe())


@pytest.fixture(scope="session")
def multi() -> Run:
    """A multi-label run with every badge."""
    return simulate(Recipe(task="multi-label", badges=(LEAK, TRAINED_ON), synthetic=True, units=900))


@pytest.fixture(scope="session")
def hostile() -> Run:
    """A run whose class names, titles and badges try to break out of the page."""
    evil = Badge(kind="partial", text=HOSTILE[1], source="javascript:alert(1)")
    return simulate(Recipe(names=HOSTILE, badges=(evil,), title=HOSTILE[0], units=400, prompt_sets=2))


@pytest.fixture(scope="session")
def pages(single: Run, probed: Run, probed_multi: Run, hostile: Run) -> dict[str, str]:
    """The rendered pages by name; ``multi`` and ``hostile`` have probes and few-shot curves, ``single`` has none.

    What leads ``multi`` and ``hostile`` was examined for calibration and selective use.
    """
    runs = {"single": single, "multi": probed_multi, "hostile": add_probes(hostile, regimes=("balanced",))}
    made = {name: render(build_view(*(run if name == "single" else add_examined(run)))) for name, run in runs.items()}
    return made | {"side": render_side_by_side(build_side_by_side([leaky_twin(probed)[0], probed[0]]))}
