"""The broken-probe pattern: good ranking, decisions near chance."""

from __future__ import annotations

from typing import Any

import pytest

from vlmeval.methods.probes import broken_probe


def test_the_published_case_is_found_and_explained() -> None:
    finding = broken_probe("linear-probe", 0.88, 0.176, 7, "single-label")
    assert finding is not None
    assert (finding.code, finding.severity) == ("broken-probe", "warning")
    assert "0.176" in finding.message
    assert "chance 0.143" in finding.message
    assert "larger C" in finding.message


@pytest.mark.parametrize(
    ("auroc", "accuracy", "classes", "task", "broken"),
    [
        (0.75, 0.22, 7, "single-label", True),
        (0.88, 0.23, 7, "single-label", False),
        (0.74, 0.15, 7, "single-label", False),
        (0.9, 0.55, 10, "multi-label", True),
        (0.9, 0.551, 10, "multi-label", False),
        (0.9, 0.54, 2, "single-label", True),
        (None, 0.14, 7, "single-label", False),
        (0.9, None, 7, "single-label", False),
    ],
)
def test_the_bounds(auroc: Any, accuracy: Any, classes: int, task: Any, broken: bool) -> None:
    assert (broken_probe("m", auroc, accuracy, classes, task) is not None) == broken
