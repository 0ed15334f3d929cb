"""The options of `vlmeval run` that are about probes and few-shot, and the records they make.

Comes in: text from the command line. Goes out: ProbeOptions and FewShotOptions, or a UsageError that names the option.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from vlmeval.errors import UsageError

if TYPE_CHECKING:
    from vlmeval.records import FewShotOptions, ProbeOptions

Options = TypeVar("Options", "ProbeOptions", "FewShotOptions")
PROBES: Final = "Probes (linear-probe, mlp-probe, knn; few-shot shares them)"
FEW_SHOT: Final = "Few-shot"


class Embedding(StrEnum):
    """Which vector of the image tower the probes see."""

    projected = "projected"
    pooled = "pooled"


class FeatureName(StrEnum):
    """What is done to vectors before a probe sees them."""

    l2 = "l2"
    raw = "raw"
    standardised = "standardised"


class CriterionName(StrEnum):
    """What hyperparameters are chosen by."""

    log_loss = "log-loss"
    balanced_log_loss = "balanced-log-loss"
    auroc = "auroc"
    average_precision = "average-precision"
    balanced_accuracy = "balanced-accuracy"


class ClassWeight(StrEnum):
    """Weights of classes in a probe's loss."""

    none = "none"
    balanced = "balanced"


class Solver(StrEnum):
    """Who fits the logistic regressions."""

    certified = "certified"
    sklearn = "sklearn"


class Thresholds(StrEnum):
    """Where multi-label decisions of probes come from."""

    validation = "validation"
    half = "half"


class FewUnits(StrEnum):
    """What to do with a class that has fewer units than shots."""

    take_all = "take-all"
    drop_class = "drop-class"
    error = "error"


class Tune(StrEnum):
    """How few-shot hyperparameters are set."""

    cv = "cv"
    fixed = "fixed"


def _probe(help_text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=PROBES, **more)


def _few(help_text: str, *names: str, **more: Any) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=FEW_SHOT, **more)


Recipe = Annotated[str | None, _probe("A published recipe, e.g. medsiglip-notebook; other options overrule it.")]
EmbeddingOption = Annotated[Embedding | None, _probe("The vector in the space of the text (default), or before it.")]
Features = Annotated[FeatureName | None, _probe("Vectors of length 1 (default), as they are, or standardised.")]
Grid = Annotated[str | None, _probe("Values of C: 0.1,1,10 or FIRST:LAST:COUNT on the log scale. "
                 "Default: 1e-4:1e4:13.", "--c")]  # fmt: skip
Criterion = Annotated[CriterionName | None, _probe("What validation units choose by. Default: log-loss.")]
ClassWeights = Annotated[ClassWeight | None, _probe("Weight classes by their rarity, or not (default).")]
UnitWeights = Annotated[bool | None, _probe("Each unit (case, lesion) counts once (default), or each picture.",
                        "--unit-weights/--picture-weights")]  # fmt: skip
Refit = Annotated[bool | None, _probe("Fit on train and validation once C is chosen (default), or on train only.",
                  "--refit/--no-refit")]  # fmt: skip
ThresholdsOption = Annotated[Thresholds | None, _probe("Multi-label decisions: Youden's J on validation units "
                             "(default), or 0.5.")]  # fmt: skip
SolverOption = Annotated[Solver | None, _probe("Our solver with a bound on its error, or scikit-learn's as it is.")]
Tolerance = Annotated[float | None, _probe("Relative objective gap of the certified solver. Default: 1e-8.")]
MaxIter = Annotated[int | None, _probe("Iterations of the scikit-learn solver. Default: 1000.")]
Neighbours = Annotated[str | None, _probe("Values of k for knn. Default: 1,3,5,10,20,50,100.")]
ProbeSeeds = Annotated[int | None, _probe("Seeds of mlp-probe. Default: 5.")]
ShotsOption = Annotated[str | None, _few("Units a class. Default: 1,2,4,8,16,32,all.", "--shots")]
Seeds = Annotated[int | None, _few("Independent draws. Default: 10.", "--seeds")]
Regimes = Annotated[str | None, _few("balanced (default), natural, or both: balanced,natural.", "--regime")]
FewUnitsOption = Annotated[FewUnits | None, _few("Classes with fewer units than shots. Default: take-all.")]
Variants = Annotated[str | None, _few("Default: text-anchored,logistic,cache,nearest-mean.", "--variant")]
TuneOption = Annotated[Tune | None, _few("Cross-validation inside the shots (default), or stated defaults.")]


