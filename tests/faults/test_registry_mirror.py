"""Faults of a pull-through mirror: the registry behind it answers, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faults.far import Far, Made
from faults.looking import FAILED
from faults.sending import Sending
from hosts import TRAIN, Host
from servers.faulty import Faulty

pytestmark = pytest.mark.parametrize("far", ["oci"], indirect=True)
READ = {"record": "/manifests/", "bundle": "/blobs/sha256"}


@pytest.fixture
def mirror(far: Far) -> Iterator[Faulty]:
    """It has whatever the registry has, and a mind of its own."""
    with Faulty(far.server.url) as proxy:
        yield proxy


class Reader(Host):
    """A host that reads through it, and what it should get."""

    made: Made

    def once(self) -> str:
        """One compile: its outcome; a hit is a right one."""
        assert self.compile(self.root / "work", TRAIN).status == 0
        (outcome,) = self.outcomes()
        if outcome == "hit_remote":
            assert self.compiles == 0
            assert (self.root / "work" / "out.neff").read_bytes() == self.made.neff
        return outcome


@pytest.fixture
def host(tmp_path: Path, far: Far, mirror: Faulty, made: Made) -> Reader:
    far.offer(made)
    url = f"{far.url}?mirror={mirror.url}&mode=ro"
    variables = {"NEFFCACHE_REMOTES": url, "NEFFCACHE_REMOTE_TIMEOUT": "6", **far.environ}
    host = Reader(tmp_path / "host", {"SDKSTANDIN_FAKE": "1", **variables})
    host.made = made
    return host


def test_a_mirror_that_is_well_is_all_that_is_asked(host: Reader, far: Far, mirror: Faulty) -> None:
    assert host.once() == "hit_remote"
    assert far.proxy.requests() == []
    assert mirror.requests()


@pytest.mark.parametrize("what", READ)
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 404},
        {"status": 403},
        {"status": 429, "headers": {"Retry-After": "600"}},
        {"reset": True},
        {"silence": True},
        {"cut": 0},
        {"longer": -10},
    ],
    ids=["500", "404", "403", "429", "reset", "silent", "cut", "short"],
)
def test_a_mirror_that_fails_is_passed_by(
    host: Reader, mirror: Faulty, what: str, fault: dict[str, Any]
) -> None:
    mirror.fault(READ[what], times=None, **fault)
    assert (host.once(), host.notes()) == ("hit_remote", [])


@pytest.mark.parametrize(("what", "flip"), [("record", 300), ("bundle", 600), ("bundle", -2000)])
def test_a_mirror_with_a_wrong_byte_makes_no_wrong_hit(
    host: Reader, mirror: Faulty, what: str, flip: int
) -> None:
    mirror.fault(READ[what], times=None, flip=flip)
    if host.once() != "hit_remote":
        assert (host.outcomes(), host.compiles) == (["compiled"], 1)
        assert host.notes() in ([FAILED], ["remote_damaged"])


def test_writes_pass_a_mirror_by(far: Far, mirror: Faulty, tmp_path: Path) -> None:
    mirror.fault(times=None, status=500)
    far.url = f"{far.url}?mirror={mirror.url}"
    host = Sending(tmp_path, far)
    try:
        host.queue("a")
        assert host.flush().left == []
        assert host.arrived("a")
    finally:
        host.end()
