"""Downloads against a local server that breaks off, stalls, lies and comes back."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import filelock
import numpy as np
import pytest
from PIL import Image

from vlmeval.catalog import load_catalog
from vlmeval.data import load_samples
from vlmeval.data.fetch import FetchOptions, FetchPlan, fetch, load_source, plan_fetch
from vlmeval.data.fetching import run as run_module
from vlmeval.data.fetching.source import SHIPPED
from vlmeval.data.picture_index import index_pictures
from vlmeval.errors import CatalogError, DataError, MissingDataError, UnknownNameError, UsageError

QUICK = FetchOptions(workers=4, retries=3, timeout=1.0, backoff=0.01, longest_wait=0.05)


def noise(seed: int, size: int) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()  # noqa: S324


def source_text(files: str, extra: str = "") -> str:
    return f"""
schema: 1
id: mine
title: Mine
homepage: https://example.org
citation: nobody
licence: {{name: CC0, terms: none}}
base_url: https://example.org
default_parts: [main]
manual: ask for it
files:
{files}
{extra}
"""


@pytest.fixture
def plan_for(tmp_path: Path, site: Any) -> Any:
    """Write a source description and plan with it, from the test server into tmp_path/data."""

    def make(files: str, extra: str = "", **options: Any) -> FetchPlan:
        sources = tmp_path / "sources"
        sources.mkdir(exist_ok=True)
        (sources / "mine.yaml").write_text(source_text(files, extra))
        return plan_fetch("mine", tmp_path / "data", base_url=site.url, sources=[sources], **options)

    return make


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file() and p.name != ".fetch.lock")


# --- one file ---------------------------------------------------------------------------------------------------


def test_downloads_verified_and_not_twice(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(0, 300_000)
    site.files["/a/big.bin"] = data
    plan = plan_for(f"  - {{part: main, path: a/big.bin, size: {len(data)}, md5: {md5(data)}}}")
    seen: list[tuple[str, int, int | None]] = []
    report = fetch(plan, QUICK, progress=lambda *step: seen.append(step))
    assert report.complete
    assert report.downloaded == ["a/big.bin"]
    assert report.bytes == len(data)
    assert (tmp_path / "data/a/big.bin").read_bytes() == data
    assert seen[-1] == ("downloading", len(data), len(data))
    assert leftovers(tmp_path / "data") == ["big.bin"]

    again = fetch(plan, QUICK)
    assert again.present == ["a/big.bin"]
    assert again.downloaded == []
    assert len(site.asked) == 1


def test_a_file_with_wrong_content_is_fetched_again(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(0, 1000)
    site.files["/x"] = data
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x").write_bytes(b"half of it")
    report = fetch(plan_for(f"  - {{part: main, path: x, md5: {md5(data)}}}"), QUICK)
    assert report.downloaded == ["x"]
    assert (tmp_path / "data/x").read_bytes() == data


@pytest.mark.parametrize("trouble", [["503", "500"], ["429"], ["cut"], ["cut", "cut", "cut"], ["wrong"], ["stall"]])
def test_passing_troubles_are_overcome(plan_for: Any, site: Any, tmp_path: Path, trouble: list[str]) -> None:
    data = noise(1, 700_000)
    site.files["/x"] = data
    site.trouble["/x"] = list(trouble)
    report = fetch(plan_for(f"  - {{part: main, path: x, size: {len(data)}, md5: {md5(data)}}}"), QUICK)
    assert report.complete, report.failed
    assert (tmp_path / "data/x").read_bytes() == data
    assert site.counts["/x"] == len(trouble) + 1
    assert leftovers(tmp_path / "data") == ["x"]


def test_continues_where_the_connection_broke(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(2, 6 << 17)
    site.files["/x"] = data
    site.trouble["/x"] = ["cut"]
    fetch(plan_for(f"  - {{part: main, path: x, size: {len(data)}, md5: {md5(data)}}}"), QUICK)
    assert [r for _, r in site.asked] == [None, "bytes=393216-"]
    assert (tmp_path / "data/x").read_bytes() == data


def test_continues_in_a_later_run_and_never_looks_complete(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(3, 6 << 17)
    site.files["/x"] = data
    site.trouble["/x"] = ["cut"]
    plan = plan_for(f"  - {{part: main, path: x, size: {len(data)}, md5: {md5(data)}}}")
    report = fetch(plan, FetchOptions(retries=0, timeout=1))
    assert not report.complete
    assert "ended" in report.failed["x"] or "IncompleteRead" in report.failed["x"]
    assert leftovers(tmp_path / "data") == ["x.part"]
    assert plan.bytes_to_fetch == len(data)

    assert fetch(plan, QUICK).downloaded == ["x"]
    assert site.asked[-1][1] == "bytes=393216-"
    assert (tmp_path / "data/x").read_bytes() == data


def test_a_stale_half_is_found_by_checksum_and_replaced(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(4, 50_000)
    site.files["/x"] = data
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.part").write_bytes(noise(5, 20_000))
    report = fetch(plan_for(f"  - {{part: main, path: x, md5: {md5(data)}}}"), QUICK)
    assert report.complete
    assert (tmp_path / "data/x").read_bytes() == data
    assert [r for _, r in site.asked] == ["bytes=20000-", None]


def test_without_any_checksum_a_half_is_not_trusted(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(6, 50_000)
    site.files["/x"] = data
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.part").write_bytes(data[:10_000])
    fetch(plan_for("  - {part: main, path: x}"), QUICK)
    assert [r for _, r in site.asked] == ["bytes=10000-", None]
    assert (tmp_path / "data/x").read_bytes() == data


def test_a_server_that_knows_no_ranges_sends_it_whole(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(7, 50_000)
    site.files["/x"], site.ranges = data, False
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.part").write_bytes(data[:10_000])
    fetch(plan_for(f"  - {{part: main, path: x, md5: {md5(data)}}}"), QUICK)
    assert (tmp_path / "data/x").read_bytes() == data


@pytest.mark.parametrize("size", [50_000, 60_000])
def test_a_complete_or_too_long_half_is_no_dead_end(plan_for: Any, site: Any, tmp_path: Path, size: int) -> None:
    data = noise(8, 50_000)
    site.files["/x"] = data
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.part").write_bytes((data + noise(9, 10_000))[:size])
    fetch(plan_for(f"  - {{part: main, path: x, size: 50000, md5: {md5(data)}}}"), QUICK)
    assert (tmp_path / "data/x").read_bytes() == data
    assert len(site.asked) == (0 if size == 50_000 else 2)


def test_google_storage_states_a_checksum_and_we_look(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(10, 60_000)
    site.files["/x"], site.google = data, True
    site.trouble["/x"] = ["wrong"]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/x.part").write_bytes(data[:10_000])
    report = fetch(plan_for("  - {part: main, path: x}"), QUICK)
    assert report.complete
    assert (tmp_path / "data/x").read_bytes() == data
    assert [r for _, r in site.asked] == ["bytes=10000-", None]


def test_a_checksum_of_the_compressed_form_is_not_ours_to_check(plan_for: Any, site: Any, tmp_path: Path) -> None:
    site.files["/x"], site.google = noise(10, 60_000), True
    site.headers = {"x-goog-stored-content-encoding": "gzip"}
    assert fetch(plan_for("  - {part: main, path: x}"), QUICK).complete
    assert (tmp_path / "data/x").read_bytes() == noise(10, 60_000)
    assert len(site.asked) == 1


def test_killed_outright_it_continues_and_leaves_no_litter(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(13, 8 << 17)
    site.files["/x"] = data
    site.trouble["/x"] = ["stall"]
    plan = plan_for(f"  - {{part: main, path: x, size: {len(data)}, md5: {md5(data)}}}")
    code = (
        "import sys; from pathlib import Path; from vlmeval.data.fetch import fetch, plan_fetch;"
        "fetch(plan_fetch('mine', Path(sys.argv[1]), base_url=sys.argv[2], sources=[Path(sys.argv[3])]))"
    )
    folder = tmp_path / "data"
    command = [sys.executable, "-c", code, str(folder), site.url, str(tmp_path / "sources")]
    with subprocess.Popen(command) as child:
        deadline = time.monotonic() + 60
        part = folder / "x.part"
        while not (part.is_file() and part.stat().st_size >= 4 << 17) and time.monotonic() < deadline:
            time.sleep(0.02)
        child.kill()
    assert part.stat().st_size == 4 << 17
    assert not (folder / "x").exists()
    assert fetch(plan, QUICK).complete
    assert (folder / "x").read_bytes() == data
    assert leftovers(folder) == ["x"]
    assert site.asked[-1][1] == f"bytes={4 << 17}-"


@pytest.mark.parametrize(
    ("files", "trouble", "reason", "requests"),
    [
        ("md5: " + "a" * 32, [], "not those the publisher promises", 4),
        ("size: 7", [], "states 7", 1),
        ("about: 7", ["404"], "404", 1),
        ("about: 7", ["403"], "403", 1),
        ("about: 7", ["html"], "web page", 1),
        ("about: 7", ["503"] * 9, "503", 4),
        ("about: 7", ["stall"] * 9, "gave up after 4 attempts", 4),
    ],
)
def test_lasting_troubles_are_told_and_leave_no_file(
    plan_for: Any, site: Any, tmp_path: Path, files: str, trouble: list[str], reason: str, requests: int
) -> None:
    site.files |= {"/bad": noise(11, 5000), "/good": b"good"}
    site.trouble["/bad"] = list(trouble)
    options = FetchOptions(workers=2, retries=3, timeout=0.2, backoff=0.01)
    report = fetch(plan_for(f"  - {{part: main, path: bad, {files}}}\n  - {{part: main, path: good}}"), options)
    assert list(report.failed) == ["bad"]
    assert reason in report.failed["bad"]
    assert report.downloaded == ["good"]
    assert not (tmp_path / "data/bad").exists()
    assert site.counts["/bad"] == requests
    assert report.as_dict()["complete"] is False
    assert "ask for it" in str(report.as_dict()["hint"])


def test_no_network_is_a_failure_with_a_reason(plan_for: Any, site: Any, tmp_path: Path) -> None:
    plan = plan_for("  - {part: main, path: x}")
    dead = FetchPlan(**{**vars(plan), "items": tuple(type(i)(i.path, "http://127.0.0.1:9/x") for i in plan.items)})
    report = fetch(dead, FetchOptions(retries=1, backoff=0.01))
    assert "ConnectionError" in report.failed["x"]
    assert leftovers(tmp_path / "data") == []


def test_an_interrupt_stops_at_once_and_keeps_the_half(plan_for: Any, site: Any, tmp_path: Path) -> None:
    data = noise(12, 500_000)
    site.files["/x"] = data
    site.trouble["/x"] = ["stall"]

    def interrupt(stage: str, done: int, total: int | None) -> None:
        if done > 0:
            site.release.set()
            raise KeyboardInterrupt

    plan = plan_for(f"  - {{part: main, path: x, size: {len(data)}, md5: {md5(data)}}}")
    with pytest.raises(KeyboardInterrupt):
        fetch(plan, FetchOptions(timeout=10), progress=interrupt)
    assert leftovers(tmp_path / "data") == ["x.part"]
    assert fetch(plan, QUICK).complete


def test_many_failures_in_a_row_end_it(plan_for: Any, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "GIVE_UP_AFTER", 5)
    files = "\n".join(f"  - {{part: main, path: x{i}}}" for i in range(60))
    report = fetch(plan_for(files), FetchOptions(workers=1, retries=0))
    assert len(report.failed) == 60
    assert sum("not tried" in reason for reason in report.failed.values()) >= 50
    assert len(site.asked) < 10


def test_two_downloads_do_not_share_a_folder(plan_for: Any, site: Any, tmp_path: Path) -> None:
    site.files["/x"] = b"x"
    (tmp_path / "data").mkdir()
    with (
        filelock.FileLock(tmp_path / "data/.fetch.lock"),
        pytest.raises(DataError, match="another download"),
    ):
        fetch(plan_for("  - {part: main, path: x}"), QUICK)
    assert site.asked == []


def test_a_full_disk_is_noticed_before_the_first_byte(plan_for: Any, site: Any) -> None:
    with pytest.raises(DataError, match="not enough room"):
        fetch(plan_for(f"  - {{part: main, path: x, size: {10**18}}}"), QUICK)
    assert site.asked == []


# --- archives ---------------------------------------------------------------------------------------------------


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_STORED, again: dict[str, bytes] | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        for name, data in [*members.items(), *(again or {}).items()]:
            archive.writestr(name, data)
    return stream.getvalue()


@pytest.mark.parametrize("prefix", ["", "pictures/", "anything else/"])
def test_archives_become_their_folder_however_they_are_made(
    plan_for: Any, site: Any, tmp_path: Path, prefix: str
) -> None:
    site.files["/p.zip"] = zipped({f"{prefix}{i}.jpg": bytes([i]) for i in range(5)} | {"__MACOSX/._0.jpg": b"x"})
    plan = plan_for("  - {part: main, path: p.zip, unpack: pictures}")
    report = fetch(plan, QUICK)
    assert report.unpacked == {"pictures": 5}
    assert leftovers(tmp_path / "data") == [f"{i}.jpg" for i in range(5)]
    assert (tmp_path / "data/pictures/3.jpg").read_bytes() == b"\3"
    assert [p.name for p in (tmp_path / "data").iterdir() if p.is_dir()] == ["pictures"]

    assert fetch(plan, QUICK).present == ["p.zip"]
    assert len(site.asked) == 1


def test_archives_can_be_kept(plan_for: Any, site: Any, tmp_path: Path) -> None:
    site.files["/p.zip"] = zipped({"1.jpg": b"1"})
    fetch(plan_for("  - {part: main, path: p.zip, unpack: pictures}"), QUICK, keep_archives=True)
    assert leftovers(tmp_path / "data") == ["1.jpg", "p.zip"]


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "C:\\evil", "..\\evil"])
def test_archives_cannot_write_elsewhere(plan_for: Any, site: Any, tmp_path: Path, name: str) -> None:
    site.files["/p.zip"] = zipped({"fine.jpg": b"1", name: b"2"})
    with pytest.raises(DataError, match="leads out"):
        fetch(plan_for("  - {part: main, path: p.zip, unpack: pictures}"), QUICK)
    assert not list(tmp_path.rglob("*evil*"))
    assert leftovers(tmp_path / "data") == ["p.zip"]
    assert not (tmp_path / "data/pictures").exists()


def test_links_and_damaged_members_are_refused(plan_for: Any, site: Any, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    damaged = bytearray(zipped({"1.jpg": b"A" * 1000}))
    damaged[200] ^= 1
    packed = bytearray(zipped({"1.jpg": noise(0, 500) * 4}, zipfile.ZIP_DEFLATED))
    packed[100:140] = b"\xff" * 40
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped({"1.jpg": b"1"}, again={"1.jpg": b"2"})
    cases = [(stream.getvalue(), "symbolic link"), (b"no zip", "unpacked"), (twice, "unpacked")]
    for data, reason in [*cases, (bytes(damaged), "unpacked"), (bytes(packed), "unpacked")]:
        site.files["/p.zip"] = data
        (tmp_path / "data/p.zip").unlink(missing_ok=True)
        with pytest.raises(DataError, match=reason):
            fetch(plan_for("  - {part: main, path: p.zip, unpack: pictures}"), QUICK)
        assert not (tmp_path / "data/pictures").exists()


# --- the shipped sources ----------------------------------------------------------------------------------------


def test_the_plan_needs_no_network_and_names_the_licence(tmp_path: Path) -> None:
    ham = plan_fetch("ham10000", tmp_path).as_dict()
    assert ham["licence"]["name"] == "CC BY-NC 4.0"
    assert ham["bytes_to_fetch"] == 690_218 + 1_366_522_108 + 1_403_566_547
    assert ham["bytes_are_estimated"] is False
    assert ham["files_to_fetch"] == 3
    scin = plan_fetch("scin", tmp_path).as_dict()
    assert scin["files"] == 4 + 10_379
    assert scin["bytes_are_estimated"] is True
    assert "re-identify" in scin["licence"]["terms"]
    assert list(scin["skipped"]) == ["dataset/images/-2243186711511406658.png"]
    assert list(tmp_path.iterdir()) == []


def test_parts_can_be_chosen(tmp_path: Path) -> None:
    assert [i.path for i in plan_fetch("ham10000", tmp_path, parts=["isic2018"]).items] == [
        "ISIC2018_Task3_Test_GroundTruth.csv",
        "ISIC2018_Task3_Test_Images.zip",
    ]
    assert plan_fetch("scin", tmp_path, parts=["tables"]).pictures_later is None
    only_pictures = plan_fetch("scin", tmp_path, parts=["pictures"])
    assert [i.path for i in only_pictures.items] == ["dataset/scin_cases.csv"]
    with pytest.raises(UnknownNameError, match="isic2018"):
        plan_fetch("ham10000", tmp_path, parts=["isic"])
    with pytest.raises(UnknownNameError, match="ham10000"):
        plan_fetch("ham1000", tmp_path)
    with pytest.raises(UsageError, match="web address"):
        plan_fetch("scin", tmp_path, base_url="file:///etc")


def test_the_default_folder_is_the_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VLMEVAL_DATA_HOME", str(tmp_path))
    assert plan_fetch("scin").destination == tmp_path / "scin"


def test_a_wrong_source_says_file_line_and_key(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(source_text("  - {part: main, path: x, md5: 123}"))
    with pytest.raises(CatalogError, match=r"mine\.yaml:12 \(files\[0\]\.md5\)"):
        load_source("mine", [tmp_path])


SCIN_HEADER = "case_id,image_1_path,image_2_path,image_3_path\n"


def scin_site(site: Any, rows: str, pictures: list[str]) -> None:
    site.google = True
    for name in ("scin_labels", "scin_app_questions", "scin_label_questions"):
        site.files[f"/dataset/{name}.csv"] = b"a,b\n"
    site.files["/dataset/scin_cases.csv"] = (SCIN_HEADER + rows).encode()
    for number, name in enumerate(pictures):
        site.files[f"/dataset/images/{name}"] = noise(number, 2000)


def test_pictures_in_another_layout_are_not_fetched_again(site: Any, tmp_path: Path) -> None:
    """HAM10000 as other hosts pack it: all pictures in one folder; nothing but the table is left to download."""
    images = tmp_path / "images"
    images.mkdir()
    for number in range(24306, 34321):
        (images / f"ISIC_{number:07d}.jpg").touch()
    plan = plan_fetch("ham10000", tmp_path, base_url=site.url)
    assert [item.path for item in plan.missing] == ["HAM10000_metadata.csv"]

    (images / "ISIC_0030000.jpg").rename(images / "._ISIC_0030000.jpg")  # a resource fork is no picture
    plan = plan_fetch("ham10000", tmp_path, base_url=site.url)
    assert [item.path for item in plan.missing] == ["HAM10000_metadata.csv", "HAM10000_images_part_2.zip"]
    assert plan.bytes_to_fetch == 690218 + 1403566547


@pytest.mark.realdata
def test_the_archives_hold_what_their_description_says(real_data: Path, tmp_path: Path) -> None:
    plan = plan_fetch("ham10000", real_data / "ham10000")
    assert plan.missing == ()
    assert sum(item.elsewhere for item in plan.items) == 2


def test_scin_in_another_layout_is_completed_not_repeated(site: Any, tmp_path: Path) -> None:
    root = tmp_path / "scin"
    (root / "photos").mkdir(parents=True)
    (root / "photos" / "1.png").write_bytes(b"mine")
    table = b"case_id,image_1_path,image_2_path,image_3_path\n-7,dataset/images/1.png,dataset/images/2.png,\n"
    (root / "scin_cases.csv").write_bytes(table)
    for name in ("scin_cases", "scin_labels", "scin_app_questions", "scin_label_questions"):
        site.files[f"/dataset/{name}.csv"] = table
    site.files["/dataset/images/2.png"] = b"theirs"
    plan = plan_fetch("scin", root, base_url=site.url)
    assert plan.pictures_later is None
    # One picture is left; its size is estimated, for the dry run and the room on the disk.
    assert 1_000_000 < plan.bytes_to_fetch - sum(i.about or 0 for i in plan.items if i.remote) < 2_000_000
    report = fetch(plan, QUICK)
    assert report.complete
    assert report.present == ["dataset/images/1.png"]
    assert sorted(path.name for path in root.rglob("*.png")) == ["1.png", "2.png"]


def test_a_killed_unpacking_leaves_nothing_that_counts(plan_for: Any, site: Any, tmp_path: Path) -> None:
    left = tmp_path / "data" / ".p.x1.unpacking" / "p"
    left.mkdir(parents=True)
    (left / "0.jpg").write_bytes(b"half")
    assert index_pictures(tmp_path / "data") == {}
    site.files["/p.zip"] = zipped({"0.jpg": b"whole"})
    assert fetch(plan_for("  - {part: main, path: p.zip, unpack: p}"), QUICK).unpacked == {"p": 1}
    assert [path.name for path in (tmp_path / "data").iterdir() if path.is_dir()] == ["p"]


def test_scin_from_tables_to_pictures(site: Any, tmp_path: Path) -> None:
    rows = (
        "-1,dataset/images/-5.png,dataset/images/6.png,\n"
        "2,dataset/images/6.png,,\n"
        "3,,,\n"
        "-1834609919572055750,dataset/images/-2243186711511406658.png,dataset/images/7.png,\n"
    )
    scin_site(site, rows, ["-5.png", "6.png", "7.png"])
    site.trouble["/dataset/images/6.png"] = ["503", "cut"]
    plan = plan_fetch("scin", tmp_path, base_url=site.url)
    report = fetch(plan, QUICK)
    assert report.complete, report.failed
    assert len(report.downloaded) == 4 + 3
    assert "known issue" in report.skipped["dataset/images/-2243186711511406658.png"]
    assert (tmp_path / "dataset/images/6.png").read_bytes() == noise(1, 2000)
    assert site.counts["/dataset/images/-2243186711511406658.png"] == 0

    before = len(site.asked)
    again = plan_fetch("scin", tmp_path, base_url=site.url)
    assert again.as_dict()["files_to_fetch"] == 0
    assert len(fetch(again, QUICK).present) == 7
    assert len(site.asked) == before


@pytest.mark.realdata
def test_the_real_scin_table_names_the_published_pictures(real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset/scin_cases.csv").write_bytes((real_data / "scin/scin_cases.csv").read_bytes())
    plan = plan_fetch("scin", tmp_path)
    assert plan.pictures_later is None
    assert len(plan.items) == 4 + 10_379
    url = "https://storage.googleapis.com/dx-scin-public-data/dataset/images/-3205742176803893704.png"
    assert url in {item.url for item in plan.items}


def test_scin_pictures_cannot_leave_the_folder(site: Any, tmp_path: Path) -> None:
    scin_site(site, "-1,dataset/images/1.png,,\n2,../../evil.png,,\n", ["1.png"])
    with pytest.raises(DataError, match="leads out") as caught:
        fetch(plan_fetch("scin", tmp_path / "data", base_url=site.url), QUICK)
    assert caught.value.line == 3
    assert not list(tmp_path.rglob("evil.png"))


def test_scin_without_its_picture_columns(site: Any, tmp_path: Path) -> None:
    scin_site(site, "", [])
    site.files["/dataset/scin_cases.csv"] = b"case_id,something\n"
    with pytest.raises(DataError, match="image_1_path"):
        fetch(plan_fetch("scin", tmp_path, base_url=site.url), QUICK)


DATAVERSE = "/api/datasets/:persistentId/"
TABLE, ZIP = b"image_id,dx\nISIC_1,nv\n", zipped({"ISIC_1.jpg": b"1"})
HAM_LIKE = f"""  - {{part: main, path: t.csv, name: table, id: 1, original: true, md5: {md5(TABLE)}}}
  - {{part: main, path: p.zip, name: p.zip, id: 2, md5: {md5(ZIP)}, unpack: pictures}}
