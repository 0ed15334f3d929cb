"""Carry out a plan: download several files at a time, then the pictures a table names, then unpack.

Comes in: a `FetchPlan`. Goes out: a `FetchReport`. A file that cannot be had never stops the others, but many in a row
do: then the network is gone, and ten thousand more attempts would only take the night.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vlmeval.data.fetching.dataverse import resolve
from vlmeval.data.fetching.download import FetchOptions, PermanentError, Shared, StoppedError, download
from vlmeval.data.fetching.plan import FetchItem, FetchPlan, picture_items
from vlmeval.data.fetching.unpack import unpack
from vlmeval.errors import DataError
from vlmeval.progress import Progress, silent

GIVE_UP_AFTER: Final = 20
"""So many failures in a row, with no success between them, end the download."""


@dataclass
class FetchReport:
    """What a download did.

    Attributes
    ----------
    destination
        The data folder.
    downloaded, present
        Paths fetched now, and paths that were there already.
    failed
        Path -> reason.
    skipped
        Path -> why it was not even tried.
    unpacked
        Folder -> number of files.
    bytes
        Bytes fetched or continued from.
    seconds
        How long it took.
    manual
        How to get by hand what failed.
    """

    destination: Path
    downloaded: list[str] = field(default_factory=list)
    present: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    unpacked: dict[str, int] = field(default_factory=dict)
    bytes: int = 0
    seconds: float = 0.0
    manual: str = ""

    @property
    def complete(self) -> bool:
        """Whether everything that can be had is there."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "destination": str(self.destination),
            "complete": self.complete,
            "downloaded": len(self.downloaded),
            "present": len(self.present),
            "failed": dict(self.failed),
            "skipped": dict(self.skipped),
            "unpacked": dict(self.unpacked),
            "bytes": self.bytes,
            "seconds": round(self.seconds, 2),
            "hint": None if self.complete else f"call it again to go on from here, or {self.manual}",
        }


def fetch(
    plan: FetchPlan,
    options: FetchOptions | None = None,
    *,
    progress: Progress = silent,
    keep_archives: bool = False,
) -> FetchReport:
    """Carry out ``plan``. May be interrupted and called again: what is complete is not fetched twice.

    Parameters
    ----------
    plan
        From `plan_fetch`.
    options
        How many at a time, and how hard to try.
    progress
        Told of bytes where all sizes are known, else of files.
    keep_archives
        Keep zip archives after unpacking them.

    Raises
    ------
    MissingDataError
        The publisher's list of files cannot be had.
    DataError
        Not enough room on the disk, another download runs in the same folder, a broken table or archive.
    """
    import filelock

    began = time.monotonic()
    plan.destination.mkdir(parents=True, exist_ok=True)
    _check_room(plan)
    try:
        with filelock.FileLock(plan.destination / ".fetch.lock", timeout=0):
            report = _Run(plan, options or FetchOptions(), progress, keep_archives).run()
    except filelock.Timeout as error:
        raise DataError("another download runs in the same folder", file=plan.destination) from error
    report.seconds = time.monotonic() - began
    return report


def _check_room(plan: FetchPlan) -> None:
    # Archives and what is unpacked from them lie side by side for a while.
    archives = sum(item.size or item.about or 0 for item in plan.missing if item.unpack)
    needed = plan.bytes_to_fetch + archives
    free = shutil.disk_usage(plan.destination).free
    if needed > free:
        raise DataError(
            "there is not enough room on the disk",
            file=plan.destination,
            expected=f"{needed / 1e9:.1f} GB free",
            found=f"{free / 1e9:.1f} GB",
            hint="give another folder, or set VLMEVAL_DATA_HOME to one on a larger disk",
        )


