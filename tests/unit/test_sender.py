"""The sender and a store that changes under it: only what was found bad is dropped."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import natives
from entries import has, key_of, make_store, put, write_bundle
from neffcache import files, queue, remote
from neffcache.cache import bundles, reports
from neffcache.errors import EntryError, RemoteError
from neffcache.remotes.file import FileRemote
from neffcache.store.local import Store
from neffcache.sync import committing, sender

KEY = key_of("a")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = make_store(tmp_path / "store")
    put(made, KEY, b"bad")
    return made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the uploader is told."""
    lines: list[str] = []
    monkeypatch.setattr(reports, "send", lambda word, why="": lines.append(f"{word} {why}"))
    return lines


def _replace(store: Store) -> None:
    """Somebody compiles it anew in this very moment."""
    new = Path(store.path, "new.tar")
    write_bundle(new, KEY, b"good")
    os.rename(new, store.entry_path(KEY))


@pytest.mark.parametrize("replaced", [False, True])
def test_a_good_entry_that_comes_in_place_of_a_bad_one_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    def publish(*_args: Any) -> bool:
        if replaced:
            _replace(store)
        raise EntryError("damaged")

    monkeypatch.setattr(bundles, "publish", publish)
    opened: Any = None
    assert sender._send(store, opened, KEY, "") == (f"gone {KEY}", "damaged")
    assert (files.state(store.entry_path(KEY)) is not None) == replaced


@pytest.mark.parametrize("replaced", [False, True])
def test_a_good_entry_that_comes_before_a_commit_stays(
    store: Store, monkeypatch: pytest.MonkeyPatch, said: list[str], replaced: bool
) -> None:
    def check(*_args: Any) -> Any:
        if replaced:
            _replace(store)
        raise EntryError("damaged")

    monkeypatch.setattr(bundles, "check", check)
    (marker,) = queue.enqueue(store, KEY, [remote.parse("hf://alice/cache")], {})
    opened: Any = None
    committing.send(store, marker.destination.name, opened, [KEY])
    assert said == [f"gone {KEY} damaged"]
    assert (files.state(store.entry_path(KEY)) is not None) == replaced


@pytest.fixture
def locked(store: Store, tmp_path: Path) -> Path:
    """The lock of an entry of libneuronxla's cache that waits."""
    directory = natives.write(tmp_path / "root")
    native = (str(tmp_path / "root"), natives.ENTRY)
    destination = queue.destination_of(store, remote.parse("hf://alice/cache"), {})
    queue.put(store, destination, queue.native_key(*native), native)
    lock = directory / "model.hlo_module.pb.lock"
    lock.touch()
    return lock


def _batch(store: Store) -> committing._Batch:
    """All that waits for a commit."""
    (name,) = os.listdir(f"{store.path}/queue")
    made = committing._Batch(store, name)
    for key in queue.keys(store, name):
        made.add(key)
    return made


def test_an_entry_that_is_locked_for_a_moment_is_sent(
    store: Store, locked: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: locked.unlink())
    assert _batch(store).objects
    assert not any(line.startswith("gone") for line in said)


