"""The real files: every count that the cards and the issue state, against independent counting where it is cheap."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.data.describe import describe
from vlmeval.data.leaks.audit_pictures import audit_pictures
from vlmeval.data.leaks.fingerprint import LENGTH
from vlmeval.data.leaks.same_pictures import same_pictures
from vlmeval.records import Benchmark

pytestmark = pytest.mark.realdata
Cards = Callable[[str], Benchmark]
Describe = Callable[[str], dict[str, Any]]
LABEL_NAMES = "dermatologist_skin_condition_on_label_name"
BENCHMARKS = ("scin", "scin@notebook", "scin-broad", "scin-broad@top1", "ham10000")
IMAGES_OF = {
    "eczema": 2303, "allergic-contact-dermatitis": 1909, "insect-bite": 854, "urticaria": 678, "psoriasis": 652,
    "folliculitis": 573, "irritant-contact-dermatitis": 531, "tinea": 463, "herpes-zoster": 292, "drug-rash": 333,
}  # fmt: skip


@pytest.fixture(scope="module")
def described(cards: Cards, real_data: Path) -> Describe:
    known: dict[str, dict[str, Any]] = {}

    def get(name: str) -> dict[str, Any]:
        if name not in known:
            card = cards(name)
            known[name] = describe(card, real_data / card.data.home)
        return known[name]

    return get


@pytest.fixture(scope="module")
def label_rows(real_data: Path) -> list[dict[str, str]]:
    with (real_data / "scin" / "scin_labels.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_stats_are_fresh(name: str, described: Describe, checkout: Path) -> None:
    committed = json.loads((checkout / "benchmarks" / name / "stats.json").read_text(encoding="utf-8"))
    assert committed == described(name), f"write it again: vlmeval data describe {name} --data ... --json"


def test_the_published_protocols_counts(described: Describe) -> None:
    stats = described("scin@notebook")
    assert stats["account"]["cases read"] == 5033
    assert stats["account"]["cases dropped for quality"] == 1984
    assert stats["account"]["mentions outside the class list"] == 3713
    assert stats["account"]["images"] == stats["images"] == 6452
    assert stats["account"]["images without any of the classes"] == stats["without_class"]["images"] == 1504
    assert stats["account"]["images known to be missing from the public release"] == 1
    assert {name: counts["images"] for name, counts in stats["classes"].items()} == IMAGES_OF


def test_the_published_split_is_exact_and_leaks_three_quarters(
    cards: Cards, real_data: Path, described: Describe
) -> None:
    card = cards("scin@notebook")
    samples = load_samples(card, real_data / "scin")
    missing = [image.path.name == "-2243186711511406658.png" for image in samples.images]
    readable = np.flatnonzero(~np.array(missing))
    assert len(readable) == 6451
    permutation = np.random.RandomState(42).permutation(6451)  # noqa: TID251 - the published recipe
    assert set(np.flatnonzero(samples.split == "test")) == set(readable[permutation[:1291]])
    assert samples.split[missing].tolist() == ["train"]
    assert described("scin@notebook")["leaks"]["test_images_sharing_a_unit"] == 984
    assert 0.74 < 984 / 1291 < 0.77


def test_scin_by_case_is_clean_and_counts_tones(described: Describe) -> None:
    stats = described("scin")
    assert stats["units"] == 3049
    assert set(stats["leaks"].values()) == {0}
    for source in ("fst-self", "fst-dermatologist", "monk-us", "monk-india"):
        assert sum(level["units"] for level in stats["groups"][source].values()) == 3049
    assert stats["groups"]["monk-us"]["7-10"]["units"] == 110


@pytest.mark.parametrize("name", ["scin", "scin-broad"])
def test_every_condition_has_its_fifth_in_test(name: str, described: Describe) -> None:
    for counts in described(name)["classes"].values():
        assert abs(counts["splits"]["test"]["units"] - 0.2 * counts["units"]) <= 2


def test_pictures_shared_between_cases_stay_in_one_split(cards: Cards, real_data: Path) -> None:
    samples = load_samples(cards("scin"), real_data / "scin")
    first: dict[str, str] = {}
    shared = 0
    for image, split in zip(samples.images, samples.split.tolist(), strict=True):
        shared += str(image) in first
        assert first.setdefault(str(image), split) == split
    assert shared == 12


def test_tones_agree_with_counting_them_by_hand(
    label_rows: list[dict[str, str]], described: Describe, cards: Cards, real_data: Path
) -> None:
    good = [
        row
        for row in label_rows
        if row["dermatologist_gradable_for_skin_condition_1"] == "DEFAULT_YES_IMAGE_QUALITY_SUFFICIENT"
    ]
    tones = Counter(row["monk_skin_tone_label_us"] for row in good)
    light = sum(tones[str(tone)] for tone in (1, 2, 3))
    assert described("scin")["groups"]["monk-us"]["1-3"]["units"] == light


def test_the_broad_class_list_follows_its_rule(label_rows: list[dict[str, str]], cards: Cards) -> None:
    cases: Counter[str] = Counter()
    for row in label_rows:
        cases.update(set(ast.literal_eval(row[LABEL_NAMES])))
    assert len(cases) == 370
    expected = sorted((name for name, count in cases.items() if count >= 30), key=lambda name: (-cases[name], name))
    assert [label for spec in cards("scin-broad").classes for label in spec.labels] == expected
    assert len(expected) == 44


@pytest.mark.parametrize("name", ["scin", "scin-broad"])
def test_no_synonym_is_a_condition_that_the_data_label_apart(
    name: str, label_rows: list[dict[str, str]], cards: Cards
) -> None:
    def bare(text: str) -> str:
        return re.sub(r"^(an?|the) ", "", " ".join(re.sub(r"[^\w\s]", " ", text.lower()).split()))

    labels = {bare(n) for row in label_rows for n in ast.literal_eval(row[LABEL_NAMES])}
    card, catalog = cards(name), load_catalog()
    for kind in ("names", "photo", "lay"):
        words = catalog.prompt_set(f"{name}/{kind}").names
        for spec in card.classes:
            own = {bare(text) for text in (spec.name, *spec.labels)}
            others = {bare(text) for text in (*spec.synonyms, *words[spec.id])} - own
            assert others & labels == set(), (kind, spec.id)


def test_rank_weights_share_the_ranks_of_equal_confidences(label_rows: list[dict[str, str]]) -> None:
    # As the card of scin-broad@top1 says: 1, 1/2, 1/3 in order of confidence; equal confidences share their mean.
    checked = 0
    for row in label_rows:
        names = ast.literal_eval(row[LABEL_NAMES])
        if not names or row["dermatologist_gradable_for_skin_condition_2"]:
            continue
        sure = ast.literal_eval(row["dermatologist_skin_condition_confidence"])
        order = sorted(sure, reverse=True)
        raw = [np.mean([1 / (rank + 1) for rank, other in enumerate(order) if other == one]) for one in sure]
        weights = ast.literal_eval(row["weighted_skin_condition_label"])
        for condition, weight in zip(names, np.array(raw) / np.sum(raw), strict=True):
            assert abs(weights[condition] - weight) < 0.0101
        checked += 1
    assert checked == 2409


def test_single_answers_and_ties(described: Describe) -> None:
    account = described("scin-broad@top1")["account"]
    assert account["cases with a tie for the top weight"] == account["cases dropped for a tie"] == 925
    assert account["cases whose top condition is outside the class list"] == 299
    assert account["cases used"] == 1837
    assert described("scin-broad")["units"] == 3061
    assert described("scin-broad")["images"] == 6518


def test_raters_often_differ_by_one(described: Describe) -> None:
    raters = described("scin")["raters"]["monk-us-and-india"]
    assert raters == {"cases_with_several": 5004, "all_equal": 2008, "within_one": 4184}


def test_ham10000_counts(described: Describe, real_data: Path) -> None:
    stats = described("ham10000")
    assert (stats["images"], stats["units"]) == (10_015, 7_470)
    images = {name: counts["images"] for name, counts in stats["classes"].items()}
    lesions = {name: counts["units"] for name, counts in stats["classes"].items()}
    assert images == {"akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142}
    assert lesions == {"akiec": 228, "bcc": 327, "bkl": 727, "df": 73, "mel": 614, "nv": 5403, "vasc": 98}
    assert set(stats["leaks"].values()) == {0}
    assert stats["account"]["lesions with more than one image"] == 1956
    assert not [f for f in stats["findings"] if f["code"] == "unit-labels-differ"]
    assert "no skin-tone label" in stats["unavailable_groups"]["skin-tone"]
    assert stats["groups"]["age"]["not-recorded"]["images"] == 57


def test_all_ham10000_pictures_are_found(cards: Cards, real_data: Path) -> None:
    samples = load_samples(cards("ham10000"), real_data / "ham10000")
    assert all(image.exists() for image in samples.images)


def test_identical_ham10000_pictures_are_within_a_lesion(cards: Cards, real_data: Path) -> None:
    samples = load_samples(cards("ham10000"), real_data / "ham10000")
    hashes = {
        name: hashlib.sha256(image.read_bytes()).hexdigest()
        for name, image in zip(samples.ids.tolist(), samples.images, strict=True)
    }
    assert len(set(hashes.values())) == 10_013
    nothing = np.full((len(samples), LENGTH), np.nan, dtype=np.float32)
    told = audit_pictures(samples, same_pictures(samples, hashes, nothing)).findings
    findings = {finding.code: finding.count for finding in told}
    assert findings["repeated-content"] == 2
    assert "content-in-splits" not in findings
    assert "content-labels-differ" not in findings
