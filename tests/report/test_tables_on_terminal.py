"""Tables of prompt sets and of a leaderboard on a terminal: no id and no number in two pieces, however narrow it is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_board import model, written
from made_up_prompts import Wanted, made_up
from made_up_runs import Run
from rich.console import Console

from vlmeval.cli import console, leaderboard
from vlmeval.cli.prompts_compared import show
from vlmeval.report import build_leaderboard


@pytest.mark.parametrize("width", [80, 120])
def test_ids_and_differences_stay_whole(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    terminal = Console(file=written, width=width, force_terminal=True, no_color=True, highlight=False, soft_wrap=True)
    monkeypatch.setattr(console, "out", lambda: terminal)
    found = made_up(Wanted())
    show(found)
    (study,) = found.studies
    words = written.getvalue().split()
    for one in study.sets:
        assert any(word.startswith(one.id) for word in words), one.id
    for pair in study.pairs:
        for number in pair.numbers:
            lead = (number.metric, number.family) == (study.benchmark.headline_metrics[0], "headline")
            if pair.against_chosen and lead and number.value is not None:
                assert f"{number.value:+.3f}" in words
    assert ("one prompt" in written.getvalue()) == (width == 120)


@pytest.mark.parametrize("width", [80, 200])
def test_values_of_a_leaderboard_stay_whole(
    width: int, tmp_path: Path, make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_run(units=200, prompt_sets=1, image_level=False, draws=50)
    written(tmp_path, model(base, "a", 0.1))
    view = build_leaderboard([tmp_path])
    printed = io.StringIO()
    terminal = Console(file=printed, width=width, force_terminal=True, no_color=True, highlight=False, soft_wrap=True)
    monkeypatch.setattr(console, "out", lambda: terminal)
    leaderboard.show(view)
    table = view["tables"][0]
    shown = [m["id"] for m in table["metrics"]][: 1 if width < 160 else None]
    for metric in shown:
        found = table["rows"][0]["cells"][metric]
        assert f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})" in printed.getvalue()
    assert ("has room for all" in printed.getvalue()) == (width < 160)
