"""What is reported and what is not: suppression, undefined values, gaps, hostile input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_up_predictions import TONES, benchmark, find, predictions
from scipy.stats import binomtest, t

from vlmeval.errors import DataError, UnknownNameError
from vlmeval.records import Decision, Predictions
from vlmeval.stats import Resamples, all_metrics, metric_info, summarise
from vlmeval.stats.intervals import intervals

GAPS = ("worst", "max-min", "last-first")


def summary(p: Predictions, task: str = "single-label", draws: int = 40, **changes):
    return summarise(p, benchmark(task, p.scores.shape[1], **changes), Resamples.draw(p.units, draws))


def with_positives(units_with: int, rows_each: int = 1, n: int = 100) -> Predictions:
    """Class c0 in so many units, with so many rows each; c1 and c2 share the others."""
    y = np.zeros((n, 3), dtype=bool)
    y[np.arange(n), 1 + np.arange(n) % 2] = True
    y[: units_with * rows_each] = [True, False, False]
    units = np.array([f"u{i // rows_each:04d}" for i in range(n)])
    scores = np.random.default_rng(0).dirichlet(np.ones(3), n)
    ids = np.arange(n).astype(str)
    return Predictions("m", "image", ids, units, y, scores, "probability", Decision("argmax"), {})


@pytest.mark.parametrize(
    ("units", "shown", "greyed"), [(9, False, False), (10, True, True), (19, True, True), (20, True, False)]
)
def test_small_classes_are_suppressed_then_greyed(units: int, shown: bool, greyed: bool) -> None:
    row = find(summary(with_positives(units)), "auroc", "class", class_id="c0")
    assert (row.value is not None, row.greyed, row.n_positive) == (shown, greyed, units)
    if not shown:
        assert row.reason == "suppressed: fewer than 10 positive or negative cases (9 and 91)"
        assert row.low is None


def test_the_rule_counts_units_not_rows() -> None:
    row = find(summary(with_positives(9, rows_each=4)), "sensitivity", "class", class_id="c0")
    assert row.value is None
    assert row.n_positive == 36


def test_few_negatives_suppress_too() -> None:
    p = predictions("multi-label", n=100)
    p = replace(p, units=p.ids)
    y = p.y_true.copy()
    y[:, 0] = True
    y[:5, 0] = False
    row = find(summary(replace(p, y_true=y), "multi-label"), "specificity", "class", class_id="c0")
    assert row.value is None
    assert "(95 and 5)" in row.reason


def test_averages_are_over_supported_classes_and_say_how_many() -> None:
    rows = summary(with_positives(9))
    macro = find(rows, "auroc", "macro")
    two = [find(rows, "auroc", "class", class_id=c).value for c in ("c1", "c2")]
    assert macro.value == pytest.approx(np.mean(two), abs=1e-12)
    assert (macro.n_classes, macro.n_positive) == (2, 91)
    # Balanced accuracy keeps its published meaning: all classes present.
    assert find(rows, "balanced-accuracy").n_classes == 3


@pytest.mark.parametrize(("few", "greyed"), [(1, False), (2, True), (3, True)])
def test_averages_are_greyed_when_half_their_classes_are(few: int, greyed: bool) -> None:
    p = predictions("multi-label", n=100, k=4)
    y = np.zeros((100, 4), dtype=bool)
    y[:50] = True
    y[15:, :few] = False
    rows = summary(replace(p, units=p.ids, y_true=y), "multi-label")
    assert [find(rows, "auroc", "class", class_id=f"c{k}").greyed for k in range(4)] == [k < few for k in range(4)]
    assert find(rows, "auroc", "macro").greyed is greyed
    assert not find(rows, "prevalence", "macro").greyed


def test_no_supported_class_gives_no_average() -> None:
    p = with_positives(4, n=12)
    rows = summary(p)
    macro = find(rows, "auroc", "macro")
    assert (macro.value, macro.n_classes) == (None, 0)
    assert "no class has 10" in macro.reason
    assert find(rows, "accuracy").value is not None
    assert find(rows, "accuracy").greyed


def test_small_groups_are_suppressed_whole_and_empty_ones_say_so() -> None:
    p = with_positives(30)
    tone = np.zeros(100, dtype=np.int16)
    tone[:9] = 1
    rows = summary(replace(p, groups={"tone": tone}))
    few = find(rows, "accuracy", group="tone", group_level="fst-3-4")
    assert (few.value, few.n, few.reason) == (None, 9, "suppressed: fewer than 10 cases (9)")
    none = find(rows, "accuracy", group="tone", group_level="fst-5-6")
    assert (none.value, none.n, none.reason) == (None, 0, "no rows")
    # One level is left: there is nothing to compare.
    for level in GAPS:
        gap = find(rows, "accuracy", group="tone", group_level=level)
        assert (gap.value, gap.reason) == (None, "fewer than two levels with a value")


def test_every_metric_has_its_rows_in_every_cell() -> None:
    for task in ("single-label", "multi-label"):
        rows = summary(predictions(task, n=300), task)
        for metric in all_metrics(task):
            own = [r for r in rows if r.metric == metric.id]
            levels = {(r.group, r.group_level) for r in own} - {("tone", g) for g in GAPS}
            everywhere = metric.by_group != "none"
            assert {(None, None), *(("tone", t) for t in TONES if everywhere)} <= levels
            assert everywhere or levels == {(None, None)}
            by_class = 5 if metric.scope == "class" and metric.by_class else 0
            per_cell = by_class + len(metric.averages) if metric.scope == "class" else 1
            assert sum(r.group is None for r in own) == per_cell
            if metric.by_group == "averages":
                assert not any(r.group and r.class_id for r in own)
        assert not any(r.group == "monk" for r in rows)
        keys = [(r.metric, r.averaging, r.class_id, r.group, r.group_level) for r in rows]
        assert len(set(keys)) == len(keys)


def test_groups_can_be_left_out() -> None:
    p = predictions(n=100)
    rows = summarise(p, benchmark(), Resamples.draw(p.units, 10), groups=False)
    assert all(r.group is None for r in rows)
    assert not any(r.group for r in summary(replace(p, groups={})))


def test_gaps_are_of_the_levels_that_have_a_value_and_are_not_missing() -> None:
    p = predictions(n=3000)  # enough for every class in every level
    scores = p.scores.copy()
    unanswered = p.groups["tone"] == 3
    scores[unanswered] = p.y_true[unanswered]  # the missing stratum is perfect, and must not count
    rows = summary(replace(p, scores=scores))
    for metric, averaging in (("accuracy", "overall"), ("auroc", "macro"), ("auroc", "macro-common")):
        by_level = [find(rows, metric, averaging, group="tone", group_level=t).value for t in TONES[:3]]
        gap = {g: find(rows, metric, averaging, group="tone", group_level=g) for g in GAPS}
        assert gap["worst"].value == min(by_level)
        assert gap["max-min"].value == max(by_level) - min(by_level)
        assert gap["last-first"].value == by_level[2] - by_level[0]
        assert gap["worst"].n == (~unanswered).sum()
        assert gap["last-first"].n == np.isin(p.groups["tone"], (0, 2)).sum()
    assert find(rows, "accuracy", group="tone", group_level="not-answered").value == 1


def test_levels_that_average_over_different_classes_are_not_compared() -> None:
    p = predictions("multi-label", n=3000)
    y = p.y_true.copy()
    y[p.groups["tone"] == 2, 4] = False  # one class never photographed on the last tone
    rows = summary(replace(p, y_true=y), "multi-label")
    for gap in GAPS:
        plain = find(rows, "auroc", "macro", group="tone", group_level=gap)
        assert plain.value is None
        assert "different classes" in plain.reason
        common = find(rows, "auroc", "macro-common", group="tone", group_level=gap)
        assert common.value is not None
        assert common.n_classes == 4
        assert find(rows, "hamming-loss", group="tone", group_level=gap).value is not None
        assert find(rows, "auroc", "macro", group="site", group_level="worst").value is not None


def test_the_worst_of_a_loss_is_the_largest() -> None:
    rows = summary(predictions("multi-label"), "multi-label")
    by_level = [find(rows, "hamming-loss", group="tone", group_level=t).value for t in TONES[:3]]
    assert find(rows, "hamming-loss", group="tone", group_level="worst").value == max(by_level)


def test_last_minus_first_only_where_levels_have_an_order() -> None:
    rows = summary(predictions())
    assert {r.group for r in rows if r.group_level == "last-first"} == {"tone"}


def test_standardised_averages_use_the_same_classes_in_every_level() -> None:
    p = predictions(n=1500)
    # Take most of class 4 out of the darkest level.
    drop = (p.groups["tone"] == 2) & p.y_true[:, 4]
    drop[np.flatnonzero(drop)[:5]] = False
    # What the stratum "not answered" has or lacks does not matter.
    keep = ~drop & ~((p.groups["tone"] == 3) & p.y_true[:, 3])
    p = replace(
        p, ids=p.ids[keep], units=p.units[keep], y_true=p.y_true[keep], scores=p.scores[keep],
        groups={g: c[keep] for g, c in p.groups.items()},
    )  # fmt: skip
    rows = summary(p)
    for level in TONES[:3]:
        row = find(rows, "auroc", "macro-common", group="tone", group_level=level)
        same = [find(rows, "auroc", "class", class_id=c, group="tone", group_level=level) for c in ("c1", "c2", "c3")]
        assert row.value == pytest.approx(np.mean([r.value for r in same]), abs=1e-12)
        assert row.n_classes == 3
    assert find(rows, "auroc", "macro", group="tone", group_level=TONES[0]).n_classes > 3
    assert not [r for r in rows if r.averaging == "macro-common" and r.group_level == "not-answered"]


def test_precision_of_a_class_that_is_never_predicted_is_undefined_not_zero() -> None:
    p = predictions()
    scores = p.scores.copy()
    scores[:, 2] = 0
    rows = summary(replace(p, scores=scores))
    row = find(rows, "precision", "class", class_id="c2")
    assert (row.value, row.reason) == (None, "undefined: never predicted")
    assert find(rows, "precision", "macro").n_classes == 4
    assert find(rows, "sensitivity", "class", class_id="c2").value == 0
    assert find(rows, "f1", "class", class_id="c2").value == 0


def test_constant_scores_are_chance() -> None:
    p = predictions("multi-label")
    rows = summary(replace(p, scores=np.full(p.scores.shape, 0.25)), "multi-label")
    auroc = find(rows, "auroc", "macro")
    assert (auroc.value, auroc.low, auroc.high) == (0.5, 0.5, 0.5)
    ap = find(rows, "average-precision", "class", class_id="c3")
    assert ap.value == pytest.approx(p.y_true[:, 3].mean())
    p = predictions()
    rows = summary(replace(p, scores=np.full(p.scores.shape, 0.2)))
    assert find(rows, "accuracy").value == pytest.approx(p.y_true[:, 0].mean())  # ties go to the class listed first
    assert find(rows, "mcc").reason == "undefined: truth or prediction is a single class"
    assert find(rows, "cohen-kappa").value == 0


def test_an_absent_class_is_suppressed_and_leaves_the_others_alone() -> None:
    p = predictions()
    keep = ~p.y_true[:, 0]
    fewer = replace(p, ids=p.ids[keep], units=p.units[keep], y_true=p.y_true[keep], scores=p.scores[keep], groups={})
    rows = summary(fewer)
    assert find(rows, "auroc", "class", class_id="c0").value is None
    assert find(rows, "auroc", "macro").n_classes == 4
    assert find(rows, "prevalence", "class", class_id="c0").value == 0
    assert find(rows, "balanced-accuracy").n_classes == 4


@pytest.mark.parametrize("n", [0, 1])
def test_one_unit_or_none_gives_reasons(n: int) -> None:
    p = predictions(n=300)
    few = replace(
        p, ids=p.ids[:n], units=p.units[:n], y_true=p.y_true[:n], scores=p.scores[:n],
        groups={g: c[:n] for g, c in p.groups.items()},
    )  # fmt: skip
    rows = summary(few)
    assert rows
    assert all(r.value is None and r.reason and not r.greyed for r in rows)


def test_all_units_alike_gives_the_interval_of_so_many_units() -> None:
    """All draws are 1, which does not mean that the next unit could not be wrong."""
    p = predictions(n=200)
    rows = summary(replace(p, scores=p.y_true.astype(float)))
    row = find(rows, "accuracy")
    wide = 2 * t.cdf(t.ppf(0.975, row.n_units - 1), np.inf) - 1  # Student's quantile in place of the normal one
    theirs = binomtest(row.n_units, row.n_units).proportion_ci(wide, method="wilson")
    assert (row.value, row.low, row.high) == (1, pytest.approx(theirs.low, abs=1e-9), 1)


def test_undefined_draws_are_dropped_counted_and_end_the_interval_above_five_per_cent() -> None:
    draws = np.tile(np.arange(100.0), (3, 1))
    draws[1, :5] = np.nan
    draws[2, :6] = np.nan
    low, high, undefined = intervals(draws)
    assert undefined.tolist() == [0, 0.05, 0.06]
    assert low[1] == np.quantile(np.arange(5.0, 100), 0.025)
    assert np.isnan([low[2], high[2]]).all()
    # A class predicted in one unit only: precision has a value, and is undefined in a third of the draws.
    p = predictions()
    scores = p.scores.copy()
    scores[:, 2] = 0
    scores[0, 2] = 1
    row = find(summary(replace(p, scores=scores), draws=400), "precision", "class", class_id="c2")
    assert row.value in (0, 1)
    assert (row.low, row.high) == (None, None)
    assert 0.25 < row.undefined_draws < 0.5


@pytest.mark.parametrize("kind", ["cosine", "logit"])
def test_calibration_needs_probabilities(kind: str) -> None:
    for task in ("single-label", "multi-label"):
        rows = summary(replace(predictions(task), kind=kind), task)
        own = [r for r in rows if r.metric == "ece"]
        assert own
        assert all(r.reason == f"scores of kind {kind!r} are not probabilities" for r in own)
        assert find(rows, "auroc", "macro").value is not None


def test_without_thresholds_there_are_ranks_but_no_decisions() -> None:
    p = replace(predictions("multi-label"), decision=Decision("threshold"))
    rows = summary(p, "multi-label")
    for metric in ("hamming-loss", "subset-accuracy"):
        assert "no decision thresholds" in find(rows, metric).reason
    assert "no decision thresholds" in find(rows, "sensitivity", "macro").reason
    assert (
        "no decision thresholds" in find(rows, "balanced-accuracy", "macro", group="tone", group_level="worst").reason
    )
    assert find(rows, "average-precision", "macro").value is not None
    assert find(rows, "hamming-majority").value is not None


def test_top_three_of_three_says_nothing() -> None:
    assert "always 1" in find(summary(with_positives(30)), "top-3-accuracy").reason


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1.5, -0.1])
def test_a_score_that_cannot_be_used_names_row_and_column(bad: float) -> None:
    p = predictions()
    scores = p.scores.copy()
    scores[17, 3] = bad
    with pytest.raises(DataError, match=r"row 'i17' in column 'c3'"):
        summary(replace(p, scores=scores))


def test_wrong_labels_levels_thresholds_and_shapes_are_refused() -> None:
    p = predictions()
    y = p.y_true.copy()
    y[5] = False
    with pytest.raises(DataError, match="row 'i5' has 0 classes"):
        summary(replace(p, y_true=y))
    tone = p.groups["tone"].copy()
    tone[8] = 4
    with pytest.raises(DataError, match="row 'i8' has a level of 'tone'"):
        summary(replace(p, groups={"tone": tone}))
    with pytest.raises(DataError, match="one threshold a class"):
        summary(replace(p, decision=Decision("threshold", (0.5, 0.5))))
    with pytest.raises(DataError, match="wrong number of classes"):
        summarise(p, benchmark(k=4), Resamples.draw(p.units, 0))


def test_unknown_metrics_answer_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean auroc"):
        metric_info("aurok")
    with pytest.raises(UnknownNameError):
        metric_info("hamming-loss", "single-label")
    assert metric_info("balanced-accuracy").scope == "overall"
    assert metric_info("balanced-accuracy", "multi-label").scope == "class"
