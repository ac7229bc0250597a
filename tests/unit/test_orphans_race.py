"""Removing a lock that others clear, or take anew, in the same moment."""

from __future__ import annotations

import errno
import json
import os
import posix
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import entries
import takers
from neffcache import orphans
from neffcache.store.local import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return entries.make_store(tmp_path / "store")


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return takers.lock(tmp_path / "root")


def notes(store: Store) -> list[list[str]]:
    path = Path(store.path) / "journal" / "journal.log"
    lines = path.read_text().splitlines() if path.exists() else []
    return [note for line in lines for note in json.loads(line)["notes"]]


def test_of_two_who_clear_one_does(store: Store, lock: Path) -> None:
    takers.say(store, takers.ended(), lock)
    start = threading.Barrier(8)
    done: list[bool] = []

    def clear() -> None:
        start.wait()
        done.append(orphans.clear(store, str(lock)))

    threads = [threading.Thread(target=clear) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 7 + [True]
    assert len(notes(store)) == 1


class Between:
    """`posix`, with something that happens just before the first call of one of its functions."""

    def __init__(self, name: str, happens: Callable[[], None]) -> None:
        self._name = name
        self._happens: Callable[[], None] | None = happens

    def __getattr__(self, name: str) -> Any:
        if name == self._name and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()
        return getattr(posix, name)


@pytest.mark.parametrize("moment", ["lstat", "rename"])
def test_who_takes_the_lock_meanwhile_keeps_it(
    store: Store, lock: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else removes the dead one's lock, and a living process takes it at once."""
    taken: list[int] = []

    def take() -> None:
        lock.unlink()
        lock.touch()
        taken.append(lock.stat().st_ino)

    takers.say(store, takers.ended(), lock)
    monkeypatch.setattr(orphans, "posix", Between(moment, take))
    assert not orphans.clear(store, str(lock))
    assert [lock.stat().st_ino] == taken
    assert os.listdir(lock.parent) == [lock.name]


def test_a_third_one_who_takes_it_is_not_disturbed(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third: list[int] = []

    def take() -> None:
        lock.touch(exist_ok=False)
        third.append(lock.stat().st_ino)

    def take_twice() -> None:
        lock.unlink()
        lock.touch()
        monkeypatch.setattr(orphans, "posix", Between("link", take))

    takers.say(store, takers.ended(), lock)
    monkeypatch.setattr(orphans, "posix", Between("rename", take_twice))
    assert not orphans.clear(store, str(lock))
    assert [lock.stat().st_ino] == third
    assert os.listdir(lock.parent) == [lock.name]


def test_a_directory_that_is_not_ours_to_write_keeps_its_lock(
    store: Store, lock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise PermissionError(errno.EACCES, "read only")

    takers.say(store, takers.ended(), lock)
    monkeypatch.setattr(orphans, "posix", Between("rename", refuse))
    assert not orphans.clear(store, str(lock))
    assert (lock.exists(), notes(store)) == (True, [])
