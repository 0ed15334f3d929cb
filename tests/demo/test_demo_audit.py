"""The demonstration's pictures look alike on purpose, and none is taken for another of a different case."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vlmeval.data import load_samples
from vlmeval.data.images import decode_rgb
from vlmeval.data.leaks.fingerprint import fingerprint
from vlmeval.data.leaks.same_pictures import same_pictures
from vlmeval.records import Benchmark


def test_no_picture_is_taken_for_one_of_another_case(small_card: Benchmark, tmp_path: Path) -> None:
    samples = load_samples(small_card, tmp_path)
    prints = np.array([fingerprint(decode_rgb(ref.read_bytes())) for ref in samples.images])
    hashes = {name: name for name in samples.ids.tolist()}
    found = same_pictures(samples, hashes, prints)
    assert found.near.compared == len(samples) > 20
    assert found.near.flat == 0
    assert len(found.near) == 0
