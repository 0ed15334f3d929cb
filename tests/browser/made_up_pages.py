"""Every kind of page from the made-up runs of tests/report and tests/compare: what the tests in a real browser open.

``report`` is the fullest run report (probes, few-shot, examined, synthetic, every badge), ``plain`` one of zero-shot
alone, ``hostile`` one whose names try to break out; ``side``, ``compare``, ``board``, ``prompts`` and ``how`` are the
other pages.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import made_up_prompts
from compare_world import frame, scored
from made_up_board import model, written
from made_up_examined import add_examined
from made_up_probes import add_probes, leaky_twin
from made_up_runs import HOSTILE, LEAK, TRAINED_ON, Recipe, Run, simulate

from vlmeval.compare import Wanted, compare_runs
from vlmeval.records import Badge
from vlmeval.report import (
    build_comparison,
    build_leaderboard,
    build_prompts,
    build_side_by_side,
    build_view,
    how_page,
    render,
    render_comparison,
    render_leaderboard,
    render_prompts,
    render_side_by_side,
)


def report(_: Path) -> str:
    """The fullest report of a run."""
    run = simulate(Recipe(task="multi-label", badges=(LEAK, TRAINED_ON), synthetic=True, units=900))
    return render(build_view(*add_examined(add_probes(run, regimes=("balanced",), headline="mlp-probe"))))


def plain(_: Path) -> str:
    """A run of zero-shot alone."""
    return render(build_view(*simulate(Recipe())))


def hostile(_: Path) -> str:
    """A run whose class names, titles and badges try to break out of the page."""
    evil = Badge(kind="partial", text=HOSTILE[1], source="javascript:alert(1)")
    run = simulate(Recipe(names=HOSTILE, badges=(evil,), title=HOSTILE[0], units=400, prompt_sets=2))
    return render(build_view(*add_examined(add_probes(run, regimes=("balanced",)))))


def side(_: Path) -> str:
    """Two runs side by side."""
    run = add_probes(simulate(Recipe(units=300, prompt_sets=1)))
    return render_side_by_side(build_side_by_side([leaky_twin(run)[0], run[0]]))


def compare(folder: Path) -> str:
    """Two runs compared."""
    runs = [scored(folder, name, frame(better=b, noise=i)) for i, (name, b) in enumerate((("a", 1.0), ("b", 0.0)))]
    return render_comparison(build_comparison(compare_runs(runs, Wanted(permutations=100, draws=100))))


def board(folder: Path) -> str:
    """A leaderboard of three models, one of them trained on the benchmark, one with a hostile name."""
    base: Run = simulate(Recipe(units=300, prompt_sets=1, image_level=False))
    for i, (name, pull) in enumerate({"alpha": 0.0, "beta": 0.1, "gamma": 0.3}.items()):
        written(folder, model(base, name, pull, seed=i))
    written(folder, model(base, "best", 0.8, badges=(TRAINED_ON,)))
    written(folder, model(base, "evil", 0.0, seed=9, title=HOSTILE[0]))
    return render_leaderboard(build_leaderboard([folder]))


def prompts(_: Path) -> str:
    """Prompt sets compared."""
    return render_prompts(build_prompts(made_up_prompts.made_up()))


def how(_: Path) -> str:
    """How everything is computed."""
    return how_page()


MAKERS: dict[str, Callable[[Path], str]] = {
    made.__name__: made for made in (report, plain, hostile, side, compare, board, prompts, how)
}
