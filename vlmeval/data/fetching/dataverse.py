"""Ask a Dataverse which files a data set has, and make plan items downloadable.

Comes in: plan items without addresses. Goes out: the same with address, size and MD5. Source: the native and data
access API of the Dataverse project, https://guides.dataverse.org/en/latest/api/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vlmeval.data.fetching.plan import FetchItem, FetchPlan
from vlmeval.errors import DataError, MissingDataError


def resolve(plan: FetchPlan, timeout: float) -> tuple[FetchItem, ...]:
    """Return the plan's items with addresses from the data set's listing.

    When the listing cannot be had, the file numbers in the source description serve, if it has them for all.

    Raises
    ------
    MissingDataError
        Neither listing nor numbers are to be had, or the listing lacks a file.
    DataError
        The publisher has replaced a file: its checksum is not the one the description gives.
    """
    import requests

    address = f"{plan.base_url}/api/datasets/:persistentId/"
    try:
        answer = requests.get(address, params={"persistentId": plan.source.dataverse or ""}, timeout=timeout)
        answer.raise_for_status()
        files = _listing(answer.json())
    except (requests.RequestException, ValueError) as error:
        if all(item.remote is not None and item.remote.id for item in plan.items):
            return tuple(_with_number(plan, item) for item in plan.items)
        raise MissingDataError(
            "the publisher's list of files cannot be had",
            file=address,
            found=str(error),
            hint="try again later, or " + plan.source.manual,
        ) from error
    return tuple(_match(plan, item, files) for item in plan.items)


def _listing(answer: Any) -> dict[str, dict[str, Any]]:
    """File name without a table's ending -> the ``dataFile`` entry."""
    try:
        entries = [entry["dataFile"] for entry in answer["data"]["latestVersion"]["files"]]
        return {_stem(str(entry["filename"])): entry for entry in entries}
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a Dataverse listing: {error!r} is missing") from error


def _stem(name: str) -> str:
    """Tables appear as .tab once converted and as .csv before; both mean the same file."""
    for ending in (".tab", ".csv"):
        name = name.removesuffix(ending)
    return name


def _match(plan: FetchPlan, item: FetchItem, files: dict[str, dict[str, Any]]) -> FetchItem:
    name = _stem((item.remote.name if item.remote else None) or item.path)
    if name not in files:
        raise MissingDataError(
            f"the publisher no longer has {name!r}",
            file=plan.source.homepage,
            expected=name,
            found=_some(sorted(files)),
            hint=plan.source.manual,
        )
    entry = files[name]
    md5 = str(entry.get("md5") or "").lower() or None
    if item.md5 and md5 and md5 != item.md5:
        raise DataError(
            f"the publisher has replaced {name!r} by another file",
            file=plan.source.homepage,
            expected=f"MD5 {item.md5}",
            found=f"MD5 {md5}",
            hint="numbers would not be comparable; update vlmeval, or download the older version by hand",
        )
    converted = "originalFileFormat" in entry or str(entry["filename"]).endswith(".tab")
    original = converted and bool(item.remote and item.remote.original)
    # For a converted table "filesize" is the conversion's and "md5" the original's.
    size = entry.get("originalFileSize") if original else entry.get("filesize")
    url = _address(plan, int(entry["id"]), original)
    return replace(item, url=url, md5=item.md5 or md5, size=item.size or (int(size) if size else None))


def _with_number(plan: FetchPlan, item: FetchItem) -> FetchItem:
    if item.remote is None or item.remote.id is None:
        raise ValueError("an item without a number")
    return replace(item, url=_address(plan, item.remote.id, item.remote.original))


def _address(plan: FetchPlan, number: int, original: bool) -> str:
    return f"{plan.base_url}/api/access/datafile/{number}" + ("?format=original" if original else "")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
