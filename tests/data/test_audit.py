"""The audit: what it finds, how badly it takes it, and that a clean protocol with a leak does not run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from vlmeval.data.leaks.audit import audit, audit_tables, refuse_leaks
from vlmeval.data.leaks.audit_pictures import audit_pictures
from vlmeval.data.leaks.fingerprint import LENGTH
from vlmeval.data.leaks.repeats import without_repeats
from vlmeval.data.leaks.same_pictures import SamePictures, same_pictures
from vlmeval.data.wording import counted
from vlmeval.errors import LeakageError
from vlmeval.records import Benchmark, Finding, ImageRef, Samples

Cards = Callable[[str], Benchmark]
CLASSES = 7


def samples_of(card: Benchmark, n: int = 300, **changes: object) -> Samples:
    """Return n clean samples of HAM10000's classes, one picture a lesion, 100 in each split."""
    parts = {
        "benchmark": card,
        "ids": np.array([f"i{k}" for k in range(n)]),
        "images": tuple(ImageRef(Path(f"i{k}.jpg")) for k in range(n)),
        "units": np.array([f"u{k}" for k in range(n)]),
        "labels": np.eye(CLASSES, dtype=bool)[np.arange(n) % CLASSES],
        "split": np.array(["train", "val", "test"])[np.arange(n) * 3 // n],
        "groups": {"sex": np.zeros(n, dtype=np.int16)},
    }
    return Samples(**(parts | changes))  # type: ignore[arg-type]


def same_bytes(samples: Samples, hashes: Mapping[str, str]) -> SamePictures:
    """Return what hashes alone tell."""
    return same_pictures(samples, hashes, np.full((len(samples), LENGTH), np.nan, dtype=np.float32))


def of_pictures(samples: Samples, hashes: Mapping[str, str]) -> list[Finding]:
    return audit_pictures(samples, same_bytes(samples, hashes)).findings


def found(findings: list[Finding]) -> dict[str, tuple[str, int]]:
    return {finding.code: (finding.severity, finding.count) for finding in findings}


def test_clean_data_has_no_findings(cards: Cards) -> None:
    samples = samples_of(cards("ham10000"))
    assert audit(samples) == []
    assert of_pictures(samples, {str(name): f"hash of {name}" for name in samples.ids}) == []
    refuse_leaks([], samples.benchmark)


def test_a_unit_in_two_splits_stops_a_clean_protocol(cards: Cards) -> None:
    units = np.array([f"u{k}" for k in range(300)])
    units[299] = "u0"
    samples = samples_of(cards("ham10000"), units=units)
    findings = audit(samples)
    assert found(findings)["unit-in-splits"] == ("violation", 1)
    assert found(findings)["test-shares-unit"] == ("warning", 1)
    assert findings[0].examples == ("lesion u0: i0 in train, i299 in test",)
    with pytest.raises(LeakageError, match="more than one split") as caught:
        refuse_leaks(findings, samples.benchmark)
    assert "lesion u0: i0 in train" in (caught.value.found or "")
    lines = {f"i{k}": k + 2 for k in range(300)}
    (told,) = (one for one in audit_tables(samples, lines).findings if one.code == "unit-in-splits")
    assert told.examples == ("lesion u0: i0 (line 2) in train, i299 (line 301) in test",)


def test_a_leaky_protocol_is_warned_about_and_its_size_told(cards: Cards) -> None:
    card = cards("scin@notebook")
    units = np.array([f"u{k % 150}" for k in range(300)])
    labels = np.zeros((300, len(card.classes)), dtype=bool)
    labels[:, :] = (np.arange(300) % 150 % 2 == 0)[:, None]
    samples = samples_of(card, units=units, labels=labels, groups={})
    findings = audit(samples)
    assert found(findings)["unit-in-splits"][0] == "warning"
    shares = next(finding for finding in findings if finding.code == "test-shares-unit")
    # Rows 200 to 299 are units 50 to 149, all of which stand in rows 50 to 149 too.
    assert shares.count == 100
    assert "100 of 100 test images (100.0%)" in shares.message
    refuse_leaks(findings, card)


def test_one_file_or_one_content_in_two_splits(cards: Cards) -> None:
    card = cards("ham10000")
    images = [ImageRef(Path(f"i{k}.jpg")) for k in range(300)]
    images[299] = images[3]
    findings = audit(samples_of(card, images=tuple(images)))
    assert found(findings)["picture-in-splits"] == ("violation", 1)
    assert findings[0].examples == ("i3.jpg: i3 in train, i299 in test",)

    hashes = {f"i{k}": f"h{k}" for k in range(300)} | {"i298": "h1"}
    with_hashes = found(of_pictures(samples_of(card), hashes))
    assert with_hashes["content-in-splits"] == ("violation", 1)
    assert with_hashes["repeated-content"] == ("info", 1)
    assert with_hashes["content-labels-differ"] == ("warning", 1)


def test_a_repeat_found_in_the_bytes_leaves_the_split_that_is_not_evaluated(cards: Cards) -> None:
    """Two cases with one photograph: nobody can know before it is read, and hours of embedding must not be in vain."""
    units = np.array([f"u{k // 2}" for k in range(300)])
    samples = samples_of(cards("ham10000"), units=units)
    split = dict(zip(samples.ids.tolist(), samples.split.tolist(), strict=True))
    train, test = ([name for name in split if split[name] == part] for part in ("train", "test"))
    hashes = {name: name for name in split} | {train[4]: "same", test[4]: "same", test[9]: "same"}
    assert found(of_pictures(samples, hashes))["content-in-splits"] == ("violation", 1)

    stays, findings = without_repeats(samples, same_bytes(samples, hashes))
    left = samples.take(stays)
    unit = samples.units[samples.ids == train[4]][0]
    assert set(samples.ids.tolist()) - set(left.ids.tolist()) == set(samples.ids[samples.units == unit].tolist())
    assert [f.message for f in findings] == [
        "1 lesion (2 pictures: 2 of train) left out: "
        "the same picture, byte for byte or nearly, is in a split that goes before"
    ]
    assert findings[0].examples == (unit,)
    assert "content-in-splits" not in found(of_pictures(left, hashes))

    kept = samples.take(without_repeats(samples, same_bytes(samples, hashes), "train")[0])
    assert kept.in_split("train").ids.tolist() == train
    assert len(kept.in_split("test")) == len(test) - 4


def test_the_challenges_test_set_stays_whole(cards: Cards) -> None:
    samples = samples_of(cards("ham10000@isic2018"))
    hashes = {name: name for name in samples.ids.tolist()} | {"i5": "same", "i150": "same", "i290": "same"}
    stays, (told,) = without_repeats(samples, same_bytes(samples, hashes))
    assert samples.ids[~stays].tolist() == ["i5", "i150"]
    assert told.examples == ("u150", "u5")


@pytest.mark.parametrize("name", ["scin@notebook", "ham10000@hf-mirror"])
def test_splits_that_others_fixed_are_not_touched(cards: Cards, name: str) -> None:
    card = cards(name)
    labels = np.zeros((300, len(card.classes)), dtype=bool)
    labels[:, 0] = True
    samples = samples_of(card, labels=labels, groups={})
    stays, findings = without_repeats(samples, same_bytes(samples, dict.fromkeys(samples.ids.tolist(), "same")))
    assert stays.all()
    assert findings == []


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [(1, "case", "1 case"), (2, "class", "2 classes"), (3, "biopsy", "3 biopsies"), (0, "day", "0 days")],
)
def test_numbers_agree_with_their_nouns(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


def test_pictures_without_a_hash_are_not_taken_for_equal(cards: Cards) -> None:
    told = of_pictures(samples_of(cards("ham10000")), {})
    assert [(one.code, one.severity) for one in told] == [("pictures-not-compared", "info")]
    few = of_pictures(samples_of(cards("ham10000")), {"i0": "a"})
    assert few == []


def test_contradictions_inside_a_unit(cards: Cards) -> None:
    units = np.array([f"u{k}" for k in range(300)])
    units[1] = "u0"
    sex = np.zeros(300, dtype=np.int16)
    sex[1] = 1
    findings = found(audit(samples_of(cards("ham10000"), units=units, groups={"sex": sex})))
    assert findings["unit-labels-differ"] == ("warning", 1)
    assert findings["unit-groups-differ"] == ("info", 1)


def test_tiny_classes_and_empty_splits_are_told(cards: Cards) -> None:
    labels = np.eye(CLASSES, dtype=bool)[np.where(np.arange(300) % 50 == 0, 3, 0)]
    split = np.array(["train", "test"])[np.arange(300) * 2 // 300]
    findings = found(audit(samples_of(cards("ham10000"), labels=labels, split=split)))
    assert findings["small-class"] == ("warning", 6)
    assert findings["empty-split"] == ("info", 1)


def test_worst_comes_first(cards: Cards) -> None:
    units = np.array([f"u{k}" for k in range(300)])
    units[299] = "u0"
    split = np.array(["train", "test"])[np.arange(300) * 2 // 300]
    order = [finding.severity for finding in audit(samples_of(cards("ham10000"), units=units, split=split))]
    assert order == sorted(order, key=["violation", "warning", "info"].index)
    assert order[0] == "violation"
