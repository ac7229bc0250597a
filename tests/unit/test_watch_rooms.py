"""The watcher's rooms one by one: record, queueing, digests, and without locks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import natives
from entries import key_of, make_store, put
from neffcache import config, files, kernel, locks, queue, queueing, remote, watched, watching
from neffcache.cache.neff_digests import NeffDigests
from neffcache.store.local import Store
from neffcache.sync import attention, noticing, watcher
from neffcache.sync.known import Known, mark


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


def _entry(root: Path, number: int) -> str:
    entry = f"{natives.VERSION}/MODULE_{number}+abc"
    natives.write(root, entry)
    return entry


# The record.


def test_what_was_written_down_is_known_to_the_next(tmp_path: Path) -> None:
    path = str(tmp_path / "a" / "known")
    first = Known(path)
    assert first.is_new
    first.begin()
    first.add([mark("a", 1), mark("b", 2)])
    first.end()
    second = Known(path)
    assert (second.is_new, second.ended, len(second)) == (False, True, 2)
    assert mark("a", 1) in second
    assert mark("a", 2) not in second


def test_a_record_without_an_end_was_somebody_s_who_died(tmp_path: Path) -> None:
    path = str(tmp_path / "known")
    one = Known(path)
    one.begin()
    one.end()
    two = Known(path)
    two.begin()
    assert not Known(path).ended
    two.end()
    assert Known(path).ended


def test_a_torn_record_knows_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "known"
    one = Known(str(path))
    one.add([mark("a", 1), mark("b", 2)])
    with path.open("ab") as out:
        out.write(b"\0" * 40 + b"\nabc\nxyzxyzxyzxyzxyzx\n")
    found = Known(str(path))
    assert len(found) == 2
    path.write_bytes(b"something else\n")
    assert Known(str(path)).is_new


def test_a_record_that_is_too_long_keeps_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neffcache.sync.known.MOST", 10)
    one = Known(str(tmp_path / "known"))
    one.add(range(20))
    one.shrink({3, 4, 99})
    assert sorted(one._marks) == sorted(Known(str(tmp_path / "known"))._marks) == [3, 4]


def test_a_record_on_a_full_disk_holds_for_this_watcher() -> None:
    one = Known("/dev/full")
    one.add([5])
    assert 5 in one


# The queue.


def _destination(store: Store) -> queue.Destination:
    return queue.destination_of(store, remote.parse("hf://alice/cache"), {})


def _many(number: int) -> list[tuple[str, str]]:
    return [("/root dir", f"{natives.VERSION}/MODULE_{one}+abc") for one in range(number)]


def test_many_entries_are_queued_with_few_syncs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync: Callable[[int], None] = os.fsync

    def record(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        fsync(fd)

    whole: list[str] = []
    sync_all = kernel.sync_all
    monkeypatch.setattr("posix.fsync", record)

    def count(path: str) -> bool:
        whole.append(path)
        return sync_all(path)

    monkeypatch.setattr(kernel, "sync_all", count)
    destination = _destination(store)
    queueing.put_natives(store, destination, _many(1000))
    keys = queue.keys(store, destination.name)
    assert {queue.native_of(store, destination.name, key) for key in keys} == set(_many(1000))
    assert all(key == queue.native_key(*native) for key, native in _by_key(store, destination))
    assert len(synced) < 12
    assert len(whole) == 1


def _by_key(store: Store, destination: queue.Destination) -> list[tuple[str, tuple[str, str]]]:
    found = []
    for key in queue.keys(store, destination.name):
        native = queue.native_of(store, destination.name, key)
        assert native is not None
        found.append((key, native))
    return found


def test_where_a_file_system_cannot_be_synced_each_marker_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel, "sync_all", lambda _path: False)
    destination = _destination(store)
    queueing.put_natives(store, destination, _many(50))
    assert len(queue.keys(store, destination.name)) == 50
    assert not list(Path(store.path, "queue", destination.name).glob(".neffcache-*"))


def test_a_disk_that_fills_up_leaves_no_half_marker(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel, "sync_all", refuse)
    destination = _destination(store)
    with pytest.raises(OSError, match="No space"):
        queueing.put_natives(store, destination, _many(50))
    directory = Path(store.path, "queue", destination.name)
    assert [path.name for path in directory.glob(".neffcache-*")] == []
    assert len(queue.keys(store, destination.name)) == 1


def test_what_a_killed_process_left_behind_is_cleared_a_day_later(store: Store) -> None:
    destination = _destination(store)
    queueing.put_natives(store, destination, _many(1))
    directory = Path(store.path, "queue", destination.name)
    for name, age in ((".neffcache-1-old", 90_000), (".neffcache-1-new", 1000)):
        (directory / name).touch()
        os.utime(directory / name, (time.time() - age,) * 2)
    queueing.put_natives(store, destination, _many(40))
    assert [path.name for path in directory.glob(".neffcache-*")] == [".neffcache-1-new"]


def test_checks_of_neffs_are_rationed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    ration = noticing.Allowance()
    assert ration.take(60 << 20)
    assert not ration.take(20 << 20)
    now[0] += 3
    assert ration.take(20 << 20)
    now[0] += 1000
    assert ration.take(1 << 40)  # once, else it would never be its turn
    assert not ration.take(1)


# Digests.


def _line(digest: str) -> bytes:
    return b'{"v":1,"outcome":"compiled","neff":"' + digest.encode() + b'","x":1}\n'


def test_digests_of_the_journal_as_it_grows_and_is_rotated(store: Store) -> None:
    journal = Path(store.directory("journal"), "journal.log")
    one, two, three = (files.digest(text) for text in (b"1", b"2", b"3"))
    journal.write_bytes(_line(one))
    found = NeffDigests(store)
    found.refresh()
    assert one in found
    with journal.open("ab") as out:
        out.write(_line(two)[:-9])
    found.refresh()
    assert two not in found
    with journal.open("ab") as out:
        out.write(_line(two)[-9:])
    journal.rename(journal.with_name("journal.log.1"))
    journal.write_bytes(_line(three))
    found.refresh()
    assert all(digest in found for digest in (one, two, three))
    assert files.digest(b"4") not in found


def test_digests_of_the_store(store: Store) -> None:
    found = NeffDigests(store)
    found.refresh()
    assert files.digest(b"data") not in found
    put(store, key_of("a"), b"data")
    Path(store.path, "entries", "aa").mkdir(exist_ok=True)
    Path(store.path, "entries", "aa", f"{'a' * 64}.tar").write_bytes(b"damaged")
    found.refresh()
    assert files.digest(b"data") in found


# Without locks.


class _NoEvents:
    """No inotify: nothing of it would outlive the test."""

    problem = ""

    def __init__(self, _wake: object) -> None:
        pass

    def follow(self, _paths: list[str]) -> set[str]:
        """None."""
        return set()


def test_without_locks_it_works_for_a_bounded_time_and_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_args: object) -> bool:
        raise locks.NoLocks("not here")

    environ = {
        b"NEFFCACHE_CONFIG": b"/dev/null",
        b"NEFFCACHE_REMOTES": b"hf://alice/cache",
        b"NEFFCACHE_UPLOAD": b"off",
    }
    entry = _entry(tmp_path / "root", 1)
    watch = watching.of(store, config.load(environ), environ)
    monkeypatch.setattr(locks, "_flock", flock)
    monkeypatch.setattr(attention, "Events", _NoEvents)
    monkeypatch.setattr(watcher, "_BOUND", 0.5)
    watching.join(watch)
    watching.add_root(watch, str(tmp_path / "root"), watching.NATIVE)
    watcher.run(store, files.basename(watch.directory), environ)
    said = watched.read(watch.directory)
    assert said.queued == 1
    assert any(one.startswith("locks do not work") for one in said.problems)
    native = (str(tmp_path / "root"), entry)
    assert queue.keys(store, watch.natives[0].name) == [queue.native_key(*native)]


def test_a_watcher_whose_settings_have_changed_since_goes(store: Store) -> None:
    environ = {b"NEFFCACHE_CONFIG": b"/dev/null"}
    watcher.run(store, "0" * 32, environ)
    assert not Path(store.path, watching.TOP).exists()
