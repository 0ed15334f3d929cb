"""Whole comparisons of run folders: what is compared with what, how tests are corrected, and what is said of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compare_world import frame, scored
from scipy.stats import binomtest, false_discovery_control

from vlmeval import store
from vlmeval.compare import Wanted, compare_runs
from vlmeval.compare.verdicts import better, verdicts
from vlmeval.errors import UnknownNameError, UsageError
from vlmeval.evaluate.predictions_file import Columns
from vlmeval.records import Badge, Comparison, PairedNumber

FAST = Wanted(permutations=200)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[Path]:
    """Three models on the same lesions: one that knows more, and two that know alike."""
    return [
        scored(folder, "better", frame(better=1.0, noise=1)),
        scored(folder, "plain", frame(noise=2)),
        scored(folder, "other", frame(noise=3)),
    ]


@pytest.fixture(scope="module")
def compared(runs: list[Path]) -> Comparison:
    return compare_runs(runs, FAST)


def with_methods(source: Path, target: Path, names: tuple[str, ...], **changes: Any) -> Path:
    """A run whose method stands there under several names."""
    record = store.read_record(source)
    predictions = store.read_predictions(source, record)
    kinds = {"zero-shot/names": "zero-shot", "zero-shot/photo": "zero-shot", "few-shot:mean:balanced@4": "few-shot"}
    methods = [
        m.model_copy(update={"id": name, "kind": kinds.get(name, name), "title": name, "headline": name == names[0],
                             "curve": "few-shot:mean:balanced" if name.startswith("few-shot") else None})
        for name in names
        for m in record.methods
    ]  # fmt: skip
    rng = np.random.default_rng(len(names))
    twins = [
        replace(p, method=name, scores=np.clip(p.scores + 0.1 * i * rng.random(p.scores.shape), 0, 1))
        for i, name in enumerate(names)
        for p in predictions
    ]
    update = {"methods": tuple(methods), "rows": (), "digest": "".join(f"{i:02x}" for i in rng.bytes(32))} | changes
    store.write_run(target, record.model_copy(update=update), twins, "")
    return target


def number(found: Comparison, pair: int, metric: str, **where: Any) -> PairedNumber:
    where = {"class_id": None, "group": None, "group_level": None} | where
    (one,) = [
        n
        for n in found.pairs[pair].numbers
        if n.metric == metric
        and n.averaging in ("macro", "overall", "class")
        and all(getattr(n, key) == value for key, value in where.items())
    ]
    return one


def test_differences_are_those_of_the_runs_own_numbers(runs: list[Path], compared: Comparison) -> None:
    rows = [store.read_record(run).rows for run in runs[:2]]
    checked = 0
    for n in compared.pairs[0].numbers:
        about = {"metric": n.metric, "averaging": n.averaging, "class_id": n.class_id, "group": n.group,
                 "group_level": n.group_level, "level": "unit"}  # fmt: skip
        values = [
            next((r.value for r in side if all(getattr(r, k) == v for k, v in about.items())), None) for side in rows
        ]
        if n.value is not None and None not in values:
            assert (n.a, n.b) == pytest.approx(values)
            assert n.value == pytest.approx(values[0] - values[1], abs=1e-12)
            checked += 1
    assert checked > 60


def test_each_run_is_compared_with_the_first_unless_all_pairs_are_asked_for(
    runs: list[Path], compared: Comparison
) -> None:
    assert [(p.a.run, p.b.run) for p in compared.pairs] == [(0, 1), (0, 2)]
    every = compare_runs(runs, Wanted(permutations=50, against="all", metrics=("accuracy",)))
    assert [(p.a.run, p.b.run) for p in every.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert {n.metric for p in every.pairs for n in p.numbers} == {"accuracy"}


def test_headline_tests_are_corrected_by_holm_and_the_others_metric_by_metric(compared: Comparison) -> None:
    numbers = [n for p in compared.pairs for n in p.numbers]
    first = [n for n in numbers if n.family == "headline"]
    assert compared.headline_tests == len(first) == 6
    assert {n.metric for n in first} == {"balanced-accuracy", "auroc", "accuracy"}
    assert all(n.group is None and n.class_id is None for n in first)
    ordered = sorted(float(n.p or 0) for n in first)
    expected = np.maximum.accumulate([min(1.0, (6 - i) * p) for i, p in enumerate(ordered)])
    assert sorted(float(n.p_adjusted or 0) for n in first) == pytest.approx(expected)
    for metric in ("auroc", "sensitivity", "mcc"):
        family = [n for n in numbers if n.family == "metric" and n.metric == metric]
        assert len(family) == compared.metric_tests[metric] > 1
        assert [n.p_adjusted for n in family] == pytest.approx(false_discovery_control([n.p for n in family]))
    assert all((n.p is None) == (n.family is None) == (n.p_adjusted is None) for n in numbers)


def test_verdicts_say_who_is_better_by_how_much_and_how_sure(compared: Comparison) -> None:
    n = number(compared, 0, "balanced-accuracy")
    verdict = compared.pairs[0].verdicts[0]
    assert verdict.outcome == "a"
    assert verdict.words.startswith(f"better is better by {n.value:.3f} ({n.low:.3f} to {n.high:.3f}), p = 0.00")
    assert verdict.words.endswith("corrected for 6 tests)")
    mirrored = compare_runs([Path(str(run.folder)) for run in compared.runs[1::-1]], FAST)
    assert mirrored.pairs[0].verdicts[0].outcome == "b"
    assert f"better is better by {n.value:.3f} ({n.low:.3f} to {n.high:.3f})" in mirrored.pairs[0].verdicts[0].words


def test_what_is_not_separable_is_said_with_both_ends_and_the_size(runs: list[Path]) -> None:
    found = compare_runs([runs[1], runs[2]], FAST)
    words = found.pairs[0].verdicts[1].words
    n = number(found, 0, "auroc")
    assert found.pairs[0].verdicts[1].outcome == "not-separable"
    assert f"{abs(n.low or 0):.3f} in favour of other and {abs(n.high or 0):.3f} in favour of plain" in words
    assert f"with these 120 lesions only differences above {n.detectable:.3f} would be found in 4 of 5 studies" in words


def test_test_and_interval_that_disagree_are_said_to(compared: Comparison) -> None:
    pair = compared.pairs[0]
    n = number(compared, 0, "balanced-accuracy").model_copy(
        update={"value": 0.06, "low": 0.02, "high": 0.1, "p": 0.14, "p_adjusted": 0.14}
    )
    card = store.read_record(Path(str(compared.runs[0].folder))).benchmark
    (verdict,) = verdicts(pair.model_copy(update={"numbers": (n,)}), card, 1)
    assert verdict.outcome == "not-separable"
    assert f"could be between 0.020 and 0.100 in favour of {pair.a.name}, p = 0.14, though" in verdict.words


def test_lower_is_better_where_it_is(folder: Path, runs: list[Path]) -> None:
    data = [frame(better=b, noise=i) for i, b in enumerate((1.0, 0.0))]
    for one in data:
        for name in ("Melanoma", "Nevus", "BCC"):
            one[f"true:{name}"] = (one.dx == name).astype(int)
    columns = Columns(unit="lesion_id")
    paths = [scored(folder, f"multi-{i}", d, columns=columns, kind="probability") for i, d in enumerate(data)]
    found = compare_runs(paths, Wanted(permutations=200, metrics=("hamming-loss", "auroc")))
    loss = number(found, 0, "hamming-loss")
    assert loss.value is not None
    assert loss.value < 0
    assert better(loss, found.benchmark) == "a"
    assert found.pairs[0].mcnemar.p is None
    assert "several answers" in str(found.pairs[0].mcnemar.reason)


def test_mcnemar_counts_lesions(runs: list[Path], compared: Comparison) -> None:
    tables = []
    for i, more in ((1, 1.0), (2, 0.0)):
        mean = frame(better=more, noise=i).groupby("lesion_id")[["score:Melanoma", "score:Nevus", "score:BCC"]].mean()
        tables.append(mean.idxmax(axis=1).str.removeprefix("score:"))
    truth = frame().groupby("lesion_id").dx.first()
    right = [table == truth for table in tables]
    test = compared.pairs[0].mcnemar
    assert (test.both, test.only_a, test.only_b, test.neither) == (
        (right[0] & right[1]).sum(), (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum(),
        (~right[0] & ~right[1]).sum(),
    )  # fmt: skip
    assert test.p == pytest.approx(binomtest(test.only_a, test.only_a + test.only_b).pvalue)
    assert test.rule == "the lesion is classified rightly"


def test_by_image_a_lesion_counts_by_the_majority_of_its_images(runs: list[Path]) -> None:
    found = compare_runs(runs[:2], Wanted(permutations=20, draws=20, level="image", metrics=("accuracy",)))
    assert (found.level, found.n, found.n_units) == ("image", 240, 120)
    assert found.pairs[0].mcnemar.rule == "more than half of the images of a lesion are classified rightly"
    assert sum(getattr(found.pairs[0].mcnemar, k) for k in ("both", "only_a", "only_b", "neither")) == 120


def test_draws_are_drawn_anew_with_those_of_the_first_run_or_as_asked(folder: Path, runs: list[Path]) -> None:
    other = scored(folder, "other-draws", frame(noise=5), draws=50, seed=9)
    found = compare_runs([runs[0], other], Wanted(permutations=20, metrics=("accuracy",)))
    assert (found.draws, found.seed) == (200, 0)
    own = number(found, 0, "accuracy")
    asked = compare_runs([runs[0], other], Wanted(permutations=20, metrics=("accuracy",), draws=30, seed=4))
    assert (asked.draws, asked.seed) == (30, 4)
    assert number(asked, 0, "accuracy").value == own.value
    assert number(asked, 0, "accuracy").low != own.low


def test_the_same_comparison_twice_is_the_same(runs: list[Path]) -> None:
    wanted = Wanted(permutations=50, metrics=("accuracy", "auroc"))
    assert compare_runs(runs[:2], wanted) == compare_runs(runs[:2], wanted)


def test_every_shared_method_and_the_headlines_but_no_point_of_a_curve(folder: Path, runs: list[Path]) -> None:
    a = with_methods(runs[0], folder / "a", ("zero-shot/names", "linear-probe", "few-shot:mean:balanced@4"))
    b = with_methods(runs[1], folder / "b", ("linear-probe", "zero-shot/names", "few-shot:mean:balanced@4", "knn"))
    found = compare_runs([a, b], Wanted(permutations=20, draws=20, metrics=("accuracy",)))
    assert [(p.a.method, p.b.method, p.leading) for p in found.pairs] == [
        ("zero-shot/names", "linear-probe", True),
        ("zero-shot/names", "zero-shot/names", False),
        ("linear-probe", "linear-probe", False),
    ]
    assert [bool(p.verdicts) for p in found.pairs] == [True, False, False]
    assert all(n.family != "headline" for p in found.pairs[1:] for n in p.numbers)


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (("linear-probe",), [("linear-probe", "linear-probe")]),
        (("zero-shot=linear-probe",), [("zero-shot/names", "linear-probe")]),
        (("few-shot:*",), [("few-shot:mean:balanced@4", "few-shot:mean:balanced@4")]),
        (("zero-shot*=linear-probe",), [("zero-shot/names", "linear-probe"), ("zero-shot/photo", "linear-probe")]),
    ],
)
def test_methods_by_name_kind_and_pattern(
    folder: Path, runs: list[Path], methods: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    names = ("zero-shot/names", "zero-shot/photo", "linear-probe", "few-shot:mean:balanced@4")
    paths = [folder / "by-name-a", folder / "by-name-b"]
    for source, target in zip(runs, paths, strict=False):
        if not target.exists():
            with_methods(source, target, names if target is paths[0] else (*names, "knn"))
    found = compare_runs(paths, Wanted(methods=methods, permutations=10, draws=10, metrics=("accuracy",)))
    assert [(p.a.method, p.b.method) for p in found.pairs] == expected
    assert all(p.leading for p in found.pairs)


def test_two_methods_of_one_run(folder: Path, runs: list[Path]) -> None:
    run = with_methods(runs[0], folder / "one", ("zero-shot/names", "zero-shot/photo", "linear-probe"))
    small = {"permutations": 10, "draws": 10, "metrics": ("accuracy",)}
    (pair,) = compare_runs([run], Wanted(methods=("linear-probe", "zero-shot"), **small)).pairs
    assert (pair.a.name, pair.b.name) == ("linear-probe", "zero-shot/names")
    (default,) = compare_runs([run], Wanted(**small)).pairs
    assert (default.a.method, default.b.method) == ("zero-shot/names", "linear-probe")


def test_what_cannot_be_chosen_is_refused(runs: list[Path]) -> None:
    with pytest.raises(UsageError, match="nothing to compare"):
        compare_runs(runs[:1])
    with pytest.raises(UsageError, match="the same run is named twice"):
        compare_runs([runs[0], runs[0]])
    with pytest.raises(UnknownNameError, match="unknown method of better 'scorde'; did you mean scored"):
        compare_runs(runs[:2], Wanted(methods=("scorde",)))
    with pytest.raises(UnknownNameError, match="unknown metric 'acuracy'; did you mean accuracy"):
        compare_runs(runs[:2], Wanted(metrics=("acuracy",)))
    with pytest.raises(UsageError, match="no method can be better than another by prevalence"):
        compare_runs(runs[:2], Wanted(metrics=("accuracy", "prevalence")))


def test_score_columns_in_another_order_are_the_same_question(folder: Path, runs: list[Path]) -> None:
    data = frame(noise=2)
    turned = data[[*data.columns[:4], *data.columns[:3:-1]]].sample(frac=1, random_state=0)
    assert list(turned.columns[-3:]) == ["score:BCC", "score:Nevus", "score:Melanoma"]
    other = scored(folder, "turned", turned)
    small = Wanted(permutations=50, draws=50)
    plain, same = (compare_runs([runs[0], run], small).pairs[0].numbers for run in (runs[1], other))
    assert [n.value for n in plain] == pytest.approx([n.value for n in same], abs=1e-12, nan_ok=True)
    assert [n.p for n in plain] == [n.p for n in same]


def test_groups_that_differ_are_left_out_and_named(folder: Path, runs: list[Path]) -> None:
    changed = frame(noise=4).assign(sex=lambda d: np.where(d.index < 20, "m", d.sex))
    found = compare_runs([runs[0], scored(folder, "sexes", changed)], FAST)
    assert found.notes == ("The group 'sex' is left out: sexes has none or other levels.",)
    assert all(n.group is None for n in found.pairs[0].numbers)
    without = scored(folder, "no-sex", frame(noise=4), columns=Columns(truth="dx", unit="lesion_id"))
    back = compare_runs([without, runs[0]], FAST)
    assert back.notes == ("The group 'sex' is left out: no-sex does not have it.",)


def test_badges_travel(folder: Path, runs: list[Path]) -> None:
    badge = Badge(kind="contamination", text="It has seen these pictures.", source="https://example.org")
    marked = with_methods(runs[1], folder / "marked", ("scored",), badges=(badge,))
    found = compare_runs([runs[0], marked], Wanted(permutations=10, draws=10, metrics=("accuracy",)))
    assert [run.badges for run in found.runs] == [(), (badge,)]


def test_runs_of_one_model_are_told_apart_by_their_digests(folder: Path, runs: list[Path]) -> None:
    twin = with_methods(runs[1], folder / "twin", ("scored",))
    record = store.read_record(runs[1])
    found = compare_runs([runs[1], twin], Wanted(permutations=10, draws=10, metrics=("accuracy",)))
    assert found.runs[0].label == f"plain ({record.digest[:8]})"
    assert found.pairs[0].verdicts[0].words.startswith("not separable:")


def test_a_record_of_a_comparison_is_json_and_back(compared: Comparison) -> None:
    assert Comparison.model_validate_json(compared.model_dump_json()) == compared


def test_a_moved_run_folder_compares_too(folder: Path, runs: list[Path]) -> None:
    moved = folder / "moved"
    shutil.copytree(runs[1], moved)
    found = compare_runs([runs[0] / "run.json", moved / "run.json"], Wanted(permutations=5, draws=5))
    assert found.runs[1].folder == str(moved)


def test_without_permutations_the_interval_decides_and_without_either_nothing_does(runs: list[Path]) -> None:
    by_interval = compare_runs(runs[:2], Wanted(permutations=0))
    assert by_interval.headline_tests == 0
    assert [v.outcome for v in by_interval.pairs[0].verdicts] == ["a", "a", "a"]
    assert all(n.p is None and n.family is None for n in by_interval.pairs[0].numbers)
    assert ", p" not in by_interval.pairs[0].verdicts[0].words
    by_test = compare_runs(runs[:2], Wanted(draws=0, permutations=200))
    assert [v.outcome for v in by_test.pairs[0].verdicts] == ["a", "a", "a"]
    assert all(n.low is None and n.detectable is None for n in by_test.pairs[0].numbers)
    neither = compare_runs(runs[:2], Wanted(draws=0, permutations=0))
    assert [v.outcome for v in neither.pairs[0].verdicts] == ["unknown"] * 3
    assert "nothing is known of chance" in neither.pairs[0].verdicts[0].words
