"""What the watcher reads of a root, how often, and by which events it is woken."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import natives
from neffcache.sync import mounts, scanning
from neffcache.sync.events import Events
from neffcache.sync.known import Known
from neffcache.sync.scanning import NativeRoot


@pytest.fixture
def known(tmp_path: Path) -> Known:
    return Known(str(tmp_path / "known"))


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
