"""A small card of the demonstration, quick to draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from vlmeval.catalog import load_catalog
from vlmeval.data.demo_drawing import MORPHOLOGIES
from vlmeval.records import Benchmark

WithCases = Callable[[dict[str, int]], Benchmark]


@pytest.fixture(scope="session")
def card() -> Benchmark:
    return load_catalog().benchmark("derm-demo")


@pytest.fixture(scope="session")
def with_cases(card: Benchmark) -> WithCases:
    def make(cases: dict[str, int]) -> Benchmark:
        data = card.data.model_copy(update={"options": {"cases": cases}})
        return card.model_copy(update={"data": data})

    return make


@pytest.fixture
def small_card(with_cases: WithCases) -> Benchmark:
    return with_cases(dict.fromkeys(MORPHOLOGIES, 2))
