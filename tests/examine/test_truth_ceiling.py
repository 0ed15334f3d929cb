"""Readers' agreement: against known distributions of opinions, brute force over readers, and scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_truth import predictions, resamples, samples
from sklearn.metrics import roc_auc_score

from vlmeval.examine.truth.ceiling import AGREEMENT, BEST, Panel, agreement, one_against_others, ranks_of_one
from vlmeval.examine.truth.differential import in_differential
from vlmeval.examine.truth.rows import Found
from vlmeval.examine.truth.same_cases import model_on_panel
from vlmeval.records import Samples
from vlmeval.stats.seeds import Seeds

Opinions = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def world(opinions: Opinions) -> Samples:
    told = ~np.isnan(opinions).any(axis=2)
    mean = np.nan_to_num(opinions).sum(axis=1) / np.maximum(told.sum(axis=1), 1)[:, None]
    return samples(mean, opinions=opinions.astype(np.float32))


def panel_of(opinions: Opinions) -> Panel:
    panel = Panel.of(world(opinions))
    assert panel is not None
    return panel


def by_name(found: list[Found]) -> dict[str, Found]:
    return {f.metric: f for f in found if f.class_id is None}


def one_hot(chances: np.ndarray, readers: int, rng: np.random.Generator) -> Opinions:
    """Opinions [U, R, K] of readers who each name one of K + 1 conditions, the last of them outside the classes."""
    k = chances.shape[1]
    named = np.array([rng.choice(k, size=readers, p=p) for p in chances])
    return np.eye(k)[named][:, :, :-1].astype(np.float32)


def test_agreement_of_readers_is_that_of_their_distribution() -> None:
    """Two readers of the same distribution p name the same with probability sum p^2; with each other, never more."""
    rng = np.random.default_rng(0)
    chances = rng.dirichlet([0.4, 0.4, 0.4, 0.3], size=6000)
    opinions = one_hot(chances, 3, rng)
    of = world(opinions)
    panel = panel_of(opinions)
    found = by_name(agreement(panel, resamples(of, 0)))
    assert found[AGREEMENT].value == pytest.approx((chances**2).sum(axis=1).mean(), abs=0.01)
    mean = opinions.mean(axis=1)
    joint = np.column_stack([mean, 1 - mean.sum(axis=1)])
    # Counting a reader among those who judge him says far too much.
    assert (joint**2).sum(axis=1).mean() > found[AGREEMENT].value + 0.1
    assert found[BEST].value == pytest.approx(joint.max(axis=1).mean(), abs=1e-6)


def test_one_reader_against_the_others_by_going_through_all_of_them() -> None:
    rng = np.random.default_rng(1)
    opinions = rng.dirichlet([0.5] * 5, size=(60, 3))[:, :, :4]
    opinions[opinions < 0.2] = 0
    opinions = opinions.astype(np.float32)
    opinions[:25, 2] = np.nan
    opinions[:3, 0], opinions[3, 0] = [0.5, 0.5, 0, 0], 0
    of = world(opinions)
    panel = panel_of(opinions)
    found = by_name(one_against_others(panel, resamples(of, 0)))
    inside, covered, covered3 = [], [], []
    for case in opinions:
        told = [o for o in case if not np.isnan(o).any()]
        case_inside, case_covered, case3 = [], [], []
        for i, own in enumerate(told):
            others = np.mean([o for j, o in enumerate(told) if j != i], axis=0)
            if others.sum() == 0:
                continue
            first = np.flatnonzero((own == own.max()) & (own > 0))
            case_inside.append(np.mean([others[f] > 0 for f in first]) if len(first) else 0.0)
            case_covered.append(np.mean([others[f] for f in first]) if len(first) else 0.0)
            named = [k for k in np.argsort(-own, kind="stable")[:3] if own[k] > 0]
            case3.append(others[named].sum())
        if case_inside:
            inside.append(np.mean(case_inside))
            covered.append(np.mean(case_covered))
            covered3.append(np.mean(case3))
    assert found["top-1-in-differential"].value == pytest.approx(np.mean(inside), abs=1e-6)
    assert found["top-1-weight"].value == pytest.approx(np.mean(covered), abs=1e-6)
    assert found["top-3-weight"].value == pytest.approx(np.mean(covered3), abs=1e-6)
    assert found["top-1-weight"].n == len(inside)


def test_auroc_of_one_reader_is_that_of_drawing_readers_and_opinions() -> None:
    rng = np.random.default_rng(2)
    chances = rng.dirichlet([0.5, 0.5, 0.3], size=150)
    opinions = one_hot(chances, 3, rng)
    opinions[:40, 2] = np.nan
    of = world(opinions)
    panel = panel_of(opinions)
    (found,) = (f for f in ranks_of_one(panel, resamples(of, 0), 200) if f.metric == "auroc" and f.class_id == "c0")
    values = []
    for _ in range(200):
        score, truth = [], []
        for case in opinions:
            told = [o for o in case if not np.isnan(o).any()]
            i, j = rng.permutation(len(told))[:2]
            score.append(told[i][0])
            truth.append(told[j][0] == 1)
        values.append(roc_auc_score(truth, score))
    error = np.hypot(np.std(values), found.sample.std()) / np.sqrt(200)
    assert found.value == pytest.approx(np.mean(values), abs=5 * error)
    # With itself as the judge, the same reader would be far better.
    assert found.value < roc_auc_score(opinions[:, 0, 0] == 1, np.nanmean(opinions, axis=1)[:, 0]) - 0.05


def test_readers_who_always_agree_reach_one() -> None:
    rng = np.random.default_rng(3)
    opinions = np.repeat(np.eye(3)[rng.integers(0, 3, size=90)][:, None], 2, axis=1).astype(np.float32)
    of, panel = world(opinions), panel_of(opinions)
    drawn = resamples(of, 5)
    for one in [*agreement(panel, drawn), *one_against_others(panel, drawn), *ranks_of_one(panel, drawn, 5)]:
        assert one.value == 1
        row = one.row("one-dermatologist", "unit", "x")
        # Ninety units that all agree do not prove that all others would.
        assert 0.7 < row.low < row.high == 1


def test_only_units_with_two_readers_who_can_be_told_apart_count() -> None:
    opinions = np.full((30, 3, 2), np.nan, dtype=np.float32)
    opinions[:, 0] = [1, 0]
    opinions[:12, 1] = [0, 1]
    panel = panel_of(opinions)
    assert len(panel) == 12
    (expected, _) = agreement(panel, resamples(world(opinions), 0))
    assert (expected.value, expected.n, expected.n_units) == (0, 12, 12)
    assert Panel.of(samples(np.eye(2))) is None
    evaluated = Panel.of(world(opinions), np.array(["u0000", "u0020"]))
    assert evaluated is not None
    assert evaluated.units.tolist() == ["u0000"]


def test_a_model_that_answers_like_a_reader_gets_what_readers_get() -> None:
    """Against the very same opinions: a copy of a fourth reader reaches what one of the three reaches on average."""
    rng = np.random.default_rng(4)
    chances = rng.dirichlet([0.5, 0.5, 0.5, 0.01], size=5000)
    opinions = one_hot(chances, 3, rng)
    fourth = one_hot(chances, 1, rng)[:, 0].astype(np.float64)
    of = world(opinions)
    model = replace(predictions(of), scores=fourth)
    panel, drawn = panel_of(opinions), resamples(of, 0)
    ours = by_name(model_on_panel([model], of.benchmark, drawn, panel))
    theirs = by_name(one_against_others(panel, drawn) + ranks_of_one(panel, drawn, 20))
    for metric in ("top-1-in-differential", "top-1-weight", "auroc"):
        assert ours[metric].value == pytest.approx(theirs[metric].value, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(11, 40), st.integers(2, 5), st.integers(2, 4))
def test_everything_is_a_share_and_the_best_answer_is_best(seed: int, n: int, k: int, r: int) -> None:
    rng = np.random.default_rng(seed)
    opinions = rng.dirichlet([0.3] * (k + 1), size=(n, r))[:, :, :k].astype(np.float32)
    opinions[rng.random((n, r)) < 0.2] = np.nan
    panel = panel_of(opinions)
    drawn = resamples(world(opinions), 4)
    found = by_name([*agreement(panel, drawn), *one_against_others(panel, drawn)])
    for one in found.values():
        values = np.concatenate([one.sample, one.draws])
        assert ((values[~np.isnan(values)] >= 0) & (values[~np.isnan(values)] <= 1 + 1e-9)).all()
    assert not (found[AGREEMENT].draws > found[BEST].draws + 1e-6).any()


def test_top_answers_stand_in_the_differential() -> None:
    weights = np.zeros((40, 6))
    weights[:20, 0], weights[:20, 1] = 0.6, 0.4
    weights[20:30, 5] = 0.5
    of = samples(weights)
    scores = np.tile([0.1, 0.9, 0.2, 0.3, 0.4, 0.4], (40, 1))
    model = replace(predictions(of), scores=scores)
    found = by_name(in_differential(Seeds.of([model], of.benchmark, resamples(of, 3)), weights))
    # Ten rows have none of the conditions and are left out; of equal scores the class listed first leads.
    assert [found[f"top-{k}-in-differential"].value for k in (1, 3)] == [pytest.approx(20 / 30), 1]
    assert found["top-1-weight"].value == pytest.approx(20 * 0.4 / 30)
    assert found["top-3-weight"].value == pytest.approx((20 * 0.4 + 10 * 0.5) / 30)
    assert found["top-5-weight"].value == pytest.approx((20 * 0.4 + 10 * 0.5) / 30)
    assert found["top-1-weight"].n == 30
    unscored = replace(model, unscored=("c1",))
    without = by_name(in_differential(Seeds.of([unscored], of.benchmark, resamples(of, 3)), weights))
    assert without["top-1-weight"].value == pytest.approx(0)
