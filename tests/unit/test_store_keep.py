"""Unit: the store's size is bounded, and what is in use or waiting is not evicted."""

from __future__ import annotations

import os
import posix
import time
from pathlib import Path

import pytest

from neffcache import locks
from neffcache.errors import StoreError
from neffcache.store import keep, local
from neffcache.store.local import Store
from unit import makers

SIZE = 1000
HELD = """
import sys
from neffcache import locks
lock = locks.try_lock(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A fresh store on a disk with room."""
    return local.open_store(makers.settings(dir=str(tmp_path)))


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What statvfs says: [all blocks, free blocks] of a thousand bytes."""
    found = [1_000_000, 900_000]

    def statvfs(_path: str) -> os.statvfs_result:
        free = found[1]
        return os.statvfs_result((SIZE, SIZE, found[0], free, free, 0, 0, 0, 0, 255))

    monkeypatch.setattr(posix, "statvfs", statvfs)
    return found


def _key(number: int) -> str:
    return f"{number:064x}"


def _put(store: Store, number: int, *, used: int = 0, size: int = SIZE) -> Path:
    """Take in a file of a size, last used at a time (ns; 0: now)."""
    fd, temp = keep.new_file(store, _key(number))
    os.ftruncate(fd, size)
    os.close(fd)
    keep.adopt(store, temp, _key(number))
    path = Path(store.entry_path(_key(number)))
    if used:
        os.utime(path, ns=(used, used))
    return path


def _kept(store: Store) -> list[int]:
    return sorted(int(key, 16) for _used, _size, key in keep.entries(store))


def test_a_finished_file_takes_the_entrys_place(store: Store) -> None:
    path = _put(store, 1)
    assert path.stat().st_size == SIZE
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == [path.name]


def test_a_newer_file_replaces_the_entry(store: Store) -> None:
    _put(store, 1)
    assert _put(store, 1, size=5).stat().st_size == 5


def test_entries_are_listed_by_last_use(store: Store) -> None:
    for number, used in ((1, 300), (2, 100), (3, 200)):
        _put(store, number, used=used)
    found = [(used, size, int(key, 16)) for used, size, key in keep.entries(store)]
    assert found == [(100, SIZE, 2), (200, SIZE, 3), (300, SIZE, 1)]


def test_with_room_nothing_is_evicted(store: Store) -> None:
    _put(store, 1, used=1)
    keep.make_room(store, SIZE, 2 * SIZE)
    assert _kept(store) == [1]


def test_what_was_used_least_recently_goes_first(store: Store) -> None:
    for number in range(10):
        _put(store, number, used=100 + (number * 7) % 10)
    keep.make_room(store, SIZE, 10 * SIZE)
    used = {number: 100 + (number * 7) % 10 for number in range(10)}
    evicted = sorted(set(range(10)) - set(_kept(store)), key=lambda number: used[number])
    assert [used[number] for number in evicted] == [100, 101]


def test_room_is_made_for_more_than_one_entry_at_once(store: Store) -> None:
    for number in range(20):
        _put(store, number, used=100 + number)
    keep.make_room(store, SIZE, 20 * SIZE)
    assert _kept(store) == list(range(3, 20))


def test_reading_an_entry_saves_it(store: Store) -> None:
    for number in range(4):
        _put(store, number, used=100 + number)
    os.utime(store.entry_path(_key(0)))
    keep.make_room(store, SIZE, 4 * SIZE)
    assert 0 in _kept(store)
    assert 1 not in _kept(store)


def test_what_waits_for_an_upload_is_not_evicted(store: Store) -> None:
    for number in range(4):
        _put(store, number, used=100 + number)
    for destination, number in (("one", 0), ("two", 2)):
        Path(store.path, local.QUEUE, destination).mkdir(parents=True)
        Path(store.path, local.QUEUE, destination, _key(number)).touch()
    assert keep.queued(store) == {_key(0), _key(2)}
    keep.make_room(store, 2 * SIZE, 4 * SIZE)
    assert _kept(store) == [0, 2]


def test_what_another_process_works_on_is_not_evicted(store: Store) -> None:
    for number in range(4):
        _put(store, number, used=100 + number)
    lock = f"{store.directory(local.LOCKS)}/{_key(0)}"
    with makers.start(HELD, lock) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        keep.make_room(store, 2 * SIZE, 4 * SIZE)
        holder.communicate()
    assert 0 in _kept(store)


def test_a_lock_file_that_nobody_holds_saves_nothing(store: Store) -> None:
    _put(store, 0, used=100)
    found = locks.try_lock(f"{store.directory(local.LOCKS)}/{_key(0)}")
    assert found is not None
    found.release(remove=False)
    keep.make_room(store, SIZE, SIZE)
    assert _kept(store) == []


def test_an_entry_larger_than_the_store_may_be_evicts_nothing(store: Store) -> None:
    _put(store, 1)
    with pytest.raises(keep.TooLarge, match="max_size"):
        keep.make_room(store, 5 * SIZE, 4 * SIZE)
    assert _kept(store) == [1]


def test_a_nearly_full_disk_makes_room_first(store: Store, disk: list[int]) -> None:
    """Space comes back as entries go: here by the files that are left."""
    for number in range(4):
        _put(store, number, used=100 + number)
    total = disk[0]
    disk[1] = int(total * keep.FREE_SHARE) + 1

    def statvfs(_path: str) -> os.statvfs_result:
        free = disk[1] + 4 - len(_kept(store))
        return os.statvfs_result((SIZE, SIZE, total, free, free, 0, 0, 0, 0, 255))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(posix, "statvfs", statvfs)
        keep.make_room(store, 3 * SIZE, 100 * SIZE)
    assert _kept(store) == [2, 3]


def test_a_disk_that_stays_full_takes_nothing(store: Store, disk: list[int]) -> None:
    disk[1] = int(disk[0] * keep.FREE_SHARE)
    with pytest.raises(StoreError, match="5 % free"):
        keep.make_room(store, SIZE, 100 * SIZE)


def test_the_limit_is_the_setting_or_a_tenth_of_the_disk(store: Store, disk: list[int]) -> None:
    assert keep.limit(store, 123) == 123
    assert keep.limit(store, 0) == 0
    assert keep.limit(store, -1) == 100_000 * SIZE
    disk[0] = 1 << 40
    assert keep.limit(store, -1) == 50 << 30


def test_the_running_sum_is_kept_without_counting(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        _put(store, number)
    keep.make_room(store, SIZE, 100 * SIZE)
    monkeypatch.setattr(keep, "entries", None)  # a count would fail
    keep.make_room(store, SIZE, 100 * SIZE)
    total = Path(store.path, "usage").read_text().split()[0]
    assert int(total) == 3 * SIZE


@pytest.mark.parametrize("text", ["", "x y", "5", "-1 nan", "0 1", "999999999 1", "\xff\xff"])
def test_a_wrong_running_sum_is_counted_anew(store: Store, text: str) -> None:
    for number in range(4):
        _put(store, number, used=100 + number)
    Path(store.path, "usage").write_text(text)
    keep.make_room(store, SIZE, 4 * SIZE)
    assert len(_kept(store)) <= 3


def test_a_running_sum_from_the_future_is_counted_anew(store: Store) -> None:
    for number in range(4):
        _put(store, number, used=100 + number)
    Path(store.path, "usage").write_text(f"0 {time.time() + 1e6:.0f}\n")
    keep.make_room(store, SIZE, 4 * SIZE)
    assert len(_kept(store)) <= 3


def test_what_a_killed_process_left_is_cleared_after_a_day(store: Store) -> None:
    path = _put(store, 1)
    old, new = path.with_name(".neffcache-1-aa"), path.with_name(".neffcache-1-bb")
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    assert _kept(store) == [1]
    assert (old.exists(), new.exists()) == (False, True)


def test_an_empty_store_has_no_entries(store: Store) -> None:
    assert keep.entries(store) == []
    assert keep.queued(store) == set()