class _Run:
    """One download of a plan: its parts share a report and a byte counter."""

    def __init__(self, plan: FetchPlan, options: FetchOptions, progress: Progress, keep_archives: bool) -> None:
        self.plan, self.options, self.progress, self.keep_archives = plan, options, progress, keep_archives
        self.shared = Shared(options.workers)
        self.report = FetchReport(plan.destination, skipped=dict(plan.skipped), manual=plan.source.manual)

    def run(self) -> FetchReport:
        with self.shared.session:
            self._run()
        self.report.bytes = self.shared.bytes
        return self.report

    def _run(self) -> None:
        plan = self.plan
        wanted = self._wanted(plan.items)
        if plan.source.dataverse and wanted:
            resolved = {item.path: item for item in resolve(plan, self.options.timeout)}
            wanted = [resolved[item.path] for item in wanted]
        self._get_all(wanted)
        later = plan.pictures_later
        if later is not None and later.table not in self.report.failed:
            self._get_all(self._wanted(picture_items(later, plan.destination, plan.base_url)))
        for item in wanted:
            self._unpack(item)

    def _wanted(self, items: Sequence[FetchItem]) -> list[FetchItem]:
        """Return the items to download; those unpacked before, or there in another layout, go into the report."""
        wanted = []
        for item in items:
            folder = item.unpacked(self.plan.destination)
            if item.elsewhere or (folder is not None and folder.is_dir()):
                self.report.present.append(item.path)
            else:
                wanted.append(item)
        return wanted

    def _get_all(self, items: Sequence[FetchItem]) -> None:
        """Download ``items``, several at a time, and note in the report what came of each."""
        self._sweep(items)
        jobs = [(item.path, self._job(item)) for item in items]
        sizes = [item.size for item in items]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        before = self.shared.bytes
        pool = ThreadPoolExecutor(max(1, self.options.workers), thread_name_prefix="fetch")
        try:
            futures = {pool.submit(job): path for path, job in jobs}
            for done in self._watch(futures):
                if total is None:
                    self.progress("downloading files", done, len(futures))
                else:
                    self.progress("downloading", min(self.shared.bytes - before, total), total)
        finally:
            self.shared.stop.set()  # for a KeyboardInterrupt: workers stop at their next chunk
            pool.shutdown(cancel_futures=True)
            self.shared.stop = threading.Event()

    def _sweep(self, items: Sequence[FetchItem]) -> None:
        """Delete pooch's temporary files that a killed run left; the lock says that no run is using them."""
        for folder in {item.target(self.plan.destination).parent for item in items}:
            for path in folder.glob("tmp" + "?" * 8) if folder.is_dir() else ():
                if not path.suffix and path.is_file():
                    path.unlink()

    def _job(self, item: FetchItem) -> Callable[[], bool]:
        target = item.target(self.plan.destination)
        return lambda: download(item, target, self.options, self.shared)

    def _watch(self, futures: dict[Future[bool], str]) -> Any:
        """Yield the number of finished files now and then until all are, or until too many fail in a row."""
        pending, in_a_row = set(futures), 0
        while pending:
            finished, pending = wait(pending, timeout=0.25, return_when=FIRST_COMPLETED)
            for future in finished:
                in_a_row = 0 if self._note(futures[future], future) else in_a_row + 1
            yield len(futures) - len(pending)
            if in_a_row >= GIVE_UP_AFTER and pending:
                self._abandon(futures, pending)
                return

    def _note(self, path: str, future: Future[bool]) -> bool:
        """Put one result into the report; False for a failure."""
        try:
            fresh = future.result()
        except (PermanentError, StoppedError) as error:
            self.report.failed[path] = str(error) or "interrupted"
            return False
        (self.report.downloaded if fresh else self.report.present).append(path)
        return True

    def _abandon(self, futures: dict[Future[bool], str], pending: set[Future[bool]]) -> None:
        reason = f"not tried: {GIVE_UP_AFTER} downloads in a row had failed"
        self.shared.stop.set()
        for future in pending:
            self.report.failed[futures[future]] = reason

    def _unpack(self, item: FetchItem) -> None:
        folder = item.unpacked(self.plan.destination)
        archive = item.target(self.plan.destination)
        if folder is None or not archive.is_file():
            return
        self.progress(f"unpacking {archive.name}", 0, None)
        self.report.unpacked[folder.name] = unpack(archive, folder)
        if not self.keep_archives:
            archive.unlink()
