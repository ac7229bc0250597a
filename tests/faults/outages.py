"""Stamps of outages, and the processes that ask again while one stands."""

from __future__ import annotations

import os
import time
from pathlib import Path

from neffcache import breaker, remote
from neffcache.cache import prober
from neffcache.store.local import Store
from running import probers
from waiting import until

NAME = "read-x"
QUICK = {b"NEFFCACHE_REMOTE_TIMEOUT": b"1", b"NEFFCACHE_CONFIG": b"/dev/null"}


def stamp_path(store: Store, name: str = NAME) -> Path:
    return Path(store.path, "breakers", name)


def write_stamp(store: Store, left: float, failures: int = 1) -> Path:
    """The stamp of an outage whose pause ends in so many seconds."""
    now = time.time()
    path = stamp_path(store)
    path.write_bytes(breaker._text(breaker.Stamp(failures, now - 1, now + left, "down")))
    return path


def stamp_of(path: Path) -> breaker.Stamp | None:
    return breaker.read(str(path))


def start(store: Store, url: str) -> None:
    prober.start(store, NAME, remote.parse(url), QUICK)


def is_held(path: Path) -> bool:
    """Whether somebody has the place of the one who asks, by the kernel's list of locks."""
    try:
        inode = os.stat(f"{path}.probe").st_ino
    except FileNotFoundError:
        return False
    return f":{inode} " in Path("/proc/locks").read_text()


def alone(store: Store) -> int:
    """The one prober of a store, once it is there and has its place."""
    until(lambda: is_held(stamp_path(store)) and len(probers(store.path)) == 1)
    return probers(store.path)[0]
