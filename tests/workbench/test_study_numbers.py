"""Numbers of a study against scikit-learn and plain loops, and what they must not depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from study_world import catalog, in_other_order, read

from vlmeval.evaluate.material import in_order_of
from vlmeval.methods import zero_shot
from vlmeval.records import Predictions
from vlmeval.stats import Resamples, estimate, metric_info
from vlmeval.stats.pointwise import countable
from vlmeval.workbench.study import numbers
from vlmeval.workbench.study.asked import Asked
from vlmeval.workbench.study.moved import moved, standing
from vlmeval.workbench.study.names import name_effects
from vlmeval.workbench.study.quick import Quick
from vlmeval.workbench.study.reading import Read
from vlmeval.workbench.study.spreads import by_name, by_prompt, spreads_of, summed_up
from vlmeval.workbench.study.tones import interactions_of

IDS = ("squares/plain", "squares/photo", "squares/best-of", "squares/scores", "squares/own")
ASKED = Asked(("made-up",), ("squares",), draws=300, singles=12, shuffles=2)


def scored(found: Read) -> dict[str, Predictions]:
    return {
        one.id: found.predictions(found.text_side(one.wording, one.aggregation), one.id) for one in found.inputs.prompts
    }


def sampled(found: Read) -> numbers.Sampled:
    predictions = scored(found)
    units = predictions[IDS[0]].units
    return numbers.sample(predictions, found.card, Resamples.draw(units, ASKED.draws, 0))


@pytest.fixture
def single(tmp_path: Path) -> tuple[Any, Read]:
    known = catalog(tmp_path)
    return known, read(known, IDS, ASKED)


@pytest.fixture
def multi(tmp_path: Path) -> tuple[Any, Read]:
    known = catalog(tmp_path, "multi-label")
    return known, read(known, (*IDS, "squares/negatives"), ASKED)


@pytest.mark.parametrize("level", ["image", "unit"])
@pytest.mark.parametrize("task", ["single-label", "multi-label"])
def test_scores_are_those_of_zero_shot(tmp_path: Path, task: str, level: Any) -> None:
    known = catalog(tmp_path, task)
    found = read(known, IDS + (("squares/negatives",) if task == "multi-label" else ()), ASKED, level)
    images = in_order_of(found.samples, found.embedded.images)
    for used in found.inputs.prompts:
        texts = found.text_side(used.wording, used.aggregation)
        own = zero_shot(found.samples, images, texts, found.rule)[level]
        mine = found.scored(texts)
        assert (mine.kind, mine.scale, mine.bias, mine.level) == (own.kind, own.scale, own.bias, own.level)
        assert mine.ids.tolist() == own.ids.tolist()
        np.testing.assert_array_equal(mine.scores, own.scores)


def test_values_are_scikit_learns(single: tuple[Any, Read]) -> None:
    found = single[1]
    rows = sampled(found).rows
    for set_id, p in scored(found).items():
        truth, guess = p.y_true.argmax(axis=1), p.scores.argmax(axis=1)
        expected = {
            "balanced-accuracy": balanced_accuracy_score(truth, guess),
            "accuracy": accuracy_score(truth, guess),
            "auroc": np.mean([roc_auc_score(p.y_true[:, k], p.scores[:, k]) for k in range(3)]),
        }
        for metric, value in expected.items():
            (row,) = [
                r for r in rows
                if (r.method, r.metric, r.class_id, r.group) == (set_id, metric, None, None)
                and r.averaging in ("macro", "overall")
            ]  # fmt: skip
            assert row.value == pytest.approx(value, abs=1e-12)


def test_the_difference_of_a_pair_is_the_bootstraps(single: tuple[Any, Read]) -> None:
    """Resample cases by hand, with the same draws, and compute accuracies of both sets on each."""
    found = single[1]
    predictions = scored(found)
    a, b = predictions["squares/photo"], predictions["squares/plain"]
    resamples = Resamples.draw(a.units, ASKED.draws, 0)
    right = {p.method: p.y_true[np.arange(len(p)), p.scores.argmax(axis=1)] for p in (a, b)}
    at = resamples.index_of(a.units)
    by_draw = [
        float(np.average(right[a.method].astype(float) - right[b.method], weights=resamples.counts[at, d]))
        for d in range(1 + ASKED.draws)
    ]
    error = np.std(by_draw[1:])
    pairs = numbers.pairs_of(sampled(found))
    (number,) = [
        n for pair in pairs if (pair.a, pair.b) == ("squares/photo", "squares/plain")
        for n in pair.numbers if n.family == "headline" and n.metric == "accuracy"
    ]  # fmt: skip
    assert number.value == pytest.approx(by_draw[0])
    assert number.low is not None
    assert number.high is not None
    # All pairs at once: wider than 1.96 standard errors, by as much as the largest of so many strays.
    assert 2.2 * error < (number.high - number.low) / 2 < 4.5 * error
    assert number.p is not None
    assert number.p_adjusted is not None
    assert number.p_adjusted >= number.p


def test_verdicts_agree_with_intervals_and_ranks_with_verdicts(single: tuple[Any, Read]) -> None:
    found = sampled(single[1])
    pairs = numbers.pairs_of(found)
    assert len(pairs) == len(IDS) * (len(IDS) - 1) / 2
    told = [(pair, n) for pair in pairs for n in pair.numbers if n.family == "headline"]
    assert len(told) == 3 * len(pairs) == numbers.tests(pairs)[0]
    for _, n in told:
        assert numbers.clearly_apart(n) == (n.low > 0 or n.high < 0)
    cells = [n for pair in pairs for n in pair.numbers if n.family == "metric" and n.p is not None]
    assert {n.group_level for n in cells} >= {"light", "dark", "last-first", "worst"}
    for n in cells:
        assert (n.p < 0.05) == (n.low > 0 or n.high < 0)
        assert n.p_adjusted >= n.p
    for rank in numbers.ranks_of(found, pairs):
        ahead = behind = 0
        for pair, n in told:
            if n.metric == rank.metric and rank.set_id in (pair.a, pair.b) and numbers.clearly_apart(n):
                gain = n.value if rank.set_id == pair.a else -n.value
                ahead, behind = ahead + (gain < 0), behind + (gain > 0)
        assert (rank.rank, rank.best, rank.worst) == (1 + ahead, 1 + ahead, len(IDS) - behind)


def test_nothing_depends_on_the_order_of_rows_or_sets(single: tuple[Any, Read]) -> None:
    found = single[1]
    first = sampled(found)
    backwards = sampled(in_other_order(found))
    assert backwards.rows == first.rows
    assert numbers.pairs_of(backwards) == numbers.pairs_of(first)
    predictions = scored(found)
    order = (IDS[0], *reversed(IDS[1:]))
    resamples = Resamples.draw(predictions[IDS[0]].units, ASKED.draws, 0)
    other = numbers.sample({i: predictions[i] for i in order}, found.card, resamples)
    ours, theirs = numbers.pairs_of(first), numbers.pairs_of(other)
    of = {(p.a, p.b): p for p in theirs}
    for pair in ours:
        if pair.against_chosen:
            assert of[pair.a, pair.b].numbers == pair.numbers
    assert set(numbers.ranks_of(first, ours)) == set(numbers.ranks_of(other, theirs))


@pytest.mark.parametrize("world", ["single", "multi"])
def test_the_fast_way_has_the_values_of_the_slow_way(world: str, request: pytest.FixtureRequest) -> None:
    known, found = request.getfixturevalue(world)
    for used in found.inputs.prompts:
        whole = scored(found)[used.id]
        undrawn = Resamples.draw(whole.units, 0)
        estimates = estimate([whole], found.card, undrawn, metrics=found.card.headline_metrics, groups="none")
        quick = Quick.of(found, used, estimates.seeds.table)
        wordings = [used.wording, *by_prompt(used, ASKED).wordings, *by_name(found, used, known, ASKED).wordings]
        values = quick.values(wordings)
        assert quick.metrics == found.card.headline_metrics
        for wording, row in zip(wordings, values, strict=True):
            slow = found.predictions(found.text_side(wording, used.aggregation), used.id)
            found_ = estimate([slow], found.card, undrawn, metrics=quick.metrics, groups="none").estimates
            of = {e.metric: e.draws[0] for e in found_ if e.averaging in ("macro", "overall") and e.class_id is None}
            np.testing.assert_allclose(row, [of[m] for m in quick.metrics], atol=1e-9)


def test_fixed_thresholds_stay_fixed_in_the_fast_way(tmp_path: Path) -> None:
    known = catalog(tmp_path, "multi-label")
    found = read(known, IDS, replace(ASKED, split="all"))
    used = found.inputs.prompts[1]
    whole = scored(found)[used.id]
    table = estimate([whole], found.card, Resamples.draw(whole.units, 0), metrics=("auroc",)).seeds.table
    quick = Quick.of(found, used, table)
    (values,) = quick.values([used.wording])
    rows = estimate([whole], found.card, table.resamples, metrics=quick.metrics, groups="none").rows()
    of = {r.metric: r.value for r in rows if r.averaging == "macro"}
    assert values.tolist() == pytest.approx([of[m] for m in quick.metrics])


def test_spreads_hold_what_they_say(single: tuple[Any, Read]) -> None:
    known, found = single
    by_set = sampled(found).by_set
    used = {one.id: one for one in found.inputs.prompts}
    made = spreads_of(found, used["squares/photo"], by_set["squares/photo"], known, ASKED)
    of = {(s.kind, s.metric): s for s in made}
    assert {kind for kind, _ in of} == {"template", "one-prompt", "one-name", "word-order"}
    for s in made:
        values = [one.value for one in s.singles]
        assert s.best is not None
        assert s.worst is not None
        assert (s.best.value, s.worst.value, s.median) == (max(values), min(values), pytest.approx(np.median(values)))
        assert s.place == pytest.approx(
            np.mean([(v < s.whole - 1e-9) + 0.5 * (abs(v - s.whole) <= 1e-9) for v in values])
        )
    assert [one.label for one in of["template", "auroc"].singles] == list(known.prompt_set("squares/photo").templates)
    assert all(one.low <= one.value <= one.high for one in of["template", "auroc"].singles)
    assert (of["one-prompt", "auroc"].of, len(of["one-prompt", "auroc"].singles)) == (9 * 6 * 3, 12)
    assert (of["one-name", "auroc"].of, len(of["one-name", "auroc"].singles)) == (6, 6)
    assert of["one-name", "auroc"].best.label.count(" | ") == 2
    assert len(of["word-order", "auroc"].singles) == 2
    plain = spreads_of(found, used["squares/plain"], by_set["squares/plain"], known, ASKED)
    assert {s.kind: s.reason is None for s in plain} == {
        "template": False, "one-prompt": False, "one-name": False, "word-order": True,
    }  # fmt: skip
    own = spreads_of(found, used["squares/own"], by_set["squares/own"], known, ASKED)
    assert {s.kind for s in own if s.reason} == {"template", "one-name"}


def test_where_lower_is_better_the_best_is_the_lowest(single: tuple[Any, Read]) -> None:
    known, found = single
    (spread,) = [
        s for s in spreads_of(found, found.inputs.prompts[1], sampled(found).by_set["squares/photo"], known, ASKED)
        if (s.kind, s.metric) == ("one-name", "accuracy")
    ]  # fmt: skip
    turned = summed_up(spread, lower=True)
    assert (turned.best, turned.worst) == (
        min(spread.singles, key=lambda s: s.value), max(spread.singles, key=lambda s: s.value),
    )  # fmt: skip
    assert turned.place == pytest.approx(1 - spread.place)


def test_a_name_changes_its_own_class_only(single: tuple[Any, Read]) -> None:
    known, found = single
    used = found.inputs.prompts[1]
    effects = name_effects(found, used, known, sampled(found).table.resamples)
    assert [(e.class_id, e.name) for e in effects] == [
        ("red", "red square"), ("red", "crimson tile"), ("red", "scarlet box"),
        ("green", "green square"), ("green", "lime tile"),
    ]  # fmt: skip
    for e in effects:
        prompts = {
            **used.prompts,
            e.class_id: tuple(t.format(name=e.name) for t in known.prompt_set(used.id).templates),
        }
        wording = used.wording.model_copy(update={"prompts": prompts})
        p = found.predictions(found.text_side(wording, used.aggregation), "x")
        k = found.card.class_ids.index(e.class_id)
        assert e.value == pytest.approx(roc_auc_score(p.y_true[:, k], p.scores[:, k]))
        assert e.low < e.value < e.high


def test_interactions_are_of_shared_levels(single: tuple[Any, Read]) -> None:
    found = interactions_of(sampled(single[1]))
    assert [(i.a, i.metric) for i in found] == [(s, m) for m in ("auroc", "sensitivity") for s in IDS[1:]]
    for one in found:
        assert (one.group, one.levels, one.df) == ("tone", ("light", "dark"), 1)
        assert 0 < one.p <= one.p_adjusted <= 1


def test_moves_add_up_to_what_the_class_gains(single: tuple[Any, Read]) -> None:
    found = single[1]
    predictions = scored(found)
    ours, chosen = predictions["squares/photo"], predictions["squares/plain"]
    for k in range(3):
        for p in (ours, chosen):
            assert standing(p, k).mean() == pytest.approx(roc_auc_score(p.y_true[:, k], p.scores[:, k]))
    moves = moved(found, ours, chosen)
    assert {m.class_id for m in moves} == {"red", "green", "blue"}
    for class_id in ("red", "green", "blue"):
        own = [m for m in moves if m.class_id == class_id]
        k = found.card.class_ids.index(class_id)
        gains = np.sort(standing(ours, k) - standing(chosen, k))
        assert [m.gain for m in own if m.gain > 0] == pytest.approx(gains[::-1][:3].tolist())
        assert [m.gain for m in own if m.gain < 0] == pytest.approx(gains[:3].tolist())
    for m in moves:
        assert m.gain == pytest.approx(m.after - m.before)
        rows = found.samples.units == m.unit
        assert set(m.pictures) == set(found.samples.ids[rows])
        assert found.samples.labels[rows][:, found.card.class_ids.index(m.class_id)].all()
    assert moved(in_other_order(found), *(scored(in_other_order(found))[p.method] for p in (ours, chosen))) == moves


def test_headline_metrics_of_all_shipped_cards_have_a_fast_way() -> None:
    from vlmeval.catalog import load_catalog

    for card in load_catalog().benchmarks.values():
        assert all(countable(metric_info(m, card.task)) for m in card.headline_metrics)
