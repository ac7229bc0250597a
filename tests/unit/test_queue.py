"""The queue on disk: markers that survive, destinations that hold no secret and are never mixed."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from entries import key_of, make_store
from neffcache import locks, queue, remote
from neffcache.errors import SettingError
from neffcache.store import keep
from neffcache.store.local import Store
from waiting import until

KEY = key_of("a")
TOKEN = {b"TOK": b"hunter2"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def enqueue(
    store: Store, *urls: str, key: str = KEY, environ: dict[bytes, bytes] = TOKEN
) -> list[queue.Marker]:
    return queue.enqueue(store, key, remote.specs(urls), environ)


def test_every_writing_remote_gets_a_marker(store: Store) -> None:
    made = enqueue(store, "file:///a", "file:///b?mode=ro", "file:///c?mode=wo")
    assert [marker.destination.remote for marker in made] == ["file:///a", "file:///c"]
    assert all(Path(marker.path).is_file() for marker in made)


def test_no_bundle_is_queued_for_a_place_of_native_entries(store: Store) -> None:
    made = enqueue(store, "hf://o/a?layout=native", "hf://o/b?layout=bundle", environ={})
    assert [marker.destination.remote for marker in made] == ["hf://o/b?layout=bundle"]


def test_a_queued_key_is_not_evicted(store: Store) -> None:
    enqueue(store, "file:///a")
    assert KEY in keep.queued(store)


def test_a_destination_is_read_back(store: Store) -> None:
    made = enqueue(store, "file:///a?credential=env:TOK")[0].destination
    found = queue.read_destination(store, made.name)
    assert (found.name, found.remote) == (made.name, "file:///a?credential=env:TOK")
    assert (found.credential, found.fingerprint) == ("env:TOK", made.fingerprint)


def test_no_file_of_the_store_holds_the_secret(store: Store) -> None:
    enqueue(store, "file:///a?credential=env:TOK")
    for path in Path(store.path).rglob("*"):
        if path.is_file():
            assert TOKEN[b"TOK"] not in path.read_bytes()


def test_two_secrets_in_one_variable_are_two_destinations(store: Store) -> None:
    url = "file:///a?credential=env:TOK"
    names = {
        enqueue(store, url, environ={b"TOK": token})[0].destination.name
        for token in (b"1", b"2", b"1")
    }
    assert len(names) == 2


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        (TOKEN, ""),
        ({}, "env:TOK is not set"),
        ({b"TOK": b""}, "env:TOK is not set"),
        ({b"TOK": b"other"}, "env:TOK holds another secret"),
    ],
)
def test_only_the_same_secret_may_send(
    store: Store, environ: dict[bytes, bytes], reason: str
) -> None:
    made = enqueue(store, "file:///a?credential=env:TOK")[0].destination
    found = queue.why_not(store, made, environ)
    assert found.startswith(reason) if reason else found == ""


def test_queued_without_a_secret_anyone_with_one_may_send(store: Store) -> None:
    made = enqueue(store, "file:///a?credential=env:TOK", environ={})[0].destination
    assert queue.why_not(store, made, {}) != ""
    assert queue.why_not(store, made, TOKEN) == ""


def test_a_damaged_description_is_told_and_mended(store: Store) -> None:
    made = enqueue(store, "file:///a")[0].destination
    path = Path(store.path, "queue", made.name, "destination")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SettingError, match="destination cannot be told"):
        queue.read_destination(store, made.name)
    enqueue(store, "file:///a")
    assert queue.read_destination(store, made.name).remote == "file:///a"


def test_only_keys_count(store: Store) -> None:
    made = enqueue(store, "file:///a")[0]
    directory = Path(made.path).parent
    for name in (".neffcache-1-x", ".lock", "notes", "A" * 64):
        (directory / name).write_text("")
    assert queue.keys(store, made.destination.name) == [KEY]


def test_sixteen_at_once(store: Store) -> None:
    keys = [key_of(str(number)) for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: enqueue(store, "file:///a", key=key), keys * 2))
    name = enqueue(store, "file:///a")[0].destination.name
    assert queue.keys(store, name) == sorted({*keys, KEY})


def test_a_marker_and_its_names_are_synced(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    monkeypatch.setattr("posix.fsync", fsync)
    marker = enqueue(store, "file:///a")[0]
    directory = os.path.dirname(marker.path)
    for name in (directory, os.path.dirname(directory), store.path):
        assert name in synced
    assert sum(os.path.dirname(name) == directory for name in synced) == 2


def test_queueing_anew_takes_back_a_refusal(store: Store) -> None:
    made = enqueue(store, "file:///a")[0]
    grave = Path(store.path, "dead", made.destination.name, KEY)
    grave.parent.mkdir(parents=True)
    grave.write_text("")
    enqueue(store, "file:///a")
    assert not grave.exists()


def test_a_running_uploader_is_seen(store: Store) -> None:
    made = enqueue(store, "file:///a")[0].destination
    assert not queue.is_served(store, made.name)
    lock = locks.try_lock(queue.lock_path(store, made.name))
    assert lock is not None
    assert queue.is_served(store, made.name)
    lock.release()
    assert not queue.is_served(store, made.name)


def test_no_uploader_is_started_without_the_credential(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr("neffcache.processes.spawn_detached", lambda *args: started.append(args))
    made = enqueue(store, "file:///a?credential=env:TOK")
    queue.start_uploaders(store, made, {})
    assert not started
    queue.start_uploaders(store, made * 2, TOKEN)
    assert len(started) == 1


def test_the_uploaders_environment_and_command_line(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[bytes, bytes]]] = []
    monkeypatch.setattr("neffcache.processes.spawn_detached", lambda *args: started.append(args))
    environ = {**TOKEN, b"LD_PRELOAD": b"x", b"NEFFCACHE_ACTIVE": b"1", b"HOME": b"/home"}
    queue.start_uploaders(store, enqueue(store, "file:///a?credential=env:TOK"), environ)
    argv, given = started[0]
    assert given == {**TOKEN, b"HOME": b"/home"}
    assert "hunter2" not in " ".join(argv)
    assert "neuronx-cc" not in " ".join(argv)


def test_waiting_ends_with_the_last_marker(store: Store) -> None:
    made = enqueue(store, "file:///a", "file:///b")
    assert [marker.path for marker in queue.wait_for(made, 0)] == [m.path for m in made]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(queue.wait_for, made, 60)
        for marker in made:
            os.unlink(marker.path)
        until(waiting.done)
    assert waiting.result() == []


NATIVE = ("/var/tmp/a cache\twith%odd\nnames", "neuronxcc-2.21.0+a/MODULE_1+e")


def test_a_marker_may_stand_for_a_native_entry(store: Store) -> None:
    destination = enqueue(store, "file:///a")[0].destination
    key = queue.native_key(*NATIVE)
    marker = queue.put(store, destination, key, NATIVE)
    assert queue.native_of(store, destination.name, key) == NATIVE
    assert queue.native_of(store, destination.name, KEY) is None
    assert queue.native_of(store, destination.name, key_of("none")) is None
    assert len(Path(marker.path).read_text().splitlines()) == 4
    assert queue.keys(store, destination.name) == sorted([KEY, key])


def test_two_native_entries_never_share_a_marker() -> None:
    assert queue.native_key("/a", "b/c") != queue.native_key("/a/b", "c")


def test_a_request_to_flush_is_no_key(store: Store) -> None:
    destination = enqueue(store, "file:///a")[0].destination
    queue.ask_flush(store, destination.name)
    assert Path(store.path, "queue", destination.name, queue.FLUSH).exists()
    assert queue.keys(store, destination.name) == [KEY]


def test_a_destination_that_is_gone_is_not_asked(store: Store) -> None:
    queue.ask_flush(store, "0" * 32)
    assert not Path(store.path, "queue").exists()
