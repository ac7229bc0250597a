"""kill -9 in each phase of a commit, and commits of which nothing is heard: all there, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hub.peer import Peer
from running import kill
from story.hub_uploads import REPO, HubUploads, words
from waiting import until

WORDS = words(5)


@pytest.fixture
def host(tmp_path: Path, hub: Peer) -> Iterator[HubUploads]:
    hub.create(REPO)
    made = HubUploads(tmp_path, hub)
    yield made
    made.end()


def _at_once(host: HubUploads) -> None:
    until(host.uploaders)


def _before_the_content(host: HubUploads) -> None:
    host.hub.fault("/preupload/", silence=True)
    host.until_asked("/preupload/")


def _in_the_middle_of_an_object(host: HubUploads) -> None:
    host.hub.fault("", "PUT", "cdn", skip=2, silence=True)
    until(lambda: len(host.hub.requests("cdn")) >= 3)


def _before_the_commit(host: HubUploads) -> None:
    host.hub.fault("/commit/", silence=True)
    host.until_asked("/commit/")


def _behind_the_commit(host: HubUploads) -> None:
    host.hub.fault("/commit/", silence=True, after=True)
    until(host.commits)


PHASES = [
    _at_once,
    _before_the_content,
    _in_the_middle_of_an_object,
    _before_the_commit,
    _behind_the_commit,
]


def killed(host: HubUploads, phase: Callable[[HubUploads], None]) -> None:
    markers = host.queue(WORDS)
    host.start(markers)
    phase(host)
    host.kill_uploaders()
    host.hub.mend()
    host.start(markers)
    host.until_empty()


def test_killed_in_each_phase_it_is_finished_by_the_next(
    host: HubUploads, phase: Callable[[HubUploads], None]
) -> None:
    killed(host, phase)
    assert host.arrived(WORDS)
    assert host.commits() == 1
    assert host.dead() == []


@pytest.fixture(params=PHASES)
def phase(request: pytest.FixtureRequest) -> Callable[[HubUploads], None]:
    found: Callable[[HubUploads], None] = request.param
    return found


def _in_the_middle_of_a_xorb(host: HubUploads) -> None:
    host.hub.fault("/xorbs/", server="cas", silence=True)
    host.until_asked("/xorbs/", "cas")


def test_killed_while_xet_sends_it_is_finished_by_the_next(host: HubUploads) -> None:
    host.set(hub_no_xet="0")
    killed(host, _in_the_middle_of_a_xorb)
    assert host.arrived(WORDS)
    assert host.commits() == 1


def test_a_sender_that_dies_is_followed_by_another(host: HubUploads) -> None:
    host.hub.fault("/commit/", silence=True)
    host.start(host.queue(WORDS))
    host.until_asked("/commit/")
    for pid in host.senders():
        kill(pid)
    until(lambda: host.stamp() is not None)
    assert "died" in host.reason()
    assert host.flush().left == []
    assert host.commits() == 1


def test_a_commit_behind_a_504_is_found(host: HubUploads) -> None:
    host.hub.fault("/commit/", status=504, after=True)
    host.start(host.queue(WORDS))
    host.until_empty()
    assert host.asked("/commit/") == host.commits() == 1
    assert host.stamp() is None


@pytest.mark.parametrize("status", [409, 412, 500, 502, 503, 504])
def test_what_did_not_land_is_sent_again(host: HubUploads, status: int) -> None:
    host.hub.fault("/commit/", status=status)
    host.start(host.queue(WORDS))
    host.until_empty()
    assert host.arrived(WORDS)
    assert (host.asked("/commit/"), host.commits()) == (2, 1)
    assert host.asked("/preupload/") == 1  # the content is there already


def test_a_reset_is_looked_into(host: HubUploads) -> None:
    host.hub.fault("/commit/", reset=True, after=True)
    host.start(host.queue(WORDS))
    host.until_empty()
    assert host.asked("/commit/") == host.commits() == 1


def test_a_commit_that_hangs_and_landed_is_found(host: HubUploads) -> None:
    host.set(remote_timeout="0.25")
    host.hub.fault("/commit/", silence=True, after=True)
    host.start(host.queue(WORDS))
    host.until_empty()
    assert host.asked("/commit/") == host.commits() == 1
    assert host.dead() == []


def test_a_commit_that_hangs_is_given_up_and_sent_again(host: HubUploads) -> None:
    host.set(remote_timeout="0.25")
    host.hub.fault("/commit/", silence=True)
    host.queue(WORDS)
    done = host.flush(None)
    assert [len(one.keys) for one in done.left] == [5]
    assert "did not come to an end" in done.left[0].reason
    assert host.flush().left == []
    assert host.commits() == 1


def test_a_hub_that_always_fails_keeps_all(host: HubUploads) -> None:
    host.hub.fault("/commit/", status=500, times=None)
    host.queue(WORDS)
    done = host.flush(None)
    assert done.unreachable
    assert "500" in done.left[0].reason
    assert host.dead() == []
    host.hub.mend()
    assert host.flush().sent == 5
    assert host.commits() == 1


def test_what_the_hub_does_not_digest_goes_in_smaller_parts(host: HubUploads) -> None:
    host.hub.fault("/commit/", status=413)
    host.queue(WORDS)
    assert "413" in host.flush(None).left[0].reason
    assert host.flush().left == []
    assert host.arrived(WORDS)
    assert 2 <= host.commits() <= 3
