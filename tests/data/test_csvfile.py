"""Reading tables as text: nothing is guessed, and every complaint names file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlmeval.data.csvfile import read_table
from vlmeval.errors import DataError, MissingDataError


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_cells_stay_text_and_lines_are_right_after_a_broken_line(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "t.csv", b'\xef\xbb\xbfid,note\r\n007,"two\r\nlines"\r\n-1E5,x\r\n'))
    assert table["id"] == ["007", "-1E5"]
    assert table.lines == [2, 4]
    assert "note" in table
    assert len(table) == 2


def test_tabs_separate_where_the_header_has_them(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "t.tab", b"a\tb\n1,5\t2\n"))["a"] == ["1,5"]


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b"", "no header", 1),
        (b"a,a\n1,2\n", "there twice", 1),
        (b"a,b\n1,2\n3\n", "does not fit", 3),
        (b"a,b\n1,2\n3,4,5\n", "does not fit", 3),
        (b"a,b\n1,\xff\n", "not UTF-8", 2),
        (b'a,b\n1,"2\n', "not well-formed", 2),
        (b"a,c\n1,2\n", "column is missing", 1),
    ],
)
def test_complaints_name_the_line(data: bytes, message: str, line: int, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", data)
    with pytest.raises(DataError, match=message) as caught:
        read_table(path, ("a", "b"))
    assert (caught.value.file, caught.value.line) == (str(path), line)


def test_a_missing_file_is_missing_data(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError):
        read_table(tmp_path / "none.csv")
