"""Faults of stores and registries while entries are sent: nothing is lost, and reasons are told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from entries import key_of
from faults.far import OBJECTS, Far, leaks
from faults.sending import Sending
from faults.test_far_reading import SLOW_DOWN
from neffcache import backlog

WORDS = ["0", "1", "2"]
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
DENIED_THERE = b'{"errors":[{"code":"DENIED","message":"requested access is denied"}]}'


@pytest.fixture
def host(tmp_path: Path, far: Far) -> Iterator[Sending]:
    made = Sending(tmp_path, far)
    yield made
    made.end()


def sent_later(host: Sending) -> None:
    """Once all is well what waits goes out, and no secret was told meanwhile."""
    assert host.dead() == []
    assert len(host.waiting().popitem()[1]) == 3
    assert leaks(Path(host.store.path), host.far, host.neffcache("flush", "--help").out) == []
    host.far.proxy.mend()
    done = host.flush()
    assert (done.left, done.dead) == ([], [])
    assert host.arrived(WORDS)


def test_what_waits_arrives(host: Sending) -> None:
    host.start(host.queue(*WORDS))
    host.until_empty()
    assert host.arrived(WORDS)
    assert host.stamp() is None


@pytest.mark.parametrize("what", ["upload", "record"])
@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"status": 500}, "500"),
        ({"status": 503, "body": SLOW_DOWN}, "503"),
        ({"reset": True}, ""),
        ({"upto": 20, "reset": True}, ""),
    ],
    ids=["500", "503", "reset", "reset-in-the-middle"],
)
def test_a_remote_that_fails_again_and_again_keeps_all(
    host: Sending, what: str, fault: dict[str, Any], says: str
) -> None:
    host.queue(*WORDS)
    host.far.proxy.fault(host.far.pattern(what), "P.*", times=None, **fault)
    assert says in host.fail()
    sent_later(host)


def test_a_remote_that_stops_answering_keeps_all(host: Sending) -> None:
    host.set(remote_timeout="0.5")
    host.queue(*WORDS)
    host.far.proxy.fault(times=None, silence=True)
    assert host.fail()
    host.kill_uploaders()  # it has this little patience
    host.set(remote_timeout="4")
    sent_later(host)


def test_what_fails_for_a_while_arrives(host: Sending) -> None:
    host.queue(*WORDS)
    host.far.proxy.fault(method="P.*", times=2, status=503)
    host.flush(None)
    host.flush()
    assert host.arrived(WORDS)
    assert host.dead() == []


def test_a_stated_pause_is_kept(host: Sending) -> None:
    host.queue(*WORDS)
    headers = {"Retry-After": "600"}
    host.far.proxy.fault(times=None, status=429, body=SLOW_DOWN, headers=headers)
    assert "asked to be left alone" in host.fail()
    # obstore does not hand on what Retry-After says.
    assert host.pause() >= (600 if host.far.is_registry else 30)
    sent_later(host)


def test_on_a_bad_day_all_arrives(host: Sending) -> None:
    """Every other request fails in one way or another, several entries being under way at once."""
    words = [str(number) for number in range(8)]
    host.queue(*words, data=os.urandom(100_000))
    ways: list[dict[str, Any]] = [
        {"reset": True},
        {"status": 503, "body": SLOW_DOWN},
        {"status": 504, "after": True},
        {"reset": True, "after": True},
        {"upto": 10, "reset": True},
    ]
    for number in range(15):
        host.far.proxy.fault(skip=number, **ways[number % len(ways)])
    for _ in range(20):
        if not host.flush(None).left:
            break
    assert host.waiting() == {}
    assert host.arrived(words)
    assert host.dead() == []


@pytest.mark.parametrize("fault", [{"status": 504}, {"reset": True}], ids=["504", "reset"])
@pytest.mark.parametrize("what", ["record", "upload"])
def test_what_landed_although_its_answer_did_not_is_there_once(
    host: Sending, fault: dict[str, Any], what: str
) -> None:
    host.queue(*WORDS)
    rule = host.far.proxy.fault(host.far.pattern(what), "P.*", after=True, **fault)
    host.flush(None)
    host.flush()
    assert rule.hits
    assert host.arrived(WORDS)
    assert (host.dead(), host.waiting()) == ([], {})


def test_refused_it_is_set_aside_with_the_reason_and_taken_up_on_request(host: Sending) -> None:
    host.queue(*WORDS)
    body = DENIED_THERE if host.far.is_registry else DENIED
    host.far.proxy.fault(method="P.*", times=None, status=403, body=body)
    assert len(host.flush().dead) == 3
    reasons = {reason for _url, reason in host.dead()}
    assert len(reasons) == 1
    assert "403" in reasons.pop()
    assert leaks(Path(host.store.path), host.far) == []
    host.far.proxy.mend()
    assert host.neffcache("flush", "--refused").status == 0
    assert host.arrived(WORDS)


@pytest.mark.parametrize("far", OBJECTS, indirect=True)
def test_a_bucket_deleted_under_us_loses_nothing(host: Sending) -> None:
    host.queue(*WORDS)
    upload = host.far.pattern("record")
    rule = host.far.proxy.fault(upload, "P.*", skip=1, before=host.far.lose_place)
    host.flush(None)
    assert rule.hits
    waiting = backlog.pending(host.store, host.environ)
    dead = backlog.dead(host.store)
    reasons = [one.reason for one in waiting] + [one.reason for one in dead]
    assert reasons
    assert all(host.far.bucket in reason for reason in reasons)
    unsent = {key for one in waiting for key in one.keys} | {one.key for one in dead}
    host.far.make_place()
    host.neffcache("flush", "--refused", "--timeout", "60")
    assert host.waiting() == {}
    assert all(host.far.holds(key) for key in unsent)


def test_two_writers_of_one_key(tmp_path: Path, far: Far) -> None:
    hosts = [Sending(tmp_path, far, name) for name in ("one", "two")]
    try:
        markers = [host.queue("a", data=os.urandom(1 << 20)) for host in hosts]
        for host, marker in zip(hosts, markers, strict=True):
            host.start(marker)
        for host in hosts:
            host.until_empty()
            assert host.dead() == []
        assert far.holds(key_of("a")) in [host.bundle("a") for host in hosts]
    finally:
        for host in hosts:
            host.end()
