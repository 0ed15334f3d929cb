"""The audit of pictures and vectors: the same picture in two splits, under two labels, and what a leak is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlmeval.data.leaks.audit import refuse_leaks
from vlmeval.data.leaks.audit_pictures import audit_pictures
from vlmeval.data.leaks.fingerprint import LENGTH
from vlmeval.data.leaks.leak_group import GROUP, leaked_rows, seen_units, with_leak_group
from vlmeval.data.leaks.neighbours import audit_neighbours
from vlmeval.data.leaks.repeats import without_repeats
from vlmeval.data.leaks.same_pictures import SamePictures, no_pictures, same_pictures
from vlmeval.errors import LeakageError
from vlmeval.records import Benchmark, Finding, ImageRef, NearIdentical, Samples

Cards = Callable[[str], Benchmark]
N = 60
CLASSES = 7


def samples_of(card: Benchmark, **changes: object) -> Samples:
    """Sixty pictures of sixty lesions, twenty in each split."""
    parts = {
        "benchmark": card,
        "ids": np.array([f"i{k}" for k in range(N)]),
        "images": tuple(ImageRef(Path(f"i{k}.jpg")) for k in range(N)),
        "units": np.array([f"u{k}" for k in range(N)]),
        "labels": np.eye(CLASSES, dtype=bool)[np.arange(N) % CLASSES],
        "split": np.repeat(["train", "val", "test"], N // 3),
        "groups": {"sex": np.zeros(N, dtype=np.int16)},
    }
    return Samples(**(parts | changes))  # type: ignore[arg-type]


def prints_of(*same: tuple[int, int]) -> np.ndarray:
    """Fingerprints of different pictures, but for the pairs named: the second is the first with a little noise."""
    rng = np.random.default_rng(0)
    prints = rng.normal(scale=100, size=(N, LENGTH))
    for first, second in same:
        prints[second] = prints[first] + rng.normal(scale=3, size=LENGTH)
    return prints.astype(np.float32)


def look(samples: Samples, *same: tuple[int, int], **contents: str) -> SamePictures:
    hashes = {name: contents.get(name, f"hash of {name}") for name in samples.ids.tolist()}
    return same_pictures(samples, hashes, prints_of(*same))


def found(findings: list[Finding]) -> dict[str, tuple[str, int]]:
    return {finding.code: (finding.severity, finding.count) for finding in findings}


def fixed(card: Benchmark, **near: object) -> Benchmark:
    """The card with splits that somebody else fixed."""
    protocol = card.protocol.model_copy(update={"by": "column", "column": "split"})
    return card.model_copy(update={"protocol": protocol, "near_identical": NearIdentical(**near)})  # type: ignore[arg-type]


def leaky(card: Benchmark) -> Benchmark:
    protocol = card.protocol.model_copy(update={"by": "image", "leaky": "by picture"})
    return card.model_copy(update={"protocol": protocol})


def test_the_same_picture_in_two_fixed_splits_stops_the_run_and_is_named(cards: Cards) -> None:
    samples = samples_of(fixed(cards("ham10000")))
    same = look(samples, (3, 45))
    assert without_repeats(samples, same)[0].all()
    audited = audit_pictures(samples, same)
    assert found(audited.findings) == {"near-identical-in-splits": ("violation", 1)}
    with pytest.raises(LeakageError) as caught:
        refuse_leaks(audited.findings, samples.benchmark)
    for word in ("i3 (u3, train)", "i45 (u45, test)", "of 64 bits"):
        assert word in (caught.value.found or "")
    assert "near_identical.leave_out" in (caught.value.hint or "")


def test_a_card_may_have_them_left_out_and_one_dealt_by_unit_does(cards: Cards) -> None:
    for card in (fixed(cards("ham10000"), leave_out=True), cards("ham10000")):
        samples = samples_of(card, units=np.array([f"u{k // 2}" for k in range(N)]))
        same = look(samples, (3, 45))
        stays, told = without_repeats(samples, same)
        assert samples.ids[~stays].tolist() == ["i2", "i3"]
        assert [(one.code, one.count, one.examples) for one in told] == [("repeats-left-out", 1, ("u1",))]
        assert "near-identical-in-splits" not in found(audit_pictures(samples.take(stays), same.take(stays)).findings)
    clean = fixed(cards("ham10000"), leave_out=False)
    assert without_repeats(samples_of(clean), look(samples_of(clean), (3, 45)))[0].all()


def test_a_leaky_protocol_is_only_warned(cards: Cards) -> None:
    samples = samples_of(leaky(cards("ham10000")))
    audited = audit_pictures(samples, look(samples, (3, 45)))
    assert found(audited.findings)["near-identical-in-splits"] == ("warning", 1)
    refuse_leaks(audited.findings, samples.benchmark)


def test_alike_pictures_of_one_split_and_different_labels_are_told(cards: Cards) -> None:
    samples = samples_of(cards("ham10000"))
    audited = audit_pictures(samples, look(samples, (0, 7), (1, 2)))
    assert found(audited.findings) == {
        "near-identical-units": ("warning", 2),
        "near-identical-labels-differ": ("warning", 1),
    }
    (labels,) = (one for one in audited.findings if one.code == "near-identical-labels-differ")
    assert labels.examples[0].startswith("i1 (u1, train) ≈ i2 (u2, train): ")
    checks = {check.id: check for check in audited.checks}
    assert (checks["near-identical-units"].found, checks["near-identical-labels-differ"].found) == (2, 1)
    assert checks["content-in-splits"].found == 0
    assert checks["near-identical-units"].among == "60 pictures"
    assert "10 of 64 bits" in (checks["near-identical-units"].threshold or "")


def test_pictures_of_one_unit_may_be_alike(cards: Cards) -> None:
    samples = samples_of(cards("ham10000"), units=np.array([f"u{k // 2}" for k in range(N)]))
    same = look(samples, (0, 1), (4, 5))
    assert audit_pictures(samples, same).findings == []
    assert len(same.near) == 0


def test_copies_of_a_near_identical_picture_are_all_named(cards: Cards) -> None:
    """Byte-identical rows share a fingerprint and are compared once; every row of them is in the pairs."""
    samples = samples_of(leaky(cards("ham10000")))
    same = look(samples, (0, 1), (0, 30), (0, 50), i1="a", i30="a")
    pairs = set(zip(same.near.first.tolist(), same.near.second.tolist(), strict=True))
    assert pairs == {(0, 1), (0, 30), (0, 50), (1, 50), (30, 50)}
    assert [rows.tolist() for rows in same.repeated()] == [[1, 30]]


def test_a_subset_keeps_its_pairs(cards: Cards) -> None:
    samples = samples_of(leaky(cards("ham10000")))
    keep = np.arange(N) >= 2
    same = look(samples, (0, 40), (5, 50), (6, 7)).take(keep)
    assert list(zip(same.near.first.tolist(), same.near.second.tolist(), strict=True)) == [(3, 48), (4, 5)]
    whole = look(samples, (0, 40), (5, 50), (6, 7))
    assert same.contents == whole.contents[2:]


def test_nothing_is_said_to_be_clean_that_was_not_looked_at(cards: Cards) -> None:
    samples = samples_of(cards("ham10000"))
    audited = audit_pictures(samples, no_pictures(samples, "the pictures are on the moon"))
    assert [(one.code, one.severity) for one in audited.findings] == [("pictures-not-compared", "info")]
    assert "the pictures are on the moon" in audited.findings[0].message
    assert all(check.found is None and check.not_looked == "the pictures are on the moon" for check in audited.checks)
    assert len(audited.checks) == 4


def test_unread_and_even_pictures_are_counted(cards: Cards) -> None:
    samples = samples_of(cards("ham10000"))
    prints = prints_of()
    prints[5] = np.nan
    prints[6, 1:] = 0
    hashes = {name: name for name in samples.ids.tolist() if name != "i5"}
    (check,) = (
        one
        for one in audit_pictures(samples, same_pictures(samples, hashes, prints)).checks
        if one.id == "near-identical-in-splits"
    )
    assert check.among == (
        "59 pictures (1 picture could not be read; 1 too even to be told apart (contrast under 2 of 255))"
    )


def vectors_of(*same: tuple[int, int], d: int = 64) -> np.ndarray:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(N, d)) * rng.uniform(1, 9, size=(N, 1))
    for first, second in same:
        vectors[second] = 3 * vectors[first] + 0.01 * rng.normal(size=d)
    return vectors.astype(np.float32)


def test_neighbours_in_the_models_space_are_a_hint(cards: Cards) -> None:
    samples = samples_of(fixed(cards("ham10000")))
    same = look(samples)
    # (1, 2) are in one split; (3, 25) and (4, 50) are not, and vectors may be of any length.
    audited = audit_neighbours(samples, vectors_of((1, 2), (3, 25), (4, 50)), same)
    (told,) = audited.findings
    assert (told.code, told.severity, told.count) == ("embedding-neighbours", "warning", 2)
    assert {text.split(":")[0] for text in told.examples} == {
        "i3 (u3, train) ~ i25 (u25, val)",
        "i4 (u4, train) ~ i50 (u50, test)",
    }
    assert audited.checks[0].found == 2
    assert audited.checks[0].among == "1,200 pairs across splits"
    refuse_leaks(audited.findings, samples.benchmark)


def test_what_is_known_to_be_one_picture_is_no_neighbour(cards: Cards) -> None:
    samples = samples_of(leaky(cards("ham10000")), units=np.array([f"u{k % 59}" for k in range(N)]))
    same = look(samples, (3, 25), i4="a", i50="a")
    audited = audit_neighbours(samples, vectors_of((3, 25), (4, 50), (0, 59)), same)
    assert audited.findings == []
    assert audited.checks[0].found == 0


def test_the_threshold_of_neighbours_is_the_cards(cards: Cards) -> None:
    rule = NearIdentical(cosine=0.2)
    card = cards("ham10000").model_copy(update={"near_identical": rule})
    samples = samples_of(card)
    vectors = vectors_of(d=400)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    apart = samples.split[:, None] != samples.split[None]
    rows = {tuple(sorted(pair)) for pair in np.argwhere(apart & (cosine >= 0.2)).tolist()}
    audited = audit_neighbours(samples, vectors, same_pictures(samples, {}, prints_of()))
    assert sum(one.count for one in audited.findings) == len(rows)


def test_a_model_that_tells_nothing_apart_gives_no_hint(cards: Cards) -> None:
    samples = samples_of(cards("ham10000"))
    audited = audit_neighbours(samples, np.ones((N, 4), dtype=np.float32), look(samples))
    assert [(one.code, one.severity) for one in audited.findings] == [("embedding-neighbours", "info")]
    assert audited.checks[0].found is None
    assert "100% of the pictures" in (audited.checks[0].not_looked or "")


def test_units_seen_in_training_are_a_group_of_leaky_protocols_alone(cards: Cards) -> None:
    units = np.array([f"u{k}" for k in range(N)])
    units[59] = "u0"  # a lesion in train and in test
    units[58] = "u57"  # two pictures of one lesion in test; one of them is seen
    samples = samples_of(leaky(cards("ham10000")), units=units)
    same = look(samples, (3, 45), (22, 58), (50, 51), i4="a", i46="a")
    assert seen_units(samples, same, "test") == {"u0", "u45", "u57", "u46"}
    grouped = with_leak_group(samples, same, "test")
    test = grouped.in_split("test")
    assert set(test.units[test.groups[GROUP] == 1].tolist()) == {"u0", "u45", "u57", "u46"}
    spec = grouped.benchmark.group(GROUP)
    assert (spec.kind, [level.id for level in spec.levels]) == ("leak", ["not-seen", "seen"])
    assert samples.ids[leaked_rows(samples, same, "test")].tolist() == ["i0", "i3", "i4", "i22"]

    assert with_leak_group(samples, look(samples), "all") is samples
    clean = replace(samples, benchmark=fixed(cards("ham10000")))
    assert with_leak_group(clean, same, "test") is clean
    nothing = samples_of(leaky(cards("ham10000")))
    assert with_leak_group(nothing, look(nothing), "test") is nothing
