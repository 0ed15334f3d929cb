"""Few-shot fits go to the solver together and are kept: another seed, C or shot count computes only what is new."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from few_shot_world import GRID, anchor_of, ask_for, options_of, same_scores, seeds_of, world

from vlmeval.methods.fewshot import Anchor, FewShotResult, few_shot, fits
from vlmeval.methods.kept import Kept

BOTH = pytest.mark.parametrize("task", ["single-label", "multi-label"])


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of fits, one entry a call of the solver."""
    calls: list[int] = []
    solve = fits.fit_logistic

    def counting(problems: Any, cs: Any, **rest: Any) -> Any:
        calls.append(len(problems) * len(cs))
        return solve(problems, cs, **rest)

    monkeypatch.setattr(fits, "fit_logistic", counting)
    return calls


@BOTH
def test_another_seed_c_or_shot_count_computes_only_what_is_new(task: str, counted: list[int], tmp_path: Path) -> None:
    samples, images, means = world((9, 8, 7), task)
    anchor, kept = anchor_of(means), Kept(tmp_path)

    def run(c_grid: tuple[float, ...], shots: tuple[int, ...], seeds: int) -> tuple[FewShotResult, int]:
        """Return the result and how many fits it took; a sweep with nothing kept must give the same."""
        options = options_of(shots=shots, seeds=seeds)
        before = sum(counted)
        result = few_shot(samples, images, anchor, ask_for(kept, c_grid=c_grid), options)
        new = sum(counted) - before
        same_scores(result, few_shot(samples, images, anchor, ask_for(kept, c_grid=c_grid), options))
        assert sum(counted) == before + new, "a finished sweep fits nothing again"
        same_scores(result, few_shot(samples, images, anchor, ask_for(c_grid=c_grid), options), atol=1e-4)
        return result, new

    folds = 5 if task == "multi-label" else 4
    first, new = run((0.1, 10.0), shots=(2, 4), seeds=2)
    everything = sum(p.certificate.fits for p in first.points if p.certificate is not None)
    assert new == everything
    # One C more: per seed and shot count one fit a fold and variant, and at most one final fit each.
    _, new = run((0.1, 1.0, 10.0), shots=(2, 4), seeds=2)
    tuned = [seed.parameters for seed in seeds_of(first).values() if "C" in seed.parameters]
    inside = sum(parameters["folds"] for parameters in tuned)
    assert inside <= new <= inside + 2 * 2 * 2
    # One seed more, then one shot count more: what the others need was there.
    third, new = run((0.1, 1.0, 10.0), shots=(2, 4), seeds=3)
    of_seed = [s for (_, seed), s in seeds_of(third).items() if seed == 2 and "C" in s.parameters]
    fits_of_seed = sum(3 * s.parameters["folds"] + (s.parameters["C"] > 0) for s in of_seed)
    assert new == fits_of_seed
    fourth, new = run((0.1, 1.0, 10.0), shots=(2, 3, 4), seeds=3)
    of_shots = [s for (name, _), s in seeds_of(fourth).items() if name.endswith("@3") and "C" in s.parameters]
    assert new == sum(3 * s.parameters["folds"] + (s.parameters["C"] > 0) for s in of_shots)
    assert folds >= max(s.parameters["folds"] for s in of_shots)


def test_many_fits_go_to_the_solver_together(counted: list[int]) -> None:
    samples, images, means = world((9, 8, 7))
    options = options_of(seeds=5, variants=("logistic", "text-anchored"))
    few_shot(samples, images, anchor_of(means), ask_for(c_grid=GRID), options)
    assert len(counted) <= 4, "for each variant one call for all folds, seeds and shots, one for the final fits"


def test_kept_results_are_not_taken_for_those_of_other_data(tmp_path: Path) -> None:
    samples, images, means = world((9, 8, 7))
    anchor, kept = anchor_of(means), Kept(tmp_path)
    options = options_of(shots=(3,), seeds=1)
    few_shot(samples, images, anchor, ask_for(kept, c_grid=GRID), options)
    labels = samples.labels.copy()
    labels[samples.split == "train"] = np.roll(labels[samples.split == "train"], 1, axis=1)
    other_text = Anchor(anchor.text[::-1], "softmax", 20.0)
    moved = replace(images, vectors=images.vectors + 0.01 * np.arange(12, dtype=np.float32))
    elsewhere = images.vectors.copy()
    elsewhere[samples.split == "test"] += 0.05 * np.arange(12, dtype=np.float32)
    for changed in (
        (replace(samples, labels=labels), images, anchor),
        (samples, images, other_text),
        (samples, moved, anchor),
        (samples, replace(images, vectors=elsewhere), anchor),
    ):
        for asked in ({}, {"features": "raw"}, {"unit_weights": False}, {"pooling": "mean-score"}):
            got = few_shot(*changed, ask_for(kept, c_grid=GRID, **asked), options)
            same_scores(got, few_shot(*changed, ask_for(c_grid=GRID, **asked), options))
