"""Fixtures of the commands' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hosts import Host
from hub.peer import Peer
from natives import REPO, native
from running import end_all


@pytest.fixture
def make_native_host(
    hub: Peer, make_host: Callable[[str], Host], tmp_path: Path
) -> Iterator[Callable[[str], Host]]:
    """Hosts with a cache of libneuronxla's each, and one private repository."""
    hub.create(REPO)

    def made(name: str) -> Host:
        host = make_host(name)
        host.variables |= hub.environ() | {
            "CUSTOM_CACHE_REPO": REPO,
            "NEURON_COMPILE_CACHE_URL": str(native(host)),
        }
        return host

    yield made
    end_all(tmp_path)


@pytest.fixture
def native_host(make_native_host: Callable[[str], Host]) -> Host:
    """One of them."""
    return make_native_host("host")
