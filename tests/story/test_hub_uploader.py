"""The uploader and a Hub repository: one commit for many, nothing twice, as often as is allowed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import natives
from entries import key_of
from hosts import TRAIN, Host
from hub.peer import Peer
from neffcache import absences, backlog, queue
from neffcache.cache import bundles
from running import end_all
from story.hub_uploads import REPO, HubUploads, words
from waiting import until


@pytest.fixture
def host(tmp_path: Path, hub: Peer) -> Iterator[HubUploads]:
    hub.create(REPO)
    made = HubUploads(tmp_path, hub)
    yield made
    made.end()


def test_a_hundred_entries_are_one_commit(host: HubUploads) -> None:
    host.start(host.queue(words(100)))
    host.until_empty()
    assert host.arrived(words(100))
    assert host.commits() == 1
    assert host.asked("/preupload/") == host.asked("/commit/") == 1
    assert host.dead() == []


def test_by_xet(host: HubUploads) -> None:
    host.set(hub_no_xet="0")
    host.start(host.queue(words(3), os.urandom(300_000)))
    host.until_empty()
    assert host.arrived(words(3))
    assert host.asked("xet-write-token") == 1
    assert host.asked("info/lfs") == 0


def test_what_stands_there_is_not_sent(host: HubUploads) -> None:
    markers = host.queue(words(3))
    name = bundles.single_name(key_of("1"))
    host.hub.commit(REPO, {name: b"of another host"})
    host.start(markers)
    host.until_empty()
    assert host.arrived(["0", "2"])
    assert host.hub.read(REPO, name) == b"of another host"
    assert host.asked("/lfs/") == 2 + host.asked("info/lfs")


def test_when_all_stands_there_nothing_is_committed(host: HubUploads) -> None:
    host.start(host.queue(["a"]))
    host.until_empty()
    host.hub.clear()
    host.start(host.queue(["a"]))
    host.until_empty()
    assert host.commits() == 1
    assert [one.method for one in host.hub.requests()] == ["GET", "POST"]


def test_entries_are_gathered_until_somebody_flushes(host: HubUploads) -> None:
    host.set(hub_gather="1000")
    markers = host.queue(words(3))
    host.start(markers)
    until(host.uploaders)
    host.start(host.queue(["x"]))
    assert "gathered for a commit, or `neffcache flush`" in host.neffcache("stats").out
    assert host.hub.requests() == []
    done = host.flush()
    assert (done.sent, done.left) == (4, [])
    assert host.commits() == 1


def test_what_comes_after_a_flush_is_gathered_again(host: HubUploads) -> None:
    host.set(hub_gather="1000")
    host.queue(["a"])
    host.flush()
    host.start(host.queue(["b"]))
    directory = Path(host.queue(["b"])[0].path).parent
    until(lambda: not (directory / queue.FLUSH).exists())
    assert host.waiting() == {"hf://acme/cache": [key_of("b")]}
    assert host.commits() == 1


def test_a_compile_that_waits_for_its_upload_has_it_sent(hub: Peer, tmp_path: Path) -> None:
    hub.create("alice/cache")
    variables = {"SDKSTANDIN_FAKE": "1", "CUSTOM_CACHE_REPO": "alice/cache", **hub.environ()}
    host = Host(tmp_path / "host", {**variables, "NEFFCACHE_UPLOAD_WAIT": "60"})
    try:
        assert host.compile(tmp_path / "work", TRAIN).status == 0
        (entry,) = host.entries()
        assert hub.read("alice/cache", bundles.single_name(entry.stem)) == entry.read_bytes()
    finally:
        end_all(str(host.store))


def test_the_hours_commits_are_not_exceeded(host: HubUploads) -> None:
    host.set(hub_commits="1", hub_batch="2")
    host.start(host.queue(words(4)))
    until(lambda: len(next(iter(host.waiting().values()))) == 2)
    host.start(host.queue(["x"]))
    assert host.commits() == 1
    assert host.flush().left == []
    assert host.commits() == 2


def test_a_corrupt_bundle_does_not_hold_up_the_others(host: HubUploads) -> None:
    markers = host.queue(words(3))
    path = Path(host.store.entry_path(key_of("1")))
    path.write_bytes(path.read_bytes().replace(b"neff1", b"nefg1"))
    host.start(markers)
    host.until_empty()
    assert host.arrived(["0", "2"])
    assert not path.exists()
    assert len(host.dead()) == 1
    assert host.commits() == 1


def test_an_entry_that_is_gone_does_not_hold_up_the_others(host: HubUploads) -> None:
    markers = host.queue(words(2))
    host.store.drop(key_of("1"))
    host.start(markers)
    host.until_empty()
    assert host.arrived(["0"])
    assert [reason for _url, reason in host.dead()] == ["no longer in the store"]


def test_commits_of_twenty_hosts_all_arrive(tmp_path: Path, hub: Peer) -> None:
    hub.create(REPO)
    hub.settings.commit_window = 0.05
    hosts = [HubUploads(tmp_path / str(number), hub) for number in range(20)]
    try:
        for number, one in enumerate(hosts):
            one.start(one.queue([f"{number}-a", f"{number}-b", "shared"]))
        for one in hosts:
            until(lambda: not one.waiting(), 120)  # noqa: B023
        for number, one in enumerate(hosts):
            assert one.arrived([f"{number}-a", f"{number}-b"])
            assert one.dead() == []
        assert hub.read(REPO, bundles.single_name(key_of("shared")))
        assert len(hub.commits(REPO)) == 1 + 20
    finally:
        for one in hosts:
            one.end()


def test_a_native_entry_goes_into_the_commit_of_the_bundles(
    host: HubUploads, tmp_path: Path
) -> None:
    directory = natives.write(tmp_path / "root")
    native = (str(tmp_path / "root"), natives.ENTRY)
    marker = host.queue(["a"])[0]
    queue.put(host.store, marker.destination, queue.native_key(*native), native)
    host.start([marker])
    host.until_empty()
    assert host.dead() == []
    assert host.commits() == 1
    assert host.arrived(["a"])
    there = f"{natives.ENTRY}/model.neff"
    assert host.hub.read(REPO, there) == (directory / "model.neff").read_bytes()
    assert f"{natives.ENTRY}/neffcache.json" in host.hub.paths(REPO)


def test_a_native_entry_of_another_host_is_left_alone(host: HubUploads, tmp_path: Path) -> None:
    natives.write(tmp_path / "root")
    host.hub.commit(REPO, {f"{natives.ENTRY}/model.neff": b"of another host"})
    native = (str(tmp_path / "root"), natives.ENTRY)
    marker = host.queue(["a"])[0]
    queue.put(host.store, marker.destination, queue.native_key(*native), native)
    host.start([marker])
    host.until_empty()
    assert host.hub.paths(REPO) == {
        f"{natives.ENTRY}/model.neff", bundles.single_name(key_of("a")),
    }  # fmt: skip


def test_a_native_entry_that_is_no_success_is_refused_and_can_come_back(
    host: HubUploads, tmp_path: Path
) -> None:
    directory = natives.write(tmp_path / "root")
    (directory / "model.done").unlink()
    native = (str(tmp_path / "root"), natives.ENTRY)
    marker = host.queue(["a"])[0]
    queue.put(host.store, marker.destination, queue.native_key(*native), native)
    host.start([marker])
    host.until_empty()
    assert len(host.dead()) == 1
    (directory / "model.done").touch()
    assert backlog.revive(host.store, host.environ) == 1
    assert host.flush().left == []
    assert f"{natives.ENTRY}/model.done" in host.hub.paths(REPO)


def test_what_was_absent_before_a_push_is_asked_for_again(host: HubUploads) -> None:
    (marker,) = host.queue(["a"])
    name = marker.destination.name
    absences.learn(host.store, name, host.hub.head(REPO), key_of("b"))
    assert host.flush().left == []
    until(lambda: not absences.knows(host.store, name, key_of("b"), 60.0))
