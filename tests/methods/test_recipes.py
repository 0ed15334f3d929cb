"""Published recipes as options."""

from __future__ import annotations

import pytest

from vlmeval.errors import UnknownNameError
from vlmeval.methods.probes.recipes import RECIPES, apply_recipe
from vlmeval.records import ProbeOptions


def test_the_notebook_recipe_spells_out_its_options() -> None:
    options = apply_recipe(ProbeOptions(seeds=2), "medsiglip-notebook")
    assert options.solver == "sklearn"
    assert options.max_iter == 250
    assert options.c_grid == (1.0,)
    assert options.features == "raw"
    assert options.thresholds == "half"
    assert options.refit
    assert not options.unit_weights
    assert (options.recipe, options.seeds) == ("medsiglip-notebook", 2)


def test_the_clip_recipe_has_the_papers_96_values() -> None:
    options = apply_recipe(ProbeOptions(), "clip-paper")
    assert len(options.c_grid) == 96
    assert (options.c_grid[0], options.c_grid[-1]) == (1e-6, 1e6)
    assert options.max_iter == 1000


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_recipe_says_where_it_is_from(name: str) -> None:
    assert RECIPES[name].source
    assert RECIPES[name].description.endswith(".")
    assert apply_recipe(ProbeOptions(), name).recipe == name


def test_an_unknown_recipe_answers_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean medsiglip-notebook"):
        apply_recipe(ProbeOptions(), "medsiglip-notebok")
