"""Methods side by side in the view and on the page; how probes were fitted; label rates; the command that repeats."""

from __future__ import annotations

from typing import Any

import pytest

from vlmeval.records import Certificate, MetricRow, ProbeOptions, RunRecord
from vlmeval.report import build_view, render
from vlmeval.report.fitted import certificate_view, choice_view, power


def _row(record: RunRecord, method: str, metric: str, averaging: str, **wanted: Any) -> MetricRow:
    fields = {"level": "unit", "class_id": None, "group": None, "group_level": None} | wanted
    fields |= {"method": method, "metric": metric, "averaging": averaging}
    found = [r for r in record.rows if all(getattr(r, k) == v for k, v in fields.items())]
    assert len(found) == 1, fields
    return found[0]


@pytest.fixture(scope="module")
def view(probed: Any) -> dict[str, Any]:
    return build_view(*probed)


@pytest.fixture(scope="module")
def page(probed_page: str) -> str:
    return probed_page


def _section(page: str, name: str) -> str:
    return page.split(f'<section id="{name}"')[1].split("</section>", maxsplit=1)[0]


def test_every_whole_method_is_compared_and_no_point_of_a_few_shot_curve(view: dict[str, Any], probed: Any) -> None:
    rows = view["comparison"]["rows"]
    assert [r["kind"] for r in rows] == ["zero-shot"] * 4 + ["linear-probe", "mlp-probe", "knn"]
    assert [r["name"] for r in rows][:5] == [
        "Zero-shot: Photo templates",
        "Zero-shot: Bare names",
        "Zero-shot: Clinical descriptions",
        "Zero-shot: Lay language",
        "Linear probe",
    ]
    mlp = next(r for r in rows if r["kind"] == "mlp-probe")
    row = _row(probed[0], "mlp-probe", "balanced-accuracy", "overall")
    assert (mlp["seeds"], mlp["cells"][0]["seeds"], mlp["cells"][0]["seed_sd"]) == (5, 5, row.seed_sd)
    assert (mlp["cells"][0]["value"], mlp["cells"][0]["low"]) == (row.value, row.low)


def test_spread_is_over_the_prompt_sets_alone(view: dict[str, Any]) -> None:
    compared = view["comparison"]
    zero_shot = [r["cells"][0]["value"] for r in compared["rows"] if r["kind"] == "zero-shot"]
    assert compared["prompt_sets"] == 4
    assert compared["spread"][0]["best"] == max(zero_shot)
    assert max(r["cells"][0]["value"] for r in compared["rows"]) > max(zero_shot)


def test_seeds_stand_in_the_comparison_with_their_spread(page: str) -> None:
    section = _section(page, "methods")
    assert section.count("5 seeds") == 1
    assert section.count("sd of seeds 0.012") == 2
    assert 'id="prompt-sets"' not in page


def test_a_run_of_one_kind_still_compares_prompt_sets(pages: dict[str, str]) -> None:
    assert "Prompt sets compared" in _section(pages["single"], "prompt-sets")
    assert 'id="methods"' not in pages["single"]
    assert 'id="few-shot"' not in pages["single"]
    assert 'id="fitted"' not in pages["single"]


def test_paired_differences_from_zero_shot_stand_under_the_values_they_belong_to(probed: Any) -> None:
    record, predictions = probed
    point = record.differences[0]
    row = _row(record, "linear-probe", "auroc", "macro")
    known = {"method": "linear-probe", "versus": "zero-shot/photo", "metric": "auroc", "averaging": "macro"}
    known |= {"class_id": None, "group": None, "group_level": None, "level": "unit"}
    settled = point.model_copy(update={**known, "value": 0.0895, "low": 0.051, "high": 0.12, "n": row.n})
    made = record.model_copy(update={"differences": (settled,)})
    view = build_view(made, predictions)
    found = {r["kind"]: r["versus"][1] for r in view["comparison"]["rows"]}
    assert found["linear-probe"]["value"] == 0.0895
    assert found["linear-probe"]["excludes_zero"]
    assert found["mlp-probe"] is None
    section = _section(render(view), "methods")
    assert section.count("Δ +0.0") == 1
    assert "(0.051–0.120)" in section


