"""The examiner as a whole: variants and rows of made-up data, other readings, and reasons where nothing is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_truth import card, differentials, plan, predictions, resamples, samples
from sklearn.metrics import roc_auc_score

from vlmeval.data.readings import Reading
from vlmeval.examine import Examinee, Part, Subject
from vlmeval.examine.truth.examiner import differential_of, examine_truth
from vlmeval.records import MetricRow, Samples, TruthVariant
from vlmeval.stats import Resamples


def readers(n: int, k: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Opinions of two readers [n, 2, K], the second missing in half of the rows, and their mean."""
    rng = np.random.default_rng(seed)
    first, second = differentials(n, k, rng), differentials(n, k, rng)
    opinions = np.stack([first, second], axis=1).astype(np.float32)
    opinions[::2, 1] = np.nan
    weights = np.where(np.isnan(opinions[:, 1]), first, (first + second) / 2)
    return opinions, weights


def reading(of: Samples, labels: np.ndarray, name: str = "strict", rows: slice = slice(None)) -> Reading:
    variant = TruthVariant(id=name, title="Strictly read", options={"min_confidence": 5})
    return Reading(variant, of.ids[rows], of.units[rows], labels[rows])


def examined(of: Samples, drawn: Resamples, **more: object) -> Part:
    part = Part()
    subject = Subject(plan(drawn.draws), of, [Examinee([predictions(of)], [])], drawn)
    examine_truth(replace(subject, **more), part)
    return part


def row(part: Part, variant: str, metric: str, averaging: str = "overall", method: str = "m") -> MetricRow:
    (found,) = (
        r for r in part.rows if (r.variant, r.metric, r.averaging, r.method) == (variant, metric, averaging, method)
    )
    return found


def test_every_part_is_there_under_its_variant() -> None:
    opinions, weights = readers(120, 4)
    of = samples(weights, opinions=opinions)
    part = examined(of, resamples(of, 20))
    ids = {v.id for v in part.variants}
    assert {r.variant for r in part.rows} == ids
    assert ids == {
        "truth:differential", "truth:sampled", "ceiling:panel", "ceiling:one-dermatologist", "ceiling:same-cases",
    }  # fmt: skip
    assert part.missing == {}
    model = row(part, "truth:sampled", "auroc", "macro")
    best = row(part, "ceiling:panel", "auroc", "macro", "panel")
    assert best.value > model.value > 0.5
    assert model.low < model.value < model.high
    for method in ("m", "one-dermatologist"):
        assert row(part, "ceiling:same-cases", "top-1-weight", method=method).n == 60
    assert row(part, "ceiling:one-dermatologist", "top-1-weight", method="one-dermatologist").low is not None


def test_the_record_is_the_same_whatever_the_order_of_rows() -> None:
    opinions, weights = readers(80, 3)
    of = samples(weights, opinions=opinions)
    turned = of.take(np.random.default_rng(1).permutation(len(of)))
    drawn = resamples(of, 10)
    strict = of.labels & (of.weights > 0.5)
    scores = predictions(of)

    def found(one: Samples) -> list[MetricRow]:
        part = Part()
        subject = Subject(plan(10), one, [Examinee([scores], [])], drawn, readings={"strict": reading(of, strict)})
        examine_truth(subject, part)
        return part.rows

    assert found(of) == found(turned)


def test_a_reading_gives_the_plain_metric_of_its_labels_and_the_paired_difference() -> None:
    weights = differentials(140, 3, np.random.default_rng(2))
    of = samples(weights)
    strict = of.labels & (weights > 0.5)
    part = examined(of, resamples(of, 30), readings={"strict": reading(of, strict)})
    model = predictions(of)
    by_class = {r.class_id: r for r in part.rows if (r.variant, r.metric) == ("truth:strict", "auroc") and r.class_id}
    moved = {
        r.class_id: r for r in part.rows if (r.variant, r.metric) == ("truth:strict:difference", "auroc") and r.class_id
    }
    for k, name in enumerate(of.benchmark.class_ids):
        ours, theirs = (roc_auc_score(y[:, k], model.scores[:, k]) for y in (of.labels, strict))
        assert by_class[name].value == pytest.approx(theirs)
        assert moved[name].value == pytest.approx(theirs - ours)
        assert moved[name].low <= moved[name].value <= moved[name].high
        # The same draws: far narrower than the number itself.
        assert moved[name].high - moved[name].low < by_class[name].high - by_class[name].low


