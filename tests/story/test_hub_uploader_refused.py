"""A Hub that refuses, is full or down: all stays queued with one clear line, then it is sent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from entries import key_of
from hub.peer import Peer
from story.hub_uploads import REPO, HubUploads, words
from waiting import until

WORDS = words(3)


@pytest.fixture
def host(tmp_path: Path, hub: Peer) -> Iterator[HubUploads]:
    hub.create(REPO)
    made = HubUploads(tmp_path, hub)
    yield made
    made.end()


@dataclass(frozen=True)
class Refusal:
    """What is wrong, what the one line must say, and what puts it right."""

    wrong: Callable[[HubUploads], object]
    says: tuple[str, ...]
    mend: Callable[[HubUploads], object]


def _public(host: HubUploads) -> None:
    host.hub.set_private(REPO, False)


def _foreign(host: HubUploads) -> None:
    """Public, agreed to, and somebody else's."""
    host.hub.set_private(REPO, False)
    host.set(hub_public=REPO, hub_public_weights="1")
    host.log_in("hf_bob_write")


def _full(host: HubUploads) -> None:
    host.hub.fault("/preupload/", status=403, message="Forbidden: storage is full", times=None)


REFUSALS = {
    "read-only token": Refusal(
        lambda host: host.log_in("hf_alice_read"),
        (REPO, "you are alice", "use a token that may"),
        lambda host: host.log_in("hf_alice_write"),
    ),
    "a reader of the organization": Refusal(
        lambda host: host.log_in("hf_carol_write"),
        (REPO, "you are carol", "use a token that may"),
        lambda host: host.log_in("hf_alice_write"),
    ),
    "foreign public repository": Refusal(
        _foreign,
        (REPO, "not permitted", "you are bob"),
        lambda host: host.log_in("hf_alice_write"),
    ),
    "token that is no longer valid": Refusal(
        lambda host: host.log_in("hf_revoked"),
        (REPO, "the token is not valid", "hf auth login"),
        lambda host: host.log_in("hf_alice_write"),
    ),
    "no repository": Refusal(
        lambda host: host.hub.delete(REPO),
        (REPO, "is not there", "you are alice", "neffcache create"),
        lambda host: host.hub.create(REPO),
    ),
    "public, and nobody agreed": Refusal(
        _public,
        (REPO, "is public", "neffcache create --public"),
        lambda host: host.hub.set_private(REPO, True),
    ),
    "storage full": Refusal(
        _full,
        (REPO, "storage is full", "you are alice"),
        lambda host: host.hub.mend(),
    ),
}


@pytest.fixture(params=sorted(REFUSALS))
def refusal(request: pytest.FixtureRequest) -> Refusal:
    return REFUSALS[request.param]


def test_all_stays_queued_until_it_is_put_right(host: HubUploads, refusal: Refusal) -> None:
    refusal.wrong(host)
    host.queue(WORDS)
    done = host.flush(None)
    assert (done.sent, done.dead, done.unreachable) == (0, [], False)
    assert done.left[0].refused
    assert sorted(done.left[0].keys) == sorted(key_of(word) for word in WORDS)
    for word in refusal.says:
        assert word in done.left[0].reason
    stamp = host.stamp()
    assert stamp is not None
    assert "hf_" not in stamp.reason
    refusal.mend(host)
    host.flush()
    assert host.arrived(WORDS)
    assert host.commits() == 1


def test_what_is_refused_is_told_by_commands(host: HubUploads) -> None:
    host.log_in("hf_alice_read")
    host.queue(WORDS)
    told = host.neffcache("flush")
    assert told.status == 1
    for command in (told, host.neffcache("stats"), host.neffcache("doctor")):
        assert "3 for hf://acme/cache" in command.out
        assert "you are alice" in command.out
        assert "use a token that may do this there" in command.out


def test_a_token_revoked_in_mid_job_loses_nothing(host: HubUploads) -> None:
    host.queue(["a"])
    assert host.flush().left == []
    host.hub.revoke("hf_alice_write")
    host.queue(WORDS)
    assert "the token is not valid" in host.flush(None).left[0].reason
    host.log_in("hf_alice_fine")
    host.flush()
    assert host.arrived(["a", *WORDS])