def test_entries_that_stay_locked_are_waited_for_so_long_together(
    store: Store, locked: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    native = (str(locked.parent.parent.parent), natives.ENTRY.replace("MODULE_", "MODULE_1"))
    natives.write(locked.parent.parent.parent, native[1])
    (Path(native[0], native[1]) / locked.name).touch()
    destination = queue.destination_of(store, remote.parse("hf://alice/cache"), {})
    queue.put(store, destination, queue.native_key(*native), native)
    assert not _batch(store).objects
    assert len([line for line in said if line.startswith("gone")]) == 2
    assert 4.9 < sum(waited) < 5.1


class Wide(FileRemote):
    """A directory that counts who writes there at once, and may fail for some keys.

    Attributes:
        most: who was there at once, at most; large: with files that are large.
    """

    def __init__(self, root: Path, lanes: int, together: int = 0) -> None:
        """`together`: nobody ends before so many have begun."""
        super().__init__(remote.parse(f"file://{root}"), {})
        self.lanes = lanes
        self.bad: dict[str, RemoteError] = {}
        self.most = self.large = 0
        self._now = self._large_now = 0
        self._lock = threading.Lock()
        self._meet = threading.Barrier(together) if together else None

    def store(self, name: str, path: str, progress: Callable[[int], None]) -> bool:
        large = os.stat(path).st_size > sender._LARGE
        with self._lock:
            self._now += 1
            self._large_now += large
            self.most, self.large = max(self.most, self._now), max(self.large, self._large_now)
        try:
            if name.endswith(".tar") and self._meet is not None:
                self._meet.wait(30)
            for key, problem in self.bad.items():
                if key in name:
                    raise problem
            return super().store(name, path, progress)
        finally:
            with self._lock:
                self._now -= 1
                self._large_now -= large


@pytest.fixture
def told(said: list[str]) -> Callable[[], list[str]]:
    """What the uploader is told of entries, and not that work goes on."""
    return lambda: [line.strip() for line in said if not line.startswith("busy")]


def _many(store: Store, count: int) -> list[str]:
    keys = sorted(key_of(f"many {number}") for number in range(count))
    for key in keys:
        put(store, key, key.encode() * 100)
    return keys


def test_as_many_are_under_way_at_once_as_the_remote_says(
    store: Store, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    keys = _many(store, 12)
    wide = Wide(tmp_path / "r", 4, together=4)
    sender._send_all(store, wide, keys)
    assert wide.most == 4
    assert sorted(told()) == [f"sent {key}" for key in keys]
    assert all(has(tmp_path / "r", key) for key in keys)
    assert not list(Path(store.path).rglob(".neffcache-*"))


class Plain:
    """A remote that does not say how many may use it at once."""

    def __init__(self, inner: Wide) -> None:
        self.fetch, self.store, self.exists = inner.fetch, inner.store, inner.exists


def test_a_remote_that_says_nothing_gets_one_at_a_time_in_order(
    store: Store, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    keys = _many(store, 5)
    inner = Wide(tmp_path / "r", 4)
    sender._send_all(store, Plain(inner), keys)
    assert inner.most == 1
    assert told() == [f"sent {key}" for key in keys]


def test_large_entries_go_one_by_one(
    store: Store,
    tmp_path: Path,
    told: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each may fill its own share of memory."""
    monkeypatch.setattr(sender, "_LARGE", 4096)
    keys = _many(store, 8)
    wide = Wide(tmp_path / "r", 4)
    sender._send_all(store, wide, keys)
    assert wide.large == 1
    assert sorted(told()) == [f"sent {key}" for key in keys]


def test_those_that_fail_are_named_and_the_others_under_way_are_sent(
    store: Store, tmp_path: Path, told: Callable[[], list[str]]
) -> None:
    keys = _many(store, 12)
    wide = Wide(tmp_path / "r", 4, together=4)
    wide.bad = {keys[1]: RemoteError("no room"), keys[2]: RemoteError("no time")}
    with pytest.raises(RemoteError, match="no room"):
        sender._send_all(store, wide, keys[:4])
    assert told()[-2:] == [f"failing {keys[1]}", f"failing {keys[2]}"]
    assert sorted(told()[:-2]) == [f"sent {keys[0]}", f"sent {keys[3]}"]
    assert not list(Path(store.path).rglob(".neffcache-*"))


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (RemoteError("slow down", pause=30.0), "parked 30 slow down"),
        (RemoteError("down", "look at it"), "failed down; look at it"),
        (OSError(28, "No space left"), "failed [Errno 28] No space left"),
        (ValueError("odd"), "failed ValueError: odd"),
    ],
)
def test_the_last_line_says_whether_the_remote_wants_a_pause(
    said: list[str], error: Exception, line: str
) -> None:
    sender._tell_failure(error)
    assert said == [line]
