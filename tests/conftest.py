"""Fixtures that every kind of test uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import astray
from hosts import Host
from hub.peer import Peer
from running import end_probers

pytest_plugins = ["servers.fixtures"]
astray.forbid()


@pytest.fixture(autouse=True)
def _nothing_goes_astray() -> Iterator[None]:
    """No test connects to another machine, though the product may take that for an outage."""
    yield
    assert astray.found() == []


@pytest.fixture(autouse=True)
def _no_probers_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whoever meets a failing remote leaves a process behind that asks it again for an hour."""
    yield
    end_probers(tmp_path_factory.getbasetemp())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A fresh host; compiles are cheap (the stand-in packs the graph without XLA)."""
    return Host(tmp_path / "host", {"SDKSTANDIN_FAKE": "1"})


@pytest.fixture
def true_host(tmp_path: Path) -> Host:
    """A fresh host whose compiler truly compiles."""
    return Host(tmp_path / "host")


@pytest.fixture
def make_host(tmp_path: Path) -> Callable[[str], Host]:
    """Further hosts by name, with separate stores."""
    return lambda name: Host(tmp_path / name, {"SDKSTANDIN_FAKE": "1"})


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Peer]:
    """A Hub of this test's own."""
    with Peer(tmp_path / "hub-peer") as peer:
        yield peer
