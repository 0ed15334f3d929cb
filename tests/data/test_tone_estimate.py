"""The typology angle of pictures: colour formulas against published values, which pixels count, the group of it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import spearmanr

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.data.demo import planned_cases
from vlmeval.data.demo_drawing import MORPHOLOGIES
from vlmeval.data.tone_estimate.estimate import angle_of, estimate_angles, estimated_tone, with_estimated_tone
from vlmeval.data.tone_estimate.pixels import angles, around, skin_coloured, to_lab, typology_angle
from vlmeval.errors import UsageError
from vlmeval.records import Benchmark, ImageRef, Samples

MONK = ("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
Pixels = npt.NDArray[np.uint8]


def swatch(code: str, side: int = 60) -> Pixels:
    return np.full((side, side, 3), [int(code[i : i + 2], 16) for i in (0, 2, 4)], dtype=np.uint8)


def png(pixels: Pixels) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        # Lindbloom's calculator, sRGB, D65: http://www.brucelindbloom.com/index.html?ColorCalculator.html
        ("ffffff", (100.0, 0.0, 0.0)),
        ("000000", (0.0, 0.0, 0.0)),
        ("ff0000", (53.2408, 80.0925, 67.2032)),
        ("00ff00", (87.7347, -86.1827, 83.1793)),
        ("0000ff", (32.2970, 79.1875, -107.8602)),
        ("808080", (53.5850, 0.0, 0.0)),
    ],
)
def test_lab_is_that_of_published_tables(code: str, expected: tuple[float, float, float]) -> None:
    np.testing.assert_allclose(to_lab(swatch(code, 1))[0, 0], expected, atol=0.01)


def test_the_angle_is_that_of_the_formula() -> None:
    # Chardon et al. 1991: L* 70, b* 15 is very light (53.1 degrees); L* 50 is 0 whatever b* is.
    lab = np.array([[70, 0, 15], [50, 5, 22], [40, 8, 10], [60, 8, 10]], dtype=float)
    np.testing.assert_allclose(angles(lab), [53.1301, 0.0, -45.0, 45.0], atol=1e-4)


def test_darker_monk_tones_have_smaller_angles_and_all_can_be_estimated() -> None:
    found = [typology_angle(swatch(code)) for code in MONK]
    assert None not in found
    assert found == sorted(found, reverse=True, key=float)  # type: ignore[arg-type]
    assert float(found[0] or 0) > 55
    assert float(found[-1] or 0) < -30


@pytest.mark.parametrize("code", ["3355cc", "33aa33", "808080", "000000", "ffffff", "c8e0ff", "9900cc"])
def test_what_has_no_colour_of_skin_cannot_be_estimated(code: str) -> None:
    assert typology_angle(swatch(code)) is None


def test_the_middle_does_not_count() -> None:
    picture = swatch("d7bd96", 100)
    bare = typology_angle(picture)
    middle = ~around(100, 100)
    assert 0.3 < middle.mean() < 0.5
    picture[middle] = (60, 20, 10)
    assert typology_angle(picture) == bare
    picture[:] = swatch("604134", 100)
    assert typology_angle(picture) != bare


def test_frame_hair_and_glare_do_not_count() -> None:
    picture = swatch("d7bd96", 100)
    bare = typology_angle(picture)
    picture[:12] = (8, 4, 3)
    picture[-6:] = (255, 250, 245)
    picture[:, :4] = (60, 60, 200)
    assert typology_angle(picture) == bare


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_hue_counts_at_any_brightness(colour: tuple[int, int, int]) -> None:
    rgb = np.array([[colour]], dtype=np.uint8)
    lab = to_lab(rgb)
    assert 0 <= lab[0, 0, 0] <= 100.0001
    if skin_coloured(rgb)[0, 0]:
        assert rgb[0, 0, 0] == rgb.max()
        assert np.isfinite(angles(lab)).all()
    half = rgb // 4 * 2
    if skin_coloured(rgb // 4 * 4)[0, 0] and half.max() >= 20:
        assert skin_coloured(half)[0, 0]


def test_a_picture_is_scaled_down_first_and_an_unreadable_one_has_none(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(swatch("d7bd96", 900) + rng.normal(0, 25, (900, 900, 3)), 0, 255).astype(np.uint8)
    whole = angle_of(png(swatch("d7bd96", 900)))
    assert angle_of(png(noisy)) == pytest.approx(whole, abs=2)
    files = {"good.png": png(swatch("825c43")), "bad.png": b"no picture", "blue.png": png(swatch("3355cc"))}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    told: list[tuple[str, int, int | None]] = []
    refs = [ImageRef(tmp_path / name) for name in (*files, "absent.png")]
    found = estimate_angles(refs, progress=lambda *now: told.append(now))
    assert found == [angle_of(files["good.png"]), None, None, None]
    assert told[-1] == ("estimate tone", 4, 4)


@pytest.fixture
def samples() -> Samples:
    card = load_catalog().benchmark("derm-demo")
    units = np.array(["a", "a", "a", "b", "c", "c", "d"])
    labels = np.zeros((7, len(card.classes)), dtype=bool)
    labels[:, 0] = True
    return Samples(
        benchmark=card.model_copy(update={"groups": ()}),
        ids=np.array([f"{i}" for i in range(7)]),
        images=tuple(ImageRef(Path(f"{i}.png")) for i in range(7)),
        units=units,
        labels=labels,
        split=np.full(7, "test"),
        groups={},
    )


def test_a_unit_has_the_median_of_its_pictures(samples: Samples) -> None:
    found = with_estimated_tone(samples, [60.0, None, 30.0, 10.0, None, None, 9.99])
    group = found.benchmark.groups[0]
    levels = [group.levels[code].id for code in found.groups["tone-estimated"]]
    assert levels == ["light"] * 3 + ["intermediate", "not-estimable", "not-estimable", "dark"]
    np.testing.assert_array_equal(found.figures["tone-estimated"][:4, 0], [45, 45, 45, 10])
    assert np.isnan(found.figures["tone-estimated"][4:6]).all()


def test_the_group_says_in_its_name_and_levels_what_it_is() -> None:
    tone = estimated_tone()
    assert tone.group.estimated
    assert "estimated from pixels" in tone.group.name
    assert tone.group.scale is None
    assert all("estimated" in level.name or level.missing for level in tone.group.levels)
    words = " ".join(tone.limits)
    for word in ("lighting", "white balance", "make-up", "dermatoscopy", "Kalb", "Groh"):
        assert word in words


def test_a_card_with_a_group_of_that_name_keeps_it(samples: Samples) -> None:
    card = samples.benchmark.model_copy(update={"groups": (estimated_tone().group,)})
    own = replace(samples, benchmark=card, groups={"tone-estimated": np.zeros(7, dtype=np.int16)})
    with pytest.raises(UsageError, match="of its own"):
        with_estimated_tone(own, [None] * 7)


def test_the_estimate_stands_after_the_labelled_sources() -> None:
    card: Benchmark = load_catalog().benchmark("derm-demo")
    empty = Samples(
        benchmark=card,
        ids=np.zeros(0, dtype=str),
        images=(),
        units=np.zeros(0, dtype=str),
        labels=np.zeros((0, len(card.classes)), dtype=bool),
        split=np.zeros(0, dtype=str),
        groups={g.id: np.zeros(0, dtype=np.int16) for g in card.groups},
    )
    found = with_estimated_tone(empty, []).benchmark
    assert [g.id for g in found.groups][:6] == [*[g.id for g in card.groups][:4], "tone-estimated", "age"]


def test_on_drawn_skin_the_angle_follows_the_drawn_tone(tmp_path: Path) -> None:
    """Synthetic: says that the method measures what is drawn, and nothing of photographs."""
    shipped = load_catalog().benchmark("derm-demo")
    few = shipped.data.model_copy(update={"options": {"cases": dict.fromkeys(MORPHOLOGIES, 6)}})
    card = shipped.model_copy(update={"data": few})
    drawn = load_samples(card, tmp_path)
    found = with_estimated_tone(drawn, estimate_angles(drawn.images))
    tone = {case.case_id: case.tone for case in planned_cases(card)}
    units, first = np.unique(found.units, return_index=True)
    angle = found.figures["tone-estimated"][first, 0]
    assert not np.isnan(angle).any()
    assert spearmanr([tone[u] for u in units.tolist()], angle).statistic < -0.9
