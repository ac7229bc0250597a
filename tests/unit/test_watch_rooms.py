"""The watcher's rooms one by one: record, scan, events, queueing, digests, and without locks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import natives
from entries import key_of, make_store, put
from neffcache import config, files, kernel, locks, queue, queueing, remote, watched, watching
from neffcache.cache.neff_digests import NeffDigests
from neffcache.store.local import Store
from neffcache.sync import attention, mounts, noticing, scanning, watcher
from neffcache.sync.events import Events
from neffcache.sync.known import Known, mark
from neffcache.sync.scanning import NativeRoot


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(str(tmp_path / "known"))


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


# The scan.


def _entry(root: Path, number: int) -> str:
    entry = f"{natives.VERSION}/MODULE_{number}+abc"
    natives.write(root, entry)
    return entry


def _names(found: list[scanning.Candidate]) -> list[str]:
    return sorted(one.entry for one in found)


def test_only_versions_and_their_entries_are_read(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = _entry(tmp_path / "root", 1)
    for number in range(3):
        (tmp_path / "root" / f"other{number}" / "deep").mkdir(parents=True)
        (tmp_path / "root" / natives.VERSION / f"tmp{number}").mkdir()
    listed: list[str] = []
    scandir: Callable[[str], Any] = os.scandir

    def record(path: str) -> Any:
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr("posix.scandir", record)
    root = NativeRoot(str(tmp_path / "root"), known)
    assert _names(root.look(0)) == [entry]
    assert listed == [str(tmp_path / "root"), str(tmp_path / "root" / natives.VERSION)]


def test_a_quiet_root_is_not_listed_again(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = _entry(tmp_path / "root", 1)
    root = NativeRoot(str(tmp_path / "root"), known)
    (found,) = root.look(0)
    known.add([found.mark])
    root.look(20)
    monkeypatch.setattr("posix.scandir", None)
    monkeypatch.setattr("posix.lstat", None)
    assert root.look(25) == []
    assert entry


def test_a_change_in_the_same_moment_as_a_listing_is_seen(tmp_path: Path, known: Known) -> None:
    first = _entry(tmp_path / "root", 1)
    root = NativeRoot(str(tmp_path / "root"), known)
    before = os.stat(tmp_path / "root" / natives.VERSION)
    assert _names(root.look(0)) == [first]
    second = _entry(tmp_path / "root", 2)
    os.utime(tmp_path / "root" / natives.VERSION, ns=(before.st_mtime_ns,) * 2)
    assert _names(root.look(1.5)) == [second]


def test_on_a_network_file_system_nobody_waits_for_events(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mounts, "kind", lambda _path: "nfs4")
    (tmp_path / "root").mkdir()
    root = NativeRoot(str(tmp_path / "root"), known)
    assert root.look(0) == []
    entry = _entry(tmp_path / "root", 1)
    assert root.look(2) == []
    assert _names(root.look(6)) == [entry]
    assert (root.how, root.directories) == ("polling", [])


def test_an_entry_in_the_making_is_asked_after_less_and_less_often(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = _entry(tmp_path / "root", 1)
    (tmp_path / "root" / entry / "model.done").unlink()
    root = NativeRoot(str(tmp_path / "root"), known)
    asked: list[str] = []
    lstat: Callable[[str], os.stat_result] = os.lstat

    def record(path: str) -> os.stat_result:
        asked.append(path)
        return lstat(path)

    monkeypatch.setattr(scanning, "_LEAST_REST", 1e9)
    root.look(0)
    monkeypatch.setattr("posix.lstat", record)
    for second in range(1, 1001):
        root.look(float(second))
    assert 1000 / 15 < len(asked) < 1000 / 15 + 40
    (tmp_path / "root" / entry / "model.done").touch()
    assert any(_names(root.look(1000.0 + second)) == [entry] for second in range(1, 16))


def test_an_unreadable_root_is_told(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(mounts, "identity", refuse)
    root = NativeRoot(str(tmp_path), known)
    assert root.look(0) == []
    assert root.how == "unreadable"
    assert root.problem == f"{tmp_path} cannot be read (Permission denied); let this user read it"


def test_more_entries_than_can_be_known_are_told(
    tmp_path: Path, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "MOST", 2)
    for number in range(4):
        _entry(tmp_path / "root", number)
    root = NativeRoot(str(tmp_path / "root"), known)
    assert len(root.look(0)) == 2
    assert "holds 4 entries: only 2 are watched" in root.problem


@pytest.mark.parametrize(("path", "kind"), [("/dev/shm", "tmpfs"), ("/proc", "proc"), ("/no", "")])
def test_the_file_system_of_a_directory(path: str, kind: str) -> None:
    assert mounts.kind(path) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "lustre", "9p", "fuse.s3fs", "cifs", "", "newfs"])
def test_file_systems_that_do_not_tell(kind: str) -> None:
    assert not mounts.tells(kind)


# Events.


class _Observer:
    """Stands in for watchdog's."""

    error: OSError | None = None

    def __init__(self) -> None:
        if self.error and self.error.errno == 24:
            raise self.error
        self.scheduled: list[str] = []
        self.gone: list[str] = []

    def start(self) -> None:
        """Nothing."""

    def schedule(self, _handler: object, path: str, *, recursive: bool) -> str:
        """Note it."""
        assert not recursive
        if self.error:
            raise self.error
        self.scheduled.append(path)
        return path

    def unschedule(self, watch: str) -> None:
        """Note it."""
        self.gone.append(watch)


@pytest.mark.parametrize(
    "error", [OSError(28, "inotify watch limit reached"), OSError(24, "instance limit reached")]
)
def test_where_the_kernel_s_limits_are_reached_it_is_told(
    error: OSError, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchdog.observers.inotify.InotifyObserver", _Observer)
    monkeypatch.setattr(_Observer, "error", error)
    events = Events(threading.Event())
    assert events.follow([str(tmp_path)]) == set()
    assert "limit reached" in events.problem
    assert "looked at in turn" in events.problem


def test_a_directory_that_was_made_anew_is_followed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("watchdog.observers.inotify.InotifyObserver", _Observer)
    events = Events(threading.Event())
    path = tmp_path / "root"
    path.mkdir()
    assert events.follow([str(path)]) == events.follow([str(path)]) == {str(path)}
    path.rename(tmp_path / "old")
    assert events.follow([str(path)]) == set()
    path.mkdir()
    assert events.follow([str(path)]) == {str(path)}
    assert events._observer.scheduled == [str(path)] * 2
    assert events._observer.gone == [str(path)]


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
