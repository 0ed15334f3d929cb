"""What is refused: both runs are named, the digest that differs, and what to do; golden messages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compare_world import frame, scored

from vlmeval import store
from vlmeval.compare import Wanted, compare_runs
from vlmeval.errors import DataError, MissingDataError
from vlmeval.evaluate.predictions_file import Columns
from vlmeval.records import RunRecord

HINT = "to look at runs of unlike tests, without a comparison: vlmeval report RUN_A RUN_B --side-by-side -o both.html"
Change = Callable[[RunRecord], dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refused")


@pytest.fixture(scope="module")
def first(folder: Path) -> Path:
    return scored(folder, "ours", frame(noise=1))


def refused(first: Path, other: Path) -> str:
    """The message, digests and folders left out."""
    with pytest.raises(DataError) as caught:
        compare_runs([first, other], Wanted(permutations=5, draws=5))
    error = caught.value
    assert error.exit_code == 3
    assert error.hint == HINT
    assert error.file == str(other)
    digests = set(re.findall(r"\b[0-9a-f]{12}\b", f"{error.expected} {error.found}".replace(str(first), "")))
    assert "digest" not in str(error.key) or len(digests) == 2
    text = "\n".join((error.message, str(error.key), str(error.expected), str(error.found))).replace(
        str(first), "FOLDER"
    )
    return re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", text)


def test_other_classes(folder: Path, first: Path) -> None:
    data = frame(noise=2).rename(columns={"score:BCC": "score:Basal"}).replace({"dx": {"BCC": "Basal"}})
    assert refused(first, scored(folder, "classes", data)) == (
        "ours and classes have different classes, so they cannot be compared\n"
        "classes digest\n"
        "DIGEST, 3 classes (only here: BCC), as in ours (FOLDER)\n"
        "DIGEST, 3 classes (only here: Basal) in classes"
    )


def test_another_task(folder: Path, first: Path) -> None:
    data = frame(noise=2)
    for name in ("Melanoma", "Nevus", "BCC"):
        data[f"true:{name}"] = (data.dx == name).astype(int)
    other = scored(folder, "task", data, columns=Columns(unit="lesion_id"), kind="probability")
    assert refused(first, other) == (
        "ours and task answer different questions, so they cannot be compared\n"
        "task\n"
        "single-label, as in ours (FOLDER)\n"
        "multi-label in task"
    )


def test_other_pictures(folder: Path, first: Path) -> None:
    assert refused(first, scored(folder, "fewer", frame(noise=2)[:-4])) == (
        "ours and fewer are tested on different pictures, so they cannot be compared\n"
        "test ids digest\n"
        "DIGEST (240 images), as in ours (FOLDER)\n"
        "DIGEST (236 images) in fewer"
    )


def test_other_truth(folder: Path, first: Path) -> None:
    data = frame(noise=2)
    data.loc[data.lesion_id == "l7", "dx"] = "Nevus" if data.dx[14] != "Nevus" else "BCC"
    message = refused(first, scored(folder, "truth", data))
    assert re.fullmatch(
        "ours and truth have different truth, so they cannot be compared\n"
        "truth digest\n"
        r"DIGEST \(l7: Melanoma\), as in ours \(FOLDER\)\n"
        r"DIGEST \(l7: Nevus\) in truth",
        message,
    )


def test_other_lesions_of_the_same_pictures(folder: Path, first: Path) -> None:
    by_image = [
        scored(folder, "by-image", frame(noise=1), columns=Columns(truth="dx")),
        scored(folder, "in-lesions", frame(noise=2)),
    ]
    with pytest.raises(DataError, match="in-lesions have different units") as caught:
        compare_runs(by_image, Wanted(level="image", permutations=5, draws=5))
    assert caught.value.key == "units digest"
    assert "(i0: i0), as in by-image" in str(caught.value.expected)
    assert caught.value.found.endswith("(i0: l0) in in-lesions")


def test_a_level_that_one_run_does_not_have(folder: Path, first: Path) -> None:
    by_image = scored(folder, "rows", frame(noise=1), columns=Columns(truth="dx"))
    with pytest.raises(DataError) as caught:
        compare_runs([first, by_image])
    error = caught.value
    assert error.message == "rows has nothing at unit level"
    assert error.expected == "scores by unit, as ours leads with"
    assert error.found == "scores by image"


def carded(source: Path, target: Path, number: int, changes: Change) -> Path:
    """A run of a real card: the made-up one under another name, and changed."""
    record = store.read_record(source)
    card = record.benchmark.model_copy(update={"id": "bench", **changes(record)})
    update = {"benchmark": card, "benchmark_digest": card.content_digest, "digest": f"{number:064x}"}
    plan = record.plan.model_copy(update={"model": target.name, "benchmark": "bench"})
    store.write_run(
        target, record.model_copy(update=update | {"plan": plan}), store.read_predictions(source, record), ""
    )
    return target


@pytest.mark.parametrize(
    ("what", "changes", "said"),
    [
        ("version", lambda _: {"version": "9"}, "version differ"),
        ("protocol", lambda r: {"protocol": r.benchmark.protocol.model_copy(update={"seed": 1})}, "protocol differ"),
        ("data", lambda r: {"data": r.benchmark.data.model_copy(update={"home": "elsewhere"})}, "data differ"),
        (
            "labels",
            lambda r: {"classes": tuple(c.model_copy(update={"labels": ("x",)}) for c in r.benchmark.classes)},
            "labels differ",
        ),
    ],
)
def test_another_version_of_the_card(folder: Path, first: Path, what: str, changes: Change, said: str) -> None:
    ours = carded(first, folder / f"card-{what}", 1, lambda _: {})
    assert refused(ours, carded(first, folder / f"other-{what}", 2, changes)) == (
        f"card-{what} and other-{what} are of different versions of bench: {said}, so they cannot be compared\n"
        "benchmark digest\n"
        f"DIGEST, as in card-{what} (FOLDER)\n"
        f"DIGEST in other-{what}"
    )


def test_another_benchmark(folder: Path, first: Path) -> None:
    assert refused(first, carded(first, folder / "card", 3, lambda _: {})) == (
        "ours and card are of different benchmarks, so they cannot be compared\n"
        "benchmark id\n"
        "scored, as in ours (FOLDER)\n"
        "bench in card"
    )


def test_words_of_a_card_may_differ_and_are_noted(folder: Path, first: Path) -> None:
    a = carded(first, folder / "words-a", 4, lambda _: {})
    b = carded(first, folder / "words-b", 5, lambda _: {"summary": "Said better.", "headline_metrics": ("auroc",)})
    found = compare_runs([a, b], Wanted(permutations=5, draws=5, metrics=("accuracy",)))
    assert found.notes == (
        "The cards of words-a and words-b differ in what no result depends on: summary, headline_metrics.",
    )


def test_no_run_is_there(tmp_path: Path, first: Path) -> None:
    with pytest.raises(MissingDataError, match="there is no finished run here"):
        compare_runs([first, tmp_path])
