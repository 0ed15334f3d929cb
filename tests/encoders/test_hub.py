"""The hub, played by a local server: downloads, gates, wrong names, lost networks, interrupted downloads."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "a" * 40


@dataclass
class FakeHub:
    """What the server knows: repositories' files, and how it refuses."""

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    cut_off: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """Answers as the hub does, for the files of `hub`."""

    hub: FakeHub

    def log_message(self, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        path = self.path.partition("?")[0].strip("/")
        self.hub.asked.append(f"{self.command} /{path}")
        kind, repo, rest = self.parse(path)
        if kind == "resolve" and repo in self.hub.refusals:
            return self.refuse(*self.hub.refusals[repo])
        if repo not in self.hub.repos:
            return self.refuse(401, "RepoNotFound")
        if kind == "api":
            return self.api(repo, rest, body)
        return self.file(self.hub.repos[repo], rest.partition("/")[2], body)

    def parse(self, path: str) -> tuple[str, str, str]:
        parts = path.split("/")
        if parts[:2] == ["api", "models"]:
            return "api", "/".join(parts[2:4]), "/".join(parts[4:])
        return "resolve", "/".join(parts[:2]), "/".join(parts[3:])

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def api(self, repo: str, rest: str, body: bool) -> None:
        if rest.startswith("revision/") and rest not in (f"revision/{COMMIT}", "revision/main"):
            return self.refuse(404, "RevisionNotFound")
        files = self.hub.repos[repo]
        if rest.startswith("tree/"):
            answer: object = [
                {
                    "type": "file",
                    "path": n,
                    "size": len(c),
                    "oid": hashlib.sha1(c, usedforsecurity=False).hexdigest(),
                }
                for n, c in files.items()
            ]
        else:
            answer = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": [{"rfilename": n} for n in files]}
        return self.send(json.dumps(answer).encode(), {"Content-Type": "application/json"}, body)

    def file(self, files: dict[str, bytes], name: str, body: bool) -> None:
        if name not in files:
            return self.refuse(404, "EntryNotFound")
        content = files[name]
        tag = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        headers = {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}
        return self.send(content, headers, body, cut=name in self.hub.cut_off)

    def send(self, content: bytes, headers: dict[str, str], body: bool, cut: bool = False) -> None:
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if cut else content)
            if cut:
                self.wfile.flush()
                self.connection.close()


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    made = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": made}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


CODE = """
import json, sys
from vlmeval.encoders.resolve import resolve
from vlmeval.errors import VlmevalError
from vlmeval.records import ModelCard
spec, cards = sys.argv[1], {c["id"]: ModelCard(**c) for c in json.loads(sys.argv[2])}
class Cards:
    model_cards = cards
    def model_card(self, name): return cards[name]
handle = resolve(spec, Cards())
try:
    if sys.argv[3] == "load":
        encoder = handle.load("cpu", "float32")
        print(json.dumps({"key": handle.key, "revision": encoder.describe()["revision"], "dim": encoder.dim}))
    elif sys.argv[3] == "look":
        print(json.dumps({"found": handle.look()}))
    else:
        print(json.dumps({"folder": str(handle.fetch()), "key": handle.key, "torch": "torch" in sys.modules}))
except VlmevalError as error:
    print(json.dumps(error.as_dict()))
"""


