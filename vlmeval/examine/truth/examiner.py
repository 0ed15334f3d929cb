"""How sure the truth is: the examiner of soft labels, readers' agreement and other readings of the labels.

In: a run's leading methods at the card's level; soft labels, readers and readings where the data have them. Out, each
under a `Variant` of its own:

- ``truth:differential`` - whether the highest-scored classes stand in the differential (differential.py);
- ``truth:sampled`` - expected metrics under labels drawn from the differential (sampled.py);
- ``ceiling:panel`` - the same with the differential itself as the score: no model can rank better; readers' agreement;
- ``ceiling:one-dermatologist`` - one reader against the others, over all splits (ceiling.py);
- ``ceiling:same-cases`` - that reader and each method on the same evaluated units, against the same opinions;
- ``truth:ID`` - each of the card's other readings, and its difference to the card's truth (readings.py).

Data without any of this get a reason instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.examine.subject import Examinee, Part, Subject
from vlmeval.examine.truth.ceiling import Panel, agreement, one_against_others, ranks_of_one
from vlmeval.examine.truth.differential import in_differential
from vlmeval.examine.truth.draws import LABELINGS
from vlmeval.examine.truth.ranks import Floats
from vlmeval.examine.truth.readings import DIFFERENCE, reading_rows
from vlmeval.examine.truth.rows import Found
from vlmeval.examine.truth.same_cases import model_on_panel
from vlmeval.examine.truth.sampled import sampled, sampled_metrics
from vlmeval.records import Decision, Level, Predictions, Samples, Variant
from vlmeval.stats import Resamples
from vlmeval.stats.seeds import Seeds

PART: Final = "truth"
CEILING_PART: Final = "truth-ceiling"
DIFFERENTIAL, SAMPLED = "truth:differential", "truth:sampled"
PANEL, ONE, SAME = "ceiling:panel", "ceiling:one-dermatologist", "ceiling:same-cases"
THE_PANEL, ONE_READER = "panel", "one-dermatologist"
"""Methods of ceilings: they are nobody's predictions."""

NOTHING_KNOWN: Final = (
    "the data give each {unit} one answer and do not say how sure it is: there are no second opinions and no weights"
)
NOT_TOLD_APART: Final = "the data do not tell the readers of a {unit} apart"


def examine_truth(subject: Subject, part: Part) -> None:
    """Add everything that the data allow to say of how sure their truth is."""
    card, samples = subject.samples.benchmark, subject.samples
    soft = card.truth.differential and samples.weights is not None
    if not soft and not subject.readings:
        part.missing[PART] = card.truth.note or NOTHING_KNOWN.format(unit=card.unit.name)
        return
    if soft:
        _soft(subject, part)
        _ceilings(subject, part)
    else:
        part.missing[CEILING_PART] = NOTHING_KNOWN.format(unit=card.unit.name)
    _readings(subject, part)


def differential_of(samples: Samples, level: Level, names: npt.NDArray[np.str_]) -> Floats:
    """[n, K] the differential of rows by name: of an image, or the mean over a unit's images.

    Raises KeyError for a row that the samples do not have, ValueError where samples have no weights.
    """
    if samples.weights is None:
        raise ValueError("these samples have no soft labels")
    keys, member = np.unique(samples.ids if level == "image" else samples.units, return_inverse=True)
    sums = np.zeros((len(keys), samples.weights.shape[1]))
    np.add.at(sums, member, samples.weights.astype(np.float64))
    row_of = {name: row for row, name in enumerate(keys.tolist())}
    rows = np.array([row_of[name] for name in names.tolist()], dtype=np.intp)
    mean: Floats = (sums / np.bincount(member, minlength=len(keys))[:, None])[rows]
    return mean


def _soft(subject: Subject, part: Part) -> None:
    card = subject.samples.benchmark
    metrics = sampled_metrics(card.task, card.headline_metrics)
    left_out, of = 0, 0
    for examinee in subject.examinees:
        seeds = Seeds.of(examinee.evaluated, card, subject.resamples)
        differential = differential_of(subject.samples, seeds.table.predictions.level, seeds.table.ids)
        left_out, of = int((differential.sum(axis=1) == 0).sum()), len(differential)
        _add(part, in_differential(seeds, differential), examinee, seeds, DIFFERENTIAL)
        _add(part, sampled(seeds, differential, metrics), examinee, seeds, SAMPLED)
    if subject.examinees:
        _add_panel_scores(subject, part, subject.examinees[0].evaluated[0])
    part.variants += [
        Variant(
            id=DIFFERENTIAL,
            kind="truth",
            title="The highest-scored answers against the differential",
            note="Classes are ranked by their scores across classes; rows without any of the card's conditions in "
            "their differential are left out.",
            parameters={"left_out": left_out, "of": of},
        ),
        Variant(
            id=SAMPLED,
            kind="truth",
            title="Truth drawn from the dermatologists' differential",
            note="One condition a unit is drawn with its weight as the probability; what is left to 1 is none of the "
            "card's conditions. The interval is over draws of units and labels at once.",
            parameters={"labelings": LABELINGS},
        ),
        Variant(
            id=PANEL,
            kind="ceiling",
            title="The dermatologists' weights themselves",
            note="As scores, against labels drawn from them: no score can rank better under these weights. They count "
            "the drawn opinion in, and most are of few readers: the line is too high for an outsider.",
            parameters=reader_counts(subject.samples),
        ),
    ]