def test_each_method_by_skin_tone_has_the_same_metric_and_its_own_gap(view: dict[str, Any], probed: Any) -> None:
    record = probed[0]
    source = view["for_whom"][0]
    assert source["id"] == "fst-self"
    assert source["metric"]["id"] == "balanced-accuracy"
    assert [lv["name"] for lv in source["levels"]] == ["FST I–II", "FST III–IV", "FST V–VI"]
    linear = next(r for r in source["rows"] if r["name"] == "Linear probe")
    gap = _row(record, "linear-probe", source["metric"]["id"], "overall", group="fst-self", group_level="last-first")
    assert linear["gap"]["value"] == gap.value
    level = _row(record, "linear-probe", source["metric"]["id"], "overall", group="fst-self", group_level="l0")
    assert linear["cells"][0]["value"] == level.value
    assert source["gap"] == "FST V–VI minus FST I–II"
    assert source["over"] is None


def test_levels_compared_over_shared_classes_say_over_how_many(view: dict[str, Any], probed: Any, page: str) -> None:
    source = view["for_whom"][1]
    row = _row(probed[0], "zero-shot/photo", "sensitivity", "macro-common", group="monk-us", group_level="l0")
    words = f"over the {row.n_classes} of 7 conditions that have enough lesions in every level"
    assert source["metric"]["id"] == "sensitivity"
    assert source["over"] == view["few_shot"]["tones"][1]["over"] == words
    assert words in _section(page, "methods")
    assert words in _section(page, "few-shot")


def test_methods_without_rows_by_group_are_not_listed_by_skin_tone(probed: Any) -> None:
    record, predictions = probed
    gone = ("zero-shot/names", "zero-shot/clinical", "zero-shot/lay", "knn")
    rows = tuple(r for r in record.rows if not (r.group and r.method in gone))
    view = build_view(record.model_copy(update={"rows": rows}), predictions)
    assert [r["name"] for r in view["for_whom"][0]["rows"]] == ["Zero-shot", "Linear probe", "MLP probe"]
    alone = tuple(r for r in rows if not (r.group and r.method in ("linear-probe", "mlp-probe")))
    assert build_view(record.model_copy(update={"rows": alone}), predictions)["for_whom"] == []


def test_a_broken_probe_is_said_in_the_summary_and_beside_the_comparison(page: str, pages: dict[str, str]) -> None:
    for section in ("summary", "methods", "audit"):
        assert "the scores rank well, the decisions fail" in _section(page, section)
    assert 'class="alert' not in pages["single"]


def test_summary_names_the_first_probe_and_the_shots_that_are_clearly_enough(view: dict[str, Any], page: str) -> None:
    added = view["examples"]
    assert added["trained"]["name"] == "Linear probe"
    assert [(n["variant"], n["regime"], n["surely"]) for n in added["needed"]][:2] == [
        ("Text-anchored probe", "Balanced", "from 4 lesions a class on"),
        ("Logistic probe", "Balanced", "from 16 lesions a class on"),
    ]
    assert "What do labelled examples add?" in _section(page, "summary")


@pytest.mark.parametrize(("value", "words"), [(0.2, "better"), (-0.2, "worse"), (0.01, "no clear difference")])
def test_summary_says_whether_the_probe_is_better_than_zero_shot(probed: Any, value: float, words: str) -> None:
    record, predictions = probed
    own = record.differences[0].model_copy(
        update={"method": "linear-probe", "value": value, "low": value - 0.05, "high": value + 0.05, "class_id": None,
                "metric": "balanced-accuracy", "averaging": "overall", "group": None, "group_level": None}
    )  # fmt: skip
    made = record.model_copy(update={"differences": (own,)})
    assert f"<b>{words}</b>" in _section(render(build_view(made, predictions)), "summary")


