"""kill -9 at any moment of an upload: nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from entries import has, key_of
from neffcache import queue, remote
from neffcache.cache import bundles, trailing
from neffcache.remotes.file import STAGING
from running import is_alive, kill
from story.uploads import Uploads
from waiting import until

KEY = key_of("a")


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Uploads]:
    made = Uploads(tmp_path)
    yield made
    made.end()


def _before_anything(_host: Uploads, _marker: queue.Marker) -> None:
    return


def _in_the_middle_of_the_tar(host: Uploads, marker: queue.Marker) -> None:
    """Killed while the bytes flow: the sender is stopped as soon as it has begun."""
    host.start([marker])
    staging = host.root("r") / STAGING
    until(lambda: list(staging.glob(".neffcache-*")))
    for pid in host.uploaders():
        kill(pid)
    until(lambda: not host.senders())  # it dies with the uploader, in the middle


def _between_tar_and_record(host: Uploads, marker: queue.Marker) -> None:
    """The state that a kill between the two steps leaves."""
    real = host.store.entry_path(KEY)
    opened = remote.open_remote(remote.parse(marker.destination.remote), {})
    _size, digest = trailing.hash_file(real, lambda: None)
    opened.store(bundles.tar_name(KEY, digest), real, lambda _count: None)


def _after_the_record(host: Uploads, marker: queue.Marker) -> None:
    """Everything is there, but the marker still stands."""
    host.start([marker])
    host.until_empty()
    host.kill_uploaders()
    assert queue.put(host.store, marker.destination, KEY).path == marker.path


@pytest.mark.parametrize(
    "phase",
    [_before_anything, _in_the_middle_of_the_tar, _between_tar_and_record, _after_the_record],
)
def test_killed_in_each_phase_it_is_finished_by_the_next(
    host: Uploads, phase: Callable[[Uploads, queue.Marker], None]
) -> None:
    marker = host.enqueue("a", host.url("r"), data=os.urandom(48 << 20))[0]
    phase(host, marker)
    host.kill_uploaders()
    host.start([marker])
    host.until_empty()
    assert has(host.root("r"), KEY)
    assert len(list((host.root("r") / bundles.record_name(KEY)).parent.iterdir())) == 2
    assert host.dead() == []


def test_killed_again_and_again_nothing_is_lost_and_nothing_twice(host: Uploads) -> None:
    words = [str(number) for number in range(24)]
    markers = [host.enqueue(word, host.url("r"), data=os.urandom(1 << 20))[0] for word in words]
    for goal in range(0, 24, 4):
        host.start(markers)
        until(lambda: 24 - len(next(iter(host.waiting().values()), [])) > goal)  # noqa: B023
        host.kill_uploaders()
    host.start(markers)
    host.until_empty()
    for word in words:
        assert has(host.root("r"), key_of(word))
        assert len(list((host.root("r") / bundles.record_name(key_of(word))).parent.iterdir())) == 2
    assert host.dead() == []


def test_the_sender_dies_with_the_uploader(host: Uploads) -> None:
    marker = host.enqueue("a", host.url("r"), data=bytes(64 << 20))[0]
    host.start([marker])
    until(host.senders)
    sender = host.senders()[0]
    for pid in host.uploaders():
        kill(pid)
    until(lambda: not is_alive(sender))
