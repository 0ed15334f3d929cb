"""A small HTTP server on 127.0.0.1 that serves files from memory and misbehaves as told."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class Site:
    """What is served, what was asked for, and how the server behaves.

    ``trouble`` maps a path to a list of ways to fail, one a request, first to last; then it behaves.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    trouble: dict[str, list[str]] = field(default_factory=dict)
    ranges: bool = True
    google: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    on_request: Callable[[str], None] | None = None
    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def counts(self) -> Counter[str]:
        return Counter(path for path, _ in self.asked)


class Handler(BaseHTTPRequestHandler):
    site: Site
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        site, path = self.site, urlsplit(self.path).path
        site.asked.append((self.path, self.headers.get("Range")))
        if site.on_request:
            site.on_request(path)
        waiting = site.trouble.get(path, [])
        trouble = waiting.pop(0) if waiting else ""
        if trouble.isdigit():
            self.reply(int(trouble), b"no")
        elif trouble == "html":
            self.reply(200, b"<html>please log in</html>", {"Content-Type": "text/html"})
        elif path.startswith("/moved"):
            self.reply(303, b"", {"Location": path.removeprefix("/moved")})
        elif path not in site.files:
            self.reply(404, b"no such file")
        else:
            self.send_file(site.files[path], trouble)

    def send_file(self, whole: bytes, trouble: str) -> None:
        body = whole[:-1] + bytes([whole[-1] ^ 1]) if trouble == "wrong" else whole
        headers = {"Content-Type": "application/octet-stream"}
        if self.site.google:
            md5 = base64.b64encode(hashlib.md5(whole + (b"gz" if self.site.headers else b"")).digest()).decode()  # noqa: S324
            headers["x-goog-hash"] = f"crc32c=AAAAAA==, md5={md5}"
            headers |= self.site.headers
        code, start = 200, 0
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match and self.site.ranges:
            start = int(match[1])
            if start >= len(whole):
                self.reply(416, b"")
                return
            code = 206
            headers["Content-Range"] = f"bytes {start}-{len(whole) - 1}/{len(whole)}"
        self.reply(code, body[start:], headers, trouble)

    def reply(self, code: int, body: bytes, headers: dict[str, str] | None = None, trouble: str = "") -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        if trouble in ("cut", "stall"):
            self.send_header("Connection", "close")
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half] if trouble in ("cut", "stall") else body)
        self.wfile.flush()
        if trouble == "stall":
            self.site.release.wait(20)
        if trouble in ("cut", "stall"):
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients that hang up are part of the tests


def start(site: Site) -> Server:
    server = Server(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


def dataverse_listing(files: dict[str, tuple[int, bytes, bool]]) -> bytes:
    """The answer of a Dataverse: name -> (number, bytes as uploaded, whether a table was converted)."""
    entries = []
    for name, (number, data, converted) in files.items():
        entry: dict[str, object] = {
            "id": number,
            "filename": name,
            "filesize": len(data) * (2 if converted else 1),
            "md5": hashlib.md5(data).hexdigest(),  # noqa: S324
        }
        if converted:
            entry |= {"originalFileFormat": "text/csv", "originalFileSize": len(data)}
        entries.append({"label": name, "restricted": False, "dataFile": entry})
    return json.dumps({"status": "OK", "data": {"latestVersion": {"files": entries}}}).encode()