def test_the_same_reading_makes_no_difference_and_missing_rows_are_counted() -> None:
    of = samples(differentials(100, 3, np.random.default_rng(3)))
    part = examined(of, resamples(of, 10), readings={"same": reading(of, of.labels, "same", slice(20, None))})
    moved = [r for r in part.rows if r.variant == "truth:same:difference" and r.reason is None]
    assert {(r.value, r.low, r.high, r.n) for r in moved} == {(0.0, 0.0, 0.0, 80)}
    (variant,) = (v for v in part.variants if v.id == "truth:same")
    assert (variant.parameters["left_out"], variant.parameters["of"]) == (20, 100)
    assert variant.parameters["options"] == {"min_confidence": 5}


def test_averages_are_compared_over_the_classes_that_both_readings_have() -> None:
    rng = np.random.default_rng(4)
    of = samples(np.eye(3)[rng.integers(0, 3, size=120)])
    strict = of.labels.copy()
    strict[np.flatnonzero(strict[:, 2])[5:], 2] = False
    part = examined(of, resamples(of, 10), readings={"strict": reading(of, strict)})
    moved = row(part, "truth:strict:difference", "auroc", "macro")
    assert moved.n_classes == 2
    classes = [
        r.value for r in part.rows
        if (r.variant, r.metric) == ("truth:strict:difference", "auroc") and r.class_id in ("c0", "c1")
    ]  # fmt: skip
    assert moved.value == pytest.approx(np.mean(classes))
    (gone,) = (
        r for r in part.rows if (r.variant, r.metric, r.class_id) == ("truth:strict:difference", "auroc", "c2")
    )  # fmt: skip
    assert gone.value is None
    assert "fewer than 10" in gone.reason


def test_one_answer_a_row_leaves_out_rows_with_none_or_several() -> None:
    rng = np.random.default_rng(5)
    of = samples(np.eye(3)[rng.integers(0, 3, size=90)], task="single-label")
    labels = of.labels.copy()
    labels[:10] = False
    labels[10:15] = True
    found = reading(of, labels)
    told, there = found.of("unit", of.units, single_label=True)
    assert there.tolist() == [False] * 15 + [True] * 75
    assert (told[15:] == of.labels[15:]).all()
    part = examined(of, resamples(of, 5), readings={"strict": found})
    assert row(part, "truth:strict", "auroc", "macro").n == 75


def test_what_is_not_known_has_a_reason() -> None:
    of = samples(differentials(60, 3, np.random.default_rng(6)))
    drawn = resamples(of, 5)
    part = examined(of, drawn)
    assert set(part.missing) == {"truth-ceiling"}
    assert "case" in part.missing["truth-ceiling"]
    plain = replace(of, benchmark=card(k=3, truth={"differential": False}))
    part = examined(plain, drawn)
    assert part.rows == []
    assert "second opinions" in part.missing["truth"]
    noted = replace(of, benchmark=card(k=3, truth={"note": "A biopsy each."}))
    assert examined(noted, drawn).missing["truth"] == "A biopsy each."
    # Readings alone: no soft labels, but labels that can be read in another way.
    part = examined(plain, drawn, readings={"strict": reading(of, of.labels)})
    assert {r.variant for r in part.rows} == {"truth:strict", "truth:strict:difference"}


def test_several_pictures_share_their_units_differential() -> None:
    weights = differentials(40, 3, np.random.default_rng(7))
    of = samples(weights, pictures=2)
    units = np.unique(of.units)
    assert differential_of(of, "unit", units[::-1]) == pytest.approx(weights[::-1], abs=1e-6)
    assert differential_of(of, "image", of.ids) == pytest.approx(np.repeat(weights, 2, axis=0), abs=1e-6)
    part = Part()
    subject = Subject(plan(5), of, [Examinee([predictions(of, level="image")], [])], resamples(of, 5))
    examine_truth(subject, part)
    found = row(part, "truth:sampled", "auroc", "macro")
    assert (found.n, found.n_units, found.level) == (80, 40, "image")
