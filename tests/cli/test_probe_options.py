"""Options of probes and few-shot: from words of the command line to records, and what cannot be."""

import pytest

from vlmeval.cli.probe_options import few_shot_options, grid, probe_options
from vlmeval.errors import UnknownNameError, UsageError
from vlmeval.records import C_GRID, FewShotOptions, ProbeOptions


def test_nothing_given_is_the_default():
    assert probe_options() == ProbeOptions()
    assert few_shot_options() == FewShotOptions()


def test_the_default_grid_is_thirteen_values_from_1e_4_to_1e4():
    assert grid("1e-4:1e4:13", "--c") == C_GRID
    assert len(C_GRID) == 13
    assert (C_GRID[0], C_GRID[6], C_GRID[-1]) == (1e-4, 1.0, 1e4)


@pytest.mark.parametrize(("text", "values"), [("10, 0.1,1", (0.1, 1, 10)), ("1:100:3", (1, 10, 100)), ("2", (2,))])
def test_grids(text, values):
    assert grid(text, "--c") == values


@pytest.mark.parametrize("text", ["a", "1:2", "1:10:x", "0:10:3", "10:1:3", "1:10:1", "1:2:3:4"])
def test_a_grid_that_cannot_be_read_names_the_option(text):
    with pytest.raises(UsageError) as caught:
        grid(text, "--c")
    assert caught.value.key == "--c"
    assert caught.value.found == text


def test_shots_regimes_and_variants_are_lists():
    found = few_shot_options(shots="1,4,all", regimes="balanced,natural", variants="logistic", seeds=3)
    assert found.shots == (1, 4, "all")
    assert found.regimes == ("balanced", "natural")
    assert found.variants == ("logistic",)
    assert found.seeds == 3


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"shots": "4,1"}, "--shots"),
        ({"shots": "all,1"}, "--shots"),
        ({"shots": "0"}, "--shots"),
        ({"shots": "few"}, "--shots"),
        ({"shots": ""}, "--shots"),
        ({"regimes": "equal"}, "--regime"),
        ({"variants": "tip"}, "--variant"),
        ({"variants": "cache,cache"}, "--variant"),
        ({"regimes": "natural,natural"}, "--regime"),
        ({"shots": "1,\u00b2"}, "--shots"),
        ({"seeds": 0}, "--seeds"),
    ],
)
def test_few_shot_options_that_cannot_be(given, option):
    with pytest.raises(UsageError) as caught:
        few_shot_options(**given)
    assert caught.value.key == option
    assert caught.value.found is not None


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"c_grid": "-1,1"}, "--c"),
        ({"c_grid": "nan"}, "--c"),
        ({"c_grid": "1,inf"}, "--c"),
        ({"c_grid": "1:inf:3"}, "--c"),
        ({"neighbours": "0,1"}, "--neighbours"),
        ({"neighbours": "\u00b2"}, "--neighbours"),
        ({"tolerance": 0.0}, "--tolerance"),
        ({"tolerance": float("inf")}, "--tolerance"),
        ({"seeds": 0}, "--probe-seeds"),
    ],
)
def test_probe_options_that_cannot_be(given, option):
    with pytest.raises(UsageError) as caught:
        probe_options(**given)
    assert caught.value.key == option
    assert caught.value.found is not None


def test_a_recipe_sets_options_and_others_overrule_it():
    notebook = probe_options(recipe="medsiglip-notebook")
    assert (notebook.solver, notebook.max_iter, notebook.c_grid, notebook.features) == ("sklearn", 250, (1.0,), "raw")
    assert notebook.recipe == "medsiglip-notebook"
    assert probe_options(recipe="medsiglip-notebook", features="l2").features == "l2"


def test_what_overrules_a_recipe_does_not_bear_its_name():
    assert probe_options(recipe="medsiglip-notebook", features="l2").recipe is None
    assert probe_options(recipe="medsiglip-notebook", features="raw", seeds=2).recipe == "medsiglip-notebook"


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(UnknownNameError, match="medsiglip-notebok"):
        probe_options(recipe="medsiglip-notebok")