def probe_options(**given: Any) -> ProbeOptions:
    """Return the options; what is None keeps its default, or the recipe's value.

    The record names the recipe only where the options are still its own.

    Raises
    ------
    UsageError, UnknownNameError
        A value that cannot be, naming its option; an unknown recipe.
    """
    from vlmeval.methods.probes.recipes import apply_recipe
    from vlmeval.records import ProbeOptions

    given["c_grid"] = None if given.get("c_grid") is None else grid(given["c_grid"], "--c")
    if given.get("neighbours") is not None:
        given["neighbours"] = tuple(whole(part, "--neighbours") for part in listed(given["neighbours"]))
    recipe = given.pop("recipe", None)
    base = ProbeOptions() if recipe is None else apply_recipe(ProbeOptions(), recipe)
    made = _made(ProbeOptions, {**base.model_dump(), **plain(**given)})
    # What other options overrule is not the recipe any more, and must not bear its name.
    same = recipe is None or apply_recipe(made, recipe) == made
    return made if same else made.model_copy(update={"recipe": None})


def few_shot_options(**given: Any) -> FewShotOptions:
    """Return the options; what is None keeps its default.

    Raises
    ------
    UsageError
        A value that cannot be, naming its option.
    """
    from vlmeval.records import FewShotOptions

    if given.get("shots") is not None:
        given["shots"] = tuple(p if p == "all" else whole(p, "--shots") for p in listed(given["shots"]))
    for name in ("regimes", "variants"):
        if given.get(name) is not None:
            given[name] = tuple(listed(given[name]))
    return _made(FewShotOptions, plain(**given))


def grid(text: str, option: str) -> tuple[float, ...]:
    """Return the numbers of ``0.1,1,10`` or of ``FIRST:LAST:COUNT`` (evenly spaced on the log scale), ascending."""
    import numpy as np

    parts = text.split(":")
    try:
        if len(parts) == 3:
            first, last, count = float(parts[0]), float(parts[1]), int(parts[2])
            if not 0 < first < last < float("inf") or count < 2:
                raise ValueError
            values = [float(f"{value:.6g}") for value in np.geomspace(first, last, count)]
        else:
            values = [float(part) for part in listed(text)]
    except ValueError:
        expected = "positive numbers such as 0.1,1,10 or FIRST:LAST:COUNT such as 1e-4:1e4:13"
        raise UsageError("a grid that cannot be read", key=option, expected=expected, found=text) from None
    return tuple(sorted(set(values)))


def whole(text: str, option: str) -> int:
    """Return a whole number, or raise UsageError naming the option."""
    if not text.isdecimal():
        raise UsageError("not a whole number", key=option, found=text)
    return int(text)


def listed(text: str) -> list[str]:
    """Return the parts of a list with commas, without blanks."""
    return [part.strip() for part in text.split(",") if part.strip()]


OPTION_OF: Final = {
    "c_grid": "--c",
    "class_weight": "--class-weights",
    "regimes": "--regime",
    "variants": "--variant",
}
"""Fields whose option does not bear their own name."""


def plain(**given: Any) -> dict[str, Any]:
    """Return what was given, without what is None, and enumerations as their values."""
    return {name: getattr(value, "value", value) for name, value in given.items() if value is not None}


def _option_of(record: type[Options], field: str) -> str:
    if (record.__name__, field) == ("ProbeOptions", "seeds"):
        return "--probe-seeds"
    return OPTION_OF.get(field, "--" + field.replace("_", "-"))


def _made(record: type[Options], values: Mapping[str, Any]) -> Options:
    from pydantic import ValidationError

    try:
        return record.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0]) if first["loc"] else None
        option = None if field is None else _option_of(record, field)
        found = repr(first.get("input"))[:80] if field is not None else None
        raise UsageError(
            "an option that cannot be", key=option, expected=first["msg"].removeprefix("Value error, "), found=found
        ) from error
