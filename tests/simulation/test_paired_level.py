"""The paired study in a reduced form: level of the permutation test, of McNemar's, and what could be found."""

from __future__ import annotations

from paired_study import Rivals, differences, level, mcnemar_level, power
from simulated_world import World

SAMPLES = 100
FEW = ["auroc", "sensitivity"]


def test_equal_models_are_called_different_no_oftener_than_said() -> None:
    for task in ("single-label", "multi-label"):
        rates = level(Rivals(World(task)), 100, SAMPLES, metrics=FEW, permutations=99)
        assert {(r.what, r.column) for r in rates} >= {
            ("auroc", "macro"),
            ("sensitivity", "macro"),
            ("auroc", "classes"),
        }
        assert [r for r in rates if not r.as_required] == []


def test_photographs_taken_for_independent_would_break_the_test() -> None:
    rates = level(Rivals(World()), 100, SAMPLES, metrics=["auroc"], permutations=99, rows=True)
    assert any(not r.as_required for r in rates if r.column == "macro")


def test_mcnemar_keeps_its_level_by_units() -> None:
    (units,) = [r for r in mcnemar_level(Rivals(World()), 100, 400) if r.column == "units"]
    assert units.as_required


def test_a_difference_that_could_be_found_is_found_four_times_of_five() -> None:
    (rate,) = power(World(), 100, SAMPLES)
    assert rate.as_required
    assert rate.value > 0.6


def test_a_better_model_is_found_to_be_better() -> None:
    (d,) = [d for d in differences(Rivals(World(), gain=0.8), 200, 1, metrics=["accuracy"]) if d.group is None]
    assert d.p is not None
    assert d.p < 0.01
    assert float(d.value or 0) > 0.05
