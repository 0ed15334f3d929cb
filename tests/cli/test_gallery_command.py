"""`run --gallery` and `report --gallery`: thumbnails where the card allows them, and a refusal where it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def allow(world: Any) -> None:
    card = world.root / "benchmarks" / "mini" / "benchmark.yaml"
    card.write_text(card.read_text().replace("{name: CC0}", "{name: CC0, terms: Do as you like., gallery: true}"))


def run(cli: Any, world: Any, checkpoint: Path, *more: str) -> Any:
    options = ["--prompts", "generic/names", "--draws", "50", "--permutations", "50", "--json"]
    return cli("run", "--model", str(checkpoint), "--bench", "mini", *options, *world.options(), *more)


def test_a_gallery_is_refused_before_anything_is_computed(cli: Any, world: Any, checkpoint: Path) -> None:
    answer = run(cli, world, checkpoint, "--gallery")
    assert answer.code == 2
    assert "may not hold pictures" in answer.json()["message"]
    assert not world.runs.exists()


def test_pictures_come_into_the_page_when_they_are_asked_for(cli: Any, world: Any, checkpoint: Path) -> None:
    allow(world)
    answer = run(cli, world, checkpoint)
    assert answer.code == 0, answer.err
    (done,) = answer.json()["runs"]
    page = Path(done["report"])
    assert "<img" not in page.read_text()
    plain = page.read_bytes()

    answer = cli("report", done["folder"], "--gallery", "--data", str(world.data))
    assert answer.code == 0, answer.err
    with_pictures = page.read_text()
    assert with_pictures.count('<img src="data:image/webp;base64,') > 5
    assert "Do as you like." in with_pictures

    assert cli("report", done["folder"]).code == 0
    assert page.read_bytes() == plain

    answer = run(cli, world, checkpoint, "--gallery")  # found, and rendered with pictures
    assert answer.code == 0, answer.err
    assert answer.json()["runs"][0]["found"]
    assert page.read_text() == with_pictures


@pytest.mark.parametrize("gone", [True, False], ids=["pictures gone", "data asked for without a gallery"])
def test_mistakes_are_told(cli: Any, world: Any, checkpoint: Path, gone: bool) -> None:
    allow(world)
    answer = run(cli, world, checkpoint)
    folder = answer.json()["runs"][0]["folder"]
    if gone:
        for picture in world.data.rglob("*.png"):
            picture.unlink()
        answer = cli("report", folder, "--gallery", "--data", str(world.data))
        assert answer.code == 3
        assert "can be read" in answer.err
    else:
        answer = cli("report", folder, "--data", str(world.data))
        assert answer.code == 2
        assert "--gallery" in answer.err