def _add_panel_scores(subject: Subject, part: Part, like: Predictions) -> None:
    """Add the differential itself as scores of the rows of ``like``, under labels drawn from it."""
    card = subject.samples.benchmark
    weights = differential_of(subject.samples, like.level, like.ids)
    scores = np.clip(weights, 0.0, 1.0)
    own = replace(
        like, method=THE_PANEL, scores=scores, kind="cosine", decision=Decision("argmax"), seed=None, unscored=()
    )
    seeds = Seeds.of([own], card, subject.resamples)
    rows = differential_of(subject.samples, like.level, seeds.table.ids)
    # Ranks alone: weights are no decisions of a multi-label task.
    metrics = [
        m for m in sampled_metrics(card.task, card.headline_metrics) if m.needs == "scores" or m.id == "accuracy"
    ]
    for found in sampled(seeds, rows, metrics):
        part.rows.append(found.row(THE_PANEL, like.level, PANEL))


def _ceilings(subject: Subject, part: Part) -> None:
    card = subject.samples.benchmark
    panel = Panel.of(subject.samples)
    if panel is None or not len(panel):
        part.missing[CEILING_PART] = NOT_TOLD_APART.format(unit=card.unit.name)
        return
    resamples = Resamples.draw(panel.units, subject.plan.draws, subject.plan.seed)
    part.rows += [one.row(THE_PANEL, "unit", PANEL) for one in agreement(panel, resamples)]
    part.rows += [one.row(ONE_READER, "unit", ONE) for one in _one(panel, resamples)]
    evaluated = Panel.of(subject.samples, subject.resamples.units)
    if evaluated is not None and len(evaluated):
        part.rows += [one.row(ONE_READER, "unit", SAME) for one in _one(evaluated, subject.resamples)]
        for examinee in subject.examinees:
            found = model_on_panel(examinee.evaluated, card, subject.resamples, evaluated)
            first = examinee.evaluated[0]
            count = None if first.seed is None else len(examinee.evaluated)
            part.rows += [one.row(examinee.method, first.level, SAME, count) for one in found]
    part.variants += _ceiling_variants(subject.samples, panel)


def reader_counts(samples: Samples) -> dict[str, int]:
    """Count the units, and those that several people read; nothing where the data do not say."""
    if samples.raters is None:
        return {}
    _, first = np.unique(samples.units, return_index=True)
    return {"several": int((samples.raters[first] >= 2).sum()), "units": len(first)}


def _one(panel: Panel, resamples: Resamples) -> list[Found]:
    return [*one_against_others(panel, resamples), *ranks_of_one(panel, resamples)]


def _ceiling_variants(samples: Samples, panel: Panel) -> list[Variant]:
    counts = {"compared": len(panel), **reader_counts(samples)}
    return [
        Variant(
            id=ONE,
            kind="ceiling",
            title="One dermatologist against the others",
            note="One reader is left out in turn; that reader's weights are the scores, an opinion drawn from the "
            "others is the truth. Over all splits.",
            parameters=dict(counts),
        ),
        Variant(
            id=SAME,
            kind="ceiling",
            title="One dermatologist and each method on the same units",
            note="Evaluated units with several readers who can be told apart, against opinions of the same readers.",
        ),
    ]


def _readings(subject: Subject, part: Part) -> None:
    card = subject.samples.benchmark
    for name, reading in subject.readings.items():
        variant, there, of = f"truth:{name}", 0, 0
        for examinee in subject.examinees:
            part.rows += reading_rows(examinee.evaluated, card, subject.resamples, reading, variant)
            first = examinee.evaluated[0]
            _, known = reading.of(first.level, first.ids, single_label=card.task == "single-label")
            there, of = int(known.sum()), len(known)
        title, options = reading.variant.title, dict(reading.variant.options)
        facts = {"options": options, "left_out": of - there, "of": of}
        part.variants += [
            Variant(id=variant, kind="truth", title=title, parameters=facts),
            Variant(id=variant + DIFFERENCE, kind="truth", title=f"{title}, less the card's truth", parameters=facts),
        ]


def _add(part: Part, found: list[Found], examinee: Examinee, seeds: Seeds, variant: str) -> None:
    level = seeds.table.predictions.level
    part.rows += [one.row(examinee.method, level, variant, seeds.number) for one in found]
