"""Fixtures of the data room's reading, fetching and checking."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest


def _load_fileserver() -> ModuleType:
    name = "vlmeval_test_fileserver"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("fileserver.py"))
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture
def fileserver() -> ModuleType:
    """The module with the helpers of the test server."""
    return _load_fileserver()


@pytest.fixture
def site(fileserver: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """A running server; see fileserver.Site."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = fileserver.Site()
    server = fileserver.start(served)
    yield served
    served.release.set()
    server.shutdown()
    server.server_close()
