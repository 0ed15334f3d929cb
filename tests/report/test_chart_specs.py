"""Every chart's specification is what Vega-Lite's schema allows; pages are made without that check, which is slow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import altair
import pytest
from jsonschema import Draft7Validator
from made_up_examined import add_examined
from made_up_probes import add_probes, leaky_twin
from made_up_prompts import made_up
from made_up_runs import Recipe, simulate

from vlmeval.report import build_prompts, build_side_by_side, build_view, charts
from vlmeval.report.charts.prompts_page import prompt_charts


def fullest() -> tuple[dict[str, Any], dict[str, Any]]:
    view = build_view(*add_examined(add_probes(simulate(Recipe()))))
    return charts.build_charts(view), charts.families(view)


def side() -> tuple[dict[str, Any], dict[str, Any]]:
    run = add_probes(simulate(Recipe(units=300, prompt_sets=1)))
    return charts.side_by_side_charts(build_side_by_side([leaky_twin(run)[0], run[0]])), {}


def prompts() -> tuple[dict[str, Any], dict[str, Any]]:
    return prompt_charts(build_prompts(made_up())), {}


@pytest.mark.parametrize("make", [fullest, side, prompts], ids=lambda make: make.__name__)
def test_specifications_are_valid_vega_lite(make: Callable[[], tuple[dict[str, Any], dict[str, Any]]]) -> None:
    validator = Draft7Validator(altair.load_schema())
    made, families = make()
    specs = {name: chart["spec"] for name, chart in made.items() if "spec" in chart} | families
    assert len(specs) >= 2
    for name, spec in specs.items():
        wrong = next(validator.iter_errors(spec), None)
        assert wrong is None, (name, str(wrong)[:300])


def test_a_wrong_specification_would_be_noticed() -> None:
    made, _ = prompts()
    spec = next(chart["spec"] for chart in made.values() if "spec" in chart)
    assert list(Draft7Validator(altair.load_schema()).iter_errors(spec | {"mark": "no-such-mark", "layer": 3}))
