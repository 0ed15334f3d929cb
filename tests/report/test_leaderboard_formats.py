"""The leaderboard in other forms: CSV, LaTeX and Hugging Face's model-index read back what the view says."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub.repocard_data import ModelCardData, eval_results_to_model_index, model_index_to_eval_results
from made_up_board import model, written
from made_up_runs import HOSTILE, TRAINED_ON, Run

from vlmeval.report import (
    build_leaderboard,
    leaderboard_csv,
    leaderboard_latex,
    leaderboard_markdown,
    leaderboard_model_index,
)
from vlmeval.report.leaderboard.words import in_words, rank_in_words, tied_in_words

View = dict[str, Any]
NASTY = r"100% of $x_1$ & {more} \input{/etc/passwd} ~^#" + '\n[next] | <b>"q"'


@pytest.fixture(scope="module")
def base(make_run: Callable[..., Run]) -> Run:
    return make_run(units=200, prompt_sets=1, image_level=False, draws=50)


@pytest.fixture(scope="module")
def view(base: Run, tmp_path_factory: pytest.TempPathFactory) -> View:
    folder = tmp_path_factory.mktemp("runs")
    for i, name in enumerate(("alpha", "beta", NASTY, *HOSTILE)):
        written(folder, model(base, f"m{i}", 0.03 * i, seed=i, title=name))
    written(folder, model(base, "best", 0.9, badges=(TRAINED_ON,)))
    return build_leaderboard([folder])


def rows_of(view: View) -> list[View]:
    return [row for table in view["tables"] for row in table["rows"]]


# ---- CSV


def test_csv_reads_back_as_the_view_with_single_classes(view: View) -> None:
    lines = list(csv.DictReader(io.StringIO(leaderboard_csv(view))))
    (table,) = view["tables"]
    assert len(lines) == len(table["rows"])
    for line, row in zip(lines, table["rows"], strict=True):
        assert line["rank"] == ("" if row["rank"] is None else str(row["rank"]))
        assert line["last"] == ("" if row["last"] is None else str(row["last"]))
        for metric, cell in row["cells"].items():
            for name, part in ((metric, "value"), (f"{metric} low", "low"), (f"{metric} high", "high")):
                assert (float(line[name]) if line[name] else None) == cell[part]
        assert float(line["brier"]) == row["calibration"]["brier"]["value"]
        assert float(line["tone gap"]) == row["tones"]["fst-self"]["gap"]["value"]
        assert line["device"] == ""  # no picture was embedded
        for metric, cells in row["classes"].items():
            for named, cell in zip(table["class_names"], cells, strict=True):
                text = line[f"{metric}: {named['id']}"]
                assert (float(text) if text else None) == cell["value"]


# ---- LaTeX


def latex_rows(text: str) -> list[list[str]]:
    """Cells of the body of the first tabular, split at ampersands that are not escaped."""
    body = text.partition(r"\midrule")[2].partition(r"\bottomrule")[0]
    return [[c.strip() for c in re.split(r"(?<!\\)&", line.removesuffix(r" \\"))] for line in body.strip().splitlines()]


def unescaped(text: str) -> str:
    """What TeX would print of an escaped string."""
    for command, sign in (
        (r"\textasciitilde{}", "~"), (r"\textasciicircum{}", "^"), (r"\textless{}", "<"), (r"\textgreater{}", ">"),
        (r"\textbar{}", "|"), ("{[}", "["), ("{]}", "]"), ("''", '"'), ("$-$", "\u2212"), ("---", "—"), ("--", "–"),
    ):  # fmt: skip
        text = text.replace(command, sign)
    text = re.sub(r"\\([{}$&#_%])", r"\1", text.replace(r"\textbackslash{}", "\0"))
    return text.replace("\0", "\\")


def test_latex_reads_back_and_holds_no_command_of_a_name(view: View) -> None:
    text = leaderboard_latex(view)
    (table,) = view["tables"]
    rows = latex_rows(text)
    assert len(rows) == len(table["rows"])
    assert len({len(row) for row in rows}) == 1
    spec = re.search(r"\\begin\{tabular\}\{(\w+)\}", text)
    assert spec is not None
    assert len(spec[1]) == len(rows[0])
    commands = set(re.findall(r"\\([a-zA-Z]+)", text))
    assert commands == {
        "usepackage", "begin", "end", "centering", "small", "caption", "toprule", "midrule", "bottomrule",
        "textsuperscript", "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar",
    }  # fmt: skip
    for cells, row in zip(rows, table["rows"], strict=True):
        assert unescaped(cells[0]) == ("—" if row["rank"] is None else rank_in_words(row))
        if row["model"] == "alpha":
            lead = row["cells"]["balanced-accuracy"]
            assert unescaped(cells[3]) == f"{lead['value']:.3f} ({lead['low']:.3f}–{lead['high']:.3f})"
    nasty = next(cells for cells, row in zip(rows, table["rows"], strict=True) if row["model"] == NASTY)
    assert unescaped(nasty[1]) == NASTY.replace("\n", " ")


def test_braces_balance_and_marks_are_explained(view: View) -> None:
    text = leaderboard_latex(view)
    plain = re.sub(r"\\[{}\\]", "", text)
    depth = 0
    for sign in plain:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0
    assert depth == 0
    assert r"\textsuperscript{c}" in text
    assert "c: contamination, not ranked." in text
    assert text.count(r"\begin{table}") == len(view["tables"])


def test_the_banner_of_synthetic_runs_stands_in_the_caption(base: Run, tmp_path: Path) -> None:
    record, predictions = base
    drawn = record.benchmark.model_copy(update={"synthetic": True})
    written(tmp_path, model((record.model_copy(update={"benchmark": drawn}), predictions), "a", 0.0))
    found = build_leaderboard([tmp_path])
    assert "Synthetic data: not a clinical result." in leaderboard_latex(found).split(r"\begin{tabular}")[0]


# ---- model-index


def test_model_index_is_what_the_hub_s_own_client_reads(view: View) -> None:
    """huggingface_hub turns it into its EvalResults and back; every value is the view's."""
    made = yaml.safe_load(leaderboard_model_index(view))
    assert set(made) == {"model-index"}
    (table,) = view["tables"]
    assert len(made["model-index"]) == len(table["rows"])
    for entry in made["model-index"]:
        name, results = model_index_to_eval_results([entry])
        assert name == entry["name"]
        again = eval_results_to_model_index(name, results)
        assert [m for r in again[0]["results"] for m in r["metrics"]] == [
            m for r in entry["results"] for m in r["metrics"]
        ]
        assert ModelCardData(model_name=name, eval_results=results).to_dict()["model-index"]
    row = next(r for r in table["rows"] if r["model"] == "alpha")
    entry = next(e for e in made["model-index"] if e["name"] == "alpha")
    (result,) = entry["results"]
    assert result["task"]["type"] == "zero-shot-image-classification"
    assert (result["dataset"]["type"], result["dataset"]["split"]) == ("simulated", "test")
    assert result["dataset"]["args"]["tests_digest"] == table["tests_digest"]
    values = {m["type"]: m["value"] for m in result["metrics"]}
    assert values["roc_auc"] == row["cells"]["auroc"]["value"]
    assert values["balanced-accuracy"] == row["cells"]["balanced-accuracy"]["value"]
    assert values["brier_score"] == row["calibration"]["brier"]["value"]
    low = {m["type"]: m["args"]["low"] for m in result["metrics"]}
    assert low["roc_auc"] == row["cells"]["auroc"]["low"]


