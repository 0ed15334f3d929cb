"""Download one file so that it is there whole or not at all.

Comes in: an item with its address. Goes out: the file under its name, or an error that says whether trying again helps.

The bytes go to ``<name>.part``; pooch verifies the checksum and gives the file its name. What an interrupted download
left is continued (HTTP Range), but only when a checksum will tell whether the halves fit: the published one, or the
MD5 that Google Cloud Storage sends along. Otherwise it starts anew.
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vlmeval.data.fetching.plan import FetchItem

if TYPE_CHECKING:
    import requests

CHUNK: Final = 1 << 17
TRY_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP status codes that may be different next time."""


@dataclass(frozen=True)
class FetchOptions:
    """How hard to try.

    ``workers`` downloads at a time; ``retries`` more attempts after the first; ``timeout`` seconds without a single
    byte count as a stall; waits between attempts start at ``backoff`` seconds and double, up to ``longest_wait``.
    """

    workers: int = 8
    retries: int = 5
    timeout: float = 30.0
    backoff: float = 1.0
    longest_wait: float = 60.0


class TransientError(Exception):
    """The attempt failed; another may not. ``wait`` is what the server asked for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class PermanentError(Exception):
    """The file cannot be had this way."""


class StoppedError(Exception):
    """Somebody interrupted the whole download."""


class Shared:
    """What the threads of one download share: connections, a byte counter, and the wish to stop."""

    def __init__(self, workers: int) -> None:
        import requests
        from requests.adapters import HTTPAdapter

        self.stop = threading.Event()
        self.session = requests.Session()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_maxsize=workers))
        self._lock = threading.Lock()
        self._bytes = 0

    def add(self, count: int) -> None:
        """Count some bytes; negative when they have to be fetched again."""
        with self._lock:
            self._bytes += count

    @property
    def bytes(self) -> int:
        """Bytes that are good so far: fetched now, or continued from."""
        return self._bytes


def download(item: FetchItem, target: Path, options: FetchOptions, shared: Shared) -> bool:
    """Download ``item`` to ``target``; return False when it was there already, with the right checksum.

    Raises
    ------
    PermanentError
        With the reason, after the last attempt or when no attempt can help.
    StoppedError
        ``shared`` was told to stop; what has been downloaded is kept for the next time.
    """
    before = target.stat().st_mtime_ns if target.is_file() else None
    for attempt in range(options.retries + 1):
        try:
            _retrieve(item, target, options, shared)
        except TransientError as error:
            if attempt == options.retries:
                raise PermanentError(f"{error} (gave up after {attempt + 1} attempts)") from error
            wait = error.wait if error.wait is not None else options.backoff * 2**attempt
            if shared.stop.wait(min(wait, options.longest_wait)):
                raise StoppedError from error
        else:
            break
    return target.stat().st_mtime_ns != before


def _retrieve(item: FetchItem, target: Path, options: FetchOptions, shared: Shared) -> None:
    """One attempt: pooch skips what is complete, else calls the attempt, verifies, and moves into place."""
    import pooch
    import requests

    part = target.with_name(target.name + ".part")

    def attempt(url: str, output_file: str, _: object) -> None:
        _Attempt(url, part, item, options, shared).run()
        part.replace(output_file)

    pooch.get_logger().setLevel("ERROR")  # rooms never print
    known = None if item.md5 is None else f"md5:{item.md5}"
    try:
        pooch.retrieve(item.url, known_hash=known, fname=target.name, path=target.parent, downloader=attempt)
    except requests.RequestException as error:
        raise TransientError(_short(error)) from error
    except ValueError as error:  # pooch: the checksum differs
        shared.add(-(item.size or 0))
        raise TransientError(f"the bytes are not those the publisher promises (MD5 is not {item.md5})") from error
    except OSError as error:
        raise PermanentError(f"cannot be written: {error}") from error


class _Attempt:
    """One HTTP request for one file, continuing what is there of it."""

    def __init__(self, url: str, part: Path, item: FetchItem, options: FetchOptions, shared: Shared) -> None:
        self.url, self.part, self.item, self.options, self.shared = url, part, item, options, shared

    def run(self) -> None:
        """Leave the complete file in ``part``, or raise TransientError, PermanentError or StoppedError."""
        have = self.part.stat().st_size if self.part.exists() else 0
        if self.item.size is not None and self.item.md5 and have == self.item.size:
            return  # complete but for its name: the last run was stopped in between
        if not self._request(have):
            self._request(0)

    def _request(self, have: int) -> bool:
        """Download from byte ``have`` on; False when that cannot be trusted and the file must be fetched whole."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "vlmeval"}
        if have:
            headers["Range"] = f"bytes={have}-"
        timeout = (self.options.timeout, self.options.timeout)
        with self.shared.session.get(self.url, stream=True, headers=headers, timeout=timeout) as response:
            if have and response.status_code == 416:
                return False
            _check_status(response)
            start, total = _range_of(response)
            md5 = _stated_md5(response)
            if have and (start not in (0, have) or (start == have and not (self.item.md5 or md5))):
                return False
            self._check_size(total)
            self._write(response, start)
        self._check_whole(total, md5)
        return True

    def _check_size(self, total: int | None) -> None:
        if self.item.size is not None and total is not None and total != self.item.size:
            raise PermanentError(f"the file has {total} bytes, the publisher states {self.item.size}")

    def _write(self, response: requests.Response, start: int) -> None:
        if start:
            self.shared.add(start)
        with self.part.open("r+b" if start else "wb") as stream:
            stream.seek(start)
            stream.truncate()
            for chunk in response.iter_content(CHUNK):
                if self.shared.stop.is_set():
                    raise StoppedError
                stream.write(chunk)
                self.shared.add(len(chunk))

    def _check_whole(self, total: int | None, md5: str | None) -> None:
        size = self.part.stat().st_size
        whole = self.item.size if total is None else total
        if whole is not None and size != whole:
            raise TransientError(f"the connection ended after {size} of {whole} bytes")
        if md5 is not None and _md5_of(self.part) != md5:
            self.part.unlink()
            self.shared.add(-size)
            raise TransientError("the bytes are not those the server promises (MD5)")


def _check_status(response: requests.Response) -> None:
    code = response.status_code
    if code in TRY_AGAIN:
        wait = response.headers.get("Retry-After", "")
        raise TransientError(f"the server answers {code} {response.reason}", float(wait) if wait.isdigit() else None)
    if code not in (200, 206):
        raise PermanentError(f"the server answers {code} {response.reason}")
    if "text/html" in response.headers.get("Content-Type", ""):
        raise PermanentError("a web page came instead of the file (a login, a proxy, or terms to accept?)")


def _range_of(response: requests.Response) -> tuple[int, int | None]:
    """First byte of the answer and the size of the whole file, if the server says it."""
    if response.status_code == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if match is None:
            raise PermanentError("the server sends part of a file without saying which")
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _stated_md5(response: requests.Response) -> str | None:
    """Return the MD5 (hex) of the whole file as Google Cloud Storage states it in ``x-goog-hash``, else None."""
    if response.headers.get("x-goog-stored-content-encoding", "identity") != "identity":
        return None  # it is about the compressed form, which is not what is sent
    match = re.search(r"md5=([A-Za-z0-9+/]+=*)", response.headers.get("x-goog-hash", ""))
    return None if match is None else base64.b64decode(match[1]).hex()


def _md5_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, _md5).hexdigest()


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)  # the publishers' choice; it guards against accidents


def _short(error: Exception) -> str:
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= 200 else text[:197] + "..."
