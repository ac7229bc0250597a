"""Interop: optimum-neuron and a host of ours, which share a user's HF_HOME and a Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hosts import Host
from hub import clients
from hub.peer import Peer
from interop.theirs import Optimum


@pytest.fixture(scope="session")
def optimum_python() -> Path:
    """The interpreter that has optimum-neuron."""
    return clients.python_of("optimum")


@pytest.fixture
def optimum(optimum_python: Path, tmp_path: Path, hub: Peer) -> Optimum:
    """Their side, as alice."""
    return Optimum(optimum_python, tmp_path / "user" / "huggingface", hub.environ())


@pytest.fixture
def our_host(tmp_path: Path, hub: Peer, optimum: Optimum) -> Callable[[str], Host]:
    """Our side, as alice: hosts by name, with the user's HF_HOME on all of them."""
    given = {**hub.environ(), "HF_HOME": str(optimum.home), "SDKSTANDIN_FAKE": "1"}
    return lambda name: Host(tmp_path / name, dict(given))
