"""The ``cases`` part of a report: chosen cases with truth, scores and groups; and where every case of a matrix cell is.

In: RunRecord, the leading method, all predictions that were kept. Out: a plain dict. Similarities are worked out from
the scores where the score rule can be turned around: a sigmoid gives the cosine itself, a softmax how far a class's
cosine lies behind that of the class called.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from vlmeval.records import GroupSpec, MethodUsed, Predictions, RunRecord
from vlmeval.report.cases.choose import KINDS, Chosen, called, choose, pictures_by_unit
from vlmeval.report.curves import find_predictions
from vlmeval.report.lookup import View

TOP: Final = 3
PICTURES: Final = 3
CELLS_AT_MOST: Final = 10_000
"""Rows beyond which the page does not carry the cases of every cell."""
NAMES: Final = {
    "hit": "clear hit",
    "miss": "confident miss",
    "alarm": "false alarm",
    "tie": "near-tie",
}


def cases_view(record: RunRecord, leading: MethodUsed, predictions: Sequence[Predictions]) -> View:
    """Return the cases that the page shows, or the reason why it shows none."""
    found = find_predictions(predictions, leading)
    if found is None:
        return {"reason": "the per-sample scores were not kept with this run", "shown": []}
    card = record.benchmark
    tones = [g for g in card.available_groups if g.kind == "skin-tone" and not g.estimated and g.id in found.groups]
    pictures = pictures_by_unit(predictions, leading.id) if found.level == "unit" else {}
    chosen = choose(found, found.groups[tones[0].id] if tones else None)
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in chosen)]
    return {
        "reason": None,
        "unit": card.unit.name if found.level == "unit" else "image",
        "classes": [{"id": c.id, "name": c.name} for c in card.classes],
        "kinds": [{"id": kind, "name": NAMES[kind]} for kind in kinds],
        "tones": [_tone(group) for group in tones],
        "similarity": _similarity(found),
        "shown": [_case(one, found, tones, pictures) for one in chosen],
        "cells": _cells(found),
        "gallery": {
            "allowed": card.licence.gallery,
            "licence": card.licence.name,
            "terms": card.licence.terms,
            "pictures": 0,
        },
    }


def _tone(group: GroupSpec) -> View:
    return {"id": group.id, "name": group.name, "levels": [level.name for level in group.levels]}


def _case(one: Chosen, found: Predictions, tones: Sequence[GroupSpec], pictures: dict[str, list[str]]) -> View:
    row, case_id = one.row, str(found.ids[one.row])
    scores, truth = found.scores[row], found.y_true[row]
    order = [k for k in np.argsort(-scores, kind="stable").tolist() if not np.isnan(scores[k])]
    listed = sorted({*order[:TOP], *np.flatnonzero(truth).tolist(), one.class_index}, key=order.index)
    close = _similarities(found, row)
    return {
        "id": case_id,
        "class": one.class_index,
        "kind": one.kind,
        "pictures": pictures.get(case_id, [case_id] if found.level == "image" else [])[:PICTURES],
        "truth": np.flatnonzero(truth).tolist(),
        "called": np.flatnonzero(called(found)[row]).tolist(),
        "scores": [
            {
                "class": k,
                "score": round(float(scores[k]), 4),
                "similarity": None if close is None else round(float(close[k]), 4),
            }
            for k in listed
        ],
        "tones": [int(found.groups[group.id][row]) for group in tones],
        "thumbnails": [],
    }


def _similarity(found: Predictions) -> str | None:
    """Say what the similarities are; None where scores cannot be turned around."""
    if found.kind == "cosine" or (found.kind == "sigmoid" and found.scale):
        return "cosine of picture and prompts"
    if found.kind == "softmax" and found.scale:
        return "cosine of picture and prompts, less that of the class called"
    return None


def _similarities(found: Predictions, row: int) -> npt.NDArray[np.float64] | None:
    scores: npt.NDArray[np.float64] = found.scores[row]
    if found.kind == "cosine":
        return scores
    if not found.scale or found.kind not in ("sigmoid", "softmax"):
        return None
    tiny = np.finfo(np.float64).tiny
    if found.kind == "softmax":
        logs = np.log(np.maximum(scores, tiny))
        return np.asarray((logs - np.nanmax(logs)) / found.scale)
    odds = np.log(np.maximum(scores, tiny)) - np.log(np.maximum(1 - scores, tiny))
    return np.asarray((odds - (found.bias or 0.0)) / found.scale)


def _cells(found: Predictions) -> View | None:
    """Return every case with its true and called class, for the cells of the confusion matrix; None: there is none."""
    if found.decision.thresholds is not None or len(found) > CELLS_AT_MOST or (found.y_true.sum(axis=1) != 1).any():
        return None
    return {
        "ids": found.ids.tolist(),
        "truth": found.y_true.argmax(axis=1).tolist(),
        "called": found.scores.argmax(axis=1).tolist(),
        "score": [round(float(s), 3) for s in found.scores.max(axis=1)],
    }
