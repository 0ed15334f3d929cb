"""The real tables of SCIN with made-up vectors: the whole way to the record and the page; HAM10000's reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from vlmeval import store
from vlmeval.catalog import load_catalog
from vlmeval.cli.app import app
from vlmeval.data import load_samples
from vlmeval.examine.truth.ceiling import Panel, agreement
from vlmeval.examine.truth.examiner import reader_counts
from vlmeval.records import MetricRow, RunRecord, Samples
from vlmeval.stats import Resamples

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def scin(real_data: Path) -> Samples:
    return load_samples(load_catalog().benchmark("scin"), real_data / "scin")


def call(*arguments: object) -> None:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output


@pytest.fixture(scope="module")
def run(scin: Samples, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a probe on vectors that know a little of the differential."""
    folder = tmp_path_factory.mktemp("truth")
    rng = np.random.default_rng(7)
    assert scin.weights is not None
    vectors = rng.normal(size=(len(scin), 24)) + 1.2 * scin.weights @ rng.normal(size=(scin.weights.shape[1], 24))
    by_name = {f"dataset/images/{image.path.name}": vectors[i] for i, image in enumerate(scin.images)}
    np.savez(folder / "v.npz", ids=np.array(list(by_name)), vectors=np.array(list(by_name.values()), np.float32))
    call(
        "run", "--model", f"embeddings:{folder / 'v.npz'}", "--bench", "scin", "--data", real_data / "scin", "--out",
        folder / "runs", "--cache", folder / "cache", "--draws", 40, "--permutations", 0, "--method", "knn",
    )  # fmt: skip
    return next((folder / "runs" / "scin").glob("*/*/run.json")).parent


def rows(record: RunRecord, variant: str, metric: str) -> list[MetricRow]:
    return [r for r in record.examined.rows if (r.variant, r.metric) == (variant, metric) and r.class_id is None]


def test_a_run_says_how_sure_its_truth_is(run: Path) -> None:
    record = store.read_record(run)
    evaluated = record.data.split_units["test"]
    (sampled,) = rows(record, "truth:sampled", "auroc")
    (best,) = rows(record, "ceiling:panel", "auroc")
    assert 0.6 < sampled.value < best.value <= 1
    assert sampled.n == best.n == evaluated
    (top,) = rows(record, "truth:differential", "top-1-weight")
    facts = {v.id: v.parameters for v in record.examined.variants}
    assert top.n == evaluated - facts["truth:differential"]["left_out"]
    assert 0 < top.value < 1
    (agreement,) = rows(record, "ceiling:panel", "expected-agreement")
    assert (agreement.n, facts["ceiling:one-dermatologist"]["several"]) == (452, 539)
    assert 0.3 < agreement.value < 0.6
    for step in (2, 3, 4, 5):
        (found,) = rows(record, f"truth:confidence-{step}", "auroc")
        (moved,) = rows(record, f"truth:confidence-{step}:difference", "auroc")
        assert found.n == moved.n == evaluated
        assert moved.low <= moved.value <= moved.high
        assert moved.n_classes <= found.n_classes


def test_the_page_shows_it(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    section = page[page.index('<section id="truth"') :]
    section = section[: section.index("</section>")]
    for words in (
        "How sure the truth is", "Drawn from the differential", "Confidence of 75 % or more", "One dermatologist",
        "Of 3,049 cases, 539 had several dermatologists, and in 452 of these",
    ):  # fmt: skip
        assert words in section
    for chart in ("truth-0", "truth-1", "truth-same"):
        assert f'data-chart="{chart}"' in section


def test_predictions_that_were_scored_are_examined_too(scin: Samples, real_data: Path, tmp_path: Path) -> None:
    """One row a case: soft labels of the case, and the other readings, without any model."""
    test = scin.in_split("test")
    units, first = np.unique(test.units, return_index=True)
    assert test.weights is not None
    scores = np.clip(test.weights[first] + np.random.default_rng(0).normal(0, 0.2, (len(units), 10)), 0, 1)
    lines = ["id," + ",".join(f"score:{name}" for name in scin.benchmark.class_ids)]
    lines += [f"{unit}," + ",".join(f"{s:.4f}" for s in row) for unit, row in zip(units, scores, strict=True)]
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    call(
        "score", tmp_path / "p.csv", "--bench", "scin", "--data", real_data / "scin", "--kind", "probability",
        "--threshold", 0.5, "--out", tmp_path / "runs", "--draws", 30,
    )  # fmt: skip
    record = store.read_record(next((tmp_path / "runs").rglob("run.json")).parent)
    (sampled,) = rows(record, "truth:sampled", "auroc")
    assert sampled.n == len(units)
    assert sampled.value > 0.7
    assert rows(record, "truth:top-weight:difference", "auroc")
    assert rows(record, "ceiling:same-cases", "top-1-weight")


def test_ham10000_says_what_is_not_known_of_its_labels() -> None:
    note = load_catalog().benchmark("ham10000").truth.note or ""
    assert "dx_type" in note
    assert "not used" in note


@pytest.mark.parametrize("name", ["scin", "scin-broad"])
def test_what_the_cards_say_of_agreement_is_so(name: str, real_data: Path, checkout: Path) -> None:
    samples = load_samples(load_catalog().benchmark(name), real_data / "scin")
    panel = Panel.of(samples)
    assert panel is not None
    counts = reader_counts(samples)
    (found, _) = agreement(panel, Resamples.draw(panel.units, 0))
    page = " ".join((checkout / "benchmarks" / name / "CARD.md").read_text(encoding="utf-8").split())
    assert f"agree on {100 * found.value:.0f} % of the {len(panel)} cases" in page
    assert f"Of the {counts['units']:,} cases kept, two or three dermatologists found {counts['several']}" in page
    assert f"in {len(panel)} of these" in page
