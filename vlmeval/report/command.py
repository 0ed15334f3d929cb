"""The command line that repeats a run; only what differs from the defaults is spelled out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import Any, Final

from vlmeval.records import FewShotOptions, Plan, ProbeOptions, RunRecord
from vlmeval.records.contamination import UNKNOWN_FAMILY
from vlmeval.records.run import MADE_UP

PLAN: Final = (
    "aggregation",
    "score",
    "pooling",
    "split",
    "draws",
    "permutations",
    "seed",
    "dtype",
    "limit",
    "max_missing",
)
PROBE: Final = {
    "recipe": "--recipe",
    "embedding": "--embedding",
    "features": "--features",
    "c_grid": "--c",
    "criterion": "--criterion",
    "class_weight": "--class-weights",
    "thresholds": "--thresholds",
    "solver": "--solver",
    "tolerance": "--tolerance",
    "max_iter": "--max-iter",
    "neighbours": "--neighbours",
    "seeds": "--probe-seeds",
}
SWITCHES: Final = {"unit_weights": ("--unit-weights", "--picture-weights"), "refit": ("--refit", "--no-refit")}
FEW_SHOT: Final = {
    "shots": "--shots",
    "seeds": "--seeds",
    "regimes": "--regime",
    "few_units": "--few-units",
    "variants": "--variant",
    "tune": "--tune",
}


def command(record: RunRecord) -> str:
    """Return the command line that repeats this run."""
    plan = record.plan
    if record.model is None:
        return _score_command(record)
    words = ["vlmeval", "run", "--model", plan.model, "--bench", plan.benchmark]
    if plan.methods != Plan(benchmark="", model="").methods:
        words += ["--method", ",".join(plan.methods)]
    for prompts in plan.prompts:
        words += ["--prompts", prompts]
    for calibration in plan.calibrations:
        words += ["--calibrate", calibration]
    return shlex.join([*words, *_changed(plan, PLAN), *_groups(plan), *_probe(plan.probe), *_few_shot(plan.few_shot)])


def _changed(plan: Plan, names: Iterable[str]) -> list[str]:
    """Return the options that say what of a plan is not at its default."""
    defaults = Plan(benchmark="", model="")
    changed = [name for name in names if getattr(plan, name) != getattr(defaults, name)]
    return [word for name in changed for word in ("--" + name.replace("_", "-"), str(getattr(plan, name)))]


def _groups(plan: Plan) -> list[str]:
    """Return the options that ask for groups beside the card's."""
    words = [word for a, b in plan.crossed for word in ("--cross", f"{a}:{b}")]
    return [*words, "--estimate-tone"] if plan.estimate_tone else words


def _probe(options: ProbeOptions) -> list[str]:
    """Return the options of probes. Behind a recipe every other one is spelled out, for the recipe may set it too."""
    whole = options.recipe is not None
    words = _spelled(options, ProbeOptions(), PROBE, whole=whole)
    on = {name: bool(getattr(options, name)) for name in SWITCHES}
    return words + [SWITCHES[name][0 if value else 1] for name, value in on.items() if whole or not value]


def _few_shot(options: FewShotOptions) -> list[str]:
    return _spelled(options, FewShotOptions(), FEW_SHOT, whole=False)


def _spelled(
    options: ProbeOptions | FewShotOptions,
    defaults: ProbeOptions | FewShotOptions,
    names: dict[str, str],
    *,
    whole: bool,
) -> list[str]:
    given = {name: getattr(options, name) for name in names}
    changed = {name: value for name, value in given.items() if whole or value != getattr(defaults, name)}
    return [word for name, value in changed.items() for word in (names[name], _word(value))]


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_word(one) for one in value)
    return str(value)


def _score_command(record: RunRecord) -> str:
    """Return the command line that scores the same predictions file again."""
    method, plan = record.methods[0], record.plan
    words = ["vlmeval", "score", str(method.parameters.get("file", "PREDICTIONS")), "--kind", method.score_kind]
    if plan.benchmark != MADE_UP:
        words += ["--bench", plan.benchmark, *_changed(plan, ("split",))]
        known = record.contamination
        words += ["--model-family", known.family] if known is not None and known.family != UNKNOWN_FAMILY else []
    for option, value in method.parameters.get("options", {}).items():
        words += [word for one in ([value] if isinstance(value, str) else value) for word in (option, one)]
    if method.chosen_on == "given" and method.thresholds:
        words += ["--threshold", f"{next(iter(method.thresholds.values())):g}"]
    return shlex.join(
        [
            *words,
            "--name",
            plan.model,
            *_changed(plan, ("draws", "permutations", "seed", "max_missing")),
            *_groups(plan),
        ]
    )