"""


def dataverse(site: Any, fileserver: ModuleType, table: bytes = TABLE, **more: tuple[int, bytes, bool]) -> None:
    files = {"table.tab": (11, table, True), "p.zip": (12, ZIP, False), **more}
    site.files[DATAVERSE] = fileserver.dataverse_listing(files)
    for number, data, _ in files.values():
        site.files[f"/api/access/datafile/{number}"] = data


def test_dataverse_numbers_come_from_its_listing(
    plan_for: Any, site: Any, fileserver: ModuleType, tmp_path: Path
) -> None:
    dataverse(site, fileserver)
    report = fetch(plan_for(HAM_LIKE, "dataverse: doi:10.0/X"), QUICK)
    assert report.complete, report.failed
    assert leftovers(tmp_path / "data") == ["ISIC_1.jpg", "t.csv"]
    asked = [path for path, _ in site.asked]
    assert asked[0] == DATAVERSE + "?persistentId=doi%3A10.0%2FX"
    assert sorted(asked[1:]) == ["/api/access/datafile/11?format=original", "/api/access/datafile/12"]


def test_dataverse_without_listing_uses_the_known_numbers(plan_for: Any, site: Any) -> None:
    site.files |= {"/api/access/datafile/1": TABLE, "/api/access/datafile/2": ZIP}
    assert fetch(plan_for(HAM_LIKE, "dataverse: doi:10.0/X"), QUICK).complete


def test_dataverse_without_listing_and_numbers_says_what_to_do(plan_for: Any, site: Any) -> None:
    plan = plan_for("  - {part: main, path: t.csv, name: table}", "dataverse: doi:10.0/X")
    for answer in (None, b"<html>", b'{"status": "OK", "data": {}}'):
        if answer is not None:
            site.files[DATAVERSE] = answer
        with pytest.raises(MissingDataError, match="ask for it") as caught:
            fetch(plan, QUICK)
        assert caught.value.exit_code == 3


def test_dataverse_with_a_replaced_or_removed_file_stops_before_downloading(
    plan_for: Any, site: Any, fileserver: ModuleType
) -> None:
    dataverse(site, fileserver, table=TABLE + b"ISIC_2,mel\n")
    with pytest.raises(DataError, match="replaced"):
        fetch(plan_for(HAM_LIKE, "dataverse: doi:10.0/X"), QUICK)
    gone = plan_for("  - {part: main, path: z.csv, name: gone}", "dataverse: doi:10.0/X")
    with pytest.raises(MissingDataError, match="no longer has 'gone'"):
        fetch(gone, QUICK)
    assert set(site.counts) == {DATAVERSE + "?persistentId=doi%3A10.0%2FX"}


def test_ham_description_fits_a_dataverse_with_its_names(site: Any, fileserver: ModuleType, tmp_path: Path) -> None:
    """The listing's numbers win over those of the description: files are found by name."""
    truth = b"image,MEL\nISIC_1,1.0\n"
    site.files[DATAVERSE] = fileserver.dataverse_listing({"ISIC2018_Task3_Test_GroundTruth.tab": (5, truth, True)})
    site.files["/api/access/datafile/5"] = truth
    plan = plan_fetch("ham10000", tmp_path, base_url=site.url, parts=["isic2018"])
    only = FetchPlan(**{**vars(plan), "items": plan.items[:1]})
    assert fetch(only, QUICK).downloaded == ["ISIC2018_Task3_Test_GroundTruth.csv"]


