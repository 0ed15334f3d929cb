"""The page "How we compute this" comes out of `list metrics --html`, lies in run folders and beside reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vlmeval.report import HOW_FILE, how_page


def scored(folder: Path) -> Path:
    """Sixty cases with a score for each of two classes."""
    rng = np.random.default_rng(0)
    truth = rng.choice(["a", "b"], 60)
    frame = pd.DataFrame(
        {"id": [f"i{i}" for i in range(60)], "dx": truth, "score:a": rng.normal(size=60) + (truth == "a")}
    )
    frame["score:b"] = -frame["score:a"]
    frame.to_csv(folder / "p.csv", index=False)
    return folder / "p.csv"


def test_list_metrics_writes_the_page(cli, tmp_path: Path) -> None:
    answer = cli("list", "metrics", "--html", tmp_path / "new" / "how.html")
    assert answer.code == 0, answer.err
    assert (tmp_path / "new" / "how.html").read_text(encoding="utf-8") == how_page()


@pytest.mark.parametrize("arguments", [("models",), ("metrics", "--json")])
def test_only_metrics_have_a_page(cli, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    answer = cli("list", *arguments, "--html", tmp_path / "how.html")
    assert answer.code == 2
    assert "--html goes with" in answer.err + answer.out
    assert not (tmp_path / "how.html").exists()


def test_a_run_folder_has_the_page_and_a_report_elsewhere_gets_it_too(cli, tmp_path: Path) -> None:
    answer = cli(
        "score", scored(tmp_path), "--kind", "logit", "--truth", "dx", "--out", tmp_path / "r", "--draws", "20"
    )
    assert answer.code == 0, answer.err
    report = Path(answer.out.splitlines()[-1].removeprefix("report: "))
    assert (report.parent / HOW_FILE).read_text(encoding="utf-8") == how_page()
    assert f'href="{HOW_FILE}#metric-auroc"' in report.read_text(encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    answer = cli("report", report.parent, "-o", tmp_path / "elsewhere" / "x.html")
    assert answer.code == 0, answer.err
    assert {p.name for p in (tmp_path / "elsewhere").iterdir()} == {"x.html", HOW_FILE}
    assert answer.out.splitlines()[-1].startswith("report: ")
