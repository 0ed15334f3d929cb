"""Paths from a table stay inside the data folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlmeval.data.safepath import inside
from vlmeval.errors import DataError


@pytest.mark.parametrize(
    "relative", ["a.png", "images/a.png", "-1.png", "images\\a.png", "a..b.png", "./a.png", "ä b.png"]
)
def test_plain_paths_are_fine_even_when_nothing_is_there(relative: str, tmp_path: Path) -> None:
    assert inside(tmp_path, relative).resolve().is_relative_to(tmp_path.resolve())


@pytest.mark.parametrize(
    "relative",
    [
        "",
        " ",
        ".",
        "..",
        "../a.png",
        "a/../../b.png",
        "a/../b.png",
        "/etc/passwd",
        "\\\\host\\share",
        "C:/a.png",
        "a\0b",
    ],
)
def test_what_leads_out_is_refused_and_quoted(relative: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="leads out") as caught:
        inside(tmp_path, relative, file="table.csv", line=7)
    assert (caught.value.where, caught.value.found) == ("table.csv:7", repr(relative))


def test_links_may_point_inside_but_not_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "real").mkdir(parents=True)
    (root / "alias").symlink_to(root / "real")
    (root / "escape").symlink_to(tmp_path)
    (root / "file.png").symlink_to("/etc/hostname")
    assert inside(root, "alias/a.png") == root / "alias" / "a.png"
    for relative in ("escape/a.png", "file.png"):
        with pytest.raises(DataError):
            inside(root, relative)


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert inside(tmp_path / "link", "a.png") == tmp_path / "link" / "a.png"


@given(st.text(st.sampled_from("ab./\\:~ \0-"), max_size=12))
def test_nothing_ever_leads_out(relative: str) -> None:
    root = Path("/nowhere/data")
    try:
        path = inside(root, relative)
    except DataError:
        return
    assert path.resolve().is_relative_to(root)
    assert path.resolve() != root
