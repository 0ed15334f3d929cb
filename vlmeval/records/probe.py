"""Probes and few-shot in a plan and a record: what was asked for, what was chosen on which rows, how exact fits are.

`ProbeOptions` and `FewShotOptions` are parts of the Plan. `Choice`, `Certificate`, `TrainingCurve` and `SeedUsed` are
parts of MethodUsed; `FewShotUsed` is a part of the RunRecord.
"""

from __future__ import annotations

import math
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from vlmeval.records.base import Record

FeatureKind = Literal["l2", "raw", "standardised"]
EmbeddingKind = Literal["projected", "pooled"]
Criterion = Literal["log-loss", "balanced-log-loss", "auroc", "average-precision", "balanced-accuracy"]
Regime = Literal["balanced", "natural"]
FewShotVariant = Literal["logistic", "text-anchored", "cache", "nearest-mean"]
Shots = int | Literal["all"]

C_GRID: Final = tuple(float(f"{10 ** (-4 + 8 * i / 12):.6g}") for i in range(13))
"""Thirteen values of C from 1e-4 to 1e4, evenly spaced on the log scale."""


class ProbeOptions(Record):
    """How probes on frozen vectors are fitted and tuned."""

    embedding: EmbeddingKind = Field("projected", description="Shared space with the text, or the vector before it.")
    features: FeatureKind = Field("l2", description="Vectors of length 1, as they are, or standardised by train rows.")
    c_grid: tuple[float, ...] = Field(C_GRID, min_length=1, description="C = 1 / ridge penalty, as scikit-learn's.")
    criterion: Criterion = Field("log-loss", description="What the validation units choose hyperparameters by.")
    class_weight: Literal["none", "balanced"] = "none"
    unit_weights: bool = Field(True, description="Every unit counts once in the loss, however many pictures it has.")
    refit: bool = Field(True, description="Fit again on train and validation with what validation chose.")
    thresholds: Literal["validation", "half"] = Field(
        "validation", description="Multi-label decisions: Youden's J on validation units, or 0.5 as published recipes."
    )
    solver: Literal["certified", "sklearn"] = "certified"
    tolerance: float = Field(
        1e-8, gt=0, lt=1, description="Relative objective gap that a certified fit must stay under."
    )
    max_iter: int = Field(1000, ge=1, description="Iterations of the scikit-learn solver.")
    neighbours: tuple[int, ...] = Field((1, 3, 5, 10, 20, 50, 100), min_length=1, description="Grid of k for knn.")
    temperature: float = Field(
        0.07, gt=0, allow_inf_nan=False, description="Of knn's weights exp(cosine / temperature)."
    )
    seeds: int = Field(5, ge=1, description="Seeds of the mlp-probe.")
    recipe: str | None = Field(None, description="Published recipe that these options spell out.")

    @field_validator("c_grid", "neighbours")
    @classmethod
    def _positive_and_sorted(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        finite = all(math.isfinite(value) for value in values)
        if not finite or min(values) <= 0 or list(values) != sorted(set(values)):
            raise ValueError("positive numbers, ascending and without repeats")
        return values


class FewShotOptions(Record):
    """Which few-shot draws to make and what to fit on them."""

    shots: tuple[Shots, ...] = Field((1, 2, 4, 8, 16, 32, "all"), min_length=1, description="Units a class.")
    seeds: int = Field(10, ge=1, description="Independent draws; seed s is the same draw in every run.")
    regimes: tuple[Regime, ...] = Field(("balanced",), min_length=1)
    few_units: Literal["take-all", "drop-class", "error"] = Field(
        "take-all", description="What to do with a class that has fewer units than shots."
    )
    variants: tuple[FewShotVariant, ...] = Field(("text-anchored", "logistic", "cache", "nearest-mean"), min_length=1)
    tune: Literal["cv", "fixed"] = Field("cv", description="Cross-validation inside the shots, or stated defaults.")
    folds: int = Field(5, ge=2, description="At most; fewer where a class has fewer units.")

    @field_validator("shots")
    @classmethod
    def _ascending(cls, shots: tuple[Shots, ...]) -> tuple[Shots, ...]:
        numbers = [s for s in shots if s != "all"]
        if any(n < 1 for n in numbers) or numbers != sorted(set(numbers)) or "all" in shots[:-1]:
            raise ValueError("positive numbers, ascending and without repeats; 'all' comes last")
        return shots

    @field_validator("regimes", "variants")
    @classmethod
    def _once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("each one once")
        return names


class Choice(Record):
    """How one hyperparameter was chosen: the grid, what each value scored, on which rows.

    ``scores`` and each of ``others`` have one entry a grid value; None where the criterion is undefined. ``at_edge``:
    the best value is the grid's first or last, so a wider grid may have a better one.
    """

    parameter: str
    values: tuple[float, ...]
    criterion: Criterion
    higher_is_better: bool
    scores: tuple[float | None, ...]
    others: dict[str, tuple[float | None, ...]] = {}
    chosen: float
    at_edge: bool
    chosen_on: str


class Certificate(Record):
    """How far the fits of one method can be from their optimum.

    ``worst`` is the largest relative objective gap bound of all ``fits``; ``missed`` counts those above ``tolerance``,
    ``missed_fits`` names some. For solvers without a bound ``worst`` is None.
    """

    solver: str
    fits: int
    tolerance: float
    worst: float | None
    missed: int = 0
    missed_fits: tuple[str, ...] = ()


class TrainingCurve(Record):
    """Loss by epoch of one seed of a trained net, on the rows it was fitted on and on validation rows."""

    seed: int
    train_loss: tuple[float, ...]
    val_loss: tuple[float, ...] = ()


class SeedUsed(Record):
    """One seed of a method: the draw it was fitted on, what was chosen inside it, and its thresholds."""

    seed: int
    thresholds: dict[str, float] | None = None
    chosen_on: str | None = None
    parameters: dict[str, Any] = {}


class Draw(Record):
    """The units of one seed, in order: the first ``sizes[k]`` of them are the k-shot draw, so k lies inside 2k.

    Under ``drop-class`` the units of a class that falls short at k stand among them but its class is not learned.
    """

    regime: Regime
    seed: int
    units: tuple[str, ...]
    sizes: dict[str, int] = Field(description="Shots -> number of units.")


class Shortfall(Record):
    """A class that has fewer training units than shots, and what was done."""

    class_id: str
    shots: int
    available: int
    done: Literal["take-all", "drop-class"]


class ShotsNeeded(Record):
    """The fewest shots from which on a curve beats zero-shot, by a headline metric over all samples.

    ``on_average``: from there on every mean over seeds is better. ``surely``: from there on every paired 95 % interval
    of the difference lies above zero. None: never; without draws there are no intervals, and ``surely`` is None too.
    """

    curve: str
    versus: str
    metric: str
    on_average: Shots | None
    surely: Shots | None


class FewShotUsed(Record):
    """What the few-shot sweep drew and found."""

    pool: str = Field(description="The rows that draws are made from.")
    class_units: dict[str, int] = Field(description="Class -> units in the pool.")
    shortfalls: tuple[Shortfall, ...] = ()
    draws: tuple[Draw, ...] = ()
    needed: tuple[ShotsNeeded, ...] = ()
    left_out: tuple[str, ...] = Field((), description="Variants that could not be fitted, and why.")
