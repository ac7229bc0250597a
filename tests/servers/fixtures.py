"""Servers: fixtures: one server of a kind for all tests of a run, with a bucket for each test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from servers import azurite as azurite_server
from servers import gcs as gcs_server
from servers import metadata as cloud_server
from servers import moto as moto_server
from servers import radosgw as radosgw_server
from servers import registry as registry_server
from servers import shared
from servers.azurite import Azurite
from servers.gcs import Gcs
from servers.metadata import Cloud
from servers.moto import Moto
from servers.registry import Registry
from servers.s3 import S3


@pytest.fixture(scope="session", autouse=True)
def _servers_end() -> Iterator[None]:
    yield
    shared.close()


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """Whoever gives credentials in a cloud: metadata, agents, servers of tokens."""
    with cloud_server.start() as server:
        yield server


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end which servers were not there, and what would bring them."""
    missing = Counter(
        reason.partition(shared.LEFT_OUT)[2]
        for report in terminalreporter.stats.get("skipped", ())
        if shared.LEFT_OUT in (reason := str(report.longrepr))
    )
    for reason, count in sorted(missing.items()):
        why = reason.rstrip("')")
        terminalreporter.write_line(f"left out: {count} tests: {why}", yellow=True)


@pytest.fixture
def moto() -> Moto:
    """S3 without a look at signatures; shared: nobody resets it or turns its logins on."""
    return shared.get(moto_server.start)


@pytest.fixture
def own_moto() -> Iterator[Moto]:
    """An S3 of this test's own, which may be reset and look at keys (0.5 s)."""
    with shared.or_skip(moto_server.start()) as server:
        yield server


@pytest.fixture
def secure_moto() -> Moto:
    """S3 over TLS, with an authority of the test's own; shared."""
    return shared.get(moto_server.start_secure)


@pytest.fixture
def radosgw() -> S3:
    """S3 that looks at signatures, by Ceph; shared."""
    return shared.get(radosgw_server.start)


@pytest.fixture
def azurite() -> Azurite:
    """Azure's blobs, with keys and shared access signatures; shared."""
    return shared.get(azurite_server.start)


@pytest.fixture
def secure_azurite() -> Azurite:
    """Azure's blobs over TLS, with users' tokens too; shared."""
    return shared.get(azurite_server.start_secure)


@pytest.fixture
def fakegcs() -> Gcs:
    """Google's storage that asks for no login; shared."""
    return shared.get(gcs_server.start)


@pytest.fixture
def own_fakegcs() -> Iterator[Gcs]:
    """Google's storage of this test's own, which may ask for tokens (0.2 s)."""
    with shared.or_skip(gcs_server.start()) as server:
        yield server


@pytest.fixture
def registry() -> Registry:
    """A registry that anybody may write to; shared."""
    return shared.get(registry_server.start)


@pytest.fixture
def secure_registry() -> Registry:
    """A registry over TLS that wants a password; shared."""
    return shared.get(registry_server.start_secure)


@pytest.fixture
def mirror(registry: Registry) -> Iterator[Registry]:
    """A pull-through mirror of `registry`, empty at first."""
    with registry_server.start_mirror(registry) as server:
        yield server