def ask(
    hub_url: str, home: Path, spec: str, what: str = "fetch", cards: list[dict[str, object]] | None = None, **env: str
):
    """Run in a process of its own, as the hub client reads its settings when it is imported."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "TRANSFORMERS_", "HUGGING"))}
    settings = {"HF_ENDPOINT": hub_url, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1", **env}
    settings["HF_HUB_DOWNLOAD_TIMEOUT"] = "2"
    command = [sys.executable, "-c", CODE, spec, json.dumps(cards or []), what]
    done = subprocess.run(command, env={**kept, **settings}, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


CARD = {
    "schema": 1, "id": "tiny", "title": "Tiny", "family": "tiny", "library": "transformers",
    "weights": {"hub": "org/tiny"}, "licence": "none", "homepage": "https://example.org", "gated": True,
}  # fmt: skip


def test_download_once_then_never_ask_again(hub: FakeHub, hf_clip: Path, tmp_path: Path) -> None:
    hub.repos["org/tiny"] = {**files_of(hf_clip), "README.md": b"words", "pytorch_model.bin": b"not wanted"}
    first = ask(hub.url, tmp_path, "hf:org/tiny")
    assert not first["torch"]
    fetched = {p.name for p in Path(first["folder"]).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= fetched
    assert not {"README.md", "pytorch_model.bin"} & fetched
    hub.asked.clear()
    again = ask(hub.url, tmp_path, "hf:org/tiny")
    assert (again["key"], again["folder"]) == (first["key"], first["folder"])
    assert hub.asked == []
    offline = ask("http://127.0.0.1:9", tmp_path, "hf:org/tiny", what="load", HF_HUB_OFFLINE="1")
    assert (offline["revision"], offline["dim"]) == (COMMIT, 16)


def test_an_interrupted_download_is_no_model(hub: FakeHub, hf_clip: Path, tmp_path: Path) -> None:
    hub.repos["org/tiny"] = files_of(hf_clip)
    hub.cut_off.add("model.safetensors")
    torn = ask(hub.url, tmp_path, "hf:org/tiny")
    assert torn["exit_code"] == 4
    assert not list(tmp_path.rglob("*.safetensors"))
    hub.cut_off.clear()
    whole = ask(hub.url, tmp_path, "hf:org/tiny")
    assert (Path(whole["folder"]) / "model.safetensors").read_bytes() == hub.repos["org/tiny"]["model.safetensors"]


def test_a_gate_is_explained_step_by_step(hub: FakeHub, hf_clip: Path, tmp_path: Path) -> None:
    hub.repos["org/tiny"] = files_of(hf_clip)
    hub.refusals["org/tiny"] = (403, "GatedRepo")
    error = ask(hub.url, tmp_path, "tiny", cards=[CARD])
    assert error["exit_code"] == 4
    assert "is gated" in error["message"]
    for step in ("https://huggingface.co/org/tiny", "hf auth login", "--model tiny@FOLDER"):
        assert step in error["hint"]


def test_a_look_downloads_nothing_and_finds_what_a_fetch_would(hub: FakeHub, hf_clip: Path, tmp_path: Path) -> None:
    hub.repos["org/tiny"] = files_of(hf_clip)
    assert ask(hub.url, tmp_path, "hf:org/tiny", what="look") == {"found": None}
    assert not list(tmp_path.rglob("*.safetensors"))
    assert "is gated" in ask(hub.url, tmp_path, "tiny", what="look", cards=[CARD])["message"]
    assert ask(hub.url, tmp_path, "tiny", what="look", cards=[CARD], HF_TOKEN="hf_x") == {"found": None}
    assert "no model" in ask(hub.url, tmp_path, "hf:org/nothing", what="look")["message"]
    assert "cannot be reached" in ask("http://127.0.0.1:9", tmp_path, "tiny", what="look", cards=[CARD])["message"]
    ask(hub.url, tmp_path, "hf:org/tiny")
    assert ask("http://127.0.0.1:9", tmp_path, "hf:org/tiny", what="look") == {"found": None}


def test_a_wrong_name_and_a_wrong_revision(hub: FakeHub, hf_clip: Path, tmp_path: Path) -> None:
    absent = ask(hub.url, tmp_path, "hf:org/nothing")
    assert absent["exit_code"] == 4
    assert "no model 'org/nothing'" in absent["message"]
    hub.repos["org/tiny"] = files_of(hf_clip)
    wrong = ask(hub.url, tmp_path, "hf:org/tiny@v9")
    assert "no revision 'v9'" in wrong["message"]


def test_no_network_is_told_from_no_model(tmp_path: Path) -> None:
    plain = ask("http://127.0.0.1:9", tmp_path, "hf:org/tiny")
    assert plain["exit_code"] == 4
    assert "cannot be reached" in plain["message"]
    assert "hf download org/tiny" in plain["hint"]
    gated = ask("http://127.0.0.1:9", tmp_path, "tiny", cards=[CARD])
    assert "gated as well" in gated["hint"]
    assert "--model tiny@FOLDER" in gated["hint"]
    assert not list(tmp_path.rglob("models--*"))


def test_a_repository_without_weights_says_what_it_has(hub: FakeHub, hf_clip: Path, tmp_path: Path) -> None:
    hub.repos["org/tiny"] = {**files_of(hf_clip), "flax_model.msgpack": b"x"}
    del hub.repos["org/tiny"]["model.safetensors"]
    error = ask(hub.url, tmp_path, "hf:org/tiny")
    assert "no weights" in error["message"]
    assert "flax_model.msgpack" in error["found"]


def test_open_clip_from_the_hub_fetches_its_text_towers_config(
    hub: FakeHub, open_clip_biomed: Path, tmp_path: Path
) -> None:
    files = files_of(open_clip_biomed)
    config = json.loads(files["open_clip_config.json"])
    config["model_cfg"]["text_cfg"]["hf_model_name"] = "org/bert"
    hub.repos["org/biomed"] = {**files, "open_clip_config.json": json.dumps(config).encode()}
    hub.repos["org/bert"] = {**files_of(open_clip_biomed / "tiny-bert"), "pytorch_model.bin": b"not wanted"}
    loaded = ask(hub.url, tmp_path, "hf-hub:org/biomed", what="load")
    assert (loaded["dim"], loaded["revision"]) == (16, COMMIT)
    assert not [line for line in hub.asked if "org/bert" in line and "pytorch_model" in line]
