"""How the probes were fitted: features, rows, what validation chose, how exact the fits are, how a net learned."""

from __future__ import annotations

from typing import Any, Final

from vlmeval.records import Certificate, Choice, MethodUsed, RunRecord, TrainingCurve
from vlmeval.report.lookup import View, counted, whole_methods

FEATURES: Final = {
    "l2": "vectors scaled to length 1",
    "raw": "vectors as the model gives them",
    "standardised": "vectors standardised by the mean and spread of the training rows",
}
EMBEDDINGS: Final = {
    "projected": "the vector in the space shared with the text",
    "pooled": "the image tower's vector before its projection",
}
CRITERIA: Final = {
    "log-loss": "Log loss",
    "balanced-log-loss": "Log loss, classes weighted equally",
    "auroc": "AUROC",
    "average-precision": "Average precision",
    "balanced-accuracy": "Balanced accuracy",
}
TOLD: Final = frozenset(
    {
        "C",
        "k",
        "features",
        "class_weight",
        "unit_weights",
        "fitted_on",
        "fitted_images",
        "fitted_units",
        "seeds",
        "pooling",
    }
)
"""Parameters that the page says in words of its own."""
SOLVERS: Final = {
    "certified": "vlmeval's own, which bounds the error of every fit",
    "sklearn": "scikit-learn's LogisticRegression as it is",
}
NAMES: Final = {"hidden": "hidden layers", "penalty": "L2 penalty", "batch": "batch size"}
NOTICED: Final = frozenset(
    {"grid-edge", "still-falling", "criterion-undefined", "neighbours-skipped", "class-not-in-train"}
)
"""Findings that belong to how probes were fitted."""
PARAMETERS: Final = {"C": "C", "k": "k", "neighbours": "k"}


def fitted_view(record: RunRecord, level: str) -> list[View]:
    """Return one entry a trained method at this level, in the run's order; empty where nothing was trained."""
    trained = [m for m in whole_methods(record) if m.kind.endswith("probe") or m.kind == "knn"]
    return [_method(record, m) for m in trained if m.level == level]


def noticed_view(record: RunRecord) -> list[View]:
    """Return the findings about fitting: they stand in the audit, and beside the fits, too."""
    found = {f.message: f for f in record.findings if f.code in NOTICED}
    return [f.model_dump(mode="json") for f in found.values()]


def _method(record: RunRecord, method: MethodUsed) -> View:
    return {
        "id": method.id,
        "title": method.title,
        "facts": _facts(record, method),
        "choice": None if method.choice is None else choice_view(method.choice),
        "certificate": None if method.certificate is None else certificate_view(method.certificate),
        "training": _training(method.training),
        "parameters": _plain(method.parameters),
    }


def _facts(record: RunRecord, method: MethodUsed) -> list[View]:
    options = record.plan.probe
    once = f"each {record.benchmark.unit.name} counts once" if options.unit_weights else "each picture counts once"
    classes = {"none": "classes count as often as they occur", "balanced": "classes weighted equally"}
    given = record.plan.model.startswith("embeddings:")
    vector = "the vectors of the file" if given else EMBEDDINGS[options.embedding]
    lines = [("Features", f"{vector}; {FEATURES[options.features]}")]
    if options.recipe:
        lines.append(("Recipe", options.recipe))
    lines.append(("Weights", f"{once}; {classes[options.class_weight]}"))
    if (rows := fitted_on(method, record.benchmark.unit.name)) is not None:
        lines.append(("Fitted on", rows))
    if method.seeds:
        over = f"the value is their mean, the interval is over seeds and {record.benchmark.unit.name}s"
        lines.append(("Seeds", f"{len(method.seeds)}; {over}"))
    return [{"name": name, "value": value} for name, value in lines]


def fitted_on(method: MethodUsed, unit: str) -> str | None:
    """Return which rows the final fit has, in words; None for records without it."""
    facts = method.parameters
    if not isinstance(facts.get("fitted_on"), str):
        return None
    words = str(facts["fitted_on"])
    images, units = facts.get("fitted_images"), facts.get("fitted_units")
    if isinstance(images, int) and isinstance(units, int):
        words += f": {counted(images, 'image')} of {counted(units, unit)}"
    return words


def choice_view(choice: Choice) -> View:
    """Return a grid with its scores, the chosen value marked."""
    return {
        "parameter": PARAMETERS.get(choice.parameter, choice.parameter),
        "criterion": CRITERIA[choice.criterion],
        "lower": not choice.higher_is_better,
        "chosen": choice.chosen,
        "chosen_on": choice.chosen_on,
        "at_edge": choice.at_edge and len(choice.values) > 1,
        "others": [CRITERIA.get(name, name) for name in choice.others],
        "rows": [
            {
                "value": value,
                "score": choice.scores[i],
                "chosen": value == choice.chosen,
                "others": [scores[i] for scores in choice.others.values()],
            }
            for i, value in enumerate(choice.values)
        ],
    }


def certificate_view(certificate: Certificate) -> View:
    """Return in a sentence how far the fits can be from their optimum."""
    fits = f"{certificate.fits:,} fit" + ("" if certificate.fits == 1 else "s")
    worst = None if certificate.worst is None else power(certificate.worst)
    if worst is None:
        words = f"{fits} by {SOLVERS.get(certificate.solver, certificate.solver)}: no bound on the error is known"
        if certificate.missed:
            words += f"; {certificate.missed:,} did not converge"
    elif certificate.missed:
        words = f"{certificate.missed:,} of {fits} missed the tolerance of {power(certificate.tolerance)}"
        words += f"; the worst is provably within {worst} of its optimum"
    else:
        words = f"{fits}, the worst provably within {worst} of its optimum"
    return {
        "words": words + " (relative objective)" if worst is not None else words,
        "solver": SOLVERS.get(certificate.solver, certificate.solver),
        "missed": certificate.missed,
        "missed_fits": list(certificate.missed_fits),
    }


def power(value: float) -> str:
    """Return a small number as people write it: ``3e-9``; 0 stays 0."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return "0" if value == 0 else f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _training(curves: tuple[TrainingCurve, ...]) -> View | None:
    """Return the loss by epoch: one line a seed, and the range over seeds for the table."""
    if not curves:
        return None
    epochs = max(len(c.train_loss) for c in curves)
    lines = [{"seed": c.seed, "train": list(c.train_loss), "val": list(c.val_loss)} for c in curves]
    table = [{"epoch": e + 1, "train": _range(curves, e, "train_loss"), "val": _range(curves, e, "val_loss")}
             for e in range(epochs)]  # fmt: skip
    return {"seeds": len(curves), "lines": lines, "rows": table, "validated": any(c.val_loss for c in curves)}


def _range(curves: tuple[TrainingCurve, ...], epoch: int, name: str) -> View | None:
    values = [losses[epoch] for c in curves if len(losses := getattr(c, name)) > epoch]
    if not values:
        return None
    return {"value": sum(values) / len(values), "low": min(values), "high": max(values)}


def _plain(parameters: dict[str, Any]) -> list[View]:
    """Return the other parameters, named as people write; what is nested stays in run.json."""
    told = {name: short(value) for name, value in parameters.items() if name not in TOLD}
    return [{"name": NAMES.get(name, name.replace("_", " ")), "value": value} for name, value in told.items() if value]


def short(value: object) -> str:
    """Return a fact of a record in few characters; empty for what is nested or missing."""
    if isinstance(value, list | tuple):
        return ", ".join(short(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | int) else ""
