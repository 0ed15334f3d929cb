"""The register of contamination: complete for what ships, refused with its place where it is wrong, silent never."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlmeval.catalog import Register, load_catalog
from vlmeval.errors import CatalogError

ENTRY = """\
schema: 1
entries:
  - family: [mine, yours]
    data: scin
    status: in-training
    note: It says so.
    source: https://example.org/paper
    date: 2026-01-31
  - family: mine
    data: ham10000
    status: unknown
    note: The paper does not say.
    source: https://example.org/paper
    date: 2026-01-31
"""
CATALOG = load_catalog()
FAMILIES = sorted({card.family for card in CATALOG.model_cards.values()})
HOMES = sorted({card.data.home for card in CATALOG.benchmarks.values()})


def write(folder: Path, text: str = ENTRY) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "contamination.yaml"
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize("family", FAMILIES)
def test_every_shipped_family_has_an_entry_for_every_shipped_data_home(family: str) -> None:
    for home in HOMES:
        said = CATALOG.contamination.of(family, home)
        assert (said.family, said.data) == (family, home)
        assert said.source, f"no entry for {family} and {home}"
        assert said.date is not None
        assert said.note.endswith(".")


def test_nothing_is_said_of_families_and_homes_that_do_not_ship() -> None:
    """A misspelt name would be an entry that never applies."""
    assert {said.family for said in CATALOG.contamination} == set(FAMILIES)
    assert {said.data for said in CATALOG.contamination} == set(HOMES)


def test_medsiglip_has_seen_scin() -> None:
    said = CATALOG.contamination.of("medsiglip", "scin")
    assert said.status == "in-training"
    assert "Google states" in said.note
    assert said.source is not None
    assert said.source.startswith("https://github.com/Google-Health/medsiglip")
    marked = [(s.family, s.data) for s in CATALOG.contamination if s.status == "in-training"]
    assert marked == [("medsiglip", "scin")]


def test_an_entry_may_speak_of_several_families_and_homes(tmp_path: Path) -> None:
    register = Register.read([write(tmp_path)])
    assert register.families == ("mine", "yours")
    assert [(s.data, s.family, s.status) for s in register] == [
        ("ham10000", "mine", "unknown"),
        ("scin", "mine", "in-training"),
        ("scin", "yours", "in-training"),
    ]


def test_where_nothing_is_said_the_status_is_unknown_and_the_reason_is_told(tmp_path: Path) -> None:
    register = Register.read([write(tmp_path)])
    for family in (None, "unknown"):
        said = register.of(family, "scin")
        assert (said.family, said.status, said.source, said.date) == ("unknown", "unknown", None, None)
        assert "not known which model" in said.note
    said = register.of("yours", "ham10000")
    assert said.status == "unknown"
    assert said.note == "the register has no entry for the family 'yours' and the data 'ham10000'"


def test_a_data_root_replaces_single_entries_and_keeps_the_others(tmp_path: Path) -> None:
    text = ENTRY.replace("[mine, yours]", "clip-of-mine").replace("family: mine", "family: medsiglip")
    write(tmp_path / "one", text)
    write(tmp_path / "two", text.replace("status: unknown", "status: not-in-training"))
    register = load_catalog([tmp_path / "one", tmp_path / "two"]).contamination
    assert register.of("clip-of-mine", "scin").status == "in-training"
    assert register.of("medsiglip", "ham10000").status == "not-in-training"
    assert register.of("medsiglip", "scin").status == "in-training"
    assert "Australia" in CATALOG.contamination.of("medsiglip", "ham10000").note
    assert "Australia" not in register.of("medsiglip", "ham10000").note


def test_a_changed_entry_has_another_digest(tmp_path: Path) -> None:
    before = Register.read([write(tmp_path)]).of("mine", "scin")
    after = Register.read([write(tmp_path, ENTRY.replace("2026-01-31", "2026-02-01", 1))]).of("mine", "scin")
    assert before.content_digest != after.content_digest


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "text"),
    [
        ("status: in-training", "status: trained", 5, "entries[0].status", "'in-training', 'not-in-training' or 'unk"),
        ("    status: unknown\n", "", 9, "entries[1].status", "the key 'status' is missing"),
        ("    date: 2026-01-31\n  - fam", "  - fam", 3, "entries[0].date", "the key 'date' is missing"),
        ("    source: https://example.org/paper\n    date: 2026-01-31\n  - fam", "    date: 2026-01-31\n  - fam", 3,
         "entries[0].source", "the key 'source' is missing"),
        ("date: 2026-01-31", "date: January 2026", 8, "entries[0].date", "valid date"),
        ("date: 2026-01-31", "date: 2026-02-30", 8, "entries[0].date", "day is out of range"),
        ("data: scin", "data: []", 4, "entries[0].data", "at least 1 item"),
        ("data: scin", "data: ''", 4, "entries[0].data[0]", "at least 1 character"),
        ("data: scin", "data: 7", 4, "entries[0].data", "valid tuple"),
        ("[mine, yours]", "[mine, no]", 3, "entries[0].family[1]", "put the value in quotes"),
        ("status: in-training", "state: in-training", 5, "entries[0].state", "did you mean status or date?"),
        ("schema: 1", "schema: 2", 1, "schema", "Input should be 1"),
        ("family: mine", "family: yours\n    family: mine", 10, "entries[1].family", "stands twice"),
        ("data: ham10000", "data: scin", 9, "entries[1]", "mine and scin, as in line 3"),
        ("[mine, yours]", "[mine, mine]", 3, "entries[0]", "mine and scin"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, line: int, key: str, text: str
) -> None:
    assert old in ENTRY
    file = write(tmp_path, ENTRY.replace(old, new, 1))
    catalog = load_catalog([tmp_path])
    with pytest.raises(CatalogError) as caught:
        catalog.contamination.of("mine", "scin")
    assert (caught.value.file, caught.value.line, caught.value.key) == (str(file), line, key)
    assert text in str(caught.value)


def test_the_message_of_a_duplicate_in_full(tmp_path: Path) -> None:
    file = write(tmp_path, ENTRY.replace("data: ham10000", "data: scin"))
    with pytest.raises(CatalogError) as caught:
        Register.read([file])
    assert str(caught.value).splitlines() == [
        "two entries speak of the same family and data",
        f"  at: {file}:9 (entries[1])",
        "  found: mine and scin, as in line 3",
        "  to mend: keep one of them; to replace a shipped entry, write it into contamination.yaml of your own "
        "--data-root",
    ]