def test_a_full_quota_parks_the_queue_until_the_stated_time(host: HubUploads) -> None:
    host.hub.fault(
        "/commit/",
        status=429,
        message="You have exceeded the rate limit for repository commits (128 per hour). "
        "You can retry this action in 43 minutes.",
        times=None,
    )
    host.start(host.queue(WORDS))
    until(host.stamp)
    stamp = host.stamp()
    assert stamp is not None
    assert 43 * 60 <= stamp.until - time.time() + 60 < 60 * 60
    host.hub.clear()
    host.start(host.queue(["x"]))
    told = host.neffcache("stats")
    assert "4 for hf://acme/cache" in told.out
    assert "it asked to be left alone until" in told.out
    assert "128 per hour" in told.out
    row = json.loads(host.neffcache("stats", "--json").out)["queue"][0]
    assert row["failing"]
    assert host.hub.requests() == []
    host.hub.mend()
    assert host.flush().left == []
    assert host.commits() == 1


def test_with_the_xet_store_down_it_goes_by_lfs(host: HubUploads) -> None:
    host.set(hub_no_xet="0")
    host.hub.settings.cas_up = False
    host.start(host.queue(WORDS))
    host.until_empty()
    assert host.arrived(WORDS)
    assert host.commits() == 1
    assert host.asked("info/lfs/objects/batch") == 1


def test_without_xet_on_the_hub_it_goes_by_lfs(host: HubUploads) -> None:
    host.set(hub_no_xet="0")
    host.hub.settings.xet = False
    host.start(host.queue(WORDS))
    host.until_empty()
    assert host.arrived(WORDS)


def test_a_no_is_not_asked_for_twice(host: HubUploads) -> None:
    """Only what fails without an answer of the Hub is tried by the other way."""
    host.set(hub_no_xet="0")
    host.log_in("hf_alice_read")
    host.queue(WORDS)
    assert host.flush(None).left[0].refused
    assert host.asked("/preupload/") == 1


def test_what_may_hold_weights_is_refused_by_a_public_place_alone(host: HubUploads) -> None:
    host.hub.set_private(REPO, False)
    host.set(hub_public=REPO)
    host.start(host.queue(WORDS))
    host.until_empty()
    assert len(host.dead()) == 3
    assert "NEFFCACHE_HUB_PUBLIC_WEIGHTS=1" in host.dead()[0][1]
    assert host.commits() == 0


def test_a_place_that_becomes_public_while_content_goes_up_gets_nothing(host: HubUploads) -> None:
    host.hub.fault("", "PUT", "cdn", delay=1.0)
    host.start(host.queue(WORDS))
    host.until_asked("/lfs/", "cdn")
    host.hub.set_private(REPO, False)
    until(host.stamp)
    assert "is public" in host.reason()
    assert host.commits() == 0


def test_what_a_commit_does_not_hold_is_not_reported_as_sent(host: HubUploads) -> None:
    host.hub.fault("/commit/", status=200, times=None)
    host.queue(WORDS)
    assert host.flush(None).left
    assert host.dead() == []


def test_a_renamed_repository_is_followed(host: HubUploads) -> None:
    host.hub.rename(REPO, "acme/new")
    host.queue(WORDS)
    assert host.flush().left == []
    assert len(host.hub.paths("acme/new")) == 3


def test_a_silent_hub_is_given_up(host: HubUploads) -> None:
    host.hub.fault("", times=None, silence=True)
    host.queue(WORDS)
    done = host.flush(None)
    assert "no answer in time" in done.left[0].reason
    assert done.unreachable


def test_no_secret_is_in_the_store(host: HubUploads) -> None:
    host.log_in("hf_bob_write")
    host.queue(WORDS)
    host.flush(None)
    for path in Path(host.store.path).rglob("*"):
        assert not path.is_file() or b"hf_bob_write" not in path.read_bytes()


def test_what_a_revoked_token_left_goes_with_a_new_one_when_asked(host: HubUploads) -> None:
    host.environ[b"HF_TOKEN"] = b"hf_alice_write"
    host.queue(WORDS)
    host.hub.revoke("hf_alice_write")
    assert "the token is not valid" in host.neffcache("flush").out
    host.environ[b"HF_TOKEN"] = b"hf_alice_fine"
    told = host.neffcache("flush")
    assert (told.status, "`neffcache flush --adopt`" in told.out) == (1, True)
    assert host.commits() == 0
    told = host.neffcache("flush", "--adopt")
    assert (told.status, told.out) == (0, "3 entries sent\n")
    assert host.arrived(WORDS)
