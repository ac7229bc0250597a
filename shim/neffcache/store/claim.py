"""World: one compile per key on a host: kernel locks, so a dead holder never blocks anyone."""

import posix
import time

from neffcache import files, locks
from neffcache.store import local

_FIRST_PAUSE, _LAST_PAUSE = 0.01, 0.25

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from neffcache.locks import Lock
    from neffcache.store.local import Store


def take(store: "Store", key: str) -> "Lock | None":
    """Claim a key now, or None while another process holds it.

    Raises:
        NoLocks: the store's file system has no working locks, or cannot be written.
    """
    return _try(store, key)


def wait(store: "Store", key: str, deadline: float) -> "Lock | None":
    """Claim a key as soon as its holder lets go or dies; None at the deadline (monotonic)."""
    return _until(lambda: _try(store, key), deadline)


def slot(store: "Store", key: str, deadline: float) -> "Lock | None":
    """One of as many places as there are CPUs, for callers that compile one key side by side."""
    names = [f"{key}.{number}" for number in range(len(posix.sched_getaffinity(0)))]

    def any_free() -> "Lock | None":
        for name in names:
            lock = _try(store, name)
            if lock is not None:
                return lock
        return None

    return _until(any_free, deadline)


def _until(attempt: "Callable[[], Lock | None]", deadline: float) -> "Lock | None":
    pause = _FIRST_PAUSE
    while True:
        lock = attempt()
        left = deadline - time.monotonic()
        if lock is not None or left <= 0:
            return lock
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LAST_PAUSE)


def _try(store: "Store", name: str) -> "Lock | None":
    try:
        return locks.try_lock(files.join(store.directory(local.LOCKS), name))
    except OSError as error:
        raise locks.NoLocks(str(error)) from error
