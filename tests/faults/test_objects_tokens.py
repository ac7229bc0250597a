"""Faults: keys of S3 that end while an entry is on its way: it is sent with the next ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from entries import key_of
from faults.far import Far, encoded
from faults.sending import Sending
from faults.test_objects_refused import body
from servers import metadata
from servers.metadata import AGENT_TOKEN, Cloud

OLD, NEW = "ASIAOLDOLDOLDOLDOLDO", "ASIANEWNEWNEWNEWNEWN"
pytestmark = pytest.mark.parametrize("far", ["s3"], indirect=True)


@pytest.fixture
def agent() -> Iterator[Cloud]:
    with metadata.start() as made:
        made.keys, made.lasts = (OLD, "old-secret", "old-session"), 60.0
        yield made


@pytest.fixture
def host(tmp_path: Path, far: Far, agent: Cloud) -> Iterator[Sending]:
    made = Sending(tmp_path, far)
    for name in (b"AWS_ACCESS_KEY_ID", b"AWS_SECRET_ACCESS_KEY"):
        del made.environ[name]
    made.environ |= encoded({
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent.url}/agent",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": AGENT_TOKEN,
    })  # fmt: skip
    far.secrets = ["old-secret", "old-session", "new-secret", AGENT_TOKEN]
    yield made
    made.end()


def test_keys_that_end_in_mid_upload_lose_nothing(host: Sending, agent: Cloud) -> None:
    """Whether the upload itself survives that is free: what is under way may be refused."""
    far = host.far

    def end() -> None:
        agent.keys = (NEW, "new-secret", "new-session")
        old = {"authorization": OLD}
        far.proxy.fault(headers_match=old, times=None, status=400, body=body("ExpiredToken"))

    host.queue("a", data=os.urandom(40 << 20))
    rule = far.proxy.fault(far.pattern("upload"), "PUT", skip=1, before=end)
    host.flush(None)
    assert host.dead() == []
    host.flush()
    assert rule.hits
    assert host.waiting() == {}
    assert far.holds(key_of("a")) == host.bundle("a")
    who = [one.headers["authorization"] for one in far.proxy.requests("partNumber=")]
    assert any(OLD in one for one in who)
    assert any(NEW in one for one in who)


def test_keys_that_ended_are_waited_for(host: Sending, agent: Cloud) -> None:
    """The agent itself has none for a while: what waits is sent once it has."""
    host.queue("a")
    agent.instead["/agent"] = metadata.Said(500)
    assert "500" in host.fail()
    assert host.dead() == []
    agent.instead.clear()
    assert host.flush().left == []
    assert host.arrived("a")
