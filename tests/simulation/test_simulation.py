"""The reduced form of the simulations: intervals cover and tests keep their level, as far as so few samples can tell.

Every study is run with fewer samples; a rate fails if samples from a method that is as required would so rarely come
out like it (exact binomial test). That such tests can fail is shown by the controls, which do it wrong on purpose.
"""

from __future__ import annotations

import pytest
from coverage import COUNTS, STUDIES
from rates import Rate, table


@pytest.mark.parametrize("name", STUDIES)
def test_rates_are_as_required_and_controls_are_not(name: str) -> None:
    for found in STUDIES[name](COUNTS[name][1], True):
        assert found.rates
        assert found.as_required, table(found.title, found.rates)


@pytest.mark.parametrize(
    ("hits", "of", "good"), [(92, 100, True), (80, 100, True), (70, 100, False), (1000, 1000, False), (100, 100, True)]
)
def test_a_rate_is_wrong_only_beyond_chance(hits: int, of: int, good: bool) -> None:
    assert Rate("x", "y", hits, of, 0.92, 0.98).as_required is good