def test_a_headline_of_several_seeds_says_which_seed_its_curves_are_of(
    probed_multi: Any, pages: dict[str, str]
) -> None:
    view = build_view(*probed_multi)
    assert (view["shown_seed"], view["seeds"], view["method"]) == (0, 5, "MLP probe")
    for section in ("decisions", "curves"):
        assert "Shown: seed 0, one of 5." in _section(pages["multi"], section)
    assert "a small neural net trained on its vectors" in _section(pages["multi"], "summary")
    thresholds = [row["threshold"] for row in view["thresholds"]["rows"]]
    assert None not in thresholds


def test_a_run_without_text_does_not_blame_a_file_for_its_missing_prompts(probed: Any) -> None:
    record, predictions = probed
    methods = tuple(m for m in record.methods if m.kind in ("linear-probe", "knn"))
    made = record.model_copy(update={"methods": methods, "prompts": (), "few_shot": None})
    page = render(build_view(made, [p for p in predictions if p.method == "linear-probe"]))
    assert "no method of this run reads text" in _section(page, "prompts")
    assert "Zero-shot has seen no label" not in _section(page, "methods")
    alone = made.model_copy(update={"methods": methods[:2]})
    assert "nothing to compare" in _section(render(build_view(alone, [])), "methods")
    assert "came from a file" not in page


# ---- how probes were fitted


def test_the_chosen_value_is_marked_and_an_edge_is_said(
    probed: Any, probed_multi: Any, page: str, pages: dict[str, str]
) -> None:
    fitted = build_view(*probed)["fitted"]
    assert [m["title"] for m in fitted] == ["Linear probe", "MLP probe", "Nearest neighbours"]
    choice = fitted[0]["choice"]
    assert [r["value"] for r in choice["rows"] if r["chosen"]] == [choice["chosen"]] == [10.0]
    assert min(r["score"] for r in choice["rows"]) == next(r["score"] for r in choice["rows"] if r["chosen"])
    assert "edge of the grid" not in _section(page, "fitted")
    edge = build_view(*probed_multi)["fitted"][0]["choice"]
    assert edge["at_edge"]
    assert edge["chosen"] == edge["rows"][-1]["value"]
    assert "edge of the grid" in _section(pages["multi"], "fitted")


def test_a_grid_of_one_value_has_no_edge(probed: Any) -> None:
    method = next(m for m in probed[0].methods if m.id == "linear-probe")
    one = method.choice.model_copy(update={"values": (1.0,), "scores": (0.5,), "others": {}, "chosen": 1.0})
    view = choice_view(one.model_copy(update={"at_edge": True}))
    assert not view["at_edge"]
    assert len(view["rows"]) == 1


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"worst": 3e-9}, "26 fits, the worst provably within 3e-9 of its optimum (relative objective)"),
        ({"worst": 4.4e-6, "missed": 2}, "2 of 26 fits missed the tolerance of 1e-8; the worst is"),
        ({"worst": None, "solver": "sklearn"}, "26 fits by scikit-learn"),
        ({"worst": None, "solver": "sklearn", "missed": 3}, "3 did not converge"),
        ({"worst": 0.0, "fits": 1}, "1 fit, the worst provably within 0 of its optimum"),
    ],
)  # fmt: skip
def test_certificates_read_as_a_sentence(facts: dict[str, Any], words: str) -> None:
    made = Certificate.model_validate({"solver": "certified", "fits": 26, "tolerance": 1e-8, **facts})
    assert words in certificate_view(made)["words"]


def test_small_numbers_are_written_as_powers() -> None:
    assert [power(v) for v in (3e-9, 1.25e-8, 1e-10, 0.0)] == ["3e-9", "1.2e-8", "1e-10", "0"]


