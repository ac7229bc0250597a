"""Unit: one compile per key on a host, and nobody waits for the dead."""

from __future__ import annotations

import fcntl
import os
import posix
import time
from pathlib import Path

import pytest

from neffcache import locks
from neffcache.store import claim, local
from neffcache.store.local import Store
from unit import makers
from unit.makers import KEY, OTHER_KEY

# Holds what it can get of a key, says so, and lets go at the end of its input.
HOLD = """
import sys, time
from neffcache.store import claim
from neffcache.store.local import Store
lock = getattr(claim, sys.argv[3])(Store(sys.argv[1]), sys.argv[2], *map(float, sys.argv[4:]))
print("none" if lock is None else "held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A fresh store."""
    return local.open_store(makers.settings(dir=str(tmp_path)))


def _soon() -> float:
    return time.monotonic() + 60


def _names(store: Store) -> list[str]:
    return sorted(os.listdir(Path(store.path, local.LOCKS)))


def test_a_claim_is_for_one_process(store: Store) -> None:
    with makers.start(HOLD, store.path, KEY, "take") as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert claim.take(store, KEY) is None
        holder.communicate()
    assert claim.take(store, KEY) is not None


def test_other_keys_are_free(store: Store) -> None:
    assert claim.take(store, KEY) is not None
    assert claim.take(store, OTHER_KEY) is not None


def test_released_claims_leave_no_file(store: Store) -> None:
    taken = [claim.take(store, KEY), claim.slot(store, KEY, _soon())]
    assert len(_names(store)) == 2
    for lock in taken:
        assert lock is not None
        lock.release()
    assert _names(store) == []


def test_who_waits_gets_the_claim_of_a_killed_holder(store: Store) -> None:
    with makers.start(HOLD, store.path, KEY, "take") as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
        lock = claim.wait(store, KEY, _soon())
    assert lock is not None


def test_who_waits_gets_the_claim_that_is_released(store: Store) -> None:
    mine = claim.take(store, KEY)
    assert mine is not None
    with makers.start(HOLD, store.path, KEY, "wait", str(_soon())) as waiter:
        mine.release()
        assert waiter.stdout is not None
        assert waiter.stdout.readline() == "held\n"
        waiter.communicate()


def test_waiting_ends_at_the_deadline(store: Store) -> None:
    assert claim.take(store, KEY) is not None
    assert claim.wait(store, KEY, time.monotonic() + 0.05) is None
    assert claim.wait(store, KEY, time.monotonic() - 1) is None


def test_a_claim_that_is_free_is_taken_even_past_the_deadline(store: Store) -> None:
    assert claim.wait(store, KEY, time.monotonic() - 1) is not None


def test_there_are_as_many_places_as_cpus(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix, "sched_getaffinity", lambda _pid: {0, 3, 5})
    taken = [claim.slot(store, KEY, _soon()) for _ in range(3)]
    assert None not in taken
    assert len(_names(store)) == 3
    assert claim.slot(store, KEY, time.monotonic() - 1) is None
    assert taken[1] is not None
    taken[1].release()
    assert claim.slot(store, KEY, time.monotonic() - 1) is not None


def test_places_of_one_key_do_not_count_for_another(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posix, "sched_getaffinity", lambda _pid: {0})
    assert claim.slot(store, KEY, _soon()) is not None
    assert claim.slot(store, OTHER_KEY, time.monotonic() - 1) is not None


def test_a_place_is_no_claim(store: Store) -> None:
    assert claim.slot(store, KEY, _soon()) is not None
    assert claim.take(store, KEY) is not None


def test_a_ghosts_lock_holds_nobody_up(store: Store) -> None:
    """The holder's file was removed, by hand or by a cleaner of old files."""
    ghost = claim.take(store, KEY)
    os.unlink(Path(store.path, local.LOCKS, KEY))
    real = claim.take(store, KEY)
    assert real is not None
    assert ghost is not None
    assert os.fstat(ghost.fd).st_ino != os.fstat(real.fd).st_ino


def test_without_working_locks_nobody_waits(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_fd: int, _operation: int) -> None:
        raise OSError(38, "not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    for attempt in (claim.wait, claim.slot):
        with pytest.raises(locks.NoLocks):
            attempt(store, KEY, _soon())


def test_a_store_that_cannot_be_written_counts_as_without_locks(store: Store) -> None:
    Path(store.path, local.LOCKS).write_bytes(b"")
    with pytest.raises(locks.NoLocks):
        claim.take(store, KEY)
