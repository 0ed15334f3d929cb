"""Give a made-up run what calibration and selective use find of its headline method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from made_up_runs import Run

from vlmeval.examine import EXAMINERS, Examinee, Part, Subject
from vlmeval.records import Predictions, Samples
from vlmeval.report.lookup import headline_method
from vlmeval.stats import Resamples

NAMES = ("calibration", "reliability", "selective", "conformal", "operating", "decisions")


def add_examined(run: Run, *, validation: bool = True, draws: int = 50) -> Run:
    """Examine the method that the page leads with; without ``validation`` nothing could be chosen."""
    record, predictions = run
    method = headline_method(record)
    own = [p for p in predictions if (p.method, p.level) == (method.id, method.level)]
    other = [_elsewhere(p) for p in own] if validation else []
    none = np.array([], dtype=np.str_)
    samples = Samples(record.benchmark, none, (), none, np.zeros((0, len(record.benchmark.classes)), bool), none, {})
    subject = Subject(record.plan, samples, [Examinee(own, other)], Resamples.draw(own[0].units, draws, 0))
    part = Part()
    for name in NAMES:
        EXAMINERS[name](subject, part)
    found = part.examined()
    known = record.examined
    merged = known.model_copy(
        update={
            "variants": known.variants + found.variants,
            "rows": known.rows + found.rows,
            "curves": known.curves + found.curves,
            "missing": known.missing | found.missing,
        }
    )
    return record.model_copy(update={"examined": merged}), predictions


def _elsewhere(predictions: Predictions) -> Predictions:
    """Return rows of other units that look much the same."""
    rows = np.random.default_rng(0).permutation(len(predictions))[: len(predictions) // 2]
    return replace(
        predictions,
        ids=np.char.add("v", predictions.ids[rows]),
        units=np.char.add("v", predictions.units[rows]),
        y_true=predictions.y_true[rows],
        scores=predictions.scores[rows],
        groups={name: codes[rows] for name, codes in predictions.groups.items()},
    )