def ham_site(site: Any, fileserver: ModuleType) -> None:
    """A Dataverse with eight pictures under the names of HAM10000's files."""
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"
    rows = [f"HAM_{i // 2},ISIC_{i},{'mel' if i < 4 else 'nv'},histo,50.0,male,back,rosendahl" for i in range(8)]
    truth = "image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\nISIC_90,1.0,0.0,0.0,0.0,0.0,0.0,0.0\n"
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 6), "pink").save(jpeg, "JPEG")
    first, second = ({f"ISIC_{i}.jpg": jpeg.getvalue() for i in part} for part in (range(4), range(4, 8)))
    files = {
        "HAM10000_metadata.tab": ("\n".join([header.strip(), *rows]) + "\n").encode(),
        "HAM10000_images_part_1.zip": zipped(first),
        "HAM10000_images_part_2.zip": zipped({f"HAM10000_images_part_2/{k}": v for k, v in second.items()}),
        "ISIC2018_Task3_Test_GroundTruth.tab": truth.encode(),
        "ISIC2018_Task3_Test_Images.zip": zipped({"ISIC2018_Task3_Test_Images/ISIC_90.jpg": jpeg.getvalue()}),
    }
    listed = {name: (number, data, name.endswith(".tab")) for number, (name, data) in enumerate(files.items(), 100)}
    site.files[DATAVERSE] = fileserver.dataverse_listing(listed)
    for number, data, _ in listed.values():
        site.files[f"/api/access/datafile/{number}"] = data


def test_what_is_fetched_is_what_the_adapters_read(site: Any, fileserver: ModuleType, tmp_path: Path) -> None:
    """The shipped description of HAM10000, with the sums of small stand-in files, then both shipped benchmarks."""
    ham_site(site, fileserver)
    shipped = (SHIPPED / "ham10000.yaml").read_text()
    text = re.sub(r"^    (size|md5): .*\n", "", shipped, flags=re.MULTILINE)
    assert text != shipped
    (tmp_path / "ham10000.yaml").write_text(text)
    root = tmp_path / "ham10000"
    options = {"base_url": site.url, "sources": [tmp_path]}
    assert fetch(plan_fetch("ham10000", root, **options), QUICK).complete
    samples = load_samples(load_catalog().benchmark("ham10000"), root)
    assert len(samples) == 8
    assert all(image.exists() for image in samples.images)

    report = fetch(plan_fetch("ham10000", root, parts=["isic2018"], **options), QUICK)
    assert report.unpacked == {"ISIC2018_Task3_Test_Images": 1}
    with_test = load_samples(load_catalog().benchmark("ham10000@isic2018"), root)
    assert with_test.ids[with_test.split == "test"].tolist() == ["ISIC_90"]
    assert all(image.exists() for image in with_test.images)