def test_training_curves_have_a_line_a_seed_and_their_range_in_the_table(probed: Any, page: str) -> None:
    training = build_view(*probed)["fitted"][1]["training"]
    assert len(training["lines"]) == training["seeds"] == 5
    first = training["rows"][0]
    losses = [line["val"][0] for line in training["lines"]]
    assert first["val"] == {"value": pytest.approx(sum(losses) / 5), "low": min(losses), "high": max(losses)}
    assert len(training["rows"]) == 25
    assert "Mean loss over 5 seeds" in _section(page, "fitted")


def test_given_vectors_are_not_said_to_be_in_the_space_of_the_text(probed: Any) -> None:
    record, _ = probed
    plan = record.plan.model_copy(update={"model": "embeddings:vectors.npz"})
    given = build_view(record.model_copy(update={"plan": plan}), [])["fitted"][0]["facts"][0]
    assert given == {"name": "Features", "value": "the vectors of the file; vectors scaled to length 1"}


def test_fits_say_what_they_learned_from(page: str) -> None:
    section = _section(page, "fitted")
    assert section.count("train + val: 480 images of 240 lesions") == 3
    assert "512, 256" in section


# ---- label rates and the command


def test_label_rates_are_shares_of_each_split_at_both_levels(probed: Any, page: str) -> None:
    record = probed[0]
    rates = build_view(*probed)["data"]["rates"]
    assert rates["splits"] == ["train", "val", "test"]
    first = rates["rows"][0]["cells"][2]
    class_id = record.benchmark.class_ids[0]
    assert first["images"]["count"] == record.data.split_class_images["test"][class_id]
    assert first["images"]["share"] == first["images"]["count"] / record.data.split_images["test"]
    assert first["units"]["share"] == first["units"]["count"] / record.data.split_units["test"]
    assert "How often each class occurs, by split" in _section(page, "data")


def test_records_without_label_rates_have_no_such_table(single: Any, pages: dict[str, str]) -> None:
    assert build_view(*single)["data"]["rates"] is None
    assert "How often each class occurs" not in pages["single"]


def _command(record: RunRecord, predictions: Any, **probe: Any) -> str:
    plan = record.plan.model_copy(update={"probe": ProbeOptions(**probe)})
    made: str = build_view(record.model_copy(update={"plan": plan}), predictions)["environment"]["command"]
    return made


def test_command_spells_out_probe_options_that_differ(probed: Any) -> None:
    plain = _command(*probed)
    assert plain.startswith("vlmeval run --model clip-demo --bench simulated --method zero-shot,linear-probe,mlp-probe")
    assert "--c " not in plain
    assert "--shots" not in plain
    changed = _command(*probed, c_grid=(0.1, 1.0), unit_weights=False, features="raw", refit=False)
    for part in ("--c 0.1,1.0", "--picture-weights", "--features raw", "--no-refit"):
        assert part in changed
    recipe = _command(*probed, recipe="medsiglip-notebook", solver="sklearn")
    for part in ("--recipe medsiglip-notebook", "--solver sklearn", "--unit-weights", "--criterion log-loss"):
        assert part in recipe


def test_command_spells_out_few_shot_options_that_differ(probed: Any) -> None:
    record, predictions = probed
    few = record.plan.few_shot.model_copy(update={"shots": (1, 4, "all"), "seeds": 3, "regimes": ("natural",)})
    plan = record.plan.model_copy(update={"few_shot": few})
    command = build_view(record.model_copy(update={"plan": plan}), predictions)["environment"]["command"]
    assert command.endswith("--shots 1,4,all --seeds 3 --regime natural")


def test_the_command_of_a_record_is_understood_by_the_command_line(probed: Any) -> None:
    import shlex

    from typer.main import get_command

    from vlmeval.cli.app import app

    given = {"c_grid": (0.5,), "unit_weights": False, "recipe": "medsiglip-notebook", "embedding": "pooled"}
    words = shlex.split(_command(*probed, **given))
    verb = get_command(app).commands["run"]  # type: ignore[attr-defined]
    context = verb.make_context("run", words[2:], resilient_parsing=False)
    assert context.params["c"] == "0.5"
    assert context.params["unit_weights"] is False
    assert str(context.params["embedding"].value) == "pooled"
