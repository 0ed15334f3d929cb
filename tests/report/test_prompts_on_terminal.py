"""The table of prompt sets on a terminal: no id and no number in two pieces, however narrow it is."""

from __future__ import annotations

import io

import pytest
from made_up_prompts import Wanted, made_up
from rich.console import Console

from vlmeval.cli import console
from vlmeval.cli.prompts_compared import show


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