def test_a_badge_travels_with_every_number(view: View) -> None:
    made = yaml.safe_load(leaderboard_model_index(view))
    marked = next(e for e in made["model-index"] if e["name"] == "best")
    (result,) = marked["results"]
    assert result["dataset"]["args"]["badges"] == ["Contamination"]
    assert all(m["name"].endswith("[Contamination]") for m in result["metrics"])
    clean = next(e for e in made["model-index"] if e["name"] == "alpha")
    assert not any("[" in m["name"] for m in clean["results"][0]["metrics"])


def test_one_entry_a_model_however_many_methods(probed: Run, tmp_path: Path) -> None:
    written(tmp_path, probed)
    (entry,) = yaml.safe_load(leaderboard_model_index(build_leaderboard([tmp_path])))["model-index"]
    types = [r["task"]["type"] for r in entry["results"]]
    assert types.count("zero-shot-image-classification") == 1
    assert types.count("image-classification") == 3


# ---- Markdown and words


def test_markdown_tables_have_as_many_cells_in_every_line(view: View) -> None:
    text = leaderboard_markdown(view)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert len(lines) == 2 + len(view["tables"][0]["rows"])
    assert "<" not in text


def test_many_ties_are_counted_not_listed() -> None:
    rows = [{"label": f"r{i}", "ties": [[0, 99]], "rank": 1, "last": 100} for i in range(100)]
    words = tied_in_words({"rows": rows}, rows[0])
    assert words.startswith("r0; r1; ")
    assert words.endswith("; and 80 more")
    assert rank_in_words(rows[0]) == "1 to 100"


def test_words_of_a_cell_say_level_sign_and_interval(view: View) -> None:
    from vlmeval.report.leaderboard.columns import GAP, WEAKEST, columns_of

    (table,) = view["tables"]
    columns = {column.id: column for column in columns_of(table)}
    row = next(r for r in table["rows"] if r["model"] == "alpha")
    tone = row["tones"]["fst-self"]
    assert in_words(table, row, columns[WEAKEST]).startswith(f"{tone['level']}: {tone['cell']['value']:.3f} (")
    sign = "+" if tone["gap"]["value"] > 0 else "\u2212"
    assert in_words(table, row, columns[GAP]).startswith(f"{sign}{abs(tone['gap']['value']):.3f} (")
    assert in_words(table, row, columns["n"]) == "200"
