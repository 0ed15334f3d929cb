"""The drawings: the same bytes everywhere, and what the documentation says of them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlmeval.data.demo_drawing import MORPHOLOGIES, SIZE, Chance, draw, make_case
from vlmeval.data.demo_drawing.skin import MONK, monk_colour

# Pinned: other pictures are another data set, so whoever changes one of these also raises cases.VERSION, draws the
# stats again and trains clip-demo again.
PINNED = {
    "even-spot": "b06cdc03bda2a972",
    "uneven-patch": "e872874ffd4c0e7a",
    "scaly-plaque": "d6c4a0bff281712a",
    "ring": "cbecedc67daeec09",
    "wheals": "6094b31a80072cee",
    "blisters": "08dd4ec41f177e8b",
    "red-dome": "7e10ce94af4e51c0",
    "follicular-bumps": "2e873ab394bd6532",
}


@pytest.mark.parametrize("morphology", MORPHOLOGIES)
def test_a_picture_is_the_pinned_one(morphology: str) -> None:
    pixels = draw(make_case("pinned", 7, morphology), 1)
    assert pixels.shape == (SIZE, SIZE, 3)
    assert pixels.dtype == np.uint8
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == PINNED[morphology]


def test_chance_is_the_pinned_stream() -> None:
    assert Chance("a", 1).array(3).tolist() == [0.5667432573848691, 0.4499894020743138, 0.4155839788364103]


@settings(max_examples=15, deadline=None)
@given(number=st.integers(0, 10**6), morphology=st.sampled_from(sorted(MORPHOLOGIES)), series=st.text(max_size=5))
def test_any_case_can_be_drawn_and_is_drawn_alike(number: int, morphology: str, series: str) -> None:
    case = make_case(series, number, morphology)
    assert case == make_case(series, number, morphology)
    assert 1 <= case.tone <= 10
    assert 1 <= case.photos <= 3
    pixels = draw(case, 0)
    assert np.array_equal(pixels, draw(case, 0))
    assert pixels.std() > 1  # something is on it


def test_photos_of_a_case_differ_but_show_the_same_skin() -> None:
    case = make_case("photos", 3, "ring")
    first, second = draw(case, 0).astype(float), draw(case, 1).astype(float)
    assert np.abs(first - second).mean() > 2
    other = draw(make_case("photos", 3, "ring", _only(10 if case.tone < 5 else 1)), 0).astype(float)
    assert abs(first.mean() - second.mean()) < abs(first.mean() - other.mean())


def test_monk_tones_are_the_published_colours() -> None:
    assert [tuple(np.rint(monk_colour(step) * 255).astype(int)) for step in (1, 5, 10)] == [
        (0xF6, 0xED, 0xE4),
        (0xD7, 0xBD, 0x96),
        (0x29, 0x24, 0x20),
    ]
    assert len(MONK) == 10


def test_pictures_darken_with_the_tone() -> None:
    brightness = [
        np.mean([draw(make_case("dark", number, "even-spot", _only(step)), 0).mean() for number in range(6)])
        for step in (1, 4, 6, 8, 10)
    ]
    assert brightness == sorted(brightness, reverse=True)
    assert brightness[-1] > 15  # the darkest skin is not black


def test_redness_shows_less_on_dark_skin() -> None:
    # The documented source of the gap between tones.
    def contrast(step: int) -> float:
        return float(np.mean([np.std(draw(make_case("red", n, "wheals", _only(step)), 0)[..., 1]) for n in range(8)]))

    assert contrast(9) < 0.75 * contrast(2)


def _only(step: int) -> tuple[float, ...]:
    return tuple(1.0 if one == step else 0.0 for one in range(1, 11))
